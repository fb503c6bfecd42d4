"""What Lintel tells servers about the client: X-Forwarded-*, Forwarded, Via, X-Request-Id."""

import re

import pytest
from harness.daemon import proxy_to
from harness.wire import request

FORGED = ["X-Forwarded-For: 1.2.3.4", "X-Forwarded-Host: evil", "X-Forwarded-Proto: https", "X-Forwarded-Port: 1",
          "X-Real-IP: 1.2.3.4", "Forwarded: for=1.2.3.4;proto=https", "X-Request-Id: chosen-by-client"]


def test_nothing_is_believed_of_a_stranger(start, origin):
    server = origin()
    start(proxy_to(server)).ask(request("GET", "/", *FORGED, "Via: 1.0 earlier", host="site.example:8080"))
    seen = server.requests[0].headers
    assert seen["x-forwarded-for"] == "127.0.0.1"
    assert seen["x-forwarded-proto"] == "http"
    assert seen["x-forwarded-host"] == "site.example:8080"
    assert "x-real-ip" not in seen and "x-forwarded-port" not in seen
    assert seen["forwarded"] == 'for=127.0.0.1;host="site.example:8080";proto=http'
    assert re.fullmatch("[0-9a-f]{32}", seen["x-request-id"])
    assert ", ".join(seen.all("via")) == "1.0 earlier, 1.1 lintel"
    assert seen["host"] == "site.example:8080"


def test_a_trusted_proxy_is_kept_and_extended(start, origin):
    server = origin()
    lintel = start(proxy_to(server, listener={"trusted_proxies": ["127.0.0.0/8"], "server_name": "edge"}))
    lintel.ask(request("GET", "/", *FORGED))
    seen = server.requests[0].headers
    assert seen["x-forwarded-for"] == "1.2.3.4, 127.0.0.1"
    assert seen["forwarded"] == 'for=1.2.3.4;proto=https, for=127.0.0.1;host="test";proto=http'
    assert (seen["x-forwarded-proto"], seen["x-forwarded-host"]) == ("https", "evil")
    assert (seen["x-real-ip"], seen["x-forwarded-port"]) == ("1.2.3.4", "1")
    assert seen["x-request-id"] == "chosen-by-client"
    assert seen["via"] == "1.1 edge"
    record = lintel.last_record()
    assert (record["client_ip"], record["peer_ip"]) == ("1.2.3.4", "127.0.0.1")
    assert record["request_id"] == "chosen-by-client"


@pytest.mark.parametrize("chain,client", [
    ("", "127.0.0.1"),
    ("203.0.113.9", "203.0.113.9"),
    ("6.6.6.6, 203.0.113.9", "203.0.113.9"),
    ("6.6.6.6, 203.0.113.9, 10.0.0.2", "203.0.113.9"),
    ("10.0.0.3, 10.0.0.2", "10.0.0.3"),
    ("6.6.6.6, nonsense, 10.0.0.2", "10.0.0.2"),
    ("[2001:db8::1]:4711", "2001:db8::1"),
    ("203.0.113.9:80", "203.0.113.9"),
])
def test_client_address_is_the_last_one_nobody_trusted_could_forge(start, origin, chain, client):
    lintel = start(proxy_to(origin(), listener={"trusted_proxies": ["127.0.0.1", "10.0.0.0/8"]}))
    lintel.ask(request("GET", "/", *([f"X-Forwarded-For: {chain}"] if chain else [])))
    assert lintel.last_record()["client_ip"] == client


def test_request_id_is_new_for_each_request_and_stands_in_the_log(start, origin):
    server = origin()
    lintel = start(proxy_to(server))
    with lintel.connect() as client:
        for _ in range(20):
            client.ask(request())
    ids = [seen.headers["x-request-id"] for seen in server.requests]
    assert len(set(ids)) == 20
    assert [record["request_id"] for record in lintel.access_log(20)] == ids


@pytest.mark.parametrize("name", ["Content-Length", "Host", "Authorization", "Cookie", "X-Forwarded-For", "Forwarded"])
def test_connection_may_not_nominate_what_matters(start, origin, name):
    server = origin()
    got = start(proxy_to(server)).ask(request("GET", "/", f"Connection: close, {name}"))
    assert got.status == 400 and not server.requests
