"""Lintel as its users run it: a process with a configuration file."""

import contextlib
import json
import os
import pathlib
import resource
import signal
import subprocess
import time
import urllib.error
import urllib.request

import yaml

from . import metrics, wire
from .environment import BINARY, PATIENCE, eventually, free_port

REPORTS = ("AddressSanitizer", "LeakSanitizer", "ThreadSanitizer", "runtime error:", "Assertion", "terminate called")


def command(*arguments, env=None, timeout=PATIENCE):
    """Runs lintel with these arguments to its end."""
    return subprocess.run([BINARY, *map(str, arguments)], capture_output=True, text=True, timeout=timeout,
                          env={**os.environ, **(env or {})}, stdin=subprocess.DEVNULL, check=False)


def proxy_to(*servers, pool=None, listener=None, **top):
    """A configuration with one listener and one pool, whose servers take turns. A server is an Origin, an address or a
    mapping."""
    def address(server):
        return server if isinstance(server, (str, dict)) else server.name
    return {"listeners": [{"name": "web", "pool": "site", **(listener or {})}],
            "pools": {"site": {"balance": "round-robin", "servers": [address(server) for server in servers],
                               **(pool or {})}}, **top}


class Lintel:
    """A running daemon. What a configuration does not say about workers, admin, access log and shutdown is filled
    in; a listener without `bind` gets a free port of 127.0.0.1. `descriptors`: the limit of open files."""

    def __init__(self, config, directory, env=None, descriptors=None):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.file = self.directory / "lintel.yaml"
        self.access_log_file = self.directory / "access.log"
        self._ports = {}
        self.admin_address = ("127.0.0.1", free_port())
        self.write(config)
        self._stderr = open(self.directory / "stderr", "wb")
        self._stdout = open(self.directory / "stdout", "wb")
        self.process = subprocess.Popen([BINARY, "run", "-c", self.file], stdin=subprocess.DEVNULL,
                                        stdout=self._stdout, stderr=self._stderr, env={**os.environ, **(env or {})},
                                        preexec_fn=descriptors and (lambda: resource.setrlimit(
                                            resource.RLIMIT_NOFILE, (descriptors, descriptors))))
        self.pid = self.process.pid
        self.stopped = False
        try:
            eventually(self._is_ready, "the admin endpoint says that it is ready")
        except AssertionError as error:
            self.kill()
            raise AssertionError(f"lintel did not get ready: {self.stderr()}") from error

    # --- Configuration

    def write(self, config):
        """Writes the configuration file; nobody reads it before reload()."""
        if isinstance(config, str):
            self.file.write_text(config)
            return
        config = {"workers": 1, "admin": {"bind": ["127.0.0.1:%d" % self.admin_address[1]]},
                  "access_log": {"path": str(self.access_log_file)}, "shutdown": {"timeout": "3s"}, **config}
        listeners = []
        for listener in config["listeners"]:
            listener = {"name": "web", **listener}
            if "bind" not in listener:
                name = listener["name"]
                self._ports.setdefault(name, free_port())
                listener["bind"] = [f"127.0.0.1:{self._ports[name]}"]
            listeners.append(listener)
        config["listeners"] = listeners
        self.file.write_text(yaml.safe_dump(config, sort_keys=False))

    def port_of(self, listener):
        return self._ports[listener]

    @property
    def port(self):
        return self._ports["web"]

    @property
    def address(self):
        return ("127.0.0.1", self.port)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    # --- Clients

    def connect(self, listener=None, **options):
        return wire.connect(("127.0.0.1", self.port_of(listener or "web")), **options)

    def ask(self, data=None, **options):
        """One request on a connection of its own."""
        with self.connect(**options) as client:
            return client.ask(data or wire.request())

    def get(self, path="/", headers=None):
        """The admin endpoint's answer: status, content type, text."""
        url = f"http://127.0.0.1:{self.admin_address[1]}{path}"
        try:
            with urllib.request.urlopen(urllib.request.Request(url, headers=headers or {}), timeout=PATIENCE) as got:
                return got.status, got.headers["Content-Type"], got.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.headers["Content-Type"], error.read().decode()

    def _is_ready(self):
        assert self.process.poll() is None, f"lintel ended with {self.process.returncode}: {self.stderr()}"
        with contextlib.suppress(OSError):
            return self.get("/readyz")[0] == 200
        return False

    def stats(self):
        return json.loads(self.get("/v1/stats")[2])

    def metrics(self):
        return metrics.parse(self.get("/metrics")[2])

    def limits_reached(self, listener="web"):
        """How often each limit was reached, those that never were left out. The metrics and the statistics agree."""
        metrics = self.metrics()
        found = {dict(labels)["limit"]: int(value) for (name, labels), value in metrics.items()
                 if name == "lintel_limit_reached_total" and dict(labels)["listener"] == listener and value}
        [stats] = [each["limits_reached"] for each in self.stats()["listeners"] if each["name"] == listener]
        assert {name: count for name, count in stats.items() if count} == found
        return found

    def metrics_after(self, requests):
        """The metrics when at least that many requests are counted, which is just after their clients were answered."""
        def counted():
            found = self.metrics()
            return found if found.sum("lintel_requests_total") >= requests else None
        return eventually(counted, f"{requests} finished requests in the metrics")

    # --- Logs

    def stderr(self):
        return (self.directory / "stderr").read_text(errors="replace")

    def wait_for_log(self, text, count=1):
        return eventually(lambda: self.stderr().count(text) >= count, f"{text!r} in the log")

    def access_lines(self, file=None):
        file = file or self.access_log_file
        text = file.read_text() if file.exists() else ""
        return text[:text.rfind("\n") + 1].splitlines()

    def access_log(self, count=1):
        """The log's records, when at least `count` are there."""
        eventually(lambda: len(self.access_lines()) >= count, f"{count} lines in the access log")
        return [json.loads(line) for line in self.access_lines()]

    def last_record(self, count=1):
        return self.access_log(count)[-1]

    # --- The process

    def signal(self, number):
        self.process.send_signal(number)

    def reload(self, config=None, ok=True):
        """SIGHUP with a new file; returns when the new configuration is in force, or refused where not `ok`."""
        if config is not None:
            self.write(config)
        word = "is in force" if ok else "reload refused"
        before = self.stderr().count(word)
        self.signal(signal.SIGHUP)
        eventually(lambda: self.stderr().count(word) > before, word)

    def resident(self):
        """Bytes of resident memory."""
        with open(f"/proc/{self.pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def cpu_seconds(self):
        """User and system time used so far."""
        with open(f"/proc/{self.pid}/stat", encoding="ascii") as file:
            return sum(map(int, file.read().rpartition(")")[2].split()[11:13])) / os.sysconf("SC_CLK_TCK")

    def open_files(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def wait(self, patience=PATIENCE):
        return self.process.wait(patience)

    def stop(self):
        """TERM; the exit status must be 0 and stderr free of reports."""
        if self.stopped:
            return
        self.stopped = True
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
        try:
            status = self.wait()
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"lintel did not stop: {self.stderr()}") from None
        self._close()
        text = self.stderr()
        assert not [word for word in REPORTS if word in text], text
        assert status == 0, f"exit status {status}: {text}"

    def kill(self):
        self.stopped = True
        self.process.kill()
        self.process.wait()
        self._close()

    def _close(self):
        self._stderr.close()
        self._stdout.close()


def wait_until_quiet(value, patience=PATIENCE, still=0.4):
    """Waits until `value()` has not changed for `still` seconds, and returns it."""
    end = time.monotonic() + patience
    last, since = value(), time.monotonic()
    while time.monotonic() - since < still:
        assert time.monotonic() < end, "it never came to rest"
        time.sleep(0.02)
        now = value()
        if now != last:
            last, since = now, time.monotonic()
    return last
