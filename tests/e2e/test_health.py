"""Active health checks: who is found well, by what, how soon, and what a reload makes of it."""

import json
import stat
import threading
import time

import pytest
from harness import peers, wire
from harness.certificates import Authority
from harness.daemon import command, proxy_to
from harness.environment import PATIENCE, eventually
from harness.mortal import Mortal
from harness.wire import response
from test_databases import POSTGRES, Postgres, Redis
from test_tls_upstream import server_context

QUICK = {"interval": "200ms", "fast_interval": "100ms", "timeout": "1s", "rise": 2, "fall": 3}
REFUSED = "127.0.0.1:1"


def checked(*servers, check=None, **rest):
    """A configuration whose servers are checked often, and not used where all of them are down."""
    return proxy_to(*servers, pool={"health_check": {**QUICK, **(check or {"type": "tcp"})},
                                    "panic_threshold": "never", **rest})


def figures(lintel, server, pool="site"):
    [servers] = [each["servers"] for each in lintel.stats()["pools"] if each["name"] == pool]
    [found] = [each for each in servers if each["name"] == server]
    return found


def name_of(server):
    return server if isinstance(server, str) else server.name


def wait_up(lintel, server, up=True):
    eventually(lambda: figures(lintel, name_of(server))["up"] is up, f"{name_of(server)} is {'up' if up else 'down'}")


def wait_checked(lintel, server):
    return eventually(lambda: figures(lintel, name_of(server))["health_check"].get("last_reason"), "a check")


@pytest.fixture
def mortals():
    servers = [Mortal() for _ in range(3)]
    yield servers
    for server in servers:
        server.close()


# --- Which servers are well

def test_a_server_gets_requests_when_it_passed_its_first_check(start, origin):
    gate = threading.Event()

    def script(connection):
        gate.wait(20)
        server.serve(connection)

    server = origin(script)
    lintel = start(checked(server, check={"type": "http", "path": "/healthz", "timeout": "200ms"}))
    assert lintel.ask().status == 503
    lintel.wait_for_log("the server stays down: the answer took longer than 200ms")
    assert lintel.ask().status == 503
    gate.set()
    lintel.wait_for_log("the server is up: GET /healthz answered 200")
    assert lintel.ask().status == 200
    lintel.reload(checked(server, REFUSED, check={"type": "http", "path": "/healthz", "timeout": "200ms"}))
    assert all(lintel.ask().status == 200 for _ in range(10))  # None went to the new one.


def test_requests_wait_for_the_first_check_without_panic(start, origin):
    gate = threading.Event()

    def script(connection):
        while seen := connection.read_request():
            if seen.target == "/healthz":
                gate.wait(PATIENCE)
            connection.send(response(200, b"well"))

    servers = [origin(script), origin(script)]
    check = {"type": "http", "path": "/healthz", "timeout": "20s"}
    lintel = start(checked(*servers, check=check, panic_threshold="50%", queue={"timeout": "20s"}))
    with lintel.connect() as client:
        client.send(wire.request())
        eventually(lambda: lintel.metrics().sum("lintel_pool_queue_depth") == 1, "the request waits")
        [pool] = json.loads(lintel.get("/v1/pools")[2])["pools"]
        assert [server["health"] for server in pool["servers"]] == ["unchecked"] * 2
        assert not [seen for server in servers for seen in server.requests if seen.target != "/healthz"]
        gate.set()
        assert client.read_response().status == 200
    assert lintel.metrics().sum("lintel_pool_panics_total") == 0


def test_with_all_found_down_there_is_panic(start, origin):
    servers = [origin(answer=lambda seen: response(500 if seen.target == "/healthz" else 200, b"all the same"))
               for _ in range(2)]
    lintel = start(checked(*servers, check={"type": "http", "path": "/healthz"}, panic_threshold="50%"))
    lintel.wait_for_log("the server stays down", 2)
    assert all(lintel.ask().status == 200 for _ in range(4))
    assert lintel.metrics().sum("lintel_pool_panics_total") == 1


