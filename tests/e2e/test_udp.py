"""UDP listeners: sessions by client address, replies mapped back, servers that refuse, limits, reload and stop."""

import contextlib
import signal
import socket
import subprocess
import threading

import pytest
import yaml

from harness import daemon
from harness.environment import PATIENCE, eventually, free_port, load
from harness.peers import Server


class Echo:
    """A UDP server on 127.0.0.1 that answers each datagram with its name, a colon and the datagram."""

    def __init__(self, name, port=0, answers=1):
        self.name = name
        self.answers = answers
        self.got = []
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.sock.bind(("127.0.0.1", port))
        self.port = self.sock.getsockname()[1]
        self.address = f"127.0.0.1:{self.port}"
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        with contextlib.suppress(OSError):
            while True:
                data, peer = self.sock.recvfrom(65536)
                if data == b"the end":
                    return
                self.got.append((data, peer))
                for _ in range(self.answers):
                    self.sock.sendto(self.name.encode() + b":" + data[:60000], peer)

    def close(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"the end", ("127.0.0.1", self.port))
        self.thread.join(PATIENCE)
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


@contextlib.contextmanager
def client(port, host="127.0.0.1"):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(PATIENCE)
        sock.connect((host, port))
        yield sock


def ask(sock, data):
    sock.send(data)
    return sock.recv(65536)


def ask_until_answered(sock, data):
    """As a resolver does: again when no answer comes."""
    sock.settimeout(0.3)
    for _ in range(100):
        with contextlib.suppress(TimeoutError):
            return ask(sock, data)
    raise AssertionError("no answer after 100 tries")


def udp(*servers, port, udp=None, **top):
    listener = {"name": "dns", "protocol": "udp", "bind": [f"127.0.0.1:{port}"], "pool": "dns"}
    if udp:
        listener["udp"] = udp
    pool = {"balance": "round-robin", "servers": [getattr(s, "address", s) for s in servers]}
    return {"listeners": [listener], "pools": {"dns": pool}, **top}


@pytest.fixture
def port():
    """A port that is free for UDP and TCP."""
    while True:
        number = free_port()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", number))
            return number


def test_each_client_keeps_its_server_and_gets_its_own_answers(start, port):
    with Echo("a") as one, Echo("b") as other:
        lintel = start(udp(one, other, port=port, workers=2))
        seen = set()
        with contextlib.ExitStack() as stack:
            clients = [stack.enter_context(client(port)) for _ in range(10)]
            for number, sock in enumerate(clients):
                name = ask(sock, b"first %d" % number).partition(b":")[0]
                seen.add(name)
                for turn in range(3):
                    text = b"%d of %d" % (turn, number)
                    assert ask(sock, text) == name + b":" + text
        assert seen == {b"a", b"b"}
        assert lintel.metrics().sum("lintel_listener_connections") == 10


@pytest.mark.parametrize("size", [0, 1, 1472, 1473, 9000, 60000])
def test_datagrams_of_every_size_pass_whole(start, port, size):
    with Echo("a") as server:
        start(udp(server, port=port, udp={"responses": 1}))
        with client(port) as sock:
            assert ask(sock, b"x" * size) == b"a:" + b"x" * size
        assert server.got[0][0] == b"x" * size


def test_answers_leave_from_the_address_that_was_asked(start, port):
    with Echo("a") as server:
        config = udp(server, port=port, udp={"responses": 1})
        config["listeners"][0]["bind"] = [f"0.0.0.0:{port}"]
        start(config)
        for host in ("127.0.0.1", "127.0.0.2", "127.1.2.3"):
            with client(port, host) as sock:  # Connected: it takes answers from that address only.
                assert ask(sock, b"?") == b"a:?"


def test_a_burst_of_one_client_passes_in_order(start, port):
    with Echo("a") as server:
        lintel = start(udp(server, port=port))
        with client(port) as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
            for begin in range(0, load(5000), 40):
                for number in range(begin, begin + 40):
                    sock.send(b"%d" % number)
                assert [sock.recv(100) for _ in range(40)] == [b"a:%d" % n for n in range(begin, begin + 40)]
        assert lintel.metrics().sum("lintel_udp_datagrams_dropped_total") == 0


