"""Timeouts, failing servers, truncation and aborts: what the client sees, and the end reason in the log."""

import socket
import threading

import pytest
from harness.daemon import proxy_to
from harness.environment import eventually, free_port
from harness.wire import Closed, chunk, request


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
    lintel = start(proxy_to(server, pool={"timeouts": {"first_byte": "300ms" if status == 504 else "60s"}}))
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
    lintel.wait_for_log("no-such-name.invalid")
    assert lintel.ask().status == 503
    assert lintel.last_record()["end_reason"] == "pool.empty"


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
