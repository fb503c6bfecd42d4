"""TCP listeners: bytes, ends, resets, limits, drain and reload."""

import contextlib
import hashlib
import os
import selectors
import signal
import socket
import struct
import threading

import pytest
from harness.daemon import command
from harness.environment import PATIENCE, eventually, free_port, load

MIB = 1 << 20


class Listener:
    """A TCP server whose every connection is served by `handler(socket)` in a thread of its own."""

    def __init__(self, handler, port=0):
        self._handler = handler
        self._listener = socket.create_server(("127.0.0.1", port), backlog=2048)
        self.port = self._listener.getsockname()[1]
        self.name = f"127.0.0.1:{self.port}"
        self.accepted = []
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while True:
            try:
                accepted, _ = self._listener.accept()
            except OSError:
                return
            accepted.settimeout(PATIENCE)
            self.accepted.append(accepted)
            threading.Thread(target=self._serve, args=(accepted,), daemon=True).start()

    def _serve(self, accepted):
        with contextlib.suppress(OSError):
            self._handler(accepted)

    def close(self):
        """Closes the listening socket and resets what was accepted."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for accepted in self.accepted:
            with contextlib.suppress(OSError):
                accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                accepted.close()


@pytest.fixture
def listen():
    running = []

    def run(handler, port=0):
        running.append(Listener(handler, port))
        return running[-1]

    yield run
    for listener in running:
        listener.close()


def tcp(*servers, pool=None, listener=None, **top):
    return {"listeners": [{"name": "web", "protocol": "tcp", "pool": "db", **(listener or {})}],
            "pools": {"db": {"balance": "round-robin", "servers": [getattr(server, "name", server) for server in servers],
                             **(pool or {})}}, **top}


def dial(lintel):
    client = socket.create_connection(lintel.address, timeout=PATIENCE)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return client


def read_all(source):
    digest, size = hashlib.sha256(), 0
    while True:
        piece = source.recv(256 * 1024)
        if not piece:
            return size, digest.hexdigest()
        digest.update(piece)
        size += len(piece)


def echo(accepted):
    while piece := accepted.recv(64 * 1024):
        accepted.sendall(piece)
    accepted.shutdown(socket.SHUT_WR)


def keep(_):
    pass


def test_bulk_both_ways_at_once(start, listen):
    size = load(64, 4) * MIB
    up, down = os.urandom(MIB), os.urandom(MIB)
    seen = []

    def serve(accepted):
        sender = threading.Thread(target=lambda: [accepted.sendall(down) for _ in range(size // MIB)])
        sender.start()
        seen.append(read_all(accepted))
        sender.join()
        accepted.shutdown(socket.SHUT_WR)

    lintel = start(tcp(listen(serve)))
    with dial(lintel) as client:
        def send():
            for _ in range(size // MIB):
                client.sendall(up)
            client.shutdown(socket.SHUT_WR)
        sender = threading.Thread(target=send)
        sender.start()
        got = read_all(client)
        sender.join()
    expected = [hashlib.sha256(block * (size // MIB)).hexdigest() for block in (up, down)]
    assert seen == [(size, expected[0])] and got == (size, expected[1])
    record = lintel.last_record()
    assert (record["bytes_in"], record["bytes_out"]) == (size, size)
    assert (record["proto"], record["end_reason"], record["pool"]) == ("TCP", "tunnel.closed", "db")
    assert record["server"] == lintel_server(record) and len(record["attempts"]) == 1
    assert "status" not in record and "method" not in record and "scheme" not in record
    metrics = lintel.metrics()
    assert metrics.value("lintel_sessions_total", listener="web", route="db") == 1
    assert metrics.value("lintel_session_received_bytes_total", listener="web", route="db") == size
    assert metrics.value("lintel_session_sent_bytes_total", listener="web", route="db") == size
    assert metrics.value("lintel_sessions_open", listener="web", route="db") == 0


def lintel_server(record):
    return record["attempts"][-1]["server"]


@pytest.mark.parametrize("first", ["client", "server"])
def test_half_close(start, listen, first):
    server = listen(keep)
    lintel = start(tcp(server))
    with dial(lintel) as client:
        eventually(lambda: server.accepted, "the server's connection")
        ends = [client, server.accepted[0]]
        one, other = ends if first == "client" else reversed(ends)
        one.sendall(b"last words")
        one.shutdown(socket.SHUT_WR)
        assert read_all(other)[0] == len(b"last words")
        for _ in range(3):
            other.sendall(b"still here")
            assert one.recv(100) == b"still here"
        other.shutdown(socket.SHUT_WR)
        assert one.recv(100) == b""
        assert lintel.last_record()["end_reason"] == "tunnel.closed"


@pytest.mark.parametrize("first", ["client", "server"])
def test_a_reset_goes_on_as_a_reset(start, listen, first):
    server = listen(keep)
    lintel = start(tcp(server))
    with dial(lintel) as client:
        eventually(lambda: server.accepted, "the server's connection")
        client.sendall(b"x")
        assert server.accepted[0].recv(1) == b"x"
        ends = [client, server.accepted[0]]
        one, other = ends if first == "client" else reversed(ends)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        one.close()
        with pytest.raises(ConnectionResetError):
            other.recv(1)
        record = lintel.last_record()
        assert (record["end_reason"], record["detail"]) == ("tunnel.reset", f"the {first} reset the connection")


def test_another_server_is_tried(start, listen):
    dead = f"127.0.0.1:{free_port()}"
    server = listen(echo)
    lintel = start(tcp(dead, server))
    for _ in range(4):
        with dial(lintel) as client:
            client.sendall(b"hello")
            assert client.recv(100) == b"hello"
    records = eventually(lambda: len(lintel.access_lines()) >= 4 and lintel.access_log(4), "four lines")
    tried = [[attempt.get("reason", "ok") for attempt in record["attempts"]] for record in records]
    assert tried.count(["upstream.connect_refused", "ok"]) == 2 and tried.count(["ok"]) == 2


def test_no_server_resets_the_client(start):
    lintel = start(tcp(f"127.0.0.1:{free_port()}"))
    with pytest.raises(ConnectionResetError), dial(lintel) as client:  # Perhaps before it is returned.
        client.recv(1)
    assert lintel.last_record()["end_reason"] == "upstream.connect_refused"


def test_idle_sessions_end(start, listen):
    server = listen(keep)
    lintel = start(tcp(server, pool={"timeouts": {"tunnel_idle": "300ms"}}))
    with dial(lintel) as client:
        assert client.recv(1) == b""
    assert lintel.last_record()["end_reason"] == "tunnel.timeout"


@pytest.mark.long
def test_dead_peers_of_long_sessions_are_looked_for(start, listen):
    server = listen(keep)
    lintel = start(tcp(server))
    ends = {f":{lintel.port:04X}": 1, f":{server.port:04X}": 2}  # Of which field is whose: local, remote.

    def probed():
        """Ends of ours that have a keep-alive timer (proc_pid_net(5): 2)."""
        rows = [line.split() for line in open("/proc/net/tcp", encoding="ascii").readlines()[1:]]
        return sum(row[field].endswith(port) and row[3] == "01" and row[5].startswith("02")
                   for row in rows for port, field in ends.items())

    with dial(lintel) as client:
        client.sendall(b"x")
        eventually(lambda: server.accepted and server.accepted[0].recv(1) == b"x")
        assert probed() == 0
        eventually(lambda: probed() == 2, "both ends are probed", patience=31 + PATIENCE)
        client.sendall(b"y")
        assert server.accepted[0].recv(1) == b"y"


def test_a_thousand_connections(start, listen):
    count = load(1000, 200)
    # One thread for all the server's ends: a thousand threads are a test of Python.
    ends = selectors.DefaultSelector()
    stop = threading.Event()

    def serve_all():
        while not stop.is_set():
            for key, _ in ends.select(0.05):
                with contextlib.suppress(OSError):
                    piece = key.fileobj.recv(65536)
                    if not piece:
                        ends.unregister(key.fileobj)
                        key.fileobj.shutdown(socket.SHUT_WR)
                    key.fileobj.sendall(piece)

    server = listen(lambda accepted: ends.register(accepted, selectors.EVENT_READ))
    thread = threading.Thread(target=serve_all)
    thread.start()
    try:
        lintel = start(tcp(server))
        clients = [dial(lintel) for _ in range(count)]
        for rounds in range(3):
            for number, client in enumerate(clients):
                client.sendall(b"%d:%d" % (rounds, number))
            for number, client in enumerate(clients):
                assert client.recv(100) == b"%d:%d" % (rounds, number)
        assert lintel.metrics().value("lintel_listener_connections", listener="web") == count
        for client in clients:
            client.shutdown(socket.SHUT_WR)
        for client in clients:
            assert client.recv(1) == b""
            client.close()
        assert {record["end_reason"] for record in lintel.access_log(count)} == {"tunnel.closed"}
    finally:
        stop.set()
        thread.join()


def test_connection_limit(start, listen):
    lintel = start(tcp(listen(echo), listener={"limits": {"connections": 2}}))
    first, second, third = dial(lintel), dial(lintel), dial(lintel)
    with first, second, third:
        for client in (first, second, third):
            client.sendall(b"x")
        assert first.recv(1) == second.recv(1) == b"x"
        third.settimeout(0.3)
        with pytest.raises(TimeoutError):
            third.recv(1)  # It waits for its turn.
        third.settimeout(PATIENCE)
        first.close()
        assert third.recv(1) == b"x"


def test_stop_gives_sessions_their_time(start, listen):
    lintel = start(tcp(listen(echo), shutdown={"timeout": "1s"}))
    with dial(lintel) as polite, dial(lintel) as stubborn:
        for client in (polite, stubborn):
            client.sendall(b"x")
            assert client.recv(1) == b"x"
        lintel.signal(signal.SIGTERM)
        lintel.wait_for_log("stopping")
        polite.sendall(b"goes on")
        assert polite.recv(100) == b"goes on"
        polite.shutdown(socket.SHUT_WR)
        assert polite.recv(1) == b""
        with pytest.raises(ConnectionResetError):
            stubborn.recv(1)
    lintel.stop()
    ends = sorted(record["end_reason"] for record in map(__import__("json").loads, lintel.access_lines()))
    assert ends == ["local.shutdown", "tunnel.closed"]


def test_sessions_outlive_reloads(start, listen):
    old, new = listen(echo), listen(echo)
    lintel = start(tcp(old))
    with dial(lintel) as client:
        client.sendall(b"one")
        assert client.recv(100) == b"one"
        lintel.reload(tcp(new))
        client.sendall(b"two")
        assert client.recv(100) == b"two"
        with dial(lintel) as other:
            other.sendall(b"x")
            assert other.recv(1) == b"x"
        assert len(old.accepted) == 1 and len(new.accepted) == 1
        # The listener itself goes; its sessions stay.
        other_config = tcp(new)
        other_config["listeners"][0]["name"] = "other"
        lintel.reload(other_config)
        client.sendall(b"three")
        assert client.recv(100) == b"three"


def test_settings_of_http_are_refused(tmp_path):
    file = tmp_path / "lintel.yaml"
    file.write_text("""
listeners:
  - name: db
    bind: [":5432"]
    protocol: tcp
    timeouts: {idle: 5s}
    limits: {body_size: 1MiB, connections: 5}
    trusted_proxies: [10.0.0.0/8]
    routes: [{pool: pg}]
pools: {pg: {servers: [127.0.0.1:5433]}}
""")
    done = command("check", file)
    assert done.returncode == 1
    for key in ("timeouts.idle", "limits.body_size", "trusted_proxies"):
        assert f"listeners[0].{key}: this is for protocol: http; the listener is protocol: tcp" in done.stdout + done.stderr
    assert "timeouts.tunnel_idle" in done.stdout + done.stderr
    assert "listeners[0].routes: the connections of a tcp listener cannot be told apart" in done.stdout + done.stderr and "limits.connections" not in done.stdout + done.stderr
