"""TERM, INT, QUIT, USR1: how the process ends and how it opens its logs again."""

import signal
import threading
import time

import pytest
from harness import peers
from harness.daemon import proxy_to
from harness.environment import PATIENCE, eventually
from harness.wire import Closed, request, response


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
def test_requests_in_flight_end_and_idle_connections_are_closed(start, origin, number):
    go = threading.Event()

    def answer(seen):
        if seen.target == "/slow":
            go.wait()
        return response(200, seen.body or b"done")

    server = origin(answer=answer)
    lintel = start(proxy_to(server, workers=2))
    idle, slow, upload = lintel.connect(), lintel.connect(), lintel.connect()
    with idle, slow, upload:
        assert idle.ask(request()).status == 200
        slow.send(request("GET", "/slow"))
        upload.send(request("POST", "/upload", "Content-Length: 10") + b"01234")
        server.wait_for_requests(3)
        lintel.signal(number)
        assert idle.at_end()
        eventually(lambda: not peers.answers(lintel.port), "nobody listens any more")
        upload.send(b"56789")
        got = upload.read_response()
        assert (got.body, got.headers["connection"]) == (b"0123456789", "close")
        assert lintel.process.poll() is None, "it waits for the last request"
        go.set()
        assert slow.read_response().body == b"done" and slow.at_end()
    assert lintel.wait() == 0
    assert {record["end_reason"] for record in lintel.access_log(3)} == {"ok"}


def test_readyz_says_draining_while_a_request_goes_on(start, origin):
    go = threading.Event()

    def answer(_):
        go.wait()
        return response(200)

    server = origin(answer=answer)
    lintel = start(proxy_to(server))
    with lintel.connect() as client:
        client.send(request())
        server.wait_for_requests(1)
        lintel.signal(signal.SIGTERM)
        eventually(lambda: lintel.get("/readyz")[0] == 503, "not ready any more")
        assert lintel.get("/readyz")[2] == "draining\n"
        assert lintel.get("/healthz")[0] == 200
        go.set()
        assert client.read_response().status == 200
    assert lintel.wait() == 0


def hanging(connection):
    connection.read_request()
    connection.at_end()


def test_second_term_ends_at_once(start, origin):
    server = origin(hanging)
    lintel = start(proxy_to(server, shutdown={"timeout": "1h"}))
    with lintel.connect() as client:
        client.send(request())
        server.wait_for_requests(1)
        lintel.signal(signal.SIGTERM)
        lintel.wait_for_log("stopping")
        assert lintel.process.poll() is None
        begun = time.monotonic()
        lintel.signal(signal.SIGTERM)
        assert lintel.wait() == 0
        assert time.monotonic() - begun < PATIENCE / 4
        try:
            assert client.read_response().status == 503
        except Closed:
            pass
    assert lintel.last_record()["end_reason"] == "local.shutdown"


def test_requests_are_cut_after_the_time_for_stopping(start, origin):
    server = origin(hanging)
    lintel = start(proxy_to(server, shutdown={"timeout": "300ms"}))
    with lintel.connect() as client:
        client.send(request())
        server.wait_for_requests(1)
        lintel.signal(signal.SIGTERM)
        assert lintel.wait() == 0
    assert lintel.last_record()["end_reason"] == "local.shutdown"


def test_response_cut_at_the_end_is_seen_as_cut(start, origin):
    def script(connection):
        connection.read_request()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart")
        connection.at_end()

    lintel = start(proxy_to(origin(script), shutdown={"timeout": "100ms"}))
    with lintel.connect() as client:
        client.send(request())
        assert client.read_response_head().status == 200
        lintel.signal(signal.SIGTERM)
        with pytest.raises(Closed):
            client.exactly(100)
    assert lintel.wait() == 0
    assert lintel.last_record()["end_reason"] == "local.shutdown"


