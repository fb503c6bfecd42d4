"""How many connections and requests one listener, one address and one connection may have."""

import threading

import pytest
from harness import wire
from harness.daemon import proxy_to
from harness.environment import eventually
from harness.wire import Closed, request


def test_connections_over_the_limit_wait(start, origin):
    """They are not turned away: nothing more is accepted until there is a place."""
    lintel = start(proxy_to(origin(), listener={"limits": {"connections": 2}}))
    first, second = lintel.connect(), lintel.connect()
    assert first.ask(request()).status == 200
    assert second.ask(request()).status == 200
    waiting = [lintel.connect() for _ in range(3)]
    for client in waiting:
        client.send(request())
    eventually(lambda: lintel.limits_reached() == {"connections": 1}, "one that was accepted waits for its place")
    assert lintel.stats()["listeners"][0]["connections"] == 2
    lintel.wait_for_log("limits.connections (2) are open: further clients wait")
    first.close()
    served = []
    for client in waiting:  # In turn, as each makes way.
        client.sock.settimeout(wire.PATIENCE)
        served.append(client.read_response().status)
        client.close()
    assert served == [200, 200, 200]
    second.close()
    assert lintel.stats()["listeners"][0]["accepts"]["limit"] == 0


def is_refused(connect):
    """The connection is reset before anything is read or answered; perhaps before its client knows that it has one."""
    try:
        with connect() as client:
            client.ask(request())
    except (Closed, ConnectionError):
        return True
    return False


@pytest.mark.parametrize("workers", [1, 2])
def test_connections_per_address(start, origin, workers):
    lintel = start(proxy_to(origin(), workers=workers, listener={"limits": {"connections_per_ip": 3}}))
    clients = [lintel.connect() for _ in range(3)]
    assert [client.ask(request()).status for client in clients] == [200] * 3
    for _ in range(5):
        assert is_refused(lintel.connect)
    with lintel.connect(source="127.0.0.2") as neighbour:
        assert neighbour.ask(request()).status == 200
    assert lintel.limits_reached() == {"connections_per_ip": 5}
    assert lintel.stats()["listeners"][0]["accepts"] == {"ok": 4, "limit": 5, "error": 0}
    lines = [line for line in lintel.stderr().splitlines() if "connections_per_ip" in line]
    assert len(lines) == 1 and "client=127.0.0.1" in lines[0] and "listener=web" in lines[0], lines
    clients.pop().close()
    assert eventually(lambda: not is_refused(lintel.connect), "there is a place again")
    for client in clients:
        client.close()


def test_proxies_carry_many_clients(start, origin):
    lintel = start(proxy_to(origin(), listener={"limits": {"connections_per_ip": 1}, "trusted_proxies": ["127.0.0.3"]}))
    with lintel.connect(source="127.0.0.3") as one, lintel.connect(source="127.0.0.3") as two:
        assert one.ask(request()).status == two.ask(request()).status == 200
        with lintel.connect() as three:
            assert three.ask(request()).status == 200
            assert is_refused(lintel.connect)


def test_the_address_that_a_proxy_header_names_counts(start, origin):
    lintel = start(proxy_to(origin(), listener={"limits": {"connections_per_ip": 1},
                                                "proxy_protocol": {"trusted": ["127.0.0.0/8"]}}))

    def connect(ip):
        client = lintel.connect()
        client.send(f"PROXY TCP4 {ip} 127.0.0.1 1000 80\r\n")
        return client

    with connect("192.0.2.1") as one, connect("192.0.2.2") as two:
        assert one.ask(request()).status == two.ask(request()).status == 200
        assert is_refused(lambda: connect("192.0.2.1"))
    assert lintel.limits_reached() == {"connections_per_ip": 1}


def test_the_limit_per_address_can_be_changed_while_there_are_connections(start, origin):
    config = proxy_to(origin(), listener={"limits": {}})
    lintel = start(config)
    with lintel.connect() as before:
        assert before.ask(request()).status == 200
        config["listeners"][0].update(bind=[f"127.0.0.1:{lintel.port}"], limits={"connections_per_ip": 1})
        lintel.reload(config)
        with lintel.connect() as one:  # What came while nobody counted is not counted.
            assert one.ask(request()).status == 200
            assert is_refused(lintel.connect)
        assert before.ask(request()).status == 200
    assert eventually(lambda: not is_refused(lintel.connect), "there is a place again")


def test_pipelined_requests(start, origin):
    lintel = start(proxy_to(origin(), listener={"limits": {"pipelined_requests": 10}}))
    with lintel.connect() as client:
        client.send(request() * 50)
        closing = []
        while not closing or not closing[-1]:
            closing.append("connection" in client.read_response().headers)
        assert client.at_end()
    # The first one was not there already, or it was: that is a matter of packets.
    assert len(closing) in (10, 11)
    assert lintel.limits_reached() == {"pipelined_requests": 1}
    assert lintel.last_record(len(closing))["limit"] == "pipelined_requests"


def test_empty_lines_do_not_start_a_request(start, origin):
    lintel = start(proxy_to(origin(), listener={"timeouts": {"header": "300ms", "idle": "2s"}}))
    with lintel.connect() as client:
        assert client.ask(request()).status == 200
        client.send("\r\n")
        threading.Event().wait(0.6)  # Twice the time for a head.
        assert client.ask("\r\n" + request().decode(), "GET").status == 200
        client.send("\r\n")
        assert client.at_end()  # Closed by the idle timeout, without a word.
    eventually(lambda: lintel.limits_reached() == {"idle_timeout": 1}, "the idle timeout is counted")
    assert [record["status"] for record in lintel.access_log(2)] == [200, 200]
