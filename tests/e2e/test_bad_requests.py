"""Requests that are refused: malformed ones, and those beyond a limit."""

import threading

import pytest
from harness import wire
from harness.daemon import proxy_to
from harness.environment import eventually
from harness.wire import Closed, chunk, request, response

H = b"GET / HTTP/1.1\r\nHost: test\r\n"

MALFORMED = {
    "no-host": b"GET / HTTP/1.1\r\n\r\n",
    "two-hosts": H + b"Host: other\r\n\r\n",
    "same-host-twice": H + b"Host: test\r\n\r\n",
    "empty-host": b"GET / HTTP/1.1\r\nHost:\r\n\r\n",
    "host-with-space": b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
    "host-with-user": b"GET / HTTP/1.1\r\nHost: user@test\r\n\r\n",
    "host-with-path": b"GET / HTTP/1.1\r\nHost: test/x\r\n\r\n",
    "host-with-bad-port": b"GET / HTTP/1.1\r\nHost: test:99999\r\n\r\n",
    "absolute-form-differs": b"GET http://other/ HTTP/1.1\r\nHost: test\r\n\r\n",
    "absolute-form-with-user": b"GET http://u@test/ HTTP/1.1\r\nHost: test\r\n\r\n",
    "two-spaces": b"GET  / HTTP/1.1\r\nHost: test\r\n\r\n",
    "no-target": b"GET HTTP/1.1\r\nHost: test\r\n\r\n",
    "relative-target": b"GET path HTTP/1.1\r\nHost: test\r\n\r\n",
    "asterisk-without-options": b"GET * HTTP/1.1\r\nHost: test\r\n\r\n",
    "fragment": b"GET /a#b HTTP/1.1\r\nHost: test\r\n\r\n",
    "bad-protocol": b"GET / HTTQ/1.1\r\nHost: test\r\n\r\n",
    "version-with-letters": b"GET / HTTP/1.x\r\nHost: test\r\n\r\n",
    "http-0.9": b"GET /\r\n\r\n",
    "bad-method": b"G(T / HTTP/1.1\r\nHost: test\r\n\r\n",
    "control-in-target": b"GET /\x01 HTTP/1.1\r\nHost: test\r\n\r\n",
    "tls-hello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(100),
    "fold": H + b"X-A: 1\r\n 2\r\n\r\n",
    "fold-in-first-field": b"GET / HTTP/1.1\r\n X-A: 1\r\nHost: test\r\n\r\n",
    "space-before-colon": H + b"X-A : 1\r\n\r\n",
    "no-colon": H + b"X-A\r\n\r\n",
    "empty-name": H + b": 1\r\n\r\n",
    "bad-name": H + b"X(A: 1\r\n\r\n",
    "nul-in-value": H + b"X-A: a\x00b\r\n\r\n",
    "bare-cr-in-value": H + b"X-A: a\rb\r\n\r\n",
    "bare-lf-line": b"GET / HTTP/1.1\nHost: test\n\n",
    "length-and-chunked": H + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunked-and-length": H + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    "two-lengths": H + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    "same-length-twice": H + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
    "length-list": H + b"Content-Length: 5, 5\r\n\r\nhello",
    "length-plus": H + b"Content-Length: +5\r\n\r\nhello",
    "length-minus": H + b"Content-Length: -5\r\n\r\nhello",
    "length-hex": H + b"Content-Length: 0x5\r\n\r\nhello",
    "length-empty": H + b"Content-Length:\r\n\r\n",
    "length-huge": H + b"Content-Length: 99999999999999999999\r\n\r\n",
    "gzip-chunked": H + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "chunked-twice": H + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunked-list": H + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "xchunked": H + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "chunked-vertical-tab": H + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "identity": H + b"Transfer-Encoding: identity\r\n\r\n",
    "chunked-in-1.0": b"POST / HTTP/1.0\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "above-root": b"GET /../etc/passwd HTTP/1.1\r\nHost: test\r\n\r\n",
    "escaped-above-root": b"GET /%2e%2e/etc HTTP/1.1\r\nHost: test\r\n\r\n",
    "escaped-nul": b"GET /%00 HTTP/1.1\r\nHost: test\r\n\r\n",
    "escaped-backslash": b"GET /a%5Cb HTTP/1.1\r\nHost: test\r\n\r\n",
    "half-escape": b"GET /%4 HTTP/1.1\r\nHost: test\r\n\r\n",
    "bad-escape": b"GET /%zz HTTP/1.1\r\nHost: test\r\n\r\n",
    "eleven-options": H + b"Connection: a, b, c, d, e, f, g, h, i, j, k\r\n\r\n",
}


