"""IPv4, IPv6, Unix sockets and names, on both sides; several workers."""

import socket

from harness import wire
from harness.daemon import proxy_to
from harness.environment import eventually, free_port
from harness.wire import request

BODY = bytes(range(256)) * 40


def test_unix_sockets_on_both_sides(start, origin, tmp_path):
    server = origin(address=str(tmp_path / "origin.sock"))
    path = tmp_path / "lintel.sock"
    lintel = start(proxy_to(server, listener={"bind": [f"unix:{path}"]}))
    with wire.connect(str(path)) as client:
        for _ in range(3):
            assert client.ask(request("POST", "/", body=BODY)).body == b"hello\n"
    assert [seen.body for seen in server.requests] == [BODY] * 3
    lintel.stop()
    assert not path.exists(), "the socket's file is removed at the end"


def test_ipv6_on_both_sides(start, origin):
    server = origin(address="::1")
    port = free_port("::1")
    start(proxy_to(server, listener={"bind": [f"[::1]:{port}"]}))
    with wire.connect(("::1", port)) as client:
        assert client.ask(request()).status == 200
    seen = server.requests[0].headers
    assert seen["x-forwarded-for"] == "::1"
    assert 'for="[::1]"' in seen["forwarded"]


def test_every_interface_of_both_families(start, origin):
    port = free_port("::")
    server = origin()
    start(proxy_to(server, listener={"bind": [f":{port}"]}))
    for host in ("127.0.0.1", "::1"):
        with wire.connect((host, port)) as client:
            assert client.ask(request()).status == 200
    assert [seen.headers["x-forwarded-for"] for seen in server.requests] == ["127.0.0.1", "::1"]


def test_server_by_name(start, origin):
    first = socket.getaddrinfo("localhost", None, type=socket.SOCK_STREAM)[0][4][0]
    server = origin(address=first)
    lintel = start(proxy_to(f"localhost:{server.port}"))
    assert lintel.ask().status == 200
    assert lintel.last_record()["server"] == f"localhost:{server.port}@{first}"


def test_two_workers_share_the_connections(start, origin):
    lintel = start(proxy_to(origin(), workers=2))
    clients = [lintel.connect() for _ in range(32)]
    for client in clients:
        assert client.ask(request()).status == 200
    [listener] = [one for one in lintel.stats()["listeners"] if one["name"] == "web"]
    assert listener["connections"] == 32
    for client in clients:
        client.close()
    eventually(lambda: lintel.stats()["listeners"][0]["connections"] == 0, "all connections are closed")
