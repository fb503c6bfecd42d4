"""Other people's servers and clients."""

import contextlib
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys

from .environment import PATIENCE, eventually, free_port

ORIGINS = pathlib.Path(__file__).resolve().parents[1] / "origins"


def answers(port, host="127.0.0.1"):
    with contextlib.suppress(OSError), socket.create_connection((host, port), timeout=1):
        return True
    return False


class Server:
    """A process that listens on `port`; a context manager."""

    def __init__(self, arguments, port, directory, name):
        self.port = port
        self.name = f"127.0.0.1:{port}"
        self.log = pathlib.Path(directory) / f"{name}.log"
        with open(self.log, "wb") as log:
            self._process = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=directory)
        try:
            eventually(self._is_up, f"{name} listens on port {port}")
        except AssertionError:
            self.close()
            raise AssertionError(f"{name} did not start: {self.log.read_text()}") from None

    def _is_up(self):
        assert self._process.poll() is None, self.log.read_text()
        return answers(self.port)

    def close(self):
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()


NGINX = """
daemon off;
master_process off;
worker_processes 1;
pid {directory}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  client_body_temp_path {directory}/body;
  proxy_temp_path {directory}/proxy;
  fastcgi_temp_path {directory}/fastcgi;
  uwsgi_temp_path {directory}/uwsgi;
  scgi_temp_path {directory}/scgi;
  types {{ text/html html; text/css css; text/javascript js; image/svg+xml svg; }}
  keepalive_requests 1000000;
  gzip on;
  gzip_min_length 256;
  gzip_types text/css text/javascript;
  server {{
    listen 127.0.0.1:{port};
    root {root};
    location /small {{ return 200 "small\\n"; }}
  }}
}}
"""


def nginx(directory, root):
    port = free_port()
    directory = pathlib.Path(directory) / f"nginx-{port}"
    directory.mkdir()
    file = directory / "nginx.conf"
    file.write_text(NGINX.format(directory=directory, root=root, port=port))
    program = shutil.which("nginx") or "/usr/sbin/nginx"
    return Server([program, "-e", "stderr", "-p", str(directory), "-c", str(file)], port, directory, "nginx")


def python_http_server(directory, root, protocol="HTTP/1.0"):
    port = free_port()
    arguments = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", "--directory", str(root),
                 "--protocol", protocol, str(port)]
    return Server(arguments, port, directory, f"http-server-{port}")


def node(directory):
    port = free_port()
    return Server(["node", str(ORIGINS / "server.js"), str(port)], port, directory, f"node-{port}")


def curl(*arguments, data=None, timeout=PATIENCE):
    """Runs curl, which must succeed; returns what it wrote to stdout."""
    done = subprocess.run(["curl", "-q", "-sS", "--max-time", str(int(timeout)), *map(str, arguments)], input=data,
                          capture_output=True, timeout=timeout + 5, check=False)
    assert done.returncode == 0, f"curl: {done.returncode}: {done.stderr.decode()}"
    return done.stdout


def h2load(url, requests, clients=16, arguments=()):
    """Every request must be answered with 2xx. Returns the number of requests."""
    done = subprocess.run(["h2load", "--h1", "-n", str(requests), "-c", str(clients), "-t", "1", *arguments, url],
                          capture_output=True, text=True, timeout=120, check=False)
    counts = re.search(r"requests: (\d+) total, (\d+) started, (\d+) done, (\d+) succeeded, (\d+) failed, "
                       r"(\d+) errored, (\d+) timeout", done.stdout)
    statuses = re.search(r"status codes: (\d+) 2xx", done.stdout)
    assert done.returncode == 0 and counts and statuses, done.stdout + done.stderr
    assert counts.groups() == tuple(map(str, [requests] * 4 + [0] * 3)), done.stdout
    assert int(statuses[1]) == requests, done.stdout
    return requests


def wrk(url, seconds=1, connections=16, arguments=()):
    """No error is allowed. Returns the number of requests."""
    done = subprocess.run(["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", *arguments, url], capture_output=True,
                          text=True, timeout=seconds + PATIENCE, check=False)
    total = re.search(r"(\d+) requests in", done.stdout)
    assert done.returncode == 0 and total, done.stdout + done.stderr
    assert "Socket errors" not in done.stdout and "Non-2xx" not in done.stdout, done.stdout
    return int(total[1])
