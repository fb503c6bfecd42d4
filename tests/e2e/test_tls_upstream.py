"""TLS with servers: whom they are believed to be, and what is told when they are not."""

import ssl

import pytest

from harness import wire
from harness.certificates import Authority
from harness.daemon import proxy_to
from harness.environment import eventually


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path)


def server_context(issued, client_ca=None):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(issued.cert, issued.key)
    made.asked_for = []
    made.sni_callback = lambda _socket, name, _context: made.asked_for.append(name)
    if client_ca:
        made.load_verify_locations(client_ca)
        made.verify_mode = ssl.CERT_REQUIRED
    return made


def test_a_server_is_verified_by_its_address_or_the_name_given(start, origin, authority):
    context = server_context(authority.issue("127.0.0.1", "api.test"))
    server = origin(tls=context)
    lintel = start(proxy_to(server, pool={"tls": {"ca": authority.file}}))
    assert lintel.ask().status == 200
    assert context.asked_for == [None], "an address is no name to ask for"
    record = lintel.last_record()
    assert record["t_tls_ms"] > 0
    lintel.reload(proxy_to(server, pool={"tls": {"ca": authority.file, "sni": "api.test"}}))
    assert lintel.ask().status == 200
    assert context.asked_for[-1] == "api.test"


@pytest.mark.parametrize("how", ["unknown issuer", "another name", "expired"])
def test_a_server_that_is_not_who_it_should_be_gets_nothing(start, origin, authority, tmp_path, how):
    certificate = {
        "unknown issuer": lambda: Authority(tmp_path, "Another CA").issue("127.0.0.1"),
        "another name": lambda: authority.issue("127.0.0.2"),
        "expired": lambda: authority.issue("127.0.0.1", start=-10, end=-1),
    }[how]()
    server = origin(tls=server_context(certificate))
    lintel = start(proxy_to(server, pool={"tls": {"ca": authority.file}}))
    assert lintel.ask().status == 502
    assert not server.requests
    record = lintel.last_record()
    assert record["end_reason"] == "upstream.tls_verify"
    lintel.wait_for_log("its certificate is not accepted")
    lintel.reload(proxy_to(server, pool={"tls": {"verify": False}}))
    assert lintel.ask().status == 200


def test_the_systems_authorities_are_the_default(start, origin, authority):
    server = origin(tls=server_context(authority.issue("127.0.0.1")))
    lintel = start(proxy_to(server, pool={"tls": True}))
    assert lintel.ask().status == 502
    assert lintel.last_record()["end_reason"] == "upstream.tls_verify"


def test_a_server_that_speaks_no_tls(start, origin):
    server = origin(lambda connection: connection.fill() and connection.send(b"HTTP/1.1 400 Bad Request\r\n\r\n"))
    lintel = start(proxy_to(server, pool={"tls": {"verify": False}}))
    assert lintel.ask().status == 502
    assert lintel.last_record()["end_reason"] == "upstream.tls_handshake"


def test_a_server_that_says_nothing_costs_the_connect_timeout(start, origin):
    server = origin(lambda connection: connection.fill() and connection.fill())
    lintel = start(proxy_to(server, pool={"tls": {"verify": False}, "connect_timeout": "300ms"}))
    assert lintel.ask().status == 504
    assert lintel.last_record()["end_reason"] == "upstream.connect_timeout"


def test_connections_are_kept_and_sessions_resumed(start, origin, authority):
    context = server_context(authority.issue("127.0.0.1"))
    server = origin(tls=context)
    lintel = start(proxy_to(server, pool={"tls": {"ca": authority.file}}))
    for _ in range(5):
        assert lintel.ask().status == 200
    assert len(server.connections) == 1, "session tickets are no reason to drop an idle connection"
    closing = proxy_to(server, pool={"tls": {"ca": authority.file}, "keepalive": {"max_idle": 0}})
    lintel.reload(closing)
    for _ in range(5):  # The first takes the connection that is kept, the second agrees on a session.
        assert lintel.ask().status == 200
    assert context.session_stats()["hits"] == 3


def test_a_certificate_of_our_own(start, origin, authority):
    ours = authority.issue("lintel.test")
    server = origin(tls=server_context(authority.issue("127.0.0.1"), client_ca=authority.file))
    lintel = start(proxy_to(server, pool={"tls": {"ca": authority.file, **ours.files}}))
    assert lintel.ask().status == 200
    lintel.reload(proxy_to(server, pool={"tls": {"ca": authority.file}}))
    assert lintel.ask().status == 502
    eventually(lambda: server.refused == 1)


def test_bodies_of_every_framing(start, origin, authority):
    big = bytes(range(256)) * 4000
    kinds = {
        "/length": wire.response(200, big),
        "/chunked": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + wire.chunk(big[:100]) + wire.chunk(big[100:])
                     + b"0\r\n\r\n"),
    }
    server = origin(answer=lambda request: kinds[request.target], tls=server_context(authority.issue("127.0.0.1")))
    lintel = start(proxy_to(server, pool={"tls": {"ca": authority.file}}))
    for target in kinds:
        assert lintel.ask(wire.request("POST", target, body=big)).body == big
    assert server.requests[-1].body == big


def test_an_answer_that_ends_with_the_connection_must_end_well(start, origin, authority):
    """Without TLS's own end, anybody on the way could have cut it off."""
    def until_close(connection):
        request = connection.read_request()
        connection.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nall of it")
        if request.target == "/well":
            connection.sock.unwrap().close()

    server = origin(until_close, tls=server_context(authority.issue("127.0.0.1")))
    lintel = start(proxy_to(server, pool={"tls": {"ca": authority.file}}))
    assert lintel.ask(wire.request("GET", "/well")).body == b"all of it"
    with pytest.raises(wire.Closed):
        lintel.ask(wire.request("GET", "/badly"))
    assert lintel.last_record(2)["end_reason"] == "upstream.truncated"
