"""Error answers, limits, timeouts, truncation and aborts: what the client sees, and the end reason in the log."""

import socket
import threading

import pytest
from harness import wire
from harness.daemon import proxy_to
from harness.environment import eventually, free_port
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


LIMITS = [
    ("default-target", {}, request("GET", "/" + "a" * 8192), 414, "client.too_large_target"),
    ("target", {"target_size": "100B"}, request("GET", "/" + "a" * 100), 414, "client.too_large_target"),
    ("head", {}, request("GET", "/", *[f"X-{i}: {'v' * 1000}" for i in range(33)]), 431, "client.too_large_header"),
    ("field", {}, request("GET", "/", "X: " + "v" * 16384), 431, "client.too_large_header"),
    ("count", {}, request("GET", "/", *[f"X-{i}: 1" for i in range(100)]), 431, "client.too_large_header"),
    ("small-count", {"header_count": 3}, request("GET", "/", "A: 1", "B: 2", "C: 3"), 431, "client.too_large_header"),
    ("body", {"body_size": "1KiB"}, request("POST", "/", body=b"x" * 1025), 413, "client.too_large_body"),
    ("endless-head", {}, b"GET / HTTP/1.1\r\nHost: test\r\nX: " + b"v" * 40000, 431, "client.too_large_header"),
    ("endless-target", {}, b"GET /" + b"a" * 40000, 414, "client.too_large_target"),
]


@pytest.mark.parametrize("limits,message,status,reason", [case[1:] for case in LIMITS], ids=[case[0] for case in LIMITS])
def test_limits(start, origin, limits, message, status, reason):
    server = origin()
    lintel = start(proxy_to(server, listener={"limits": limits}))
    got = lintel.ask(message)
    assert got.status == status
    assert got.body.decode().startswith(str(status)) and got.headers["content-type"].startswith("text/plain")
    record = lintel.last_record()
    assert (record["status"], record["end_reason"]) == (status, reason)
    assert not server.requests


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
    with start(proxy_to(origin(), listener={"limits": {"requests_per_connection": 3}})).connect() as client:
        closing = ["connection" in client.ask(request()).headers for _ in range(3)]
        assert closing == [False, False, True] and client.at_end()


def test_connection_age(start, origin):
    lintel = start(proxy_to(origin(), listener={"limits": {"connection_age": "1s"}}))
    with lintel.connect() as client:
        closing = False
        while not closing:
            closing = client.ask(request()).headers.get("connection") == "close"
            threading.Event().wait(0.01)
        assert client.at_end()


# --- Timeouts of clients


def test_header_timeout(start, origin):
    server = origin()
    lintel = start(proxy_to(server, listener={"timeouts": {"header": "200ms"}}))
    with lintel.connect() as client:
        client.send("GET / HTTP/1.1\r\nHost: te")
        got = client.read_response()
        assert got.status == 408 and got.headers["connection"] == "close" and client.at_end()
    record = lintel.last_record()
    assert (record["status"], record["end_reason"]) == (408, "client.timeout_header")
    assert record["duration_ms"] >= 190
    assert not server.requests


def test_header_timeout_is_of_the_whole_head(start, origin):
    lintel = start(proxy_to(origin(), listener={"timeouts": {"header": "300ms"}}))
    with lintel.connect() as client:
        answered = threading.Event()

        def trickle():
            client.send("GET / HTTP/1.1\r\nHost: test\r\nX: ")
            while not answered.wait(0.02):
                try:
                    client.send("a")
                except OSError:
                    return

        sender = threading.Thread(target=trickle)
        sender.start()
        try:
            assert client.read_response().status == 408
        finally:
            answered.set()
            sender.join()


def test_silent_connections_are_closed(start, origin):
    lintel = start(proxy_to(origin(), listener={"timeouts": {"header": "200ms", "idle": "300ms"}}))
    with lintel.connect() as never, lintel.connect() as once:
        assert once.ask(request()).status == 200
        assert never.at_end() and once.at_end()
    assert len(lintel.access_lines()) <= 1


