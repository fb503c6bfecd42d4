"""Clients that send or take too slowly, or hold more than they need: what they may, and how they are ended."""

import threading
import time

import pytest
from harness import tls
from harness.certificates import Authority
from harness.daemon import proxy_to
from harness.environment import eventually
from harness.wire import Closed, request, response

RATES = {"grace": "300ms", "request_body": "10KiB/s", "response": "10KiB/s"}


def trickle(client, pieces, size, pause):
    """Sends until it is done or the other side has had enough."""
    for _ in range(pieces):
        try:
            client.send(b"x" * size)
        except OSError:
            return
        time.sleep(pause)


def test_a_request_body_below_the_least_rate(start, origin):
    server = origin(lambda connection: connection.read_request())
    lintel = start(proxy_to(server, listener={"min_rates": RATES}))
    with lintel.connect() as client:
        client.send(request("POST", "/", "Content-Length: 100000"))
        sender = threading.Thread(target=trickle, args=(client, 1000, 1, 0.02), daemon=True)
        sender.start()
        assert client.read_response("POST").status == 408
        assert client.at_end()
        sender.join()
    record = lintel.last_record()
    assert record["end_reason"] == "client.slow_body" and record["status"] == 408
    assert lintel.limits_reached() == {"min_rate_request_body": 1}
    assert record["duration_ms"] < 20_000  # The idle timeout alone would never have ended it.
    eventually(lambda: server.open == 0, "the server's connection is closed")


def test_an_upload_that_keeps_to_the_rate_completes(start, origin):
    lintel = start(proxy_to(origin(), listener={"min_rates": {**RATES, "request_body": "1KiB/s"}}))
    with lintel.connect() as client:
        client.send(request("POST", "/", "Content-Length: 20000"))
        trickle(client, 20, 1000, 0.05)  # Longer than the grace, quicker than the rate.
        assert client.read_response("POST").status == 200


def big_answers(connection):
    while connection.read_request():
        connection.send(response(200, bytes(50_000_000)))


def test_a_response_taken_below_the_least_rate(start, origin):
    """What the client's kernel takes is no progress once its window is full."""
    server = origin(big_answers)
    lintel = start(proxy_to(server, listener={"min_rates": {**RATES, "response": "1MiB/s"}}))
    with lintel.connect(rcvbuf=4096) as client:
        client.send(request())
        while not lintel.access_lines():
            client.buffer += client.sock.recv(1)
            time.sleep(0.02)
        with pytest.raises(Closed):
            client.read_response()
    record = lintel.last_record()
    assert record["end_reason"] == "client.slow_response"
    assert lintel.limits_reached() == {"min_rate_response": 1}
    eventually(lambda: server.open == 0, "the server's connection is closed")


def test_a_response_taken_too_slowly_over_tls(start, origin, tmp_path):
    """Its sender waits in two places, for the socket and with what is encrypted already."""
    authority = Authority(tmp_path)
    lintel = start(proxy_to(origin(big_answers), listener={
        "min_rates": {**RATES, "response": "1MiB/s"}, "tls": {"certificates": [authority.issue("a.test").files]}}))
    with tls.connect(lintel.address, tls.context(authority.file), "a.test") as client:
        client.send(request(host="a.test"))
        lintel.access_log()
    assert lintel.last_record()["end_reason"] in ("client.slow_response", "client.timeout_write")


def test_a_response_taken_at_the_rate_completes(start, origin):
    size = 2_000_000
    lintel = start(proxy_to(origin(answer=lambda _: response(200, bytes(size))),
                            listener={"min_rates": {**RATES, "response": "50KiB/s"}}))
    with lintel.connect(rcvbuf=4096) as client:
        client.send(request())
        got = 0
        while got < size // 4:  # Slowly at first, in several times the grace.
            got += len(client.sock.recv(16384))
            time.sleep(0.02)
        while got < size:
            got += len(client.sock.recv(1_000_000))
    assert lintel.last_record()["end_reason"] == "ok"


def test_rates_can_be_off(start, origin):
    lintel = start(proxy_to(origin(), listener={"min_rates": {"grace": "100ms", "request_body": "off", "response": "off"}}))
    with lintel.connect() as client:
        client.send(request("POST", "/", "Content-Length: 10"))
        trickle(client, 10, 1, 0.05)
        assert client.read_response("POST").status == 200
