"""Groups of servers, zones, limits with a queue, and clients that stay at one server."""

import collections
import concurrent.futures
import json
import re
import select
import socket
import threading
import time

import pytest
from harness import wire
from harness.daemon import command, proxy_to
from harness.environment import PATIENCE, eventually, free_port
from harness.origin import Origin


class Held(Origin):
    """Answers each request with its name when release() is called, once for each call."""

    def __init__(self, name=b"held"):
        self._may = threading.Semaphore(0)
        super().__init__(answer=lambda _: self._wait(name))

    def _wait(self, name):
        self._may.acquire()
        return wire.response(200, name)

    def release(self, count=1):
        self._may.release(count)


@pytest.fixture
def held():
    made = []

    def make(name=b"held"):
        made.append(Held(name))
        return made[-1]
    yield make
    for origin in made:
        origin.release(1000)
        origin.close()


def named(origin, *names):
    return [origin(answer=lambda _, name=name: wire.response(200, name.encode())) for name in names]


def server(origin, **settings):
    return {"address": origin.name, **settings}


def pool_of(*servers, **settings):
    return proxy_to("127.0.0.1:1", pool={"servers": list(servers), **settings})


def queue_depth(lintel):
    return lintel.metrics().sum("lintel_pool_queue_depth")


# --- Groups and zones

def test_a_backup_takes_over_and_gives_back(start, origin):
    first, backup = named(origin, "first", "backup")
    port = first.port
    # Without outlier ejection every request asks the first for itself.
    lintel = start(pool_of(server(first), server(backup, backup=True), outlier={"enabled": False}))
    assert {lintel.ask().body for _ in range(6)} == {b"first"}
    first.close()
    # The request that finds the server gone is served all the same.
    assert {lintel.ask().body for _ in range(6)} == {b"backup"}
    record = lintel.last_record(12)
    assert [attempt["reason"] for attempt in record["attempts"]] == ["upstream.connect_refused", "ok"]
    again = socket.create_server(("127.0.0.1", port))
    again.settimeout(10)

    def serve():
        with wire.Wire(again.accept()[0]) as connection:
            connection.read_request()
            connection.send(wire.response(200, b"again"))
    thread = threading.Thread(target=serve)
    thread.start()
    assert lintel.ask().body == b"again"
    thread.join()
    again.close()


def test_the_own_zone_first_and_others_when_it_is_gone(start, origin):
    here, there = named(origin, "here", "there")
    config = pool_of(server(here, zone="a"), server(there, zone="b"), zone_preference="70%")
    lintel = start({**config, "zone": "b"})
    assert {lintel.ask().body for _ in range(6)} == {b"there"}
    lintel.reload({**config, "zone": "a"})
    assert {lintel.ask().body for _ in range(6)} == {b"here"}
    here.close()
    assert {lintel.ask().body for _ in range(4)} == {b"there"}
    lintel.reload({**config, "zone": ""})  # As ${ZONE:-} leaves it.
    assert lintel.ask().body == b"there"


def test_explain_shows_who_stands_by(tmp_path):
    file = tmp_path / "lintel.yaml"
    file.write_text("""\
zone: "${ZONE:-a}"
listeners: [{name: web, bind: "127.0.0.1:%d", pool: site}]
pools:
  site:
    servers:
      - {address: "127.0.0.1:1", zone: a}
      - {address: "127.0.0.1:2", zone: b}
      - {address: "127.0.0.1:3", priority: 3}
      - {address: "127.0.0.1:4", backup: true}
    zone_preference: 50%%
    sticky: LB
""" % free_port())
    done = command("explain", "-c", file, "GET", "/")
    assert done.returncode == 0, done.stderr
    assert re.search(r"^server +127.0.0.1:1$", done.stdout, re.M)
    assert re.search(r"^standby +127.0.0.1:2 \(zone b\), 127.0.0.1:3 \(priority 3\), 127.0.0.1:4 \(backup\)$",
                     done.stdout, re.M), done.stdout
    assert re.search(r"^sticky +cookie LB: the answer sets it$", done.stdout, re.M)
    told = json.loads(command("explain", "--json", "-c", file, "GET", "/").stdout)
    assert told["servers"] == ["127.0.0.1:1"]
    assert len(told["standby"]) == 3


# --- max_connections and the queue

