"""What goes through Lintel arrives as it was sent: methods, framings, trailers, interim responses, pipelines."""

import threading

import pytest
from harness.daemon import proxy_to, wait_until_quiet
from harness.wire import chunk, request, response

BODY = bytes(range(256)) * 40


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "PURGE"])
@pytest.mark.parametrize("body", [None, b"", b"x", BODY], ids=["none", "empty", "small", "large"])
def test_methods_and_bodies_with_length(start, origin, method, body):
    if method == "HEAD" and body is not None:
        body = None
    server = origin(answer=lambda _: response(200, BODY if method != "HEAD" else b"", "Content-Type: a/b"))
    got = start(proxy_to(server)).ask(request(method, "/some/path?a=b&c", body=body))
    assert (got.status, got.reason, got.headers["content-type"]) == (200, "OK", "a/b")
    assert got.body == (b"" if method == "HEAD" else BODY)
    [seen] = server.requests
    assert (seen.method, seen.target, seen.version) == (method, "/some/path?a=b&c", "HTTP/1.1")
    assert seen.headers["host"] == "test"
    assert seen.body == (body or b"")
    assert seen.headers.get("content-length") == (None if body is None else str(len(body)))
    assert "transfer-encoding" not in seen.headers


@pytest.mark.parametrize("pieces", [[], [b"a"], [b"abc", BODY, b"z"], [b"x"] * 200], ids=["none", "1", "3", "200"])
def test_chunked_both_ways_with_trailers(start, origin, pieces):
    payload = b"".join(map(chunk, pieces))

    def script(connection):
        connection.read_request()
        connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n")
        connection.send(payload + b"0\r\nX-Sum: 2\r\n\r\n")

    server = origin(script)
    message = request("POST", "/", "Transfer-Encoding: chunked", "Trailer: X-Check", "TE: trailers")
    got = start(proxy_to(server)).ask(message + payload + b"0\r\nX-Check: 1\r\n\r\n")
    assert got.body == b"".join(pieces)
    assert got.headers["transfer-encoding"] == "chunked"
    assert got.trailers["x-sum"] == "2"
    [seen] = server.requests
    assert seen.body == b"".join(pieces)
    assert seen.headers["transfer-encoding"] == "chunked"
    assert seen.trailers["x-check"] == "1"


def test_a_message_split_anywhere_is_the_same_message(start, origin):
    server = origin()
    message = request("POST", "/p?q", "Transfer-Encoding: chunked", "X-A: 1") + chunk(b"hello") + b"0\r\nX-T: 2\r\n\r\n"
    lintel = start(proxy_to(server))
    with lintel.connect() as client:
        for at in range(1, len(message), 7):
            client.send(message[:at])
            threading.Event().wait(0.001)  # So that the halves tend to be two reads; either way is right.
            client.send(message[at:])
            assert client.read_response().status == 200
    assert {(seen.target, seen.body, seen.trailers["x-t"]) for seen in server.requests} == {("/p?q", b"hello", "2")}


def test_close_delimited_answer_goes_on_as_chunks(start, origin):
    def script(connection):
        connection.read_request()
        connection.send(b"HTTP/1.1 200 OK\r\n\r\n" + BODY)

    lintel = start(proxy_to(origin(script)))
    with lintel.connect() as client:
        for _ in range(2):  # The client's connection outlives the server's.
            got = client.ask(request())
            assert got.body == BODY
            assert got.headers["transfer-encoding"] == "chunked"


def test_http_10_server(start, origin):
    def script(connection):
        connection.read_request()
        connection.send(b"HTTP/1.0 200 OK\r\nContent-Type: a/b\r\n\r\nold")

    with start(proxy_to(origin(script))).connect() as client:
        for _ in range(2):
            got = client.ask(request())
            assert (got.version, got.body) == ("HTTP/1.1", b"old")


