"""Servers that fail live traffic: ejection and return, panic, circuit breakers, slow start; with real processes."""

import contextlib
import re
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest
from harness import wire
from harness.clients import Clients
from harness.daemon import command, proxy_to
from harness.environment import eventually, free_port, load
from harness.misbehaviour import garbage, hang, reset, reset_in_body

SHORT = {"eject_for": "1s"}


def server_stats(lintel, server):
    [found] = [each for pool in lintel.stats()["pools"] for each in pool["servers"] if each["name"] == server]
    return found


def is_ejected(lintel, server):
    return server_stats(lintel, server)["ejected"]


def times_logged(lintel, text):
    """When the log said that: seconds since 1970."""
    from datetime import datetime
    return [datetime.fromisoformat(line.split(" ")[0].replace("Z", "+00:00")).timestamp()
            for line in lintel.stderr().splitlines() if text in line]


REAL = """
import http.server
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"real\\n")
    def log_message(self, *_):
        pass
http.server.ThreadingHTTPServer(("127.0.0.1", %d), Handler).serve_forever()
"""


@contextlib.contextmanager
def real_server(port):
    """A process that can be killed. Yields it once it listens."""
    process = subprocess.Popen([sys.executable, "-c", REAL % port], stderr=subprocess.DEVNULL)
    try:
        def listens():
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                return True
        eventually(listens, "the server listens")
        yield process
    finally:
        process.kill()
        process.wait()


def test_a_killed_server_is_ejected_and_comes_back(start, origin):
    """kill -9 under load: nobody who asks by GET sees it; it is out for its time, and used again when it lives again."""
    port = free_port()
    name = f"127.0.0.1:{port}"
    good = origin()
    lintel = start(proxy_to(good, name, pool={"outlier": SHORT}, workers=2))
    with contextlib.ExitStack() as second, real_server(port) as process, Clients(lintel) as clients:
        clients.more(load(200))
        assert clients.bodies[b"real\n"] > 0
        process.send_signal(signal.SIGKILL)
        lintel.wait_for_log("ejected for 1s")
        lintel.wait_for_log("back after its ejection")
        lintel.wait_for_log("ejected for 2s")  # Nobody was there yet.
        second.enter_context(real_server(port))  # Which outlives the clients.
        lintel.wait_for_log("back after its ejection", 2)
        before = clients.bodies[b"real\n"]
        eventually(lambda: clients.bodies[b"real\n"] > before + load(50), "the server is used again")
    # GET is safe to repeat while nothing was answered; what broke off within an answer cannot be.
    assert set(clients.statuses) <= {200, 502, "cut"}, clients.statuses
    assert clients.statuses[502] + clients.statuses["cut"] <= 4
    out = [back - gone for gone, back in zip(times_logged(lintel, "ejected for"), times_logged(lintel, "back after"))]
    assert 0.9 < out[0] < 5 and 1.9 < out[1] < 6, out  # The clocks of workers turn with their loops; busy machines wait.
    line = next(line for line in lintel.stderr().splitlines() if "ejected for 1s" in line)
    assert re.search(r"5 failures in a row, the last: upstream\.\w+.*pool=site server=" + re.escape(name), line), line
    found = lintel.metrics()
    assert found.sum("lintel_server_ejections_total", server=name, cause="consecutive_failures") >= 2
    assert server_stats(lintel, name)["ejections"]["consecutive_failures"] >= 2


def answers(status):
    def script(connection):
        while connection.read_request():
            connection.send(wire.response(status))
    return script


@pytest.mark.parametrize("script", [hang, reset_in_body, garbage, reset, answers(502), answers(503), answers(504)],
                         ids=["hang", "reset-in-body", "garbage", "reset", "502", "503", "504"])