def test_http_checks_look_at_what_they_were_told(start, origin):
    answers = {"status": 200, "ready": "yes", "body": b"all is well"}
    server = origin(answer=lambda seen: response(answers["status"], answers["body"], "X-Ready: " + answers["ready"])
                    if seen.target.startswith("/healthz") else response(200, b"page"))
    lintel = start(checked(server, check={
        "type": "http", "path": "/healthz?deep=1", "host": "site.test", "headers": {"X-From": "lintel"},
        "expect": ["200-204", 404], "expect_header": {"X-Ready": "yes"}, "expect_body": "well", "fall": 1, "rise": 1}))
    wait_up(lintel, server)
    seen = next(each for each in server.requests if each.target.startswith("/healthz"))
    assert (seen.target, seen.headers["host"], seen.headers["x-from"]) == ("/healthz?deep=1", "site.test", "lintel")
    for change, reason in [({"status": 500}, "answered 500, expected 200-204 or 404"),
                           ({"ready": "no"}, 'the answer has "no" in header X-Ready, expected "yes"'),
                           ({"body": b"all is lost"}, 'the body does not contain "well"')]:
        before = dict(answers)
        answers.update(change)
        lintel.wait_for_log(reason)
        wait_up(lintel, server, False)
        assert lintel.ask().status == 503
        answers.update(before)
        wait_up(lintel, server)
    answers["status"] = 404
    count = figures(lintel, server.name)["health_check"]["passed"]
    eventually(lambda: figures(lintel, server.name)["health_check"]["passed"] > count + 3, "checks that pass")
    assert figures(lintel, server.name)["up"]