def test_http_10_client_gets_a_close_delimited_body(start, origin):
    def script(connection):
        connection.read_request()
        connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(BODY) + b"0\r\nX-T: 1\r\n\r\n")

    server = origin(script)
    got = start(proxy_to(server)).ask(request(version="HTTP/1.0"))
    assert got.body == BODY and got.until_close
    assert "transfer-encoding" not in got.headers
    assert got.headers.get("connection", "close") == "close"
    assert server.requests[0].version == "HTTP/1.1"
    assert "1.0 " in server.requests[0].headers["via"]


def test_http_10_keep_alive(start, origin):
    with start(proxy_to(origin())).connect() as client:
        for _ in range(3):
            got = client.ask(request("GET", "/", "Connection: keep-alive", version="HTTP/1.0"))
            assert (got.body, got.headers["connection"].lower()) == (b"hello\n", "keep-alive")
        got = client.ask(request(version="HTTP/1.0"))
        assert got.body == b"hello\n" and client.at_end()


def test_http_10_without_host_is_served(start, origin):
    assert start(proxy_to(origin())).ask(request(version="HTTP/1.0", host=None)).status == 200


def test_pipelined_requests_are_answered_in_order(start, origin):
    server = origin(answer=lambda seen: response(200, seen.target.encode() + seen.body))
    with start(proxy_to(server)).connect() as client:
        sent = []
        batch = b""
        for i in range(200):
            method = ("GET", "POST", "HEAD", "PUT")[i % 4]
            body = b"-%d" % i if method in ("POST", "PUT") else None
            batch += request(method, f"/{i}", body=body)
            sent.append((method, f"/{i}".encode() + (body or b"")))
        client.send(batch)
        for method, expected in sent:
            got = client.read_response(method)
            assert got.status == 200
            assert got.body == (b"" if method == "HEAD" else expected)
    assert [seen.target for seen in server.requests] == [f"/{i}" for i in range(200)]


def test_connection_close_is_honoured(start, origin):
    with start(proxy_to(origin())).connect() as client:
        client.send(request("GET", "/", "Connection: close") + request("GET", "/never"))
        assert client.read_response().headers["connection"] == "close"
        assert client.at_end()


def test_client_that_closes_its_sending_side_gets_its_answer(start, origin):
    go = threading.Event()

    def answer(_):
        go.wait()
        return response(200, BODY)

    server = origin(answer=answer)
    lintel = start(proxy_to(server))
    for message in (request(), request("POST", "/", body=b"x")):
        with lintel.connect() as client:
            client.send(message)
            client.end()
            server.wait_for_requests(1)
            go.set()
            assert client.read_response().body == BODY and client.at_end()


def test_many_pipelined_requests_of_a_client_that_does_not_read(start, origin):
    """The client is stopped, not stored; when it reads, everything is there and in order."""
    server = origin(answer=lambda seen: response(200, seen.target.encode() + b"x" * 20000))
    count = 3000
    lintel = start(proxy_to(server, listener={"limits": {"pipelined_requests": count}}))
    with lintel.connect(rcvbuf=16384) as client:
        sender = threading.Thread(target=lambda: client.send(b"".join(request("GET", f"/{i}") for i in range(count))))
        sender.start()
        wait_until_quiet(lambda: len(server.requests))
        assert len(server.requests) < count
        for i in range(count):
            assert client.read_response().body.rstrip(b"x") == b"/%d" % i
        sender.join()


def test_next_request_behind_a_body_that_the_server_did_not_want(start, origin):
    def script(connection):
        if connection.read_request_head().target == "/1":
            connection.send(response(400, b"no", "Connection: close", reason="No"))
            connection.end()
            connection.to_end()
        else:
            connection.send(response(200, b"yes"))

    server = origin(script)
    with start(proxy_to(server)).connect() as client:
        client.send(request("POST", "/1", body=b"GET /evil HTTP/1.1\r\nHost: x\r\n\r\n") + request("GET", "/2"))
        assert client.read_response().status == 400
        assert client.read_response().body == b"yes"
    assert [seen.target for seen in server.requests] == ["/1", "/2"]


