"""Which server gets what, with real sockets."""

import collections
import re
import socket

import pytest
from harness import wire
from harness.daemon import command, proxy_to
from harness.environment import free_port
from harness.origin import Origin


@pytest.fixture
def origins():
    """Makes servers that answer with their number."""
    made = []

    def make(count):
        for number in range(count):
            made.append(Origin(answer=lambda _, number=number: wire.response(200, b"%d" % number)))
        return made
    yield make
    for origin in made:
        origin.close()


def answered_by(lintel, target="/", headers=()):
    """The number of the server that answers."""
    answer = lintel.ask(wire.request("GET", target, *headers))
    assert answer.status == 200, answer
    return int(answer.body)


def test_least_conn_and_random_reach_everyone(start, origins):
    servers = origins(3)
    for balance in ("least-conn", "random", "two-choices"):
        lintel = start(proxy_to(*servers, pool={"balance": balance}))
        seen = collections.Counter(answered_by(lintel) for _ in range(60))
        assert set(seen) == {0, 1, 2}, balance
        if balance == "least-conn":
            assert set(seen.values()) == {20}
        lintel.stop()


@pytest.mark.parametrize("balance", ["consistent-hash", "maglev"])
def test_equal_keys_keep_their_server_over_reloads_and_workers(start, origins, balance):
    servers = origins(5)
    config = proxy_to(*servers, pool={"balance": {"type": balance, "on": {"cookie": "user"}}}, workers=2)
    lintel = start(config)

    def owner(user):
        return answered_by(lintel, headers=[f"Cookie: a=b; user={user}"])
    owners = {user: owner(user) for user in range(40)}
    assert len(set(owners.values())) == 5
    assert {user: owner(user) for user in owners} == owners
    config["pools"]["site"]["servers"].reverse()  # The order in the file means nothing.
    lintel.reload(config)
    assert {user: owner(user) for user in owners} == owners
    removed = servers[2]
    config["pools"]["site"]["servers"].remove(removed.name)
    lintel.reload(config)
    after = {user: owner(user) for user in owners}
    moved = [user for user in owners if after[user] != owners[user]]
    assert 2 not in after.values()
    assert len(moved) <= list(owners.values()).count(2) + 4


def test_tcp_sessions_of_one_client_go_to_one_server(start, origins):
    servers = origins(4)
    lintel = start(proxy_to(*servers, listener={"protocol": "tcp"}, pool={"balance": "consistent-hash"}))
    assert len({answered_by(lintel) for _ in range(8)}) == 1


def test_udp_clients_of_one_address_go_to_one_server(start):
    sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(4)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
        one.settimeout(0.05)
    try:
        lintel = start(proxy_to(*("127.0.0.1:%d" % one.getsockname()[1] for one in sockets),
                                listener={"protocol": "udp"}, pool={"balance": "consistent-hash"}))
        for number in range(8):  # Each from a port of its own.
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
                client.sendto(b"%d" % number, lintel.address)
        received = {}
        for _ in range(100):
            for index, one in enumerate(sockets):
                try:
                    datagram = one.recv(100)
                except TimeoutError:
                    continue
                received.setdefault(index, set()).add(datagram)
            if sum(map(len, received.values())) == 8:
                break
        assert [len(each) for each in received.values()] == [8]
    finally:
        for one in sockets:
            one.close()


GOOD = """\
listeners: [{name: web, bind: "127.0.0.1:%d", pool: site%s}]
pools:
  site:
    servers: [127.0.0.1:9001]
    balance: %s
"""


@pytest.mark.parametrize("balance, more, said", [
    ("{type: consistent-hash, on: {}}", "", "the key is missing"),
    ("{type: consistent-hash, on: {header: A, cookie: B}}", "", "more than one key"),
    ("{type: consistent-hash, on: {heder: A}}", "", '"heder".*header'),
    ("{type: consistent-hash, on: {header: \"a b\"}}", "", "header"),
    ("{type: consistent-hash, on: adress}", "", '"adress".*address'),
    ("{type: round-robin, on: path}", "", "consistent-hash and maglev"),
    ("{type: maglev, max_load: 150%}", "", "for consistent-hash"),
    ("{type: consistent-hash, max_load: 150}", "", '"150" has no unit; a percentage'),
    ("{type: consistent-hash, max_load: 50%}", "", "100% to 1000%"),
    ("{type: consistent-hash, on: path}", ", protocol: tcp", "client's address"),
    ("least-con", "", '"least-con".*"least-conn"'),
])
def test_check_refuses_nonsense(tmp_path, balance, more, said):
    file = tmp_path / "lintel.yaml"
    file.write_text(GOOD % (free_port(), more, balance))
    done = command("check", file)
    assert done.returncode == 1

    assert re.search(said, done.stderr, re.S), done.stderr


@pytest.mark.parametrize("balance", ["{type: consistent-hash, on: {header: X-User}, max_load: 125%}",
                                     "{type: consistent-hash, on: {query: id}, max_load: any}",
                                     "{type: maglev, on: uri}", "consistent-hash", "two-choices"])
def test_check_takes_what_makes_sense(tmp_path, balance):
    file = tmp_path / "lintel.yaml"
    file.write_text(GOOD % (free_port(), "", balance))
    done = command("check", file)
    assert done.returncode == 0, done.stderr
