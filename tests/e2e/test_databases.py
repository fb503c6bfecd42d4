"""PostgreSQL and Redis behind a TCP listener, with a server killed and started again under load."""

import contextlib
import os
import pathlib
import pwd
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

import pytest
from harness import peers
from harness.environment import PATIENCE, eventually, free_port, load

POSTGRES = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"))[-1:]


def as_postgres(arguments):
    """PostgreSQL does not run as root; its package made a user for that."""
    return ["runuser", "-u", "postgres", "--", *arguments] if os.geteuid() == 0 else list(arguments)


def run(*arguments, check=True, timeout=PATIENCE * 3):
    done = subprocess.run(list(map(str, arguments)), capture_output=True, text=True, timeout=timeout, check=False,
                          cwd="/tmp", stdin=subprocess.DEVNULL)
    assert not check or done.returncode == 0, f"{arguments}: {done.returncode}: {done.stdout}{done.stderr}"
    return done


class Postgres:
    """A cluster of its own in a temporary folder, on a free port, without passwords and without fsync."""

    def __init__(self):
        self.bin = POSTGRES[0]
        self.port = free_port()
        self.name = f"127.0.0.1:{self.port}"
        # Not pytest's folder: the postgres user cannot enter that.
        self.directory = tempfile.mkdtemp(prefix="lintel-postgres-")
        if os.geteuid() == 0:
            account = pwd.getpwnam("postgres")
            os.chown(self.directory, account.pw_uid, account.pw_gid)
        run(*as_postgres([self.bin / "initdb", "-D", f"{self.directory}/data", "-U", "postgres", "-A", "trust",
                          "--no-sync", "--no-locale", "-E", "UTF8"]))
        self.process = None
        self.start()

    def start(self):
        options = {"listen_addresses": "127.0.0.1", "port": self.port, "unix_socket_directories": self.directory,
                   "fsync": "off", "shared_buffers": "16MB", "max_connections": 60}
        arguments = [self.bin / "postgres", "-D", f"{self.directory}/data"]
        for key, value in options.items():
            arguments += ["-c", f"{key}={value}"]
        with open(f"{self.directory}/log", "ab") as log:
            self.process = subprocess.Popen(as_postgres(map(str, arguments)), stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, cwd="/tmp")
        ready = [str(self.bin / "pg_isready"), "-h", "127.0.0.1", "-p", str(self.port)]
        eventually(lambda: subprocess.run(ready, capture_output=True, check=False).returncode == 0,
                   "PostgreSQL is ready")

    def server_pid(self):
        return int(pathlib.Path(f"{self.directory}/data/postmaster.pid").read_text().splitlines()[0])

    def kill(self):
        """The immediate shutdown: every session is cut."""
        os.kill(self.server_pid(), signal.SIGQUIT)
        self.process.wait(PATIENCE)

    def close(self):
        if self.process and self.process.poll() is None:
            with contextlib.suppress(OSError):
                os.kill(self.server_pid(), signal.SIGQUIT)
            self.process.wait(PATIENCE)
        shutil.rmtree(self.directory, ignore_errors=True)

    def bench(self, port, *arguments, **options):
        return run(self.bin / "pgbench", "-h", "127.0.0.1", "-p", port, "-U", "postgres", *arguments, "postgres",
                   **options)


@pytest.fixture(scope="module")
def databases():
    servers = [Postgres(), Postgres()]
    try:
        for server in servers:
            server.bench(server.port, "-i", "-q", "-s", "1")
        yield servers
    finally:
        for server in servers:
            server.close()


def tcp(*servers, **pool):
    return {"listeners": [{"name": "web", "protocol": "tcp", "pool": "db"}],
            "pools": {"db": {"balance": "round-robin", "servers": [server.name for server in servers], **pool}}}


def sessions(lintel, server):
    return lintel.metrics().value("lintel_upstream_sessions_total", pool="db", server=server.name)


def transactions(output):
    return int(re.search(r"number of transactions actually processed: (\d+)", output)[1])


def test_pgbench(start, databases):
    lintel = start(tcp(*databases))
    count = load(500, 50)
    for arguments in (["-S"], ["-S", "-C"], ["-N"], ["-S", "-M", "prepared"]):
        each = count if "-C" not in arguments else count // 10
        done = databases[0].bench(lintel.port, *arguments, "-n", "-c", 8, "-j", 2, "-t", each)
        assert transactions(done.stdout) == 8 * each and "failed" not in done.stderr
    assert sessions(lintel, databases[0]) > 8 and sessions(lintel, databases[1]) > 8
    assert {record["end_reason"] for record in lintel.access_log(20)} <= {"tunnel.closed"}