# --- Expect: 100-continue


def expecting(length=5):
    return request("POST", "/", "Expect: 100-continue", f"Content-Length: {length}")


def test_expectation_accepted_by_the_server(start, origin):
    def script(connection):
        while seen := connection.read_request_head():
            assert seen.headers["expect"] == "100-continue"
            connection.send(b"HTTP/1.1 100 Continue\r\n\r\n")
            connection.read_request_body(seen)
            connection.send(response(200, seen.body))

    with start(proxy_to(origin(script))).connect() as client:
        for _ in range(2):
            client.send(expecting())
            assert client.read_response_head().status == 100
            client.send(b"hello")
            got = client.read_response()
            assert (got.status, got.body, got.interim) == (200, b"hello", [])


def test_expectation_refused_by_a_final_status(start, origin):
    def script(connection):
        connection.read_request_head()
        connection.send(response(417, b"no", reason="Expectation Failed"))
        connection.at_end()

    server = origin(script)
    with start(proxy_to(server)).connect() as client:
        client.send(expecting())
        got = client.read_response()
        assert (got.status, got.body, got.interim) == (417, b"no", [])
        # The client may still send the body or not: the connection cannot go on.
        assert got.headers["connection"] == "close"
    assert server.requests[0].body == b""


def test_client_that_does_not_wait_for_100(start, origin):
    def script(connection):
        while seen := connection.read_request():
            connection.send(b"HTTP/1.1 100 Continue\r\n\r\n" + response(200, seen.body))

    with start(proxy_to(origin(script))).connect() as client:
        for _ in range(2):
            got = client.ask(expecting() + b"hello")
            assert (got.status, got.body) == (200, b"hello")


# --- Interim and early responses


def test_interim_responses_go_through(start, origin):
    def script(connection):
        while connection.read_request():
            connection.send(b"HTTP/1.1 102 Processing\r\n\r\n")
            connection.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n")
            connection.send(response(200, b"done"))

    lintel = start(proxy_to(origin(script)))
    with lintel.connect() as client:
        for _ in range(2):
            got = client.ask(request())
            assert [one.status for one in got.interim] == [102, 103]
            assert got.interim[1].headers["link"] == "</a.css>; rel=preload"
            assert (got.status, got.body) == (200, b"done")
    got = lintel.ask(request(version="HTTP/1.0"))
    assert (got.interim, got.status) == ([], 200), "an HTTP/1.0 client knows no interim responses"


def test_interim_response_comes_before_the_final_one_is_there(start, origin):
    go = threading.Event()

    def script(connection):
        connection.read_request()
        connection.send(b"HTTP/1.1 103 Early Hints\r\nX-A: 1\r\n\r\n")
        go.wait()
        connection.send(response(200, b"done"))

    with start(proxy_to(origin(script))).connect() as client:
        client.send(request())
        assert client.read_response_head().status == 103
        go.set()
        assert client.read_response().body == b"done"


def test_response_comes_while_the_request_body_is_still_coming(start, origin):
    def script(connection):
        seen = connection.read_request_head()
        connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(b"first"))
        connection.read_request_body(seen)
        connection.send(chunk(seen.body) + b"0\r\n\r\n")
        connection.at_end()

    with start(proxy_to(origin(script))).connect() as client:
        client.send(request("POST", "/", "Transfer-Encoding: chunked") + chunk(b"a"))
        assert client.read_response_head().status == 200
        assert client.line() == b"5" and client.line() == b"first"
        client.send(chunk(b"b") + b"0\r\n\r\n")
        assert client.chunked()[0] == b"ab"