def test_tunnels_are_cut_after_the_time_for_stopping(start, origin):
    def script(connection):
        connection.read_request()
        connection.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\n")
        connection.at_end()

    lintel = start(proxy_to(origin(script), shutdown={"timeout": "100ms"}))
    with lintel.connect() as client:
        client.ask(request("GET", "/", "Connection: Upgrade", "Upgrade: chat"))
        lintel.signal(signal.SIGTERM)
        assert client.at_end()
    assert lintel.wait() == 0
    assert lintel.last_record()["end_reason"] == "local.shutdown"


def test_delay_gives_others_time_to_look_away(start, origin):
    lintel = start(proxy_to(origin(), shutdown={"delay": "1s"}))
    lintel.signal(signal.SIGTERM)
    eventually(lambda: lintel.get("/readyz")[0] == 503, "not ready any more")
    assert lintel.ask().status == 200, "new connections are still served"
    assert lintel.wait() == 0


def test_pipelined_requests_in_flight_at_the_end(start, origin):
    """What was begun is answered; the rest is not half answered."""
    go = threading.Event()

    def answer(seen):
        go.wait()
        return response(200, seen.target.encode())

    server = origin(answer=answer)
    lintel = start(proxy_to(server))
    with lintel.connect() as client:
        client.send(request("GET", "/1") + request("GET", "/2"))
        server.wait_for_requests(1)
        lintel.signal(signal.SIGTERM)
        lintel.wait_for_log("stopping")
        go.set()
        got = client.read_response()
        assert (got.body, got.headers["connection"]) == (b"/1", "close")
        assert client.at_end()
    assert lintel.wait() == 0


def test_connections_waiting_to_be_accepted_are_served(start, origin):
    """The listening socket's queue is emptied before it is closed."""
    lintel = start(proxy_to(origin(), workers=2))
    clients = [lintel.connect() for _ in range(50)]
    for client in clients:
        client.send(request())
    lintel.signal(signal.SIGTERM)
    assert {client.read_response().status for client in clients} == {200}
    for client in clients:
        client.close()
    assert lintel.wait() == 0


def test_usr1_opens_the_logs_again(start, origin, tmp_path):
    log = tmp_path / "error.log"
    lintel = start(proxy_to(origin(), workers=2, log={"target": str(log)}))
    for _ in range(10):
        assert lintel.ask().status == 200
    lintel.access_log(10)
    old = lintel.access_log_file.rename(tmp_path / "access.log.1")
    log.rename(tmp_path / "error.log.1")
    assert lintel.ask().status == 200  # Goes to the old file, whatever its name.
    eventually(lambda: len(lintel.access_lines(old)) == 11, "the line in the old file")
    lintel.signal(signal.SIGUSR1)
    eventually(lambda: log.exists() and "opened again" in log.read_text(), "the new log")
    for _ in range(10):
        assert lintel.ask().status == 200
    assert len(lintel.access_log(10)) == 10
    assert len(lintel.access_lines(old)) == 11


def test_usr1_under_load_loses_no_line(start, origin, tmp_path):
    lintel = start(proxy_to(origin(), workers=2))
    total, files = 0, []
    with lintel.connect() as client:
        for i in range(5):
            for _ in range(50):
                assert client.ask(request()).status == 200
                total += 1
            files.append(lintel.access_log_file.rename(tmp_path / f"access.log.{i}"))
            lintel.signal(signal.SIGUSR1)
            eventually(lintel.access_log_file.exists, "the new file")
    files.append(lintel.access_log_file)
    eventually(lambda: sum(len(lintel.access_lines(file)) for file in files) == total, f"{total} lines in all files")


def test_signals_at_the_very_start_do_no_harm(start, origin):
    lintel = start(proxy_to(origin()))
    for number in (signal.SIGUSR1, signal.SIGHUP, signal.SIGUSR1, signal.SIGHUP, signal.SIGPIPE, signal.SIGWINCH):
        lintel.signal(number)
    assert lintel.ask().status == 200
    lintel.signal(signal.SIGHUP)
    lintel.signal(signal.SIGTERM)
    assert lintel.wait() == 0
