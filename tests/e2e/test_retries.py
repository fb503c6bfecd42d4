"""What is tried again under load when servers fail, what never is, and that servers do not get more to do by it."""

import socket
import struct
import threading

import pytest
from harness.daemon import proxy_to
from harness.wire import request, response

CLIENTS = 8


def load(lintel, each, *asked, **named):
    """The statuses that CLIENTS clients at once get, each for so many requests, one connection per client."""
    statuses = []

    def run():
        with lintel.connect() as client:
            for _ in range(each):
                statuses.append(client.ask(request(*asked, **named)).status)

    threads = [threading.Thread(target=run) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert len(statuses) == CLIENTS * each
    return statuses


def reset(connection):
    connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def read_and_reset(connection):
    if connection.read_request():
        reset(connection)


def read_and_close(connection):
    connection.read_request()


def read_and_babble(connection):
    if connection.read_request():
        connection.send(b"\x16\x03\x01 garbage\r\n\r\n")


def read_and_hang(connection):
    if connection.read_request():
        connection.sock.recv(1)  # Until the proxy gives up.


TROUBLE = {"reset": read_and_reset, "close": read_and_close, "garbage": read_and_babble, "hang": read_and_hang}
ASKED = {"attempts": 2, "on": ["connect-failure", "dead-connection", "reset", "timeout", "bad-response"],
         "budget": "100%", "per_try_timeout": "2s"}


@pytest.mark.parametrize("trouble", TROUBLE)
def test_get_succeeds_while_one_server_is_well(start, origin, trouble):
    bad, good = origin(TROUBLE[trouble]), origin()
    retry = {**ASKED, "per_try_timeout": "1s"} if trouble == "hang" else ASKED
    lintel = start(proxy_to(bad, good, pool={"retry": retry}))
    assert set(load(lintel, 3 if trouble == "hang" else 20)) == {200}
    assert bad.requests


@pytest.mark.parametrize("trouble", ["reset", "close", "garbage"])
def test_post_reaches_a_server_at_most_once(start, origin, trouble):
    bad, good = origin(TROUBLE[trouble]), origin()
    lintel = start(proxy_to(bad, good, pool={"retry": ASKED}))
    statuses = load(lintel, 10, "POST", body=b"charge")
    assert len(bad.requests) + len(good.requests) == len(statuses)
    assert statuses.count(200) == len(good.requests)
    assert set(statuses) == {200, 502}


def test_a_server_that_refuses_costs_no_request(start, origin):
    gone, good = origin(), origin()
    gone.close()
    lintel = start(proxy_to(gone, good))  # All defaults.
    assert set(load(lintel, 20)) == {200}
    assert set(load(lintel, 20, "POST", body=b"charge")) == {200}
    assert len(good.requests) == 2 * CLIENTS * 20


def test_servers_in_trouble_get_a_fifth_more_at_most(start, origin):
    def busy(_):
        return response(503, b"busy")

    servers = [origin(answer=busy) for _ in range(3)]
    lintel = start(proxy_to(*servers, pool={"retry": {"attempts": 3, "on": ["503"]}}, workers=2))
    statuses = load(lintel, 50)
    assert set(statuses) == {503}
    reached = sum(len(server.requests) for server in servers)
    assert len(statuses) * 1.1 < reached <= len(statuses) * 1.2 + 3
    [pool] = lintel.stats()["pools"]
    assert sum(pool["retries"].values()) == reached - len(statuses)
    assert pool["retry_budget_exhausted"] > 0
    assert lintel.metrics().sum("lintel_retry_budget_exhausted_total") == pool["retry_budget_exhausted"]
