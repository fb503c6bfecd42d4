"""What an attacker can put into the layers around HTTP: names and certificates of TLS, odd records, PROXY headers. None of it
may become a field, a request or an end of a message. Attacks within HTTP itself are rows of duties/."""

import datetime
import socket
import ssl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID

from harness import tls, wire
from harness.certificates import Authority, new_key
from harness.daemon import proxy_to

SPLIT = "a\r\nX-Smuggled: 1\r\n\r\nGET /smuggled HTTP/1.1\r\n\0\x7f,+\"\\<>;=#"


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path)


def secure(authority, **more):
    return {"tls": {"certificates": [authority.issue("a.test").files], **more}}


class Shown:
    """A certificate of the authority's for any subject, to be shown by a client."""

    def __init__(self, authority, subject, directory):
        key = new_key()
        now = datetime.datetime.utcnow()
        made = (x509.CertificateBuilder().subject_name(subject).issuer_name(authority.certificate.subject)
                .public_key(key.public_key()).serial_number(x509.random_serial_number())
                .not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=1))
                .sign(authority.key, hashes.SHA256()))
        self.cert, self.key = str(directory / "shown.crt"), str(directory / "shown.key")
        with open(self.cert, "wb") as file:
            file.write(made.public_bytes(serialization.Encoding.PEM))
        with open(self.key, "wb") as file:
            file.write(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                         serialization.NoEncryption()))


def test_a_certificates_subject_is_one_line(start, origin, authority, tmp_path):
    server = origin()
    listener = secure(authority, client_auth={"mode": "required", "ca": authority.file})
    listener["routes"] = [{"pool": "site", "headers": {"request": {"set": {"X-Subject": "{client_cert_subject}"}},
                                                       "response": {"set": {"X-Subject": "{client_cert_subject}"}}}}]
    lintel = start(proxy_to(server, listener=listener))
    names = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, "\u560a\u560d\r\n\r\nHTTP/1.1 200 OK\r\n"),
             x509.NameAttribute(NameOID.COMMON_NAME, SPLIT[:60])]
    shown = Shown(authority, x509.Name(names), tmp_path)
    with tls.connect(lintel.address, tls.context(authority.file, own=shown), "a.test") as client:
        answer = client.ask(wire.request(host="a.test"))
        assert client.ask(wire.request(host="a.test")).status == 200
    assert len(server.requests) == 2
    for fields in (server.requests[0].headers, answer.headers):
        subject = fields["x-subject"]
        assert "CN=" in subject and "\\0D\\0A" in subject and subject.isprintable(), subject
        assert "x-smuggled" not in fields
    assert server.requests[0].headers["x-client-cert-subject"] == server.requests[0].headers["x-subject"]


def hello_with(name):
    """A ClientHello that asks for this name, whatever bytes it has."""
    context = tls.context()
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    placeholder = "x" * (len(name) - 2) + ".y"
    session = context.wrap_bio(incoming, outgoing, server_hostname=placeholder)
    with pytest.raises(ssl.SSLWantReadError):
        session.do_handshake()
    hello = outgoing.read()
    assert hello.count(placeholder.encode()) == 1
    return hello.replace(placeholder.encode(), name)


@pytest.mark.parametrize("name", [b"a\r\nX-Smuggled: 1", b"a\0b.test", b"a b\tc\x7f", b"\xe4\xf6\xfc.test", b"../../etc/passwd"])
def test_a_name_of_tls_is_no_way_in(start, origin, authority, name):
    """It cannot be finished by this client, as the handshake's hash is not what it thinks: what counts is that the name
    does no harm on its way through certificates, routes, logs and counters."""
    lintel = start(proxy_to(origin(), listener=secure(authority)))
    with wire.connect(lintel.address) as client:
        client.send(hello_with(name))
        client.end()
        try:
            answer = client.to_end()
        except (wire.Closed, OSError):
            answer = b""
        assert not answer.startswith(b"HTTP/")
    with tls.connect(lintel.address, tls.context(authority.file), "a.test") as client:
        assert client.ask(wire.request(host="a.test")).status == 200
    lintel.metrics()