def test_malformed_heads(start, origin):
    server = origin()
    lintel = start(proxy_to(server))
    wrong = []
    for name, message in MALFORMED.items():
        with lintel.connect() as client:
            client.send(message + H + b"\r\n")  # What follows must not be taken for a request.
            try:
                got = client.read_response()
                if got.status != 400 or got.headers.get("connection") != "close" or not client.at_end():
                    wrong.append((name, got.status, got.headers, bytes(client.buffer)))
            except Closed as error:
                wrong.append((name, error))
    assert not wrong
    assert not server.requests
    assert {record["end_reason"] for record in lintel.access_log(len(MALFORMED))} == {"client.bad_request"}


def test_unsupported_version(start, origin):
    server = origin()
    lintel = start(proxy_to(server))
    for message in (b"GET / HTTP/3.0\r\nHost: test\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"):
        assert lintel.ask(message).status in (400, 505)
    assert not server.requests


BAD_CHUNKS = {
    "no-size": b"\r\n", "letters": b"xyz\r\n", "minus": b"-1\r\n", "hex-prefix": b"0x5\r\nhello\r\n0\r\n\r\n",
    "huge": b"ffffffffffffffffff\r\n", "longer-than-said": b"3\r\nhello\r\n0\r\n\r\n",
    "bare-lf": b"5\nhello\n0\n\n", "space-before-size": b" 5\r\nhello\r\n0\r\n\r\n",
    "bare-lf-after-data": b"5\r\nhello\n0\r\n\r\n", "trailer-without-colon": b"0\r\nabc\r\n\r\n",
}


@pytest.mark.parametrize("with_head", [True, False], ids=["with-head", "after-head"])
def test_malformed_chunks(start, origin, with_head):
    def script(connection):
        connection.read_request()
        connection.send(response(200, b"complete"))

    server = origin(script)
    lintel = start(proxy_to(server))
    wrong = []
    for number, (name, body) in enumerate(BAD_CHUNKS.items(), 1):
        with lintel.connect(timeout=wire.PATIENCE / 5) as client:
            head = request("POST", "/", "Transfer-Encoding: chunked")
            if with_head:
                client.send(head + body)
            else:
                client.send(head)
                eventually(lambda: len(server.requests) == number, "the head at the origin")
                client.send(body)
            try:
                got = client.read_response("POST")
                if got.status != 400 or not client.at_end():
                    wrong.append((name, got.status))
            except (Closed, TimeoutError) as error:
                wrong.append((name, error))
    assert not wrong
    reasons = {record["end_reason"] for record in lintel.access_log(len(BAD_CHUNKS))}
    assert reasons == {"client.bad_request"}
    assert not [seen for seen in server.requests if seen.body], "no server took the body for complete"


STRICT = [
    ("paths", "strict", b"GET /a/./b HTTP/1.1\r\nHost: test\r\n\r\n", "canonical"),
    ("paths", "strict", b"GET /%61 HTTP/1.1\r\nHost: test\r\n\r\n", "canonical"),
    ("encoded_slash", "reject", b"GET /a%2Fb HTTP/1.1\r\nHost: test\r\n\r\n", "escaped slash"),
    ("underscore_names", "reject", H + b"X_A: 1\r\n\r\n", "underscore"),
]


