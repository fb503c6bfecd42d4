"""Plays the table. `--proxy haproxy` and `--proxy nginx` play it against a peer, and list what that fails."""

import pytest

from duties import expect
from duties.rows import table

ROWS = table()
assert len({row.id for row in ROWS}) == len(ROWS), "two rows have one id"


def judge(row, evidence):
    """Raises AssertionError if the row does not get what it asks for."""
    if evidence.peer and row.choice:
        for check in (expect.safe, *row.peer):
            check(evidence)
        return
    for check in row.expect:
        check(evidence)
    expect.always(evidence)


@pytest.mark.parametrize("row", ROWS, ids=[row.id for row in ROWS])
def test_duty(row, stages, request, peer_failures):
    peer = request.config.getoption("--proxy") != "lintel"
    if peer and row.lintel_only:
        pytest.skip("Lintel's own setting")
    evidence = None
    try:
        evidence = stages(row.setup).run(row)
        judge(row, evidence)
    except AssertionError as error:
        why = str(error).split("\n", 1)[0]
        if not peer:
            pytest.fail(f"{row.id} ({row.source}): {row.duty}\n{why}\nsent: {row.send}\n{evidence or ''}", pytrace=False)
        peer_failures.append((row, why))
        pytest.xfail(why)
