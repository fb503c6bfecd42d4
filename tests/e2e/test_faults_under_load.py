"""Servers that fail under load in every way there is, among servers that are well: what may be repeated succeeds, an
order (POST) reaches a server at most once, and where all are away clients are told so at once."""

import collections
import contextlib
import itertools
import pathlib
import time

import pytest
from harness import wire
from harness.clients import Clients
from harness.daemon import proxy_to
from harness.environment import SANITIZED, eventually, free_port, load
from harness.misbehaviour import garbage, hang, reset, reset_in_body
from harness.mortal import Mortal

RETRY = {"attempts": 3, "on": ["connect-failure", "dead-connection", "reset", "timeout", "bad-response"],
         "per_try_timeout": "6s" if SANITIZED else "2s", "budget": "100%"}


@pytest.fixture
def mortals(tmp_path):
    """mortals(count): processes that write down the orders that they get, each in a file of its own."""
    with contextlib.ExitStack() as running:
        numbers = itertools.count()

        def run(count):
            servers = [Mortal(tmp_path / f"orders-{next(numbers)}") for _ in range(count)]
            for server in servers:
                running.callback(server.close)
            return servers
        yield run


class Orders:
    """Messages for Clients, each with a number of its own in its body."""

    def __init__(self):
        self._numbers = itertools.count()

    def __call__(self):
        return wire.request("POST", "/", body=b"order %d" % next(self._numbers))


def orders_at(server):
    """What a Mortal or an Origin has got."""
    if isinstance(server, Mortal):
        file = pathlib.Path(server.orders)
        return file.read_bytes().splitlines() if file.exists() else []
    return [seen.body or b"one that was not read" for seen in server.requests if seen.method == "POST"]


@contextlib.contextmanager
def traffic(lintel):
    """Four clients that ask by GET and four that order."""
    with Clients(lintel) as gets, Clients(lintel, message=Orders()) as orders:
        gets.more(load(40))
        orders.more(load(40))
        yield gets, orders


def check(lintel, servers, gets, orders, cut=0):
    """What holds whatever happened to one of `servers`. `cut`: so many answers may have broken off."""
    print(f"\n{lintel.directory.parent.name}: GET {dict(gets.statuses)}, slowest {gets.slowest:.3f} s; "
          f"POST {dict(orders.statuses)}, slowest {orders.slowest:.3f} s")
    assert set(gets.statuses) - {"cut"} == {200}
    assert gets.statuses["cut"] <= cut
    received = collections.Counter(order for server in servers for order in orders_at(server))
    received.pop(b"one that was not read", None)
    assert set(received.values()) == {1}, received.most_common(3)
    assert orders.statuses[200] <= len(received) <= orders.statuses.total()


@pytest.mark.parametrize("harm", ["kill -9", "SIGSTOP"])
def test_a_real_server_that_dies_or_stops(start, mortals, harm):
    victim, *well = servers = mortals(3)
    lintel = start(proxy_to(*servers, pool={"retry": RETRY, "outlier": {"eject_for": "1s"}}, workers=2))
    with traffic(lintel) as (gets, orders):
        victim.kill() if harm == "kill -9" else victim.stall()
        lintel.wait_for_log("ejected for 1s")
        gets.more(load(60))
        orders.more(load(20))
        victim.start() if harm == "kill -9" else victim.go_on()
        lintel.wait_for_log("back after its ejection")
        before = gets.bodies[b"%d\n" % victim.port]
        eventually(lambda: gets.bodies[b"%d\n" % victim.port] > before + load(20), "it is used again")
    check(lintel, servers, gets, orders)
    # What was with the server when it was harmed, and what found out about it.
    assert orders.statuses.total() - orders.statuses[200] <= 30, orders.statuses
    assert not [line for line in lintel.stderr().splitlines()
                if "ejected for" in line and any(server.name in line for server in well)]


def close_unread(connection):
    """Accepts and ends at once."""
    connection.reset()


def slow(connection):
    while connection.read_request():
        time.sleep(12 if SANITIZED else 4)
        connection.send(wire.response(200, b"slow\n"))