@pytest.mark.parametrize("option,value,message,reason", STRICT)
def test_strict_options(start, origin, option, value, message, reason):
    server = origin()
    lintel = start(proxy_to(server))
    assert lintel.ask(message).status == 200
    config = proxy_to(server, listener={option: value})
    config["listeners"][0]["bind"] = [f"127.0.0.1:{lintel.port}"]
    lintel.reload(config)
    with lintel.connect() as client:
        assert client.ask(message).status == 400
        assert client.at_end()
    record = lintel.last_record(2)
    assert record["end_reason"] == "client.bad_request" and reason in record["detail"]
    assert lintel.ask(request("GET", "/a/b%20c?d=%2f/../_", "X-A: a_b")).status == 200
    assert len(server.requests) == 2


@pytest.mark.parametrize("value,kept,dropped", [("drop", False, 3), ("keep", True, 0)])
def test_underscores_in_names(start, origin, value, kept, dropped):
    server = origin()
    lintel = start(proxy_to(server, listener={"underscore_names": value}))
    body = b"0\r\nT_A: 1\r\nT-A: 2\r\n\r\n"
    assert lintel.ask(request("POST", "/", "X_A: 1", "X_B: 2", "X-A: 3", "Transfer-Encoding: chunked") + body)
    seen, = server.requests
    assert ("x_a" in seen.headers, "x_b" in seen.headers, "t_a" in seen.trailers) == (kept,) * 3
    assert seen.headers["x-a"] == "3" and seen.trailers["t-a"] == "2"
    metrics = lintel.metrics_after(1)
    assert metrics.value("lintel_header_fields_dropped_total", listener="web") == dropped
    assert lintel.stats()["listeners"][0]["header_fields_dropped"] == dropped


LIMITS = [
    ("default-target", {}, request("GET", "/" + "a" * 8192), 414, "client.too_large_target", "target_size"),
    ("target", {"target_size": "100B"}, request("GET", "/" + "a" * 100), 414, "client.too_large_target", "target_size"),
    ("head", {}, request("GET", "/", *[f"X-{i}: {'v' * 1000}" for i in range(33)]), 431, "client.too_large_header", "header_size"),
    ("field", {}, request("GET", "/", "X: " + "v" * 16384), 431, "client.too_large_header", "header_field_size"),
    ("count", {}, request("GET", "/", *[f"X-{i}: 1" for i in range(100)]), 431, "client.too_large_header", "header_count"),
    ("small-count", {"header_count": 3}, request("GET", "/", "A: 1", "B: 2", "C: 3"), 431, "client.too_large_header", "header_count"),
    ("body", {"body_size": "1KiB"}, request("POST", "/", body=b"x" * 1025), 413, "client.too_large_body", "body_size"),
    ("endless-head", {}, b"GET / HTTP/1.1\r\nHost: test\r\n" + (b"X: " + b"v" * 10000 + b"\r\n") * 4, 431, "client.too_large_header", "header_size"),
    ("endless-target", {}, b"GET /" + b"a" * 40000, 414, "client.too_large_target", "target_size"),
]


@pytest.mark.parametrize("limits,message,status,reason,limit", [case[1:] for case in LIMITS],
                         ids=[case[0] for case in LIMITS])
def test_limits(start, origin, limits, message, status, reason, limit):
    server = origin()
    lintel = start(proxy_to(server, listener={"limits": limits}))
    got = lintel.ask(message)
    assert got.status == status
    assert got.body.decode().startswith(str(status)) and got.headers["content-type"].startswith("text/plain")
    record = lintel.last_record()
    assert (record["status"], record["end_reason"], record["limit"]) == (status, reason, limit)
    assert lintel.limits_reached() == {limit: 1}
    assert not server.requests