def test_a_server_that_fails_is_ejected_and_comes_back(start, origin, script):
    good, bad = origin(), origin(script)
    lintel = start(proxy_to(good, bad, pool={"outlier": SHORT, "timeouts": {"first_byte": "100ms"}}))
    with Clients(lintel) as clients:
        lintel.wait_for_log("ejected for 1s")
        assert is_ejected(lintel, bad.name) and not is_ejected(lintel, good.name)
        seen = len(bad.requests)
        clients.more(load(100))
        if len(times_logged(lintel, "back after")) == 0:
            assert len(bad.requests) - seen <= clients.count  # Those that were under way.
        lintel.wait_for_log("back after its ejection")
        lintel.wait_for_log("ejected for 2s")
    assert good.name not in "".join(line for line in lintel.stderr().splitlines() if "ejected for" in line)
    gone, back = times_logged(lintel, "ejected for 1s")[0], times_logged(lintel, "back after")[0]
    assert 0.9 < back - gone < 5  # The machine may be busy.


def test_a_slow_server_is_ejected_by_latency(start, origin):
    def slow(connection):
        while connection.read_request():
            time.sleep(0.1)
            connection.send(wire.response(200, b"slow\n"))
    good, bad = origin(), origin(slow)
    lintel = start(proxy_to(good, bad, pool={"outlier": {"latency": "50ms", "min_requests": 5, **SHORT}}))
    with Clients(lintel) as clients:
        lintel.wait_for_log("ejected for 1s: more than half of the answers within 10s took longer than 50ms")
        lintel.wait_for_log("back after its ejection")
        clients.more(1)
    assert set(clients.statuses) == {200}
    assert lintel.metrics().sum("lintel_server_ejections_total", server=bad.name, cause="latency") >= 1


@pytest.mark.parametrize("status", [200, 404, 500, 501])
def test_answers_that_say_nothing_against_a_server(start, origin, status):
    servers = [origin(answers(status)) for _ in range(2)]
    lintel = start(proxy_to(*servers))
    with lintel.connect() as client:
        for _ in range(30):
            assert client.ask(wire.request()).status == status
    assert not [server for server in servers if is_ejected(lintel, server.name)]


def test_clients_that_leave_say_nothing_against_a_server(start, origin):
    def wait(connection):
        if connection.read_request_head():
            with contextlib.suppress(wire.Closed):
                connection.exactly(1000)
    servers = [origin(wait) for _ in range(2)]
    lintel = start(proxy_to(*servers))
    for number in range(20):
        with lintel.connect() as client:
            client.send(wire.request("POST", "/", "Content-Length: 1000"))
            eventually(lambda: sum(len(each.requests) for each in servers) > number, "the request is there")
    eventually(lambda: len(lintel.access_lines()) == 20, "all are over")
    assert not [server for server in servers if is_ejected(lintel, server.name)]


def test_all_down_then_one_is_never_ejected(start):
    """All refuse: half of them may go, the others are tried and answer 502; no 503 and no panic."""
    names = [f"127.0.0.1:{free_port()}" for _ in range(3)]
    lintel = start(proxy_to(*names, pool={"retry": {"attempts": 1}}))
    for _ in range(40):
        assert lintel.ask().status == 502
    assert [is_ejected(lintel, name) for name in names].count(True) == 1
    assert lintel.metrics().sum("lintel_pool_panics_total") == 0


def test_panic_uses_all_and_says_so_once(start, origin):
    good = origin()
    dead = [f"127.0.0.1:{free_port()}" for _ in range(2)]
    lintel = start(proxy_to(good, *dead, pool={"outlier": {"max_ejected": "100%", "eject_for": "2s"}}))
    with Clients(lintel) as clients:
        lintel.wait_for_log("panic: 1 of 3 servers are well, less than 50%: all are used")
        lintel.wait_for_log("the panic is over")
        clients.more(1)
    found = lintel.metrics()
    assert found.sum("lintel_pool_panics_total", pool="site") >= 1
    assert found.sum("lintel_pool_panic_picks_total", pool="site") > 0
    panic = lintel.stats()["pools"][0]["panic"]
    assert panic["count"] == lintel.stderr().count("WARN panic:")


