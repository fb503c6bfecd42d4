"""Certificates of clients: who is let in, what servers are told, and that nobody can tell it himself."""

import base64
import hashlib
import ssl

import pytest
from cryptography.hazmat.primitives import serialization

from harness import tls, wire
from harness.certificates import Authority
from harness.daemon import proxy_to

FORGED = ("X-Client-Cert-Verify: SUCCESS", "x-client-cert-subject: CN=root", "X-Client-Cert-Fingerprint: 00",
          "Client-Cert: :AAAA:", "Client-Cert-Chain: :AAAA:", "X-Client-Cert-Other: 1")


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path)


def listener(authority, mode, **more):
    certificates = [authority.issue("a.test").files, authority.issue("b.test").files]
    auth = {} if mode is None else {"client_auth": {"mode": mode, "ca": authority.file, **more}}
    return {"tls": {"certificates": certificates, **auth}}


def told(request):
    return {name: request.headers.get(name) for name in request.headers.names() if "client-cert" in name}


def ask(lintel, authority, own=None, name="a.test", host="a.test", version=None):
    with tls.connect(lintel.address, tls.context(authority.file, version=version, own=own), name) as client:
        return client.ask(wire.request("GET", "/", *FORGED, host=host))


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_required(start, origin, authority, tmp_path, version):
    server = origin()
    lintel = start(proxy_to(server, listener=listener(authority, "required", forward_certificate=True)))
    alice = authority.issue("alice")
    assert ask(lintel, authority, alice, version=version).status == 200
    der = alice.certificate.public_bytes(serialization.Encoding.DER)
    assert told(server.requests[0]) == {
        "x-client-cert-verify": "SUCCESS",
        "x-client-cert-subject": "CN=alice",
        "x-client-cert-fingerprint": hashlib.sha256(der).hexdigest(),
        "client-cert": f":{base64.b64encode(der).decode()}:",
    }
    stranger = Authority(tmp_path, "Another CA").issue("alice", file="stranger")
    for own in (None, stranger, authority.issue("late", start=-10, end=-1)):
        with pytest.raises((OSError, wire.Closed)):
            ask(lintel, authority, own, version=version)
    assert len(server.requests) == 1
    figures = lintel.metrics()
    assert figures.sum("lintel_tls_handshakes_total", result="untrusted") == 3


def test_optional(start, origin, authority, tmp_path):
    server = origin()
    lintel = start(proxy_to(server, listener=listener(authority, "optional")))
    assert ask(lintel, authority).status == 200
    assert told(server.requests[0]) == {"x-client-cert-verify": "NONE"}
    assert ask(lintel, authority, authority.issue("alice")).status == 200
    assert told(server.requests[1])["x-client-cert-subject"] == "CN=alice"
    assert "client-cert" not in told(server.requests[1])
    with pytest.raises((OSError, wire.Closed)):
        ask(lintel, authority, Authority(tmp_path, "Another CA").issue("alice", file="stranger"))


@pytest.mark.parametrize("secure", [True, False])
def test_nobody_may_speak_of_certificates_himself(start, origin, authority, secure):
    server = origin()
    plain = {} if not secure else listener(authority, None)
    lintel = start(proxy_to(server, listener=plain))
    connection = tls.connect(lintel.address) if secure else lintel.connect()
    with connection as client:
        assert client.ask(wire.request("GET", "/", *FORGED)).status == 200
    assert told(server.requests[0]) == {}
    lintel.reload(proxy_to(server, listener={**plain, "trusted_proxies": ["127.0.0.1"]}))
    connection = tls.connect(lintel.address) if secure else lintel.connect()
    with connection as client:
        assert client.ask(wire.request("GET", "/", *FORGED)).status == 200
    assert told(server.requests[1])["x-client-cert-subject"] == "CN=root"


def test_a_connection_for_one_name_reaches_no_other(start, origin, authority):
    server = origin()
    lintel = start(proxy_to(server, listener=listener(authority, "required")))
    alice = authority.issue("alice")
    assert ask(lintel, authority, alice, "a.test", "b.test").status == 421
    assert ask(lintel, authority, alice, "a.test", "A.test:443").status == 200
    assert lintel.last_record(2)["end_reason"] == "ok"
    assert [record["status"] for record in lintel.access_log(2)] == [421, 200]
    lintel.reload(proxy_to(server, listener=listener(authority, None)))
    assert ask(lintel, authority, None, "a.test", "b.test").status == 200


def test_old_connections_do_not_follow_a_listener_that_asks_for_more(start, origin, authority):
    one, two = origin(), origin(answer=lambda _: wire.response(200, b"two"))
    lintel = start(proxy_to(one, listener=listener(authority, None)))
    with tls.connect(lintel.address, tls.context(authority.file), "a.test") as client:
        assert client.ask(wire.request(host="a.test")).body == b"hello\n"
        lintel.reload(proxy_to(two, listener=listener(authority, "required")))
        try:
            assert client.ask(wire.request(host="a.test")).body == b"hello\n"
        except (OSError, wire.Closed):
            pass  # It may also be closed.
    assert not two.requests


def test_https_only(start, origin, authority):
    server = origin()
    config = proxy_to(server, listener=listener(authority, None))
    config["listeners"][0]["name"] = "secure"
    config["listeners"][0]["https_only"] = {"hsts": "24h", "subdomains": True}
    config["listeners"].append({"name": "web", "https_only": {"port": 8443}})
    lintel = start(config)
    answer = lintel.ask(wire.request("GET", "/a?b=c", host="a.test:80"))
    assert answer.status == 308
    assert answer.headers["location"] == "https://a.test:8443/a?b=c"
    assert "strict-transport-security" not in answer.headers
    assert not server.requests
    address = ("127.0.0.1", lintel.port_of("secure"))
    with tls.connect(address, tls.context(authority.file), "a.test") as client:
        answer = client.ask(wire.request(host="a.test"))
        assert answer.headers["strict-transport-security"] == "max-age=86400; includeSubDomains"
    config["listeners"][1]["https_only"] = True
    lintel.reload(config)
    assert lintel.ask(wire.request("GET", "/", host="a.test")).headers["location"] == "https://a.test/"
