"""The three proxies under test: their configuration, each tuned as its experts would, and their processes.

All run one worker on the proxy core, keep connections on both sides alive, add X-Forwarded-For, and log nothing unless
the variant is "access-log". The variant "routes-N" gives each N routes, one per host and path prefix; with "bulk"
haproxy splices every answer; with "tcp" all three pass bytes on without a look at them. With "tls" all end TLS 1.2 and
1.3 with one certificate, and resume sessions by stateless tickets: none keeps a cache of sessions.
"""

import http.client
import os
import resource
import signal
import socket
import subprocess
import time
from pathlib import Path

import certificate

PROXY_CORE = 0
START_SECONDS = 15
FD_LIMIT = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
# Each needs two descriptors, and half a one for haproxy's pipes.
MAX_CONNECTIONS = min(16000, (FD_LIMIT - 200) * 2 // 5)


def route_count(variant):
    """How many routes a variant is about; 0: none."""
    return int(variant.removeprefix("routes-")) if variant.startswith("routes-") else 0


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def lintel_config(variant, port, origin, folder):
    lines = [
        "workers: 1",
        "log: {level: warn}",
        f"access_log: {{path: {folder}/lintel-access.log}}" if variant == "access-log" else "access_log: off",
        "listeners:",
        "  - name: bench",
        f'    bind: ["127.0.0.1:{port}"]',
    ]
    if variant == "tcp":
        lines.append("    protocol: tcp")
    else:
        lines.append("    limits: {requests_per_connection: 1000000000, connection_age: 24h}")
    if variant == "tls":
        chain, key, _ = certificate.make(folder.parent)
        lines.append(f"    tls: {{certificates: [{{cert: {chain}, key: {key}}}]}}")
    if route_count(variant):
        lines.append("    routes:")
        for i in range(route_count(variant)):
            lines.append(f"      - {{match: {{host: [h{i}.bench], path_prefix: /app{i}}}, pool: origin}}")
    else:
        lines.append("    pool: origin")
    lines += [
        "pools:",
        "  origin:",
        f'    servers: ["127.0.0.1:{origin}"]',
    ]
    if variant != "tcp":
        lines.append("    keepalive: {max_idle: 1024}")
    return "\n".join(lines) + "\n"


def haproxy_config(variant, port, origin, folder):
    use = "default_backend origin"
    if route_count(variant):
        # One lookup of host and path prefix in a tree, however many routes there are.
        table = folder / "haproxy-routes.map"
        table.write_text("".join(f"h{i}.bench/app{i}/ origin\n" for i in range(route_count(variant))), encoding="ascii")
        use = f"use_backend %[base,map_beg({table})]"
    log = "log stdout format raw local0" if variant == "access-log" else ""
    splice = {"tcp": "option splice-request\n    option splice-response", "bulk": "option splice-response"}.get(
        variant, "option splice-auto")
    tls = f"ssl crt {certificate.make(folder.parent)[2]} alpn http/1.1" if variant == "tls" else ""
    if variant == "tcp":
        http = splice
    else:
        http = f"{splice}\n    option http-keep-alive\n    option forwardfor\n    http-reuse always"
    return f"""
global
    nbthread 1
    maxconn {MAX_CONNECTIONS}
    {"ssl-default-bind-options ssl-min-ver TLSv1.2" if tls else ""}
    {"tune.ssl.cachesize 0" if tls else ""}
    {log}
defaults
    mode {"tcp" if variant == "tcp" else "http"}
    {"log global" if log else "no log"}
    {"option httplog" if log else ""}
    {http}
    timeout connect 3s
    timeout client 75s
    timeout server 60s
    {"" if variant == "tcp" else "timeout http-request 10s"}
    {"" if variant == "tcp" else "timeout http-keep-alive 75s"}
frontend bench
    bind 127.0.0.1:{port} backlog 4096 {tls}
    {use}
backend origin
    server s1 127.0.0.1:{origin} {"" if variant == "tcp" else "pool-max-conn 1024"}
"""


def nginx_stream_config(port, origin, folder):
    return f"""
load_module /usr/lib/nginx/modules/ngx_stream_module.so;
daemon off;
worker_processes 1;
worker_rlimit_nofile {FD_LIMIT};
pid {folder}/nginx.pid;
error_log stderr warn;
events {{ worker_connections {MAX_CONNECTIONS}; }}
stream {{
    access_log off;
    tcp_nodelay on;
    proxy_buffer_size 64k;
    proxy_timeout 1h;
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        proxy_pass 127.0.0.1:{origin};
    }}
}}
"""


def nginx_config(variant, port, origin, folder):
    if variant == "tcp":
        return nginx_stream_config(port, origin, folder)
    log = f"access_log {folder}/nginx-access.log combined buffer=64k flush=1s;" if variant == "access-log" else "access_log off;"
    listen = f"listen 127.0.0.1:{port} {'ssl' if variant == 'tls' else ''} backlog=4096;"
    tls = ""
    if variant == "tls":
        chain, key, _ = certificate.make(folder.parent)
        tls = f"ssl_certificate {chain}; ssl_certificate_key {key}; ssl_protocols TLSv1.2 TLSv1.3; ssl_session_tickets on;"
    if route_count(variant):
        servers = "\n".join(
            f"server {{ {listen if i == 0 else f'listen 127.0.0.1:{port};'} server_name h{i}.bench;"
            f" location /app{i}/ {{ proxy_pass http://origin; }} }}"
            for i in range(route_count(variant))
        )
    else:
        servers = f"server {{ {listen} location / {{ proxy_pass http://origin; }} }}"
    return f"""
daemon off;
worker_processes 1;
worker_rlimit_nofile {FD_LIMIT};
pid {folder}/nginx.pid;
error_log stderr warn;
events {{ worker_connections {MAX_CONNECTIONS}; }}
http {{
    {log}
    {tls}
    sendfile on;
    tcp_nopush on;
    tcp_nodelay on;
    server_names_hash_max_size {max(8192, 8 * route_count(variant))};
    server_names_hash_bucket_size 64;
    keepalive_timeout 75s;
    keepalive_requests 1000000000;
    client_body_temp_path {folder}/nginx-body;
    proxy_temp_path {folder}/nginx-proxy;
    fastcgi_temp_path {folder}/nginx-fastcgi;
    uwsgi_temp_path {folder}/nginx-uwsgi;
    scgi_temp_path {folder}/nginx-scgi;
    client_body_buffer_size 64k;
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_set_header Host $host;
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    proxy_buffering on;
    proxy_buffers 16 32k;
    proxy_busy_buffers_size 128k;
    proxy_max_temp_file_size 0;
    upstream origin {{
        server 127.0.0.1:{origin};
        keepalive 1024;
        keepalive_requests 1000000000;
        keepalive_time 24h;
    }}
    {servers}
}}
"""


class Proxy:
    """One proxy process (with its children), running until `stop`."""

    def __init__(self, name, variant, origin, folder, programs):
        self.name = name
        self.port = free_port()
        self.client_tls = certificate.client_context(Path(folder)) if variant == "tls" else None
        folder = Path(folder) / f"{name}-{variant}-{self.port}"
        folder.mkdir()
        path = folder / f"{name}.conf"
        configs = {"lintel": lintel_config, "haproxy": haproxy_config, "nginx": nginx_config}
        path.write_text(configs[name](variant, self.port, origin, folder), encoding="ascii")
        command = {
            "lintel": [programs["lintel"], "run", "-c", path],
            "haproxy": [programs["haproxy"], "-db", "-f", path],
            "nginx": [programs["nginx"], "-e", "stderr", "-p", folder, "-c", path],
        }[name]
        self.errors = folder / "stderr"
        self.access_log = folder / ("stdout" if name == "haproxy" else f"{name}-access.log")
        with open(folder / "stdout", "ab") as out, open(self.errors, "ab") as err:
            self.process = subprocess.Popen(
                [str(word) for word in command], stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                preexec_fn=lambda: os.sched_setaffinity(0, {PROXY_CORE}),
            )
        try:
            self._wait_until_it_serves()
        except RuntimeError:
            self.stop()
            raise

    def _wait_until_it_serves(self):
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            try:
                probe = self.connection(5)
                probe.request("GET", "/app0/128", headers={"Host": "h0.bench"})
                if probe.getresponse().status == 200:
                    return
            except OSError:
                pass
            finally:
                probe.close()
            time.sleep(0.05)
        raise RuntimeError(f"{self.name} does not serve on port {self.port}:\n{self.errors.read_text()[-2000:]}")

    def connection(self, timeout):
        """A client's, not open yet."""
        if self.client_tls:
            return http.client.HTTPSConnection("127.0.0.1", self.port, timeout=timeout, context=self.client_tls)
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def pids(self):
        """The process and its descendants."""
        found = [self.process.pid]
        for pid in found:
            for children in Path(f"/proc/{pid}/task").glob("*/children"):
                found += [int(child) for child in children.read_text().split()]
        return found

    def cpu_ns(self):
        """Time on CPU so far, of all threads of all its processes."""
        total = 0
        for pid in self.pids():
            for schedstat in Path(f"/proc/{pid}/task").glob("*/schedstat"):
                total += int(schedstat.read_text().split()[0])
        return total

    def rss_kib(self):
        total = 0
        for pid in self.pids():
            for line in Path(f"/proc/{pid}/status").read_text().splitlines():
                if line.startswith("VmRSS:"):
                    total += int(line.split()[1])
        return total

    def logged_lines(self):
        """Lines in the access log; complete once the proxy has stopped."""
        with open(self.access_log, "rb") as log:
            return sum(block.count(b"\n") for block in iter(lambda: log.read(1 << 20), b""))

    def stop(self):
        if self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
