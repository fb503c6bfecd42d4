"""mirror: copies of requests go to another pool; clients get the same answers, as soon, whatever the mirror does."""

import signal
import threading
import time

import pytest
from harness import wire
from harness.daemon import command
from harness.environment import eventually, free_port, load


def mirrored(site, shadow, mirror=None, pool=None, **top):
    return {"listeners": [{"name": "web", "routes": [
                {"name": "r", "pool": "site", "mirror": {"pool": "shadow", **(mirror or {})}}]}],
            "pools": {"site": {"servers": [site.name], **(pool or {})},
                      "shadow": {"servers": [shadow if isinstance(shadow, str) else shadow.name]}}, **top}


def results(lintel):
    """What became of copies."""
    [route] = [each for each in lintel.stats()["routes"] if each["name"] == "r"]
    return route["mirrored"]


def test_the_mirror_gets_what_the_server_gets(start, origin):
    site, shadow = origin(), origin(answer=lambda _: wire.response(500, b"x" * 100_000))
    lintel = start(mirrored(site, shadow))
    messages = [wire.request("GET", "/a?b=c", "X-One: 1"), wire.request("POST", "/p", body=b"order"),
                wire.request("POST", "/c", "Transfer-Encoding: chunked") + wire.chunk(b"or") + wire.chunk(b"der") + wire.chunk(b"")]
    with lintel.connect() as client:
        for message in messages:
            answer = client.ask(message)
            assert (answer.status, answer.body) == (200, b"hello\n")
    eventually(lambda: results(lintel) == {"answered": 3}, "the copies are answered")
    kept = [sorted((seen.method, seen.target, seen.body, sorted(seen.headers.lines)) for seen in server.requests)
            for server in (site, shadow)]
    assert kept[0] == kept[1]
    assert lintel.metrics().value("lintel_mirrored_total", listener="web", route="r", result="answered") == 3
    assert [pool["servers"][0]["by_status"] for pool in reversed(lintel.stats()["pools"])] == [{"200": 3}, {"500": 3}]
    assert {record["server"] for record in lintel.access_log(3)} == {site.name}


def test_a_large_body_is_not_copied(start, origin):
    site, shadow = origin(), origin()
    lintel = start(mirrored(site, shadow))
    assert lintel.ask(wire.request("POST", "/", body=b"x" * 70_000)).status == 200
    eventually(lambda: results(lintel) == {"too_large": 1}, "that is counted")
    assert len(site.requests[0].body) == 70_000 and not shadow.requests


def hang(connection):
    while connection.read_request():
        pass


def reset(connection):
    connection.read_request()
    connection.reset()


def babble(connection):
    connection.read_request()
    connection.send(b"\x00 no HTTP\r\n\r\n")


@pytest.mark.parametrize("shadow", [hang, reset, babble, None], ids=["hang", "reset", "garbage", "refuse"])
def test_a_mirror_in_trouble_is_not_noticed(start, origin, shadow):
    site = origin()
    lintel = start(mirrored(site, origin(shadow) if shadow else f"127.0.0.1:{free_port()}"))
    asked = load(100)
    begun = time.monotonic()
    with lintel.connect() as client:
        for _ in range(asked):
            assert client.ask(wire.request()).status == 200
    assert time.monotonic() - begun < 30, "nobody waits for the mirror, which would take a minute"
    assert {record["end_reason"] for record in lintel.access_log(asked)} == {"ok"}
    for pool in lintel.stats()["pools"]:
        assert not pool["servers"][0]["ejected"], pool
    if shadow is not hang:
        eventually(lambda: results(lintel).get("failed", 0) == asked, "the copies have failed")
    assert len(site.requests) == asked


def test_copies_are_bounded(start, origin):
    """A mirror that never answers gets 256 copies at most."""
    site, shadow = origin(), origin(hang)
    lintel = start(mirrored(site, shadow))
    with lintel.connect() as client:
        for _ in range(300):
            assert client.ask(wire.request()).status == 200
    assert results(lintel) == {"busy": 300 - 256}
    eventually(lambda: len(shadow.requests) == 256, "the others are there")


def test_a_share(start, origin):
    site, shadow = origin(), origin()
    lintel = start(mirrored(site, shadow, {"share": "10%"}))
    asked = load(1000, 200)
    with lintel.connect() as client:
        for _ in range(asked):
            assert client.ask(wire.request()).status == 200
    eventually(lambda: results(lintel).get("answered", 0) == len(shadow.requests), "all are answered")
    assert 0.04 * asked < len(shadow.requests) < 0.18 * asked


def test_neither_reload_nor_stop_waits_for_copies(start, origin):
    site, shadow = origin(), origin(hang)
    config = mirrored(site, shadow, shutdown={"timeout": "30s"})
    lintel = start(config)
    assert lintel.ask().status == 200
    shadow.wait_for_requests(1)
    del config["listeners"][0]["routes"][0]["mirror"], config["pools"]["shadow"]
    begun = time.monotonic()
    lintel.reload(config)  # Its copy goes on with the configuration that it began with.
    assert lintel.ask().status == 200 and len(shadow.requests) == 1
    lintel.reload(mirrored(site, shadow, shutdown={"timeout": "30s"}))
    assert lintel.ask().status == 200
    shadow.wait_for_requests(2)
    lintel.signal(signal.SIGTERM)
    lintel.wait()
    assert time.monotonic() - begun < 10
    eventually(lambda: shadow.open == 0, "the mirror's connections are closed")


def test_under_load_with_reloads(start, origin):
    site, shadow = origin(), origin()
    lintel = start(mirrored(site, shadow, workers=2))
    stop = threading.Event()
    statuses = []

    def run():
        with lintel.connect() as client:
            while not stop.is_set():
                statuses.append(client.ask(wire.request("POST", "/", body=b"order")).status)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for share in ("50%", "100%", "10%"):
        before = len(statuses)
        eventually(lambda: len(statuses) > before + load(100), "some more answers")
        lintel.reload(mirrored(site, shadow, {"share": share}, workers=2))
    stop.set()
    for thread in threads:
        thread.join()
    assert set(statuses) == {200} and len(site.requests) == len(statuses)
    eventually(lambda: sum(results(lintel).values()) == len(shadow.requests), "the copies are over")
    assert set(results(lintel)) <= {"answered"}


def test_check_says_what_does_not_fit(tmp_path):
    file = tmp_path / "lintel.yaml"
    text = ('listeners: [{name: web, bind: ":80", routes: [{%s}]}]\n'
            'pools: {a: {servers: ["10.0.0.1:80"]}, b: {servers: ["10.0.0.2:80"]%s}}\n')
    for route, rest, status, said in [
            ("pool: a, mirror: b", "", 0, ""),
            ("pool: a, mirror: {pool: c}", "", 1, 'there is no pool "c"'),
            ("pool: a, mirror: a", "", 0, "the servers that answer the requests get the copies too"),
            ("pool: a, mirror: b", ", proxy_protocol: v2", 1, "a copy has no client"),
            ("respond: {status: 200}, mirror: b", "", 1, "the route has no pool that this could be for")]:
        file.write_text(text % (route, rest))
        done = command("check", file)
        assert (done.returncode, said in done.stderr + done.stdout) == (status, True), (route, done.stderr)