def test_request_body_timeout(start, origin):
    def script(connection):
        connection.read_request()

    server = origin(script)
    lintel = start(proxy_to(server, listener={"timeouts": {"request_body": "200ms"}}))
    with lintel.connect() as client:
        client.send(request("POST", "/", "Content-Length: 100") + b"part")
        assert client.read_response("POST").status == 408
        assert client.at_end()
    assert lintel.last_record()["end_reason"] == "client.timeout_body"
    eventually(lambda: server.open == 0, "the server's connection is closed")
    assert server.requests[0].body == b""


def test_a_slow_body_within_the_timeout_is_no_error(start, origin):
    lintel = start(proxy_to(origin(), listener={"timeouts": {"request_body": "2s"}}))
    with lintel.connect() as client:
        client.send(request("POST", "/", "Content-Length: 20"))
        for _ in range(20):
            client.send(b"x")
            threading.Event().wait(0.01)
        assert client.read_response("POST").status == 200


def test_write_timeout(start, origin):
    def script(connection):
        connection.read_request()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n" + bytes(100000000))

    server = origin(script)
    lintel = start(proxy_to(server, listener={"timeouts": {"write": "300ms"}}))
    with lintel.connect(rcvbuf=4096) as client:
        client.send(request())
        record = lintel.last_record()
        assert record["end_reason"] == "client.timeout_write"
        assert 0 < record["bytes_out"] < 100000000
        with pytest.raises(Closed):
            client.read_response()
    eventually(lambda: server.open == 0, "the server's connection is closed")


# --- Servers that fail


def broken(data=b"", how="close"):
    def script(connection):
        connection.read_request()
        connection.send(data)
        if how == "reset":
            connection.reset()
        elif how == "hang":
            connection.at_end()
    return script