def test_echo_as_it_comes(start, origin):
    """Both bodies at once, one message at a time: nothing may wait for more."""
    def script(connection):
        connection.read_request_head()
        connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while size := int(connection.line(), 16):
            connection.send(chunk(connection.exactly(size)))
            connection.line()
        connection.send(b"0\r\n\r\n")
        connection.at_end()

    with start(proxy_to(origin(script))).connect() as client:
        client.send(request("POST", "/", "Transfer-Encoding: chunked"))
        assert client.read_response_head().status == 200
        for i in range(50):
            client.send(chunk(b"ping %d" % i))
            assert int(client.line(), 16) == len(b"ping %d" % i)
            assert client.line() == b"ping %d" % i
        client.send(b"0\r\n\r\n")
        assert client.chunked()[0] == b""


@pytest.mark.parametrize("status", [401, 413, 500])
def test_final_status_ends_an_upload(start, origin, status):
    """The server refuses without reading; the client, still sending, sees the answer."""
    def script(connection):
        connection.read_request_head()
        connection.send(response(status, b"stop", "Connection: close", reason="No"))
        connection.end()
        connection.to_end()

    with start(proxy_to(origin(script))).connect() as client:
        client.send(request("POST", "/", "Content-Length: 100000000"))
        stop = threading.Event()

        def upload():
            try:
                while not stop.is_set():
                    client.send(bytes(65536))
            except OSError:
                pass

        sender = threading.Thread(target=upload)
        sender.start()
        try:
            got = client.read_response("POST")
        finally:
            stop.set()
        assert (got.status, got.body) == (status, b"stop")
        sender.join()


@pytest.mark.parametrize("body", [2000, 100_000, 1_000_000], ids=["small", "middle", "large"])
def test_a_refusal_that_a_reset_follows_is_passed_on(start, origin, body):
    """The server closes with the request unread, which resets the connection while it is being written to."""
    def script(connection):
        connection.read_request_head()
        connection.send(response(413, b"too much", "Connection: close", reason="Content Too Large"))
        connection.reset()

    server = origin(script)
    lintel = start(proxy_to(server))
    for number in range(1, 31):
        got = lintel.ask(request("POST", "/", body=bytes(body)))
        assert (got.status, got.body) == (413, b"too much")
        assert len(server.connections) == number, "one that was answered early is not used again"
    assert {record["end_reason"] for record in lintel.access_log(30)} == {"ok"}


@pytest.mark.parametrize("status", [204, 304])
@pytest.mark.parametrize("lines", [[], ["ETag: \"x\""], ["Content-Length: 1000"]], ids=["plain", "etag", "length"])
def test_answers_without_body(start, origin, status, lines):
    if status == 204 and lines and lines[0].startswith("Content-Length"):
        lines = []
    head = "\r\n".join([f"HTTP/1.1 {status} Nothing", *lines, "", ""])
    server = origin(answer=lambda _: head.encode())
    with start(proxy_to(server)).connect() as client:
        for _ in range(3):
            got = client.ask(request())
            assert (got.status, got.body) == (status, b"")
            assert "transfer-encoding" not in got.headers
            if lines:
                name, _, value = lines[0].partition(": ")
                assert got.headers[name] == value
    assert len(server.connections) == 1


def test_head_keeps_the_length_of_the_get(start, origin):
    server = origin(answer=lambda _: b"HTTP/1.1 200 OK\r\nContent-Length: 12345\r\n\r\n")
    with start(proxy_to(server)).connect() as client:
        for _ in range(2):
            assert client.ask(request("HEAD")).headers["content-length"] == "12345"
    assert len(server.connections) == 1


# --- Heads


def test_large_and_many_fields(start, origin):
    sent = [f"X-Field-{i}: {'v' * 250}{i}" for i in range(80)]
    server = origin(answer=lambda _: response(200, b"", *sent))
    got = start(proxy_to(server)).ask(request("GET", "/" + "p" * 8000, *sent))
    for fields in (server.requests[0].headers, got.headers):
        assert [fields[f"x-field-{i}"] for i in range(80)] == ["v" * 250 + str(i) for i in range(80)]
    assert server.requests[0].target == "/" + "p" * 8000


