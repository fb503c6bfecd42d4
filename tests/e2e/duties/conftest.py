"""The stages that the rows play on, and the list of rows that a peer fails."""

import pytest
from duties.proxies import PROXIES, SETUPS
from duties.recorder import Recorder
from duties.stage import Stage

FAILED = pytest.StashKey[list]()


@pytest.fixture(scope="session")
def stages(request, tmp_path_factory):
    """stages(setup): the proxy in that configuration, started when it is first asked for, stopped at the end."""
    running = {}
    proxy = PROXIES[request.config.getoption("--proxy")]

    def stage(setup):
        if setup not in running:
            origin = Recorder()
            directory = tmp_path_factory.mktemp("duties") / setup
            running[setup] = Stage(proxy(SETUPS[setup], origin, directory), origin, proxy.patience)
        return running[setup]

    yield stage
    failures = []
    for one in running.values():
        try:
            one.close()
        except AssertionError as error:
            failures.append(str(error))
    assert not failures, failures


@pytest.fixture
def peer_failures(request):
    """Where the rows that a peer fails are noted."""
    return request.config.stash.setdefault(FAILED, [])


def pytest_terminal_summary(terminalreporter, config):
    failed = config.stash.get(FAILED, [])
    if config.getoption("--proxy") == "lintel":
        return
    terminalreporter.section(f"rows that {config.getoption('--proxy')} fails: {len(failed)}")
    for row, why in failed:
        terminalreporter.line(f"{row.id:40} {row.source:24} {why}")