@pytest.mark.parametrize("trailers,limit", [
    (b"".join(b"X-%d: 1\r\n" % i for i in range(11)), "header_count"),
    (b"X: " + b"v" * 1100 + b"\r\n", "header_field_size"),
    (b"".join(b"X-%d: %s\r\n" % (i, b"v" * 1000) for i in range(5)), "header_size"),
], ids=["count", "field", "size"])
def test_limits_on_trailers(start, origin, trailers, limit):
    """Trailers keep to the limits on heads. The server has the request's head by then."""
    lintel = start(proxy_to(origin(), listener={"limits": {"header_count": 10, "header_field_size": "1KiB", "target_size": "1KiB",
                                                           "header_size": "4KiB"}}))
    got = lintel.ask(request("POST", "/", "Transfer-Encoding: chunked") + b"0\r\n" + trailers + b"\r\n")
    assert got.status == 400
    record = lintel.last_record()
    assert (record["status"], record["end_reason"], record["limit"]) == (400, "client.bad_request", limit)
    assert lintel.limits_reached() == {limit: 1}


def test_within_the_limits(start, origin):
    limits = {"target_size": "100B", "header_count": 3, "body_size": "1KiB", "header_field_size": "1KiB"}
    lintel = start(proxy_to(origin(), listener={"limits": limits}))
    with lintel.connect() as client:
        assert client.ask(request("GET", "/" + "a" * 99, "A: 1", "B: 2")).status == 200
        assert client.ask(request("POST", "/", "A: " + "v" * 1000, body=b"x" * 1024)).status == 200


def test_chunked_body_over_the_limit(start, origin):
    def script(connection):
        seen = connection.read_request_head()
        connection.read_request_body(seen)
        connection.send(response(200, b"complete"))

    server = origin(script)
    lintel = start(proxy_to(server, listener={"limits": {"body_size": "1KiB"}}))
    with lintel.connect() as client:
        client.send(request("POST", "/", "Transfer-Encoding: chunked") + chunk(b"x" * 1000))
        server.wait_for_requests(1)
        client.send(chunk(b"y" * 1000))
        assert client.read_response().status == 413
    assert lintel.last_record()["end_reason"] == "client.too_large_body"
    assert not server.requests[0].body


def test_a_route_has_its_own_body_limit(start, origin):
    config = proxy_to(origin(), listener={"limits": {"body_size": "1KiB"}})
    del config["listeners"][0]["pool"]
    config["listeners"][0]["routes"] = [
        {"match": {"path": "/upload"}, "pool": "site", "body_size": "10KiB"},
        {"match": {"path": "/any"}, "pool": "site", "body_size": "unlimited"}, {"pool": "site"}]
    lintel = start(config)
    for path, size, status in [("/", 1024, 200), ("/", 1025, 413), ("/upload", 10240, 200), ("/upload", 10241, 413),
                               ("/any", 100000, 200)]:
        assert lintel.ask(request("POST", path, body=b"x" * size)).status == status, (path, size)


def test_requests_per_connection(start, origin):
    lintel = start(proxy_to(origin(), listener={"limits": {"requests_per_connection": 3}}))
    with lintel.connect() as client:
        closing = ["connection" in client.ask(request()).headers for _ in range(3)]
        assert closing == [False, False, True] and client.at_end()
    assert [record.get("limit") for record in lintel.access_log(3)] == [None, None, "requests_per_connection"]
    assert lintel.limits_reached() == {"requests_per_connection": 1}


def test_connection_age(start, origin):
    lintel = start(proxy_to(origin(), listener={"limits": {"connection_age": "1s"}}))
    with lintel.connect() as client:
        closing = False
        while not closing:
            closing = client.ask(request()).headers.get("connection") == "close"
            threading.Event().wait(0.01)
        assert client.at_end()


def test_more_clients_than_descriptors(start, origin):
    """What cannot be served waits or fails; the process neither ends nor spins, and serves again afterwards."""
    lintel = start(proxy_to(origin(), workers=2), descriptors=80)
    clients = [lintel.connect() for _ in range(200)]
    for client in clients:
        client.send(request())
    clients[0].read_response()
    lintel.wait_for_log("raise the limit of open files")
    spent = lintel.cpu_seconds()
    threading.Event().wait(0.5)  # In which a spinning loop would use most of a CPU.
    assert lintel.cpu_seconds() - spent < 0.25
    for client in clients:
        client.close()
    assert eventually(lambda: lintel.ask().status == 200, "it serves again")