FAULTS = {"refuse": None, "accept-and-hang": hang, "accept-and-reset": close_unread, "reset": reset,
          "reset-in-body": reset_in_body, "garbage": garbage, "slow": slow}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_server_that_misbehaves(start, origin, fault):
    well = [origin(), origin()]
    victim = origin(FAULTS[fault]) if FAULTS[fault] else None
    name = victim.name if victim else f"127.0.0.1:{free_port()}"
    lintel = start(proxy_to(*well, name, pool={"retry": RETRY}, workers=2))
    with traffic(lintel) as (gets, orders):
        lintel.wait_for_log("ejected for")
        gets.more(load(100))
        orders.more(load(40))
    # An answer that has begun cannot be begun again: its client sees that it is not whole.
    cut = len(victim.requests) if fault == "reset-in-body" else 0
    check(lintel, [*well, victim] if victim else well, gets, orders, cut)
    failed = orders.statuses.total() - orders.statuses[200]
    if fault == "refuse":
        assert failed == 0
    elif fault != "accept-and-reset":
        assert failed <= len(orders_at(victim))
    ejected = [line for line in lintel.stderr().splitlines() if "ejected for" in line]
    assert all(name in line for line in ejected), ejected


def test_all_servers_are_away_and_come_back(start, mortals):
    """Nobody hangs: clients are told at once. Of the three one is ejected (max_ejected is 50%), the others are tried
    on and on, so that whoever comes back is used at once."""
    servers = mortals(3)
    lintel = start(proxy_to(*servers, pool={"retry": RETRY, "outlier": {"eject_for": "1s"}}, workers=2))
    with traffic(lintel) as (gets, orders):
        for server in servers:
            server.kill()
        lintel.wait_for_log("ejected for 1s")
        eventually(lambda: gets.statuses[502] > load(40), "clients are told")
        eventually(lambda: orders.statuses[502] > load(40), "who orders too")
        slowest = max(gets.slowest, orders.slowest)
        servers[0].start()
        before = gets.statuses[200], orders.statuses[200]
        eventually(lambda: gets.statuses[200] > before[0] + load(40), "answers by the first that is back")
        eventually(lambda: orders.statuses[200] > before[1] + load(40), "orders too")
        for server in servers[1:]:
            server.start()
        eventually(lambda: all(gets.bodies[b"%d\n" % server.port] > load(60) for server in servers), "all are used")
    print(f"\nall away: GET {dict(gets.statuses)}, POST {dict(orders.statuses)}, slowest {slowest:.3f} s")
    assert set(gets.statuses) <= {200, 502}
    assert slowest < 10
    received = collections.Counter(order for server in servers for order in orders_at(server))
    assert set(received.values()) == {1}
    assert lintel.stats()["pools"][0]["panic"]["count"] == 0


def test_panic_under_load(start, origin, mortals):
    """With most servers ejected all are used: as many requests fail as have to, and no more than one in attempts."""
    well = mortals(1)
    dead = [f"127.0.0.1:{free_port()}" for _ in range(3)]
    lintel = start(proxy_to(*well, *dead, workers=2, pool={
        "retry": {**RETRY, "attempts": 4}, "outlier": {"max_ejected": "100%", "eject_for": "2s"}}))
    with traffic(lintel) as (gets, orders):
        lintel.wait_for_log("panic: 1 of 4 servers are well, less than 50%: all are used")
        gets.more(load(60))
        orders.more(load(20))
    # What is refused was seen by nobody, so that the one that is well gets it all.
    check(lintel, well, gets, orders)
    assert set(orders.statuses) == {200}
    assert lintel.metrics().sum("lintel_pool_panic_picks_total", pool="site") > 0


def test_budget_holds_under_load(start, origin):
    """Everything answers 503: the servers get 1.2 times the requests, and a few."""
    servers = [origin(answer=lambda _: wire.response(503, b"busy")) for _ in range(3)]
    lintel = start(proxy_to(*servers, workers=2, pool={
        "retry": {"attempts": 3, "on": ["503"]}, "outlier": {"enabled": False}}))
    with Clients(lintel, 8) as clients:
        clients.more(load(500, 200))
    asked = clients.statuses.total()
    reached = sum(len(server.requests) for server in servers)
    print(f"\nbudget: {asked} requests, {reached} at the servers: {reached / asked:.3f}")
    assert set(clients.statuses) == {503}
    assert asked * 1.1 < reached <= asked * 1.2 + 3
