"""retry.hedge: a server that is silent for too long costs clients no more than that, and other servers little."""

import threading

from harness import wire
from harness.daemon import command, proxy_to
from harness.environment import eventually, load


def hang(connection):
    """Takes requests and answers none."""
    while connection.read_request():
        pass


def hedged(*servers, after="50ms", **retry):
    return proxy_to(*servers, pool={"retry": {"hedge": {"after": after}, **retry}, "outlier": {"enabled": False}})


def test_a_silent_server_costs_no_more_than_the_hedge(start, origin):
    bad, good = origin(hang), origin()
    lintel = start(hedged(bad, good, after="400ms", budget="100%"))
    with lintel.connect() as client:
        for _ in range(8):
            assert client.ask(wire.request()).status == 200
    # All that went to the silent one first was answered by the other, and the connections were not left open.
    assert bad.requests
    eventually(lambda: bad.open == 0, "the connections to it are closed")
    records = [record for record in lintel.access_log(8) if len(record["attempts"]) == 2]
    assert len(records) == len(bad.requests)
    for record in records:
        assert record["end_reason"] == "ok" and record["server"] == good.name
        assert sorted((each["server"], each["reason"]) for each in record["attempts"]) == sorted(
            [(bad.name, "local.hedged"), (good.name, "ok")])
    [pool] = lintel.stats()["pools"]
    assert pool["hedges"] == pool["hedges_won"] == len(records)
    assert pool["retries"] == {}
    found = lintel.metrics()
    assert found.value("lintel_upstream_hedges_total", pool="site") == len(records)
    assert found.value("lintel_upstream_hedges_won_total", pool="site") == len(records)
    assert found.sum("lintel_upstream_errors_total") == 0


def test_posts_wait_for_their_server(start, origin):
    release = threading.Event()

    def slow(connection):
        while connection.read_request():
            release.wait(20)
            connection.send(wire.response(200, b"slow\n"))

    servers = [origin(slow), origin(slow)]
    lintel = start(hedged(*servers, after="10ms", budget="100%", min_budget=100))
    with lintel.connect() as client, lintel.connect() as other:
        client.send(wire.request("POST", "/", body=b"charge"))
        eventually(lambda: sum(len(each.requests) for each in servers) == 1, "the POST is there")
        other.send(wire.request())  # This one asks both, which shows that the time for a hedge has passed.
        eventually(lambda: sum(len(each.requests) for each in servers) == 3, "the GET is asked twice")
        release.set()
        assert client.read_response("POST").status == other.read_response().status == 200
    assert [seen.body for each in servers for seen in each.requests].count(b"charge") == 1


def test_hedges_stay_within_the_budget(start, origin):
    """All servers are slow: they get a fifth more to do, and no request fails."""
    def slow(connection):
        while connection.read_request():
            threading.Event().wait(0.03)
            connection.send(wire.response(200, b"slow\n"))

    servers = [origin(slow) for _ in range(3)]
    lintel = start(hedged(*servers, after="5ms"))
    each = load(25, 10)

    def run():
        with lintel.connect() as client:
            for _ in range(each):
                statuses.append(client.ask(wire.request()).status)

    statuses = []
    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 4 * each
    [pool] = lintel.stats()["pools"]
    assert 0 < pool["hedges"] <= 4 * each * 0.2 + 3
    assert pool["retry_budget_exhausted"] > 0
    # What was cut may not have been read by then.
    assert sum(len(server.requests) for server in servers) <= 4 * each + pool["hedges"]
    assert {record["end_reason"] for record in lintel.access_log(4 * each)} == {"ok"}


def test_check_says_what_does_not_fit(tmp_path):
    file = tmp_path / "lintel.yaml"
    text = 'listeners: [{name: web, bind: ":80", pool: a}]\npools: {a: {servers: ["10.0.0.1:80", "10.0.0.2:80"], retry: %s}}\n'
    for retry, status, said in [
            ("{hedge: 50ms}", 0, ""),
            ("{attempts: 1, hedge: 50ms}", 1, "there may be 2 attempts at once, but attempts is 1"),
            ("{attempts: 3, hedge: {after: 50ms, most: 3}}", 1, "raise attempts to 4 or more"),
            ("{hedge: 50ms, per_try_timeout: 50ms}", 0, "per_try_timeout ends an attempt before its hedge begins")]:
        file.write_text(text % retry)
        done = command("check", file)
        assert (done.returncode, said in done.stderr + done.stdout) == (status, True), (retry, done.stderr)
