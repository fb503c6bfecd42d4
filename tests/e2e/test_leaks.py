"""After many requests of every kind, descriptors and memory are what they were."""

import pytest
from harness import peers
from harness.daemon import proxy_to
from harness.environment import SANITIZED, eventually, load
from harness.wire import Closed, request

#: Its buffer, 1 MiB a worker, becomes resident line by line, which looks like a leak at first.
NO_LOG = {"access_log": {"enabled": False}}
KEPT = 32  #: Idle connections to the server, of two workers.


@pytest.fixture
def nginx(tmp_path):
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "file").write_bytes(b"x" * 20000)
    server = peers.nginx(tmp_path, tmp_path / "root")
    yield server
    server.close()


def settle(lintel):
    """Memory once no client is connected."""
    eventually(lambda: lintel.stats()["listeners"][0]["connections"] == 0, "no client is connected")
    return lintel.resident()


def check(lintel, work, kept=0):
    """A leak grows with every round of work; caches and pools grow until they have what the work needs at most."""
    files = lintel.open_files()
    work()
    resident = settle(lintel)
    grown = []
    for _ in range(6):
        work()
        now = settle(lintel)
        eventually(lambda: lintel.open_files() <= files + kept, f"not more than {files} + {kept} open files")
        grown.append(now - resident)
        resident = now
        # A sanitizer's quarantine keeps freed memory; what leaks is in its report at the end.
        if SANITIZED or grown[-1] < 64 * 1024:
            return
    raise AssertionError(f"memory grew in every round, by {[size // 1024 for size in grown]} KiB")


def test_no_leak_after_100000_requests(start, nginx):
    lintel = start(proxy_to(nginx.name, workers=2, pool={"keepalive": {"max_idle": KEPT // 2}}))
    requests = load(50000, 2000)

    def work():
        peers.h2load(f"{lintel.url}/small", requests, 32)

    check(lintel, work, kept=KEPT)
    assert lintel.metrics_after(2 * requests).sum("lintel_requests_total", code="200") >= 2 * requests


def test_no_leak_with_new_connections(start, nginx):
    lintel = start(proxy_to(nginx.name, workers=2, pool={"keepalive": {"max_idle": KEPT // 2}}, **NO_LOG))
    count = load(2000, 200)

    def work():
        for i in range(count):
            with lintel.connect() as client:
                if i % 4:
                    client.send(request("GET", "/file"))
                if i % 4 == 1:
                    assert client.read_response().status == 200
                elif i % 4 == 2:
                    client.read_response_head()  # And leaves within the body.
                elif i % 4 == 3:
                    client.reset()

    check(lintel, work, kept=KEPT)


def test_no_leak_with_failures(start, origin):
    def script(connection):
        seen = connection.read_request()
        kind = int(seen.target[1:]) % 4
        if kind == 0:
            connection.send(b"garbage\r\n\r\n")
        elif kind == 1:
            connection.reset()
        elif kind == 2:
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart")
        else:
            connection.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\nhello")

    lintel = start(proxy_to(origin(script), workers=2, **NO_LOG))
    count = load(1000, 100)

    def work():
        for i in range(count):
            with lintel.connect() as client:
                try:
                    got = client.ask(request("GET", f"/{i}", "Connection: Upgrade", "Upgrade: chat"))
                    assert got.status in (502, 101)
                except Closed:
                    assert i % 4 == 2

    check(lintel, work)


def test_no_leak_with_bad_requests(start, origin):
    lintel = start(proxy_to(origin(), workers=2, **NO_LOG))
    messages = [b"broken\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"v" * 40000,
                request("GET", "/" + "a" * 9000), request("POST", "/", "Transfer-Encoding: chunked") + b"zz\r\n"]
    count = load(400, 40)

    def work():
        for i in range(count):
            assert lintel.ask(messages[i % len(messages)]).status >= 400

    check(lintel, work)
