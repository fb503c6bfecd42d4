"""Connections to servers: kept and used again, safe when they turn out to be dead; how servers are chosen."""

import collections
import contextlib
import threading
import time

import pytest
from harness import peers
from harness.daemon import proxy_to
from harness.environment import eventually, free_port
from harness.wire import Closed, request, response


def test_connections_are_used_again(start, origin):
    server = origin()
    lintel = start(proxy_to(server))
    with lintel.connect() as client:
        for _ in range(100):
            assert client.ask(request()).status == 200
    for _ in range(20):  # Clients' connections end, the server's does not.
        assert lintel.ask().status == 200
    assert len(server.connections) == 1

    def figures():
        [one] = lintel.stats()["pools"][0]["servers"]
        return one["requests"], one["active"], one["idle"]

    eventually(lambda: figures() == (120, 0, 1), "120 requests, one idle connection")
    assert lintel.stats()["pools"][0]["connect"]["count"] == 1


def test_as_many_connections_as_requests_at_once(start, origin):
    together = threading.Barrier(8)

    def answer(_):
        together.wait()
        return response(200)

    server = origin(answer=answer)
    lintel = start(proxy_to(server))
    clients = [lintel.connect() for _ in range(8)]
    for _ in range(3):
        for client in clients:
            client.send(request())
        for client in clients:
            assert client.read_response().status == 200
    assert len(server.connections) == 8
    for client in clients:
        client.close()


@pytest.mark.parametrize("lines,version", [(["Connection: close"], "1.1"), ([], "1.0")])
def test_a_connection_that_the_server_ends_is_not_kept(start, origin, lines, version):
    server = origin(answer=lambda _: response(200, b"x", *lines).replace(b"HTTP/1.1", f"HTTP/{version}".encode()))
    lintel = start(proxy_to(server))
    for _ in range(3):
        assert lintel.ask().body == b"x"
    assert len(server.connections) == 3
    assert lintel.stats()["pools"][0]["retries"] == {}