def test_a_handshake_cannot_be_renegotiated(start, origin, authority):
    lintel = start(proxy_to(origin(), listener=secure(authority)))
    said = tls.s_client(lintel.address, "-tls1_2", "-servername", "a.test", "-crlf", "-no_ign_eof",
                        text="R\nGET / HTTP/1.1\nHost: a.test\n\n")
    assert "RENEGOTIATING" in said
    assert "no renegotiation" in said or "NO_RENEGOTIATION" in said or "ssl handshake failure" in said, said[-800:]
    assert "HTTP/1.1 200" not in said


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_records_of_one_byte(start, origin, authority, version):
    """Each byte of two requests in a record, and in a segment, of its own."""
    server = origin()
    lintel = start(proxy_to(server, listener=secure(authority)))
    body = b"hello world"
    asked = (wire.request("POST", "/1", "Transfer-Encoding: chunked", host="a.test")
             + b"".join(b"1\r\n%c\r\n" % byte for byte in body) + b"0\r\n\r\n" + wire.request("GET", "/2", host="a.test"))
    with tls.connect(lintel.address, tls.context(authority.file, version=version), "a.test") as client:
        client.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for at in range(len(asked)):
            client.send(asked[at:at + 1])
        assert [client.read_response("POST").status, client.read_response("GET").status] == [200, 200]
    assert [(seen.method, seen.target, seen.body) for seen in server.requests] == [("POST", "/1", body), ("GET", "/2", b"")]


def test_a_body_without_close_notify_is_not_whole(start, origin, authority):
    """A client's message that its connection's end cuts off is nobody's, with an alert or without one."""
    server = origin(lambda connection: connection.read_request())
    lintel = start(proxy_to(server, listener=secure(authority)))
    with tls.connect(lintel.address, tls.context(authority.file), "a.test") as client:
        client.send(wire.request("POST", "/", "Content-Length: 10", host="a.test") + b"hello")
        client.sock.shutdown(socket.SHUT_WR)  # Of the socket: no alert.
        with pytest.raises((OSError, wire.Closed, AssertionError)):
            assert client.read_response("POST").status < 400
    assert lintel.last_record(1)["end_reason"].startswith("client.")
    assert [seen.body for seen in server.requests] == [b""]  # The head has come, and nobody took the rest for all.


HEADER = b"PROXY TCP4 203.0.113.9 192.0.2.1 5555 443\r\n"


@pytest.mark.parametrize("first", [
    HEADER + HEADER, HEADER + b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + b"\0" * 12, HEADER[:-2] + b" \r\n",
    HEADER[:-2] + b"\n", b"PROXY TCP4 203.0.113.9 192.0.2.1 5555 443\r\rX: 1\r\n", b"PROXY TCP4 1.2.3.4\r\n", b" " + HEADER,
    b"PROXY TCP4 203.0.113.9\x00 192.0.2.1 5555 443\r\n", b"PROXY TCP4 0203.0.113.9 192.0.2.1 5555 443\r\n",
    b"PROXY TCP6 203.0.113.9 192.0.2.1 5555 443\r\n", b"PROXY TCP4 203.0.113.9 192.0.2.1 65536 443\r\n",
    b"PROXY TCP4 203.0.113.9 192.0.2.1 5555 443 " + b"x" * 300 + b"\r\n", b"\r\n\r\n\0\r\nQUIT\n\x31\x11\0\x0c" + b"\0" * 12,
    b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x04" + b"\0" * 4, b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff" + b"\0" * 200,
])
def test_a_proxy_header_that_is_none(start, origin, first):
    """Twice, with something behind it, or in another form: no request comes through."""
    server = origin()
    lintel = start(proxy_to(server, listener={"proxy_protocol": {"trusted": ["127.0.0.0/8"], "timeout": "500ms"}}))
    with lintel.connect() as client:
        try:
            client.send(first + wire.request())
            answer = client.to_end()
        except (OSError, wire.Closed):
            answer = b""
    assert answer == b"" or answer.startswith(b"HTTP/1.1 400 "), answer
    assert not server.requests