OK = b"HTTP/1.1 200 OK\r\n"
FAILURES = {
    "garbage": (broken(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"), 502, "upstream.bad_response"),
    "bad-status": (broken(b"HTTP/1.1 2x0 OK\r\n\r\n"), 502, "upstream.bad_response"),
    "bad-field": (broken(OK + b"no colon here\r\n\r\n"), 502, "upstream.bad_response"),
    "two-lengths": (broken(OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab"), 502, "upstream.bad_response"),
    "length-and-chunked": (broken(OK + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), 502,
                           "upstream.bad_response"),
    "folded": (broken(OK + b"X: a\r\n b\r\nContent-Length: 0\r\n\r\n"), 502, "upstream.bad_response"),
    "unasked-101": (broken(b"HTTP/1.1 101 Switching Protocols\r\n\r\n"), 502, "upstream.bad_response"),
    "closes": (broken(), 502, "upstream.closed"),
    "resets": (broken(how="reset"), 502, "upstream.reset"),
    "closes-within-head": (broken(OK + b"X-A: 1\r\n"), 502, "upstream.closed"),
    "resets-within-head": (broken(OK + b"X-A: 1\r\n", "reset"), 502, "upstream.reset"),
    "large-head": (broken(OK + b"".join(b"X-%d: %s\r\n" % (i, b"v" * 1000) for i in range(80)) + b"\r\n", "hang"), 502,
                   "upstream.too_large_header"),
    "silent": (broken(how="hang"), 504, "upstream.timeout_first_byte"),
    "silent-within-head": (broken(OK + b"X-A: 1\r\n", "hang"), 504, "upstream.timeout_first_byte"),
}


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("script,status,reason", FAILURES.values(), ids=FAILURES)
def test_failing_server(start, origin, script, status, reason, method):
    server = origin(script)
    lintel = start(proxy_to(server, pool={"timeouts": {"first_byte": "300ms"}}))
    with lintel.connect() as client:
        for _ in range(2):  # The client's connection survives the server's failure.
            got = client.ask(request(method, "/", body=b"body" if method == "POST" else None))
            assert got.status == status
            assert got.body.decode().startswith(f"{status} ")
    for record in lintel.access_log(2):
        assert (record["status"], record["end_reason"]) == (status, reason)
        assert record["server"] == server.name
        assert record["attempts"][-1]["reason"] == reason
    assert len(server.requests) == 2


def test_refused_connection(start):
    lintel = start(proxy_to(f"127.0.0.1:{free_port()}"))
    assert lintel.ask().status == 502
    assert lintel.last_record()["end_reason"] == "upstream.connect_refused"


def test_missing_unix_socket(start, tmp_path):
    lintel = start(proxy_to(f"unix:{tmp_path}/none.sock"))
    assert lintel.ask().status == 502
    assert lintel.last_record()["end_reason"].startswith("upstream.connect_")


def test_connect_timeout(start):
    """A listener whose queue is full drops further handshakes."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        port = full.getsockname()[1]
        waiting = []
        for _ in range(8):
            one = socket.socket()
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", port))
            waiting.append(one)
        lintel = start(proxy_to(f"127.0.0.1:{port}", pool={"connect_timeout": "300ms"}))
        assert lintel.ask().status == 504
        record = lintel.last_record()
        assert record["end_reason"] == "upstream.connect_timeout"
        assert record["t_connect_ms"] >= 290
        for one in waiting:
            one.close()


def test_no_server(start):
    lintel = start(proxy_to("no-such-name.invalid:80"))
    assert "no-such-name.invalid:80" in lintel.stderr()
    assert lintel.ask().status == 503
    assert lintel.last_record()["end_reason"] == "pool.no_server"


# --- Truncated answers

PART = b"x" * 1000
TRUNCATED = {
    "length": b"Content-Length: 5000\r\n\r\n" + PART,
    "chunked": b"Transfer-Encoding: chunked\r\n\r\n" + chunk(PART),
    "within-chunk": b"Transfer-Encoding: chunked\r\n\r\n" + b"1388\r\n" + PART,
    "bad-chunk": b"Transfer-Encoding: chunked\r\n\r\n" + chunk(PART) + b"zz\r\n",
}


@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/1.0"])
@pytest.mark.parametrize("kind", [*TRUNCATED, "until-close"])
def test_truncated_answer_is_seen_as_truncated(start, origin, kind, version, how):
    if kind == "until-close":
        how = "reset"  # An orderly end is the end of such a body.
    consumed = threading.Event()

    def script(connection):
        connection.read_request()
        connection.send(OK + TRUNCATED.get(kind, b"\r\n" + PART))
        if how == "reset":
            consumed.wait()
            connection.reset()

    lintel = start(proxy_to(origin(script)))
    with lintel.connect() as client:
        client.send(request(version=version))
        head = client.read_response_head()
        assert head.status == 200
        while len(client.buffer) < len(PART):
            assert client.fill()
        consumed.set()
        with pytest.raises(Closed) as closed:
            if "transfer-encoding" in head.headers:
                client.chunked()
            elif "content-length" in head.headers:
                client.exactly(int(head.headers["content-length"]))
            else:
                client.to_end()
    assert PART in closed.value.partial
    record = lintel.last_record()
    reason = "upstream.bad_response" if kind == "bad-chunk" else "upstream.truncated"
    assert (record["status"], record["end_reason"]) == (200, reason)


def test_server_that_stops_within_its_answer(start, origin):
    def script(connection):
        connection.read_request()
        connection.send(OK + b"Content-Length: 5000\r\n\r\n" + PART)
        connection.at_end()

    lintel = start(proxy_to(origin(script), pool={"timeouts": {"idle": "300ms"}}))
    with pytest.raises(Closed):
        lintel.ask()
    assert lintel.last_record()["end_reason"] == "upstream.timeout_body"


def test_server_that_does_not_read(start, origin):
    lintel_done = threading.Event()

    def script(connection):
        connection.read_request_head()
        lintel_done.wait()

    server = origin(script)
    lintel = start(proxy_to(server, pool={"timeouts": {"idle": "300ms", "first_byte": "3s"}}))
    with lintel.connect() as client:
        stop = threading.Event()

        def upload():
            try:
                while not stop.is_set():
                    client.send(bytes(65536))
            except OSError:
                pass

        client.send(request("POST", "/", "Content-Length: 1000000000"))
        sender = threading.Thread(target=upload)
        sender.start()
        try:
            record = lintel.last_record()
        finally:
            stop.set()
            lintel_done.set()
            client.sock.shutdown(socket.SHUT_RDWR)
            sender.join()
    assert record["end_reason"] == "upstream.timeout_send"


# --- Clients that go away


@pytest.mark.parametrize("how", ["close", "reset"])
def test_client_leaves_within_the_head(start, origin, how):
    server = origin()
    lintel = start(proxy_to(server))
    client = lintel.connect()
    client.send("GET / HTTP/1.1\r\nHost: te")
    leave(client, how)
    assert lintel.last_record()["end_reason"] == "client.abort_header"
    assert not server.requests


@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize("framing", ["Content-Length: 100000", "Transfer-Encoding: chunked"])
def test_client_leaves_within_the_request_body(start, origin, how, framing):
    cut = threading.Event()

    def script(connection):
        seen = connection.read_request_head()
        try:
            connection.read_request_body(seen)
        except (Closed, ConnectionError):
            cut.set()

    server = origin(script)
    lintel = start(proxy_to(server))
    client = lintel.connect()
    client.send(request("POST", "/", framing) + chunk(b"part"))
    server.wait_for_requests(1)
    leave(client, how)
    assert lintel.last_record()["end_reason"] == "client.abort_body"
    assert cut.wait(10), "the server sees that the body is not complete"
    assert server.requests[0].body == b""


@pytest.mark.parametrize("how", ["close", "reset"])
def test_client_leaves_within_the_response(start, origin, how):
    cut = threading.Event()

    def script(connection):
        connection.read_request()
        try:
            connection.send(OK + b"Transfer-Encoding: chunked\r\n\r\n")
            while True:
                connection.send(chunk(bytes(65536)))
        except OSError:
            cut.set()

    server = origin(script)
    lintel = start(proxy_to(server))
    client = lintel.connect()
    client.send(request())
    client.exactly(1000000)
    leave(client, how)
    record = lintel.last_record()
    assert (record["status"], record["end_reason"]) == (200, "client.abort_response")
    assert cut.wait(10), "the server does not send for nobody"
    eventually(lambda: lintel.stats()["pools"][0]["servers"][0]["active"] == 0, "the connection is not in use")


def leave(client, how):
    if how == "reset":
        client.reset()
    else:
        client.close()


def test_nothing_stays_behind_after_failures(start, origin):
    """Gauges are back at zero and the connections to the server are closed after every kind of failure."""
    scripts = [script for script, _, _ in FAILURES.values()]
    server = origin(lambda connection: scripts[connection.number % len(scripts)](connection))
    lintel = start(proxy_to(server, pool={"timeouts": {"first_byte": "100ms"}}))
    for _ in scripts:
        assert lintel.ask().status >= 500
    eventually(lambda: server.open == 0, "no connection to the server is left")

    def left():
        stats = lintel.stats()
        [one] = stats["pools"][0]["servers"]
        return stats["listeners"][0]["connections"], stats["routes"][0]["in_flight"], one["active"], one["idle"]

    eventually(lambda: left() == (0, 0, 0, 0), "no gauge shows anything")


def test_connection_limit(start, origin):
    lintel = start(proxy_to(origin(), listener={"limits": {"connections": 2}}))
    first, second = lintel.connect(), lintel.connect()
    assert first.ask(request()).status == 200
    assert second.ask(request()).status == 200
    with lintel.connect() as third:
        third.send(request())
        first.close()
        third.sock.settimeout(wire.PATIENCE)
        try:  # Either turned away, or served once there is a place; never both within the limit.
            assert third.read_response().status == 200
        except Closed:
            assert lintel.stats()["listeners"][0]["accepts"]["limit"] == 1
    second.close()