def test_without_panic_the_last_one_is_used(start, origin):
    good = origin()
    dead = [f"127.0.0.1:{free_port()}" for _ in range(2)]
    lintel = start(proxy_to(good, *dead, pool={"outlier": {"max_ejected": "100%"}, "panic_threshold": "never"}))
    asked = 0
    while not all(is_ejected(lintel, name) for name in dead):
        asked += 1
        assert lintel.ask() and asked < 100
    for _ in range(20):
        assert lintel.ask().status == 200
    assert all(len(record["attempts"]) == 1 for record in lintel.access_log(asked + 20)[asked:])


def test_tcp_and_udp_sessions_eject_too(start, origin):
    good = origin()
    dead = f"127.0.0.1:{free_port()}"
    lintel = start(proxy_to(good, dead, listener={"protocol": "tcp"}))
    eventually(lambda: lintel.ask().status == 200 and is_ejected(lintel, dead), "the dead one is ejected")

    echo = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with echo:
        echo.bind(("127.0.0.1", 0))
        echo.settimeout(0.01)
        lintel = start(proxy_to("127.0.0.1:%d" % echo.getsockname()[1], dead, listener={"protocol": "udp"}))

        def ejected():
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
                client.sendto(b"hello", lintel.address)
                with contextlib.suppress(TimeoutError):
                    echo.sendto(*echo.recvfrom(100))
            return is_ejected(lintel, dead)
        eventually(ejected, "the dead one is ejected")


def test_pool_breaker_opens_refuses_probes_and_closes(start, origin):
    well = threading.Event()
    server = origin(answer=lambda _: wire.response(200 if well.is_set() else 503))
    breaker = {"failure_ratio": "50%", "min_requests": 10, "open_for": "1s", "probes": 2}
    lintel = start(proxy_to(server, pool={"circuit_breaker": {"pool": breaker}}, workers=2))
    for _ in range(10):
        assert lintel.ask().status == 503
    answer = lintel.ask()
    assert answer.status == 503 and answer.headers["Retry-After"] in ("1", "2")
    assert [each["end_reason"] for each in lintel.access_log(11)].count("pool.breaker_open") == 1
    assert len(server.requests) == 10
    assert lintel.stats()["pools"][0]["circuit_breaker"] == {"state": "open", "opened": 1}
    assert lintel.metrics().sum("lintel_pool_breaker_state", pool="site") in (1, 2)
    eventually(lambda: lintel.ask() and lintel.stderr().count("again: a probe failed: answered 503"), "a failed probe")
    well.set()
    eventually(lambda: lintel.ask().status == 200, "a probe passes")
    eventually(lambda: lintel.ask() and "circuit breaker closes: 2 probes succeeded" in lintel.stderr(), "it closes")
    for _ in range(20):
        assert lintel.ask().status == 200
    assert lintel.metrics().sum("lintel_pool_breaker_state", pool="site") == 0
    assert lintel.metrics().sum("lintel_pool_breaker_refused_total", pool="site", reason="open") >= 1
    assert "10 of 10 attempts within 10s failed, the last: answered 503" in lintel.stderr()


def test_an_open_breaker_sends_requests_to_the_fallback(start, origin):
    bad, spare = origin(answers(503)), origin()
    lintel = start({"listeners": [{"routes": [{"pool": "site", "fallback": "spare"}]}],
                    "pools": {"spare": {"servers": [spare.name]},
                              "site": {"servers": [bad.name], "circuit_breaker": {
                                  "pool": {"failure_ratio": "50%", "min_requests": 5, "open_for": "1h"}}}}})
    assert [lintel.ask().status for _ in range(10)] == [503] * 5 + [200] * 5
    assert len(spare.requests) == 5


def test_pool_breaker_bounds_what_is_in_flight(start, origin):
    go = threading.Event()

    def answer(_):
        go.wait(20)
        return wire.response(200)
    server = origin(answer=answer)
    lintel = start(proxy_to(server, pool={"circuit_breaker": {"pool": {"max_in_flight": 3}}}, workers=2))
    clients = [lintel.connect() for _ in range(3)]
    for client in clients:
        client.send(wire.request())
    server.wait_for_requests(3)
    answer = lintel.ask()
    assert answer.status == 503 and answer.headers["Retry-After"] == "1"
    assert [each["end_reason"] for each in lintel.access_log()] == ["pool.breaker_full"]
    go.set()
    for client in clients:
        assert client.read_response().status == 200
        client.close()
    assert lintel.ask().status == 200
    assert lintel.metrics().sum("lintel_pool_breaker_refused_total", pool="site", reason="full") == 1