@pytest.mark.parametrize("workers", [1, 2])
def test_requests_wait_until_a_server_has_room(start, held, workers):
    server_ = held()
    lintel = start({**pool_of(server(server_, max_connections=2), queue={"timeout": "20s"}), "workers": workers})
    clients = [lintel.connect() for _ in range(6)]
    for client in clients:
        client.send(wire.request())
    eventually(lambda: queue_depth(lintel) == 4, "four waiting requests")
    server_.wait_for_requests(2)
    assert len(server_.requests) == 2
    for served in range(6):
        server_.release()
        eventually(lambda served=served: len(server_.requests) >= min(served + 3, 6), "the next request")
        assert len(server_.requests) == min(served + 3, 6)
    assert [client.read_response().status for client in clients] == [200] * 6
    for client in clients:
        client.close()
    records = lintel.access_log(6)
    assert sum(1 for record in records if "t_queue_ms" in record) == 4
    metrics = lintel.metrics()
    assert metrics.sum("lintel_pool_queue_seconds_count") == 4
    assert metrics.sum("lintel_pool_queue_depth") == 0


def test_requests_of_one_worker_are_served_in_order_of_arrival(start, held):
    server_ = held()
    lintel = start(pool_of(server(server_, max_connections=1), queue={"timeout": "20s"}))
    clients = []
    for number in range(5):
        clients.append(lintel.connect())
        clients[-1].send(wire.request("GET", f"/{number}"))
        server_.wait_for_requests(1)
        eventually(lambda number=number: queue_depth(lintel) == number, "its place in the queue")
    server_.release(5)
    for client in clients:
        assert client.read_response().status == 200
        client.close()
    assert [request.target for request in server_.requests] == [f"/{number}" for number in range(5)]


def test_a_full_queue_and_a_late_request_are_answered_with_503(start, held):
    server_ = held()
    lintel = start(pool_of(server(server_, max_connections=1), queue={"max": 1, "timeout": "1500ms"}))
    with lintel.connect() as first, lintel.connect() as second:
        first.send(wire.request())
        server_.wait_for_requests(1)
        begun = time.monotonic()
        second.send(wire.request())
        eventually(lambda: queue_depth(lintel) == 1, "a waiting request")
        answer = lintel.ask()
        assert (answer.status, answer.headers["retry-after"]) == (503, "2")
        assert lintel.last_record(1)["end_reason"] == "pool.queue_full"
        lintel.wait_for_log("no server has a place for what waits: no room in the queue")
        answer = second.read_response()
        assert (answer.status, answer.headers["retry-after"]) == (503, "2")
        assert time.monotonic() - begun >= 1.5
        record = lintel.last_record(2)
        assert record["end_reason"] == "pool.timeout_queue"
        assert record["t_queue_ms"] >= 1490
        server_.release()
        assert first.read_response().status == 200
        # The connection is as good as new.
        server_.release()
        assert second.ask(wire.request()).status == 200


def test_what_has_no_place_goes_to_the_fallback(start, held, origin):
    server_ = held()
    other, = named(origin, "other")
    config = pool_of(server(server_, max_connections=1), queue={"max": 0})
    config["pools"]["spare"] = {"servers": [other.name]}
    del config["listeners"][0]["pool"]
    config["listeners"][0]["routes"] = [{"pool": "site", "fallback": "spare"}]
    lintel = start(config)
    with lintel.connect() as first:
        first.send(wire.request())
        server_.wait_for_requests(1)
        assert lintel.ask().body == b"other"
        server_.release()
        assert first.read_response().body == b"held"


def test_a_client_that_leaves_gives_up_its_place(start, held):
    server_ = held()
    lintel = start(pool_of(server(server_, max_connections=1), queue={"timeout": "20s"}))
    with lintel.connect() as first, lintel.connect() as last:
        first.send(wire.request("GET", "/first"))
        server_.wait_for_requests(1)
        leaver = lintel.connect()
        leaver.send(wire.request("GET", "/leaver"))
        eventually(lambda: queue_depth(lintel) == 1, "a waiting request")
        last.send(wire.request("GET", "/last"))
        eventually(lambda: queue_depth(lintel) == 2, "two waiting requests")
        leaver.reset()
        eventually(lambda: queue_depth(lintel) == 1, "one of them gone")
        server_.release(2)
        assert first.read_response().status == last.read_response().status == 200
    assert [request.target for request in server_.requests] == ["/first", "/last"]
    assert {record["end_reason"] for record in lintel.access_log(3)} == {"ok", "client.abort_response"}


def test_a_stop_ends_the_wait(start, held):
    server_ = held()
    lintel = start({**pool_of(server(server_, max_connections=1), queue={"timeout": "60s"}),
                    "shutdown": {"timeout": "200ms"}})
    with lintel.connect() as first, lintel.connect() as second:
        for client in (first, second):
            client.send(wire.request())
        eventually(lambda: queue_depth(lintel) == 1, "a waiting request")
        lintel.stop()
    assert [record["end_reason"] for record in lintel.access_log(2)] == ["local.shutdown"] * 2