def test_bytes_behind_an_answer_spoil_the_connection(start, origin):
    server = origin(answer=lambda _: response(200, b"x") + b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
    lintel = start(proxy_to(server))
    for _ in range(3):
        assert lintel.ask().body == b"x"
    assert len(server.connections) == 3


def test_no_connection_is_kept_where_none_shall_be(start, origin):
    server = origin()
    lintel = start(proxy_to(server, pool={"keepalive": {"max_idle": 0}}))
    for _ in range(3):
        assert lintel.ask().status == 200
    assert len(server.connections) == 3
    eventually(lambda: server.open == 0, "they are closed")


def test_idle_connections_are_closed_in_time(start, origin):
    server = origin()
    lintel = start(proxy_to(server, pool={"keepalive": {"idle": "200ms"}}))
    assert lintel.ask().status == 200
    eventually(lambda: server.open == 0, "the idle connection is closed")
    assert lintel.ask().status == 200
    assert len(server.connections) == 2


def test_announced_keep_alive_time_is_honoured(start, origin):
    """Lintel closes before a server would that says it closes after a second."""
    closed = []

    def script(connection):
        connection.read_request()
        connection.send(response(200, b"x", "Keep-Alive: timeout=1"))
        begun = time.monotonic()
        connection.at_end()
        closed.append(time.monotonic() - begun)

    lintel = start(proxy_to(origin(script)))
    assert lintel.ask().status == 200
    eventually(lambda: closed, "Lintel closes the connection")
    assert 0.3 < closed[0] < 15, "not at once, and long before keepalive.idle"


def ends_after(idle, ended):
    """Serves until a connection has been idle for so long, then closes it, as servers do that announce nothing."""
    def script(connection):
        connection.sock.settimeout(idle)
        try:
            while connection.read_request():
                connection.send(response(200, b"x"))
        except TimeoutError:
            ended.append(connection.number)
    return script


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_the_idle_time_of_servers_is_learned(start, origin, method):
    """A server closes after 1.5 s. Once it has been seen to, requests at gaps around that never meet a connection at
    its end: not even POST, which nothing could repeat."""
    ended = []
    server = origin(ends_after(1.5, ended))
    gaps = [1.2 + 0.05 * i for i in range(10)]
    # A pool for each gap, so that each has connections of its own, and learns by itself.
    lintel = start({"listeners": [{"name": "web", "routes": [
                        {"match": {"path": f"/{i}"}, "pool": f"p{i}"} for i in range(len(gaps))]}],
                    "pools": {f"p{i}": {"servers": [server.name], "retry": {"on": ["connect-failure"]}}
                              for i in range(len(gaps))}, "workers": 1})
    statuses = []

    def ask(client, i):
        statuses.append(client.ask(request(method, f"/{i}", body=b"x" if method == "POST" else None)).status)

    def run(client, i):
        for _ in range(3):
            time.sleep(gaps[i])
            ask(client, i)

    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(lintel.connect()) for _ in gaps]
        for i, client in enumerate(clients):
            ask(client, i)
        eventually(lambda: len(ended) == len(gaps), "the server has closed each connection once")
        for i, client in enumerate(clients):
            ask(client, i)
        threads = [threading.Thread(target=run, args=(client, i)) for i, client in enumerate(clients)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert statuses == [200] * 5 * len(gaps)
    assert len(ended) <= len(gaps) + 1, "later it is Lintel that closes first"  # Or the machine stood still.
    assert len(server.connections) > len(gaps)


@pytest.mark.long
def test_node_with_gaps_around_its_idle_time(start, tmp_path):
    """Node closes after 5 s (and says so): orders every 4 to 6 s on connections of their own never fail."""
    node = peers.node(tmp_path)
    gaps = [4.0 + 0.1 * i for i in range(21)]
    with contextlib.ExitStack() as stack:
        stack.callback(node.close)
        lintel = start({"listeners": [{"name": "web", "routes": [
                            {"match": {"path": "/echo", "header": {"X-Pool": str(i)}}, "pool": f"p{i}"}
                            for i in range(len(gaps))]}],
                        "pools": {f"p{i}": {"servers": [node.name], "retry": {"on": ["connect-failure"]}}
                                  for i in range(len(gaps))}})
        statuses = []

        def run(client, i):
            for _ in range(3):
                statuses.append(client.ask(request("POST", "/echo", f"X-Pool: {i}", body=b"order")).status)
                time.sleep(gaps[i])

        clients = [stack.enter_context(lintel.connect()) for _ in gaps]
        threads = [threading.Thread(target=run, args=(client, i)) for i, client in enumerate(clients)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert statuses == [200] * 3 * len(gaps)


# --- Connections that are dead


def dies_at_second_request(how):
    """Answers one request per connection; takes a second one and ends without a word."""
    def script(connection):
        connection.read_request()
        connection.send(response(200))
        if connection.read_request():
            connection.reset() if how == "reset" else connection.close()
    return script


@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"])
def test_repeatable_request_on_a_dead_connection_succeeds(start, origin, method, how):
    server = origin(dies_at_second_request(how))
    lintel = start(proxy_to(server))
    message = request(method, "/", body=b"body" if method == "PUT" else None)
    with lintel.connect() as client:
        for _ in range(6):
            assert client.ask(message).status == 200
    # Every connection took its first request and died at its second, which came again on the next one.
    assert len(server.connections) == 6
    assert collections.Counter(seen.connection for seen in server.requests) == {0: 2, 1: 2, 2: 2, 3: 2, 4: 2, 5: 1}
    records = lintel.access_log(6)
    assert {record["end_reason"] for record in records} == {"ok"}
    assert [attempt.get("reason") for attempt in records[-1]["attempts"]] == ["upstream.idle_closed", "ok"]
    assert lintel.metrics_after(6).value("lintel_upstream_retries_total", pool="site", reason="upstream.idle_closed") == 5


@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_request_that_must_not_be_repeated_is_delivered_once(start, origin, method, how):
    server = origin(dies_at_second_request(how))
    lintel = start(proxy_to(server))
    statuses = []
    with lintel.connect() as client:
        for i in range(6):
            statuses.append(client.ask(request(method, "/", body=b"order %d" % i)).status)
    assert statuses == [200, 502] * 3
    bodies = collections.Counter(seen.body for seen in server.requests)
    assert bodies == {b"order %d" % i: 1 for i in range(6)}


def test_post_never_meets_a_connection_known_to_be_closed(start, origin):
    """The server closes idle connections; the POST that follows, at whatever moment, arrives exactly once."""
    answered = threading.Semaphore(0)

    def script(connection):
        connection.read_request()
        connection.send(response(200, b"x"))
        connection.close()
        answered.release()

    server = origin(script)
    lintel = start(proxy_to(server))
    with lintel.connect() as client:
        for i in range(50):
            assert client.ask(request("POST", "/", body=b"%d" % i)).status == 200
            answered.acquire()  # The connection is closed at the server's end.
    assert [seen.body for seen in server.requests] == [b"%d" % i for i in range(50)]


@pytest.mark.parametrize("size,status", [(10, 200), (100_000, 502)])
def test_streamed_body_is_repeated_while_it_is_kept(start, origin, size, status):
    """A PUT may be repeated, but only while its whole body is still there: 64 KiB of it are kept."""
    server = origin(dies_at_second_request("close"))
    lintel = start(proxy_to(server))
    body = b"x" * size
    with lintel.connect() as client:
        assert client.ask(request("PUT", "/", body=b"1")).status == 200
        client.send(request("PUT", "/", f"Content-Length: {size}") + body[:5])
        server.wait_for_requests(2)
        client.send(body[5:])
        assert client.read_response("PUT").status == status
    repeated = [body] if status == 200 else []
    assert [seen.body for seen in server.requests] == [b"1", body, *repeated]


def test_no_repetition_after_the_first_byte(start, origin):
    def script(connection):
        connection.read_request()
        connection.send(response(200, b"first"))
        connection.read_request()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Le")

    server = origin(script)
    lintel = start(proxy_to(server))
    with lintel.connect() as client:
        assert client.ask(request()).status == 200
        assert client.ask(request()).status == 502
    assert len(server.requests) == 2


def test_a_fresh_connection_that_fails_is_not_tried_again(start, origin):
    def script(connection):
        connection.read_request()

    server = origin(script)
    assert start(proxy_to(server)).ask().status == 502
    assert len(server.requests) == 1


# --- Choice of servers


def test_connect_failure_goes_to_another_server(start, origin):
    server = origin()
    dead = f"127.0.0.1:{free_port()}"
    lintel = start(proxy_to(dead, server))
    with lintel.connect() as client:
        for method in ["GET", "POST"] * 10:
            assert client.ask(request(method, "/", body=b"b" if method == "POST" else None)).status == 200
    assert len(server.requests) == 20
    attempts = [record["attempts"] for record in lintel.access_log(20)]
    twice = [one for one in attempts if len(one) == 2]
    assert twice
    for first, second in twice:
        assert (first["server"], first["reason"]) == (dead, "upstream.connect_refused")
        assert (second["server"], second["status"]) == (server.name, 200)


def test_a_streamed_upload_goes_to_another_server_too(start, origin):
    server = origin()
    lintel = start(proxy_to(f"127.0.0.1:{free_port()}", server))
    for _ in range(4):
        with lintel.connect() as client:
            client.send(request("POST", "/", "Content-Length: 200000") + b"x" * 100000)
            client.send(b"x" * 100000)
            assert client.read_response("POST").status == 200
    assert {len(seen.body) for seen in server.requests} == {200000}


def test_attempts_are_limited(start, origin):
    dead = [f"127.0.0.1:{free_port()}" for _ in range(3)]
    server = origin()
    lintel = start(proxy_to(*dead, server, pool={"retry": {"attempts": 3}}))
    for _ in range(8):
        lintel.ask()
    for record in lintel.access_log(8):
        servers = [attempt["server"] for attempt in record["attempts"]]
        assert len(servers) == len(set(servers)) <= 3
        assert record["status"] == (200 if servers[-1] == server.name else 502)


def test_weights_are_exact(start, origin):
    weights = [1, 2, 3, 0, 5]
    servers = [origin(answer=lambda _, i=i: response(200, b"%d" % i)) for i in range(len(weights))]
    lintel = start(proxy_to(*[{"address": server.name, "weight": weight}
                              for server, weight in zip(servers, weights)]))
    with lintel.connect() as client:
        order = [int(client.ask(request()).body) for _ in range(11 * 10)]
    for at in range(len(order) - 11):  # In every run of as many requests as the weights' sum.
        assert collections.Counter(order[at:at + 11]) == {0: 1, 1: 2, 2: 3, 4: 5}
    assert max(len(list(run)) for run in runs(order)) <= 2, "spread, not in blocks"


def runs(order):
    run = []
    for one in order:
        if run and run[-1] != one:
            yield run
            run = []
        run.append(one)
    yield run


def test_servers_of_two_workers_get_their_share(start, origin):
    servers = [origin() for _ in range(4)]
    lintel = start(proxy_to(*servers, workers=2))
    for _ in range(10):
        with lintel.connect() as client:
            for _ in range(20):
                assert client.ask(request()).status == 200
    counts = [len(server.requests) for server in servers]
    assert sum(counts) == 200 and max(counts) - min(counts) <= 4


def test_truncated_request_is_not_completed_at_the_server(start, origin):
    """A client that leaves within a body must not look as if the body ended there."""
    how = []

    def script(connection):
        seen = connection.read_request_head()
        try:
            connection.read_request_body(seen)
            how.append("complete")
        except (Closed, OSError):
            how.append("cut")

    server = origin(script)
    lintel = start(proxy_to(server))
    for framing in ("Content-Length: 10", "Transfer-Encoding: chunked"):
        client = lintel.connect()
        client.send(request("POST", "/", framing) + b"5\r\nhello\r\n"[:9])
        server.wait_for_requests(len(how) + 1)
        client.close()
        eventually(lambda: server.open == 0, "the connection to the server is closed")
    assert how == ["cut", "cut"]