@pytest.mark.long
def test_a_server_killed_under_pgbench(start, databases):
    first, second = databases
    # Without outlier ejection, which would keep the second out for longer than this takes.
    lintel = start(tcp(first, second, retry={"attempts": 2}, outlier={"enabled": False}))
    seconds = 6
    results = []
    worker = threading.Thread(target=lambda: results.append(
        first.bench(lintel.port, "-S", "-n", "-c", 8, "-j", 1, "-T", seconds, "-P", 1, check=False)))
    worker.start()
    eventually(lambda: sessions(lintel, second) >= 4, "sessions on both servers")
    time.sleep(1)  # Under load.
    second.kill()
    # New connections go elsewhere, all of them.
    done = first.bench(lintel.port, "-S", "-C", "-n", "-c", 4, "-t", load(50, 10))
    assert transactions(done.stdout) == 4 * load(50, 10)
    second.start()
    before = sessions(lintel, second)
    done = first.bench(lintel.port, "-S", "-C", "-n", "-c", 4, "-t", load(50, 10))
    assert transactions(done.stdout) == 4 * load(50, 10)
    assert sessions(lintel, second) > before  # It is back.
    worker.join()
    # Those on the other server lost nothing: pgbench ran its full time with them.
    output = results[0].stdout + results[0].stderr
    assert len(re.findall(r"client \d+ aborted", output)) == 4, output
    assert re.search(rf"progress: {seconds - 1}\.\d s, [1-9]", output), output


class Redis:
    def __init__(self, directory):
        self.port = free_port()
        self.name = f"127.0.0.1:{self.port}"
        self.directory = directory
        self.server = None
        self.start()

    def start(self):
        self.server = peers.Server(["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "",
                                    "--appendonly", "no", "--daemonize", "no"], self.port, self.directory,
                                   f"redis-{self.port}")

    def close(self):
        self.server.close()


@pytest.fixture
def caches(tmp_path):
    servers = [Redis(tmp_path), Redis(tmp_path)]
    yield servers
    for server in servers:
        server.close()


class RedisClient:
    """One connection that counts up a key of its own and checks every answer."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.socket.makefile("rwb")
        self.count = 0
        self.error = None

    def say(self, *words):
        self.file.write(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words))
        self.file.flush()
        line = self.file.readline()
        if not line:
            raise ConnectionResetError("the end of the stream")
        return line.strip()

    def run(self, key, stop):
        try:
            while not stop.is_set():
                answer = self.say(b"INCR", key)
                self.count += 1
                assert answer == b":%d" % self.count, answer
        except (OSError, AssertionError) as error:
            self.error = error

    def close(self):
        self.file.close()
        self.socket.close()


def test_redis_benchmark(start, caches):
    lintel = start(tcp(*caches))
    requests = load(20000, 1000)
    for arguments in (["-c", "20"], ["-c", "20", "-P", "16"], ["-c", "4", "-d", "100000"], ["-c", "4", "-k", "0"]):
        count = requests if "-d" not in arguments and "-k" not in arguments else requests // 20
        done = run("redis-benchmark", "-h", "127.0.0.1", "-p", lintel.port, "-n", count, "-t", "set,get", "-q",
                   *arguments)
        assert done.stdout.count("requests per second") == 2 and "rror" not in done.stdout + done.stderr, done


def test_a_redis_killed_under_load(start, caches):
    first, second = caches
    lintel = start(tcp(first, second))
    clients = [RedisClient(lintel.port) for _ in range(8)]
    stop = threading.Event()
    threads = [threading.Thread(target=client.run, args=(b"key-%d" % number, stop))
               for number, client in enumerate(clients)]
    for thread in threads:
        thread.start()
    try:
        eventually(lambda: all(client.count > 50 for client in clients), "all clients are busy")
        second.close()
        eventually(lambda: sum(client.error is not None for client in clients) == 4, "half of them are cut")
        late = [RedisClient(lintel.port) for _ in range(6)]
        for client in late:
            assert client.say(b"PING") == b"+PONG"
            client.close()
        second.start()
        before = sessions(lintel, second)
        for _ in range(4):
            client = RedisClient(lintel.port)
            assert client.say(b"PING") == b"+PONG"
            client.close()
        assert sessions(lintel, second) > before
        mark = [client.count for client in clients]
        living = [number for number, client in enumerate(clients) if client.error is None]
        assert len(living) == 4
        eventually(lambda: all(clients[number].count > mark[number] + 50 for number in living), "the others go on")
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    for client in clients:
        assert client.error is None or isinstance(client.error, OSError), client.error
        client.close()
