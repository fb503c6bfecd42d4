"""Clients that leave while the server is silent: the server is free again, unless the pool wants to go on."""

import socket
import threading
import time

import pytest
from harness import tls
from harness.certificates import Authority
from harness.daemon import proxy_to
from harness.environment import eventually
from harness.wire import request, response


def active(lintel):
    [one] = lintel.stats()["pools"][0]["servers"]
    return one["active"]


def silent(origin, until=None):
    """An origin that reads requests, and answers none before `until` is set."""
    until = until or threading.Event()

    def script(connection):
        connection.read_request()
        while not until.is_set():  # Sees the end of the connection, too.
            connection.sock.settimeout(0.05)
            try:
                if not connection.fill():
                    return
            except TimeoutError:
                pass
        connection.send(response(200, b"late"))

    return origin(script)


def leave(client, how):
    if how == "half-close":
        client.end()
    elif how == "close":
        client.close()
    else:
        client.reset()


@pytest.mark.parametrize("how", ["half-close", "close", "reset"])
@pytest.mark.parametrize("late", [False, True], ids=["at-once", "later"])
def test_the_server_is_free_again(start, origin, how, late):
    server = silent(origin)
    lintel = start(proxy_to(server))
    client = lintel.connect()
    client.send(request())
    server.wait_for_requests(1)
    if late:
        time.sleep(1.3)  # The client is being watched by now.
    leave(client, how)
    record = lintel.last_record()
    assert (record["status"], record["end_reason"]) == (0, "client.abort_response")
    eventually(lambda: server.open == 0 and active(lintel) == 0, "the server's connection is closed")
    [one] = lintel.stats()["pools"][0]["servers"]
    assert one["idle"] == 0
    client.close()


def test_over_tls(start, origin, tmp_path):
    server = silent(origin)
    authority = Authority(tmp_path)
    lintel = start(proxy_to(server, listener={"tls": {"certificates": [authority.issue("a.test").files]}}))
    client = tls.connect(lintel.address, tls.context(authority.file), "a.test")
    client.send(request(host="a.test"))
    server.wait_for_requests(1)
    client.close()
    assert lintel.last_record()["end_reason"] == "client.abort_response"
    eventually(lambda: server.open == 0, "the server's connection is closed")


@pytest.mark.parametrize("how", ["half-close", "close", "reset"])
def test_without_abort_on_close_the_server_goes_on(start, origin, how):
    until = threading.Event()
    server = silent(origin, until)
    lintel = start(proxy_to(server, pool={"abort_on_close": False}))
    client = lintel.connect()
    client.send(request())
    server.wait_for_requests(1)
    leave(client, how)
    time.sleep(1.5)
    assert server.open == 1 and not lintel.access_lines()
    until.set()
    if how == "half-close":
        assert client.read_response().body == b"late"
    record = lintel.last_record()
    assert record["upstream_status"] == 200
    client.close()


def test_quick_answers_reach_clients_that_end_their_sending(start, origin):
    lintel = start(proxy_to(origin()))
    for _ in range(20):
        with lintel.connect() as client:
            client.send(request("GET", "/", "Connection: close"))
            client.end()
            assert client.read_response().body == b"hello\n"


def test_while_the_server_is_being_connected_to(start):
    """The server's queue is full: nobody ever answers the connection request."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        address = full.getsockname()
        held = []
        for _ in range(8):
            held.append(socket.socket())
            held[-1].setblocking(False)
            held[-1].connect_ex(address)
        lintel = start(proxy_to(f"127.0.0.1:{address[1]}", pool={"connect_timeout": "10m"}))
        client = lintel.connect()
        client.send(request())
        time.sleep(0.2)
        client.close()
        record = lintel.last_record()
        assert record["end_reason"] == "client.abort_response"
        # A request that is being connected for does not hold up the end either.
        with lintel.connect() as other:
            other.send(request())
            time.sleep(0.2)
            begun = time.monotonic()
            lintel.stop()
            assert time.monotonic() - begun < 60
        for one in held:
            one.close()