def test_one_large_field(start, origin):
    server = origin()
    start(proxy_to(server)).ask(request("GET", "/", "Cookie: " + "c" * 16000))
    assert server.requests[0].headers["cookie"] == "c" * 16000


def test_repeated_fields_stay_apart_and_in_order(start, origin):
    server = origin(answer=lambda _: response(200, b"", "Set-Cookie: a=1", "X-B: 2", "Set-Cookie: c=3; Path=/, d"))
    got = start(proxy_to(server)).ask(request("GET", "/", "X-A: 1", "X-B: 2", "X-A: 3", "X-Empty:"))
    assert got.headers.all("set-cookie") == ["a=1", "c=3; Path=/, d"]
    assert server.requests[0].headers.all("x-a") == ["1", "3"]
    assert server.requests[0].headers["x-empty"] == ""


def test_bytes_of_values_and_reason_are_kept(start, origin):
    server = origin(answer=lambda _: response(299, b"", "X-Latin: \xe9\xff", reason="Un\xe9usual, quite"))
    got = start(proxy_to(server)).ask(request("GET", "/", "X-Latin: \xe4\xf6"))
    assert server.requests[0].headers["x-latin"] == "\xe4\xf6"
    assert (got.status, got.headers["x-latin"]) == (299, "\xe9\xff")


@pytest.mark.parametrize("line", [
    "Connection: keep-alive, X-Hop", "Keep-Alive: timeout=5", "Proxy-Connection: keep-alive",
    "TE: trailers, deflate", "Upgrade: h2c"])
def test_hop_by_hop_fields_of_a_request_are_removed(start, origin, line):
    server = origin()
    lines = [line, "X-Hop: secret"] if "X-Hop" in line else [line]
    if line.startswith("Upgrade"):
        lines.append("Connection: Upgrade, HTTP2-Settings")
        lines.append("HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA")
    start(proxy_to(server)).ask(request("GET", "/", "X-Stays: 1", *lines))
    seen = server.requests[0].headers
    assert seen["x-stays"] == "1"
    for name in ("x-hop", "keep-alive", "proxy-connection", "upgrade", "http2-settings"):
        assert name not in seen, name
    assert seen.get("te", "trailers") == "trailers"
    assert seen.get("connection", "").lower() in ("", "keep-alive", "te")


def test_hop_by_hop_fields_of_a_response_are_removed(start, origin):
    server = origin(answer=lambda _: response(
        200, b"x", "Connection: keep-alive, X-Hop", "X-Hop: secret", "Keep-Alive: timeout=50, max=9",
        "Proxy-Authenticate: Basic", "Upgrade: h2c", "X-Stays: 1", "Server: origin/1", "Date: then"))
    got = start(proxy_to(server)).ask()
    assert (got.headers["x-stays"], got.headers["server"], got.headers["date"]) == ("1", "origin/1", "then")
    for name in ("x-hop", "keep-alive", "upgrade", "connection"):
        assert name not in got.headers, name


@pytest.mark.parametrize("target,forwarded", [
    ("/a/./b/../c", "/a/c"), ("/%61%7E", "/a~"), ("/a%2fb", "/a%2Fb"), ("//x//y", "//x//y"), ("/?a=%zz&b", "/?a=%zz&b"),
    ("/a?", "/a?"), ("http://test/abs?x=1", "/abs?x=1"), ("http://test", "/")])
def test_target_is_forwarded_in_its_one_normal_form(start, origin, target, forwarded):
    server = origin()
    assert start(proxy_to(server)).ask(request("GET", target)).status == 200
    assert server.requests[0].target == forwarded
    assert server.requests[0].headers["host"] == "test"


def test_options_asterisk(start, origin):
    server = origin()
    assert start(proxy_to(server)).ask(request("OPTIONS", "*")).status == 200
    assert server.requests[0].target == "*"