def test_a_reload_leaves_those_that_wait_their_places(start, held):
    server_ = held()
    config = pool_of(server(server_, max_connections=1), queue={"timeout": "20s"})
    lintel = start(config)
    with lintel.connect() as first, lintel.connect() as second, lintel.connect() as third:
        first.send(wire.request())
        server_.wait_for_requests(1)
        second.send(wire.request())
        eventually(lambda: queue_depth(lintel) == 1, "a waiting request")
        lintel.reload(config)
        third.send(wire.request())
        eventually(lambda: queue_depth(lintel) == 2, "two waiting requests")
        server_.release(3)
        assert [client.read_response().status for client in (first, second, third)] == [200] * 3


def test_tcp_sessions_wait_too(start, origin):
    server_ = origin(lambda connection: (connection.send(b"hello "), connection.to_end()))
    config = pool_of(server(server_, max_connections=1), queue={"timeout": "20s"})
    config["listeners"][0]["protocol"] = "tcp"
    lintel = start(config)
    with lintel.connect() as first:
        assert first.exactly(6) == b"hello "
        leaver = lintel.connect()
        eventually(lambda: queue_depth(lintel) == 1, "a waiting session")
        leaver.send(b"bytes that nobody reads")
        leaver.reset()
        eventually(lambda: queue_depth(lintel) == 0, "nobody waiting")
        second = lintel.connect()
        eventually(lambda: queue_depth(lintel) == 1, "a waiting session")
        assert len(server_.connections) == 1
    with second:
        assert second.exactly(6) == b"hello "
    eventually(lambda: len(lintel.access_lines()) == 3, "three records")
    by_reason = {record["end_reason"]: record for record in lintel.access_log(3)}
    assert set(by_reason) == {"tunnel.closed", "client.abort_response"}
    assert "server" not in by_reason["client.abort_response"]


# --- Sticky

def cookie_of(answer):
    """What a browser would send back."""
    return answer.headers["set-cookie"].partition(";")[0]


def test_a_cookie_keeps_clients_at_their_servers(start, origin):
    servers = named(origin, "0", "1", "2")
    config = {**pool_of(*map(server, servers), sticky={"cookie": "LB", "secret": "x"}), "workers": 2}
    lintel = start(config)
    jars = {}
    for _ in range(12):
        answer = lintel.ask()
        assert "HttpOnly; SameSite=Lax" in answer.headers["set-cookie"]
        jars[cookie_of(answer)] = answer.body
    assert len(jars) == 3

    def ask(cookie):
        return lintel.ask(wire.request("GET", "/", f"Cookie: a=b; {cookie}"))
    for cookie, body in jars.items():
        for answer in [ask(cookie) for _ in range(4)]:
            assert answer.body == body
            assert "set-cookie" not in answer.headers
    config["pools"]["site"]["servers"].reverse()
    lintel.reload(config)
    assert {cookie: ask(cookie).body for cookie in jars} == jars
    # Who has gone is replaced, and the client is told.
    gone = int(next(iter(jars.values())))
    servers[gone].close()
    cookie = next(iter(jars))
    answer = ask(cookie)
    assert answer.status == 200
    assert answer.body != b"%d" % gone
    assert cookie_of(answer) != cookie
    assert jars[cookie_of(answer)] == answer.body
    stranger = ask("LB=0123456789abcdef")
    assert cookie_of(stranger) in jars


def test_who_belongs_to_a_full_server_waits_for_it(start, held, origin):
    first = held(b"first")
    other, = named(origin, "other")
    config = pool_of(server(first, max_connections=1), server(other), sticky="LB", queue={"timeout": "20s"})
    lintel = start(config)
    first.release()
    answers = [lintel.ask(), lintel.ask()]
    cookie, = [cookie_of(answer) for answer in answers if answer.body == b"first"]
    with lintel.connect() as one, lintel.connect() as two:
        one.send(wire.request("GET", "/", f"Cookie: {cookie}"))
        first.wait_for_requests(2)
        two.send(wire.request("GET", "/", f"Cookie: {cookie}"))
        eventually(lambda: queue_depth(lintel) == 1, "a waiting request")
        first.release(2)
        assert one.read_response().body == two.read_response().body == b"first"