def test_a_server_that_refuses_is_left_for_another(start, port):
    with Echo("a") as server:
        dead = Echo("dead")
        dead.close()
        lintel = start(udp(dead, server, port=port, udp={"idle": "200ms"}))
        for _ in range(6):
            with client(port) as sock:
                assert ask(sock, b"?") == b"a:?"  # Without being asked twice.
        records = lintel.access_log(6)
        moved = [record for record in records if len(record["attempts"]) == 2]
        assert moved
        assert moved[0]["attempts"][0]["reason"] == "upstream.connect_refused"
        assert moved[0]["attempts"][0]["server"] == dead.address
        assert moved[0]["server"] == server.address
        assert moved[0]["end_reason"] == "ok"


def test_no_server_at_all_drops_and_tells_why(start, port):
    dead = Echo("dead")
    dead.close()
    lintel = start(udp(dead, port=port))
    with client(port) as sock:
        sock.send(b"1")
        record = lintel.last_record()
    assert record["end_reason"] == "upstream.connect_refused"
    assert record["proto"] == "UDP"


def test_a_session_ends_with_the_answers_expected(start, port):
    with Echo("a", answers=2) as server:
        lintel = start(udp(server, port=port, udp={"responses": 2}))
        with client(port) as sock:
            assert ask(sock, b"?") == b"a:?"
            assert sock.recv(100) == b"a:?"
            record = lintel.last_record()
            own_port = sock.getsockname()[1]
        assert record["end_reason"] == "ok"
        assert (record["bytes_in"], record["bytes_out"]) == (1, 6)
        assert record["listener"] == "dns" and record["pool"] == "dns" and record["server"] == server.address
        assert record["client_ip"] == "127.0.0.1" and record["client_port"] == own_port
        assert "status" not in record
        eventually(lambda: lintel.metrics().sum("lintel_listener_connections") == 0, "no session is left")


def test_sessions_are_limited_over_all_workers_and_a_place_comes_back(start, port):
    with Echo("a") as server:
        lintel = start(udp(server, port=port, udp={"sessions": 3, "idle": "1s"}, workers=2))
        with contextlib.ExitStack() as stack:
            for _ in range(3):
                assert ask(stack.enter_context(client(port)), b"?") == b"a:?"
            late = stack.enter_context(client(port))
            late.send(b"late")
            eventually(lambda: lintel.metrics().sum("lintel_udp_datagrams_dropped_total") == 1, "it was dropped")
            lintel.wait_for_log("udp.sessions (3) is reached")
            assert ask_until_answered(late, b"again") == b"a:again"  # When the others have been silent for a second.
        assert all(data != b"late" for data, _ in server.got)


def test_sessions_survive_a_reload_and_the_end_of_their_listener(start, port):
    with Echo("a") as one, Echo("b") as other:
        lintel = start(udp(one, port=port, workers=2))
        with client(port) as old, client(port) as new:
            assert ask(old, b"1") == b"a:1"
            lintel.reload(udp(other, port=port, workers=2))
            assert ask(old, b"2") == b"a:2"
            assert ask(new, b"1") == b"b:1"
            lintel.reload(udp(other, port=port, workers=1))  # One of the sockets is gone.
            assert ask(old, b"3") == b"a:3"
            assert ask(new, b"2") == b"b:2"
            for _ in range(20):
                with client(port) as fresh:
                    assert ask(fresh, b"?") == b"b:?"
            elsewhere = udp(other, port=free_port())
            lintel.reload(elsewhere)
            assert ask(old, b"4") == b"a:4"
            with client(port) as late:
                late.send(b"?")
                with pytest.raises(ConnectionRefusedError):
                    late.recv(10)
        lintel.stop()
    reasons = {record["end_reason"] for record in lintel.access_log()}
    assert reasons == {"local.shutdown"}


def test_a_stopping_daemon_waits_for_sessions_that_are_silent_no_longer_than_seconds(start, port):
    with Echo("a") as server:
        lintel = start(udp(server, port=port, shutdown={"timeout": "10m"}))
        with client(port) as sock:
            assert ask(sock, b"1") == b"a:1"
            lintel.signal(signal.SIGTERM)
            lintel.wait_for_log("stopping")
            assert ask(sock, b"2") == b"a:2"
        assert lintel.wait() == 0
        assert lintel.last_record()["end_reason"] == "ok"