@pytest.mark.parametrize("kind, reason", [
    ("refuses", "the connection is refused"),
    ("hangs", "the answer took longer than 300ms"),
    ("closes", "the answer: the server closed the connection"),
    ("garbage", "the answer: "),
])
def test_servers_that_are_not_well(start, origin, kind, reason):
    def script(connection):
        connection.sock.recv(4096)
        if kind == "garbage":
            connection.send(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
        elif kind == "hangs":
            connection.sock.recv(4096)

    server = REFUSED if kind == "refuses" else origin(script).name
    well = origin()
    lintel = start(checked(server, well, check={"type": "http", "timeout": "300ms"}))
    wait_up(lintel, well)
    assert wait_checked(lintel, server).startswith(reason)
    assert not figures(lintel, server)["up"]
    assert all(lintel.ask().status == 200 for _ in range(6))


def test_checks_speak_tls_as_the_pool_does(start, origin, tmp_path):
    (tmp_path / "other").mkdir()
    authority, foreign = Authority(tmp_path), Authority(tmp_path / "other", "Other CA")
    trusted = origin(tls=server_context(authority.issue("site.test")))
    untrusted = origin(tls=server_context(foreign.issue("site.test")))
    plain = origin()
    lintel = start(checked(trusted, untrusted, plain, check={"type": "http"},
                           tls={"ca": authority.file, "sni": "site.test"}))
    wait_up(lintel, trusted)
    assert wait_checked(lintel, untrusted).startswith("its certificate is not accepted: ")
    assert wait_checked(lintel, plain).startswith("the TLS handshake")
    assert all(lintel.ask().status == 200 for _ in range(6))


def test_checks_of_servers_that_wait_for_a_proxy_header(start, origin):
    heads = []

    def script(connection):
        heads.append(connection.sock.recv(16))
        server.serve(connection)

    server = origin(script)
    lintel = start(checked(server, check={"type": "http"}, proxy_protocol="v2"))
    wait_up(lintel, server)
    assert heads[0] == b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0"


def test_another_port_and_unix_sockets_can_be_checked(start, origin, tmp_path):
    checks = origin()
    lintel = start(checked(REFUSED, check={"type": "http", "port": checks.port}))
    wait_up(lintel, REFUSED)
    assert lintel.ask().status == 502
    local = origin(address=str(tmp_path / "app.sock"))
    lintel.reload(checked(local, check={"type": "http"}))
    wait_up(lintel, local)
    assert local.requests[0].headers["host"] == "localhost"
    assert lintel.ask().status == 200


# --- Recipes

def greeter(greeting, answer=b""):
    """A script that greets and then answers whatever it gets once."""
    def script(connection):
        connection.send(greeting)
        connection.heard = connection.sock.recv(4096)
        if answer:
            connection.send(answer)
            connection.sock.recv(4096)
    return script


def test_tcp_send_and_expect(start, origin):
    echo = origin(lambda connection: connection.send(connection.sock.recv(100)[::-1]))
    lintel = start(checked(echo, check={"type": "tcp", "send": r"a\x00b\r\n", "expect_text": r"\n\rb\0a"}))
    wait_up(lintel, echo)
    lintel.reload(checked(echo, check={"type": "tcp", "send": "ab", "expect_text": "ab"}))
    lintel.wait_for_log('the server is down: it answered "ba", expected "ab"')


def test_redis(start, tmp_path, origin):
    redis = Redis(tmp_path)
    try:
        loading = origin(greeter(b"-LOADING Redis is loading the dataset in memory\r\n"))
        lintel = start(checked(redis, loading, check={"type": "redis"}))
        wait_up(lintel, redis)
        assert "PONG" in figures(lintel, redis.name)["health_check"]["last_reason"]
        assert "LOADING" in wait_checked(lintel, loading)
        redis.server.close()
        wait_up(lintel, redis, False)
        redis.start()
        wait_up(lintel, redis)
    finally:
        redis.close()


@pytest.mark.skipif(not POSTGRES, reason="no PostgreSQL")
def test_postgres(start, origin):
    database = Postgres()
    try:
        starting = origin(lambda connection: connection.send(
            b"E\0\0\0\x37SFATAL\0C57P03\0Mthe database system is starting up\0\0"))
        config = checked(database, starting, check={"type": "postgres", "user": "postgres"})
        lintel = start(config)
        wait_up(lintel, database)
        assert wait_checked(lintel, starting) == \
            'refuses sessions: "the database system is starting up" (57P03)'
        config["pools"]["site"]["health_check"]["user"] = "nobody-knows"
        lintel.reload(config)  # A role that is refused is no failure of the server.
        count = figures(lintel, database.name)["health_check"]["passed"]
        eventually(lambda: figures(lintel, database.name)["health_check"]["passed"] > count + 3, "further checks")
        assert figures(lintel, database.name)["health_check"]["failed"] == 0
        database.kill()
        wait_up(lintel, database, False)
        database.start()
        wait_up(lintel, database)
    finally:
        database.close()


def test_mysql_and_smtp(start, origin):
    def packet(number, body):
        return len(body).to_bytes(3, "little") + bytes([number]) + body

    hello = packet(0, b"\x0a8.0.33\0" + bytes(60))
    good = origin(greeter(hello, packet(2, bytes(7))))
    denies = origin(greeter(hello, packet(2, b"\xff\x15\x04#28000Access denied for user 'lintel'")))
    full = origin(greeter(packet(0, b"\xff\x10\x04Too many connections")))
    lintel = start(checked(good, denies, full, check={"type": "mysql"}))
    wait_up(lintel, good)
    wait_up(lintel, denies)
    assert wait_checked(lintel, full) == 'refuses sessions: "Too many connections" (1040)'
    assert b"lintel\0\0" in good.connections[0].heard

    mail = origin(greeter(b"220-mail.test\r\n220 ESMTP\r\n"))
    busy = origin(greeter(b"421 too busy\r\n"))
    lintel.reload(checked(mail, busy, check={"type": "smtp"}))
    wait_up(lintel, mail)
    assert wait_checked(lintel, busy) == 'greeted with "421 too busy", expected 220'
    eventually(lambda: getattr(mail.connections[0], "heard", None) == b"QUIT\r\n", "QUIT")


def test_commands(start, origin, tmp_path):
    server = origin()
    state = tmp_path / "well"
    state.write_text(server.name)
    program = tmp_path / "check"
    program.write_text("#!/bin/sh\n"
                       f'[ "$(cat {state})" = "$LINTEL_HOST:$LINTEL_PORT" ] && [ "$LINTEL_POOL" = site ] && exit 0\n'
                       'echo "replication lags by $1"; exit 1\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
    lintel = start(checked(server, check={"type": "exec", "command": [str(program), "12 s"], "timeout": "5s"}))
    wait_up(lintel, server)
    state.write_text("other")
    lintel.wait_for_log('the server is down: the command ended with status 1: "replication lags by 12 s"')
    assert lintel.ask().status == 503
    state.write_text(server.name)
    wait_up(lintel, server)
    program.write_text("#!/bin/sh\nsleep 1000 & echo $! > %s; wait\n" % (tmp_path / "sleeper"))
    lintel.reload(checked(server, check={"type": "exec", "command": [str(program)], "timeout": "300ms"}))
    lintel.wait_for_log("the server is down: the command took longer than 300ms")

    def is_gone(pid):
        try:
            with open(f"/proc/{pid}/stat", encoding="ascii") as file:
                return file.read().rpartition(")")[2].split()[0] == "Z"
        except OSError:
            return True

    eventually(lambda: is_gone(int((tmp_path / "sleeper").read_text() or 0)), "what the command started is gone")


def test_nginx(start, tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    (root / "ok.html").write_text("fine")
    nginx = peers.nginx(tmp_path, root)
    try:
        lintel = start(checked(nginx, check={"type": "http", "path": "/ok.html", "expect_body": "fine"}))
        wait_up(lintel, nginx)
        (root / "ok.html").unlink()
        lintel.wait_for_log("the server is down: GET /ok.html answered 404, expected 2xx")
    finally:
        nginx.close()


# --- Reloads

def test_reloads_keep_what_is_known(start, origin):
    server, new = origin(), origin()
    config = checked(server, REFUSED, check={"type": "http", "interval": "30s"})
    lintel = start(config)
    wait_up(lintel, server)
    wait_checked(lintel, REFUSED)
    seen = len(server.requests)
    for _ in range(10):
        lintel.reload(config)
        assert figures(lintel, server.name)["up"] and not figures(lintel, REFUSED)["up"]
        assert lintel.ask().status == 200
    assert len(server.requests) == seen + 10  # Requests, no checks.
    # A check that changes, and one that goes, take nothing from servers that are well.
    lintel.reload(checked(server, REFUSED, check={"type": "http", "interval": "30s", "path": "/other"}))
    assert figures(lintel, server.name)["up"] and not figures(lintel, REFUSED)["up"]
    lintel.reload(proxy_to(server, new))
    assert figures(lintel, new.name)["up"] and "health_check" not in figures(lintel, new.name)
    lintel.reload(checked(server, new, check={"type": "http", "interval": "30s"}))
    assert figures(lintel, server.name)["up"] and figures(lintel, new.name)["up"]


def test_servers_that_are_removed_are_not_checked(start, origin):
    first, second = origin(), origin()
    lintel = start(checked(first, second, check={"type": "http"}))
    wait_up(lintel, second)
    lintel.reload(checked(first, check={"type": "http"}))
    seen, others = len(second.requests), len(first.requests)
    first.wait_for_requests(others + 5)
    assert len(second.requests) <= seen + 1  # One may have been under way.


def test_stopping_waits_for_no_check(start, origin):
    silent = origin(lambda connection: connection.sock.recv(4096) and connection.sock.recv(4096))
    lintel = start(checked(silent, check={"type": "http", "interval": "30s", "timeout": "25s"}))
    silent.wait_for_connections(1)
    began = time.monotonic()
    lintel.stop()
    assert time.monotonic() - began < 10


# --- Figures and files

def test_metrics(start, origin):
    server = origin()
    lintel = start(checked(server, REFUSED, check={"type": "http"}))
    wait_up(lintel, server)
    wait_checked(lintel, REFUSED)
    found = lintel.metrics()
    assert found.value("lintel_server_up", pool="site", server=server.name) == 1
    assert found.value("lintel_server_up", pool="site", server=REFUSED) == 0
    assert found.value("lintel_server_health_transitions_total", pool="site", server=server.name, to="up") == 1
    assert found.value("lintel_server_health_transitions_total", pool="site", server=REFUSED, to="up") == 0
    assert found.value("lintel_server_checks_total", pool="site", server=REFUSED, result="failed") >= 1
    assert found.value("lintel_server_check_duration_seconds", pool="site", server=server.name) < 1
    check = figures(lintel, server.name)["health_check"]
    assert check["last_passed"] and check["last_reason"] == "GET / answered 200" and check["went_up"] == 1


def test_check_names_what_does_not_fit(tmp_path):
    file = tmp_path / "lintel.yaml"
    file.write_text('listeners: [{name: web, bind: ":80", pool: a}]\n'
                    'pools: {a: {servers: ["10.0.0.1:80"], health_check: {type: tcp, path: /x}}}\n')
    done = command("check", file)
    assert done.returncode == 1 and "this is for checks of type http; the type is tcp" in done.stderr


# --- Under load

@pytest.mark.long
def test_a_server_leaves_and_returns_in_time_under_load(start, mortals):
    """kill -9, SIGSTOP and a restart, with checks every 200 ms and eight clients: how long until it leaves and
    returns, against what the settings allow."""
    lintel = start(checked(*mortals, check={"type": "http", "interval": "200ms", "fast_interval": "200ms",
                                            "timeout": "200ms", "rise": 2, "fall": 3}))
    for server in mortals:
        wait_up(lintel, server)
    stop = threading.Event()
    answers = []

    def client():
        while not stop.is_set():
            began = time.monotonic()
            try:
                got = lintel.ask(timeout=5)
                answers.append((began, got.status, got.body))
            except (OSError, wire.Closed):
                answers.append((began, 0, b""))

    threads = [threading.Thread(target=client) for _ in range(8)]
    for thread in threads:
        thread.start()
    victim = mortals[1]
    # Three checks that fail: up to one interval (+20%) until the first, two more, each with its time-out.
    most_down = 3 * 0.24 + 0.2 + 0.5
    # The first that passes within an interval, and another one.
    most_up = 2 * 0.24 + 0.2 + 0.5
    measured = {}
    try:
        for what, harm, heal in [("kill -9", victim.kill, victim.start), ("SIGSTOP", victim.stall, victim.go_on)]:
            began = time.monotonic()
            harm()
            wait_up(lintel, victim, False)
            measured[what] = time.monotonic() - began
            gone = time.monotonic()
            eventually(lambda: sum(begun > gone for begun, _, _ in answers[-200:]) >= 100, "requests while it is away")
            assert {status for begun, status, _ in answers if begun > gone} == {200}
            began = time.monotonic()
            heal()
            wait_up(lintel, victim)
            measured["back after " + what] = time.monotonic() - began
            mark = len(answers)
            eventually(lambda: any(str(victim.port).encode() in body for _, _, body in answers[mark:]), "its answers")
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    print(measured)
    assert measured["kill -9"] < most_down and measured["SIGSTOP"] < most_down, measured
    assert measured["back after SIGSTOP"] < most_up, measured
    # Starting Python takes a while of its own.
    assert measured["back after kill -9"] < most_up + 5, measured