def test_who_belongs_to_a_server_that_its_breaker_holds_full_goes_to_another(start, held, origin):
    first = held(b"first")
    other, = named(origin, "other")
    config = pool_of(server(first), server(other), sticky="LB", circuit_breaker={"server": {"max_in_flight": 1}})
    lintel = start(config)
    first.release()
    answers = [lintel.ask(), lintel.ask()]
    cookie, = [cookie_of(answer) for answer in answers if answer.body == b"first"]
    with lintel.connect() as one:
        one.send(wire.request("GET", "/", f"Cookie: {cookie}"))
        first.wait_for_requests(2)
        answer = lintel.ask(wire.request("GET", "/", f"Cookie: {cookie}"))
        assert (answer.status, answer.body) == (200, b"other")
        first.release()
        assert one.read_response().body == b"first"


# --- peak-ewma

def test_peak_ewma_avoids_a_slow_server(start, origin):
    """One that answers when the other has answered twenty times."""
    changed = threading.Condition()
    answered = 0
    over = False

    def fast(_):
        nonlocal answered
        with changed:
            answered += 1
            changed.notify_all()
        return wire.response(200, b"fast")

    def late(_):
        with changed:
            until = answered + 20
            assert changed.wait_for(lambda: over or answered >= until, PATIENCE)
        return wire.response(200, b"slow")
    lintel = start(pool_of(server(origin(answer=fast)), server(origin(answer=late)), balance="peak-ewma"))
    with concurrent.futures.ThreadPoolExecutor(3) as clients:
        asked = [clients.submit(lambda: lintel.ask().body) for _ in range(60)]
        eventually(lambda: sum(each.done() for each in asked) >= 57, "all but those that the slow one may hold")
        with changed:
            over = True
            changed.notify_all()
        seen = collections.Counter(each.result(PATIENCE) for each in asked)
    assert 1 <= seen[b"slow"] <= 4, seen


# --- the default

def test_the_better_of_two_choices_unless_another_balancer_is_asked_for(start, held, origin):
    slow = held(b"slow")
    fast, = named(origin, "fast")
    config = pool_of(server(slow), server(fast))
    del config["pools"]["site"]["balance"]
    lintel = start(config)
    with lintel.connect() as client:
        while not slow.requests:
            client.send(wire.request())
            eventually(lambda: slow.requests or select.select([client.sock], [], [], 0)[0], "it goes to one of them")
            if not slow.requests:
                assert client.read_response().body == b"fast"
        # Of the two the one with nothing in flight.
        assert {lintel.ask().body for _ in range(30)} == {b"fast"}
        slow.release()
        assert client.read_response().body == b"slow"


# --- check

CONFIG = """\
listeners: [{name: web, bind: "127.0.0.1:%d", pool: site%s}]
pools:
  site: %s
"""
TWO = "servers: ['127.0.0.1:1', '127.0.0.1:2']"


@pytest.mark.parametrize("pool, more, code, said", [
    ("{servers: [{address: '127.0.0.1:1', backup: true, priority: 2}, '127.0.0.1:2']}", "", 1, "keep one of"),
    ("{servers: [{address: '127.0.0.1:1', backup: true}]}", "", 0, "every server is a backup"),
    ("{%s, failover_below: 50%%}" % TWO, "", 0, "no other group"),
    ("{%s, failover_below: 50}" % TWO, "", 1, "percentage"),
    ("{%s, zone_preference: 50%%}" % TWO, "", 0, "which zone"),
    ("{%s, zone_preference: 0%%}" % TWO, "", 1, "1% to 100%"),
    ("{%s, sticky: LB}" % TWO, ", protocol: tcp", 1, "no cookies"),
    ("{%s, sticky: {}}" % TWO, "", 1, "cookie"),
    ("{%s, sticky: 'a b'}" % TWO, "", 1, "token"),
    ("{%s, sticky: {cookie: LB, path: 'x;y'}}" % TWO, "", 1, "path"),
    ("{%s, sticky: {cookie: LB, path: '/x;y'}}" % TWO, "", 1, "path"),
    ("{%s, sticky: {cookie: LB, same_site: none, secure: never}}" % TWO, "", 1, "browsers refuse"),
    ("{servers: ['127.0.0.1:1'], sticky: LB}", "", 0, "one server"),
    ("{%s, queue: {max: 5}}" % TWO, "", 0, "no server has max_connections"),
    ("{servers: [{address: '127.0.0.1:1', max_connections: 0}]}", "", 1, "unlimited"),
])
def test_check_tells_what_does_not_fit(tmp_path, pool, more, code, said):
    file = tmp_path / "lintel.yaml"
    file.write_text(CONFIG % (free_port(), more, pool))
    done = command("check", file)
    assert done.returncode == code, done.stderr
    assert re.search(said, done.stdout + done.stderr, re.S), done.stdout + done.stderr