def test_one_port_serves_udp_and_tcp(start, origin, port):
    with Echo("a") as server:
        site = origin()
        config = udp(server, port=port)
        config["listeners"].append({"name": "web", "bind": [f"127.0.0.1:{port}"], "pool": "site"})
        config["pools"]["site"] = {"servers": [site.name]}
        start(config)
        with client(port) as sock:
            assert ask(sock, b"?") == b"a:?"
        with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as web:
            web.sendall(b"GET / HTTP/1.0\r\nHost: x\r\n\r\n")
            assert web.recv(100).startswith(b"HTTP/1.")


def test_a_port_that_another_program_has_is_told(tmp_path, port):
    with Echo("other", port) as _:
        file = tmp_path / "lintel.yaml"
        file.write_text(f"listeners: [{{name: dns, protocol: udp, bind: ['127.0.0.1:{port}'], pool: p}}]\n"
                        "pools: {p: {servers: ['127.0.0.1:9']}}\n")
        ended = daemon.command("run", "-c", file)
        assert ended.returncode == 3
        assert f"cannot listen on 127.0.0.1:{port}" in ended.stderr and "address already in use" in ended.stderr


@pytest.mark.parametrize("change, says", [
    ({"bind": ["unix:/tmp/x.sock"]}, "UDP needs an IP address"),
    ({"routes": [{"pool": "dns"}]}, "routes"),
    ({"timeouts": {"header": "5s"}}, "how long a session may be silent is udp.idle"),
    ({"pool": "files"}, "unix:/run/app.sock"),
])
def test_what_udp_cannot_have_is_refused(tmp_path, change, says):
    listener = {"name": "dns", "protocol": "udp", "bind": ["127.0.0.1:5353"], "pool": "dns", **change}
    file = tmp_path / "lintel.yaml"
    file.write_text(yaml.safe_dump({"listeners": [listener], "pools": {
        "dns": {"servers": ["127.0.0.1:53"]}, "files": {"servers": ["unix:/run/app.sock"]}}}))
    ended = daemon.command("check", file)
    assert ended.returncode == 1
    assert says in ended.stderr + ended.stdout


def test_udp_settings_elsewhere_are_refused(tmp_path):
    file = tmp_path / "lintel.yaml"
    file.write_text("listeners: [{name: web, bind: ['127.0.0.1:8080'], pool: p, udp: {idle: 5s}}]\n"
                    "pools: {p: {servers: ['127.0.0.1:9']}}\n")
    ended = daemon.command("check", file)
    assert ended.returncode == 1 and "protocol: udp" in ended.stderr + ended.stdout


def dnsmasq(port, address, directory):
    return Dnsmasq(["dnsmasq", "--keep-in-foreground", "--no-resolv", "--no-hosts", "--conf-file=/dev/null", "--pid-file=",
                    "--user=root", f"--port={port}", "--listen-address=127.0.0.1", "--bind-interfaces",
                    f"--address=/example.test/{address}"], port, directory, f"dnsmasq-{address}")


class Dnsmasq(Server):
    """It listens on TCP too, by which its start is seen."""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def dig(port, *more):
    return subprocess.run(["dig", "+short", "+tries=4", "+time=1", "@127.0.0.1", "-p", str(port), "www.example.test", *more],
                          capture_output=True, text=True, timeout=PATIENCE, check=False)


def test_dns_goes_on_while_a_server_is_killed_and_comes_back(start, port, tmp_path):
    ports = [free_port(), free_port()]
    config = udp(*[f"127.0.0.1:{number}" for number in ports], port=port, udp={"responses": 1, "idle": "2s"}, workers=2)
    with dnsmasq(ports[0], "192.0.2.1", tmp_path) as first:
        second = dnsmasq(ports[1], "192.0.2.2", tmp_path)
        lintel = start(config)
        assert {dig(port).stdout.strip() for _ in range(8)} == {"192.0.2.1", "192.0.2.2"}
        second.close()
        for _ in range(load(20, 5)):
            assert dig(port).stdout.strip() == "192.0.2.1"
        second = dnsmasq(ports[1], "192.0.2.2", tmp_path)
        eventually(lambda: dig(port).stdout.strip() == "192.0.2.2", "the server is used again")
        second.close()
        assert first.name in {record["server"] for record in lintel.access_log(8)}