def test_server_breaker_keeps_one_out(start, origin):
    good, bad = origin(), origin(answers(502))
    lintel = start(proxy_to(good, bad, pool={
        "outlier": False, "circuit_breaker": {"server": {"failure_ratio": "50%", "min_requests": 5, "open_for": "1h"}}}))
    statuses = [lintel.ask().status for _ in range(40)]
    assert statuses.count(502) == 5 and set(statuses[11:]) == {200}
    assert server_stats(lintel, bad.name)["circuit_breaker"] == {"state": "open", "opened": 1}
    assert server_stats(lintel, good.name)["circuit_breaker"] == {"state": "closed", "opened": 0}


def test_ejections_and_breakers_outlive_a_reload(start, origin):
    good, bad = origin(), origin(answers(503))
    config = proxy_to(good, bad, pool={"outlier": {"eject_for": "1h", "max_eject_for": "1h"}})
    lintel = start(config)
    eventually(lambda: lintel.ask() and is_ejected(lintel, bad.name), "it is ejected")
    config["pools"]["site"]["connect_timeout"] = "1s"
    lintel.reload(config)
    before = len(bad.requests)
    for _ in range(10):
        assert lintel.ask().status == 200
    assert is_ejected(lintel, bad.name) and len(bad.requests) == before


def test_slow_start_gives_little_at_first(start, origin):
    broken = threading.Event()
    broken.set()
    good = origin()
    bad = origin(answer=lambda _: wire.response(503 if broken.is_set() else 200))
    lintel = start(proxy_to(good, bad, pool={"outlier": SHORT, "slow_start": "1h"}))
    eventually(lambda: lintel.ask() and is_ejected(lintel, bad.name), "it is ejected")
    broken.clear()
    eventually(lambda: lintel.ask() and "back after its ejection" in lintel.stderr(), "it is back")
    before = len(bad.requests)
    with lintel.connect() as client:
        for _ in range(210):
            assert client.ask(wire.request()).status == 200
    assert 8 <= len(bad.requests) - before <= 12  # One of 21.


GOOD = """\
listeners: [{name: web, bind: "127.0.0.1:%d", pool: site}]
pools:
  site:
    servers: [127.0.0.1:9001, 127.0.0.1:9002, 127.0.0.1:9003]
    %s
"""


@pytest.mark.parametrize("setting, status, said", [
    ("outlier: {eject_for: 10m}", 1, "max_eject_for is shorter than eject_for"),
    ("outlier: {consecutive_failures: never}", 0, "nothing is looked at"),
    ("outlier: {max_ejected: 20%}", 0, "20% of 3 servers is less than one"),
    ("outlier: {failure_ratio: 0%}", 1, "1% to 100%"),
    ("outlier: {latency: 5}", 1, "unit"),
    ("circuit_breaker: {pool: {}}", 1, "nothing opens this circuit breaker"),
    ("circuit_breaker: {server: {probes: 5}}", 1, "nothing opens this circuit breaker"),
    ("circuit_breaker: {server: {failure_ration: 5%}}", 1, '"failure_ration".*failure_ratio'),
    ("panic_threshold: 101%", 1, "100%"),
    ("outlier: false", 0, ""),
    ("panic_threshold: never", 0, ""),
    ("{outlier: {failure_ratio: 5%, latency: 1s}, slow_start: 30s}"[1:-1].replace(", slow", "\n    slow"), 0, ""),
])
def test_check(tmp_path, setting, status, said):
    file = tmp_path / "lintel.yaml"
    file.write_text(GOOD % (free_port(), setting))
    done = command("check", file)
    assert done.returncode == status, done.stderr
    assert re.search(said, done.stderr, re.S), done.stderr
    if not said:
        assert done.stderr == ""
