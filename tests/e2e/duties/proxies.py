"""The programs under test: Lintel, and its peers with equivalent configurations."""

import dataclasses
import pathlib
import shutil
import socket

from harness import daemon, peers
from harness.environment import PATIENCE, free_port


@dataclasses.dataclass(frozen=True)
class Setup:
    """One configuration, for whom it exists. In each of them the proxy itself answers /local, and nobody listens behind
    /dead. `lintel` are keys of the listener, `pool` of the pool, `haproxy` lines of the frontend, `backend` of haproxy's
    backend and `nginx` of the server. `servers`: how many the pool has; all of them are the origin."""

    lintel: dict = dataclasses.field(default_factory=dict)
    pool: dict = dataclasses.field(default_factory=dict)
    haproxy: str = ""
    backend: str = ""
    nginx: str = ""
    servers: int = 1


ROUTES = [{"match": {"path": "/local"}, "respond": {"body": "local\n"}}, {"match": {"path_prefix": "/dead"}, "pool": "dead"}]
#: What a client says goes into places that Lintel writes itself.
EDITS = [
    {"match": {"path": "/rewritten"}, "rewrite": {"path": "/users/{query.p}/{cookie.p}view"}, "pool": "site"},
    {"match": {"path_prefix": "/moved"}, "redirect": {"scheme": "https", "host": "new.test"}},
    {"match": {"path_prefix": "/here"}, "redirect": {"scheme": "https", "status": 302}},
    {"match": {"path_prefix": "/edited"}, "pool": "site", "headers": {
        "request": {"set": {"X-Query": "a{query.p}b", "X-Cookie": "a{cookie.p}b", "X-Uri": "{uri}", "X-Sni": "{sni}",
                            "X-Copy": "{header.X-A}"}},
        "response": {"set": {"X-Query": "a{query.p}b", "X-Cookie": "a{cookie.p}b", "X-Uri": "{uri}",
                             "X-Copy": "{header.X-A}", "X-Host": "{host}"}}}},
]

#: A row names one of these. Add one here when a row needs a setting that would change other rows.
SETUPS = {
    "plain": Setup(),
    "limits": Setup(
        lintel={"limits": {"header_size": "4KiB", "header_field_size": "1KiB", "header_count": 10,
                           "target_size": "512B", "body_size": "1KiB"}},
        haproxy="http-request deny deny_status 413 if { req.body_size gt 1024 }",
        nginx="client_header_buffer_size 1k; large_client_header_buffers 4 1k; client_max_body_size 1k;"),
    "impatient": Setup(
        lintel={"timeouts": {"header": "500ms", "request_body": "500ms"}},
        haproxy="timeout http-request 500ms\n  timeout client 500ms",
        nginx="client_header_timeout 1s; client_body_timeout 1s;"),
    "hasty": Setup(pool={"timeouts": {"first_byte": "300ms", "idle": "300ms"}}, backend="timeout server 300ms",
                   nginx="proxy_read_timeout 300ms; proxy_send_timeout 300ms;"),
    "telling": Setup(lintel={"proxy_status": True}),
    "telling-number": Setup(lintel={"proxy_status": True, "server_name": "1st"}),
    "lone": Setup(pool={"keepalive": {"max_idle": 0}}),
    "trusting": Setup(lintel={"trusted_proxies": ["127.0.0.0/8"]}),
    "strict": Setup(lintel={"paths": "strict", "encoded_slash": "reject", "underscore_names": "reject"}),
    "keeping": Setup(lintel={"underscore_names": "keep"}),
    "retrying": Setup(pool={"retry": {"attempts": 2, "on": ["connect-failure", "dead-connection", "reset", "timeout",
                                                            "bad-response", "503"], "budget": "100%",
                                      "idempotency_key": True},
                            "outlier": False}, servers=2),
    "editing": Setup(lintel={"routes": ROUTES + EDITS}),
}

HAPROXY = """
global
  maxconn 1000
  stats socket {directory}/stats
defaults
  mode http
  timeout connect 3s
  timeout client 30s
  timeout server 30s
  option forwardfor
frontend web
  bind 127.0.0.1:{port}
  {setup}
  http-request return status 200 content-type text/plain string "local\\n" if {{ path /local }}
  use_backend dead if {{ path_beg /dead }}
  default_backend site
backend site
  {backend}
  server origin {origin}
backend dead
  retries 0
  server origin {dead}
"""

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
  client_max_body_size 0;
  map $http_host $forwarded_host {{ default $http_host; '' $host; }}
  map $http_upgrade $connection_upgrade {{ default upgrade; '' ''; }}
  upstream site {{ server {origin}; keepalive 16; }}
  server {{
    listen 127.0.0.1:{port};
    server_name localhost;
    {setup}
    location = /local {{ return 200 "local\\n"; }}
    location /dead {{ proxy_pass http://{dead}; }}
    location / {{
      proxy_pass http://site;
      proxy_http_version 1.1;
      proxy_request_buffering off;
      proxy_buffering off;
      proxy_set_header Host $forwarded_host;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $connection_upgrade;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Forwarded-Proto $scheme;
    }}
  }}
}}
"""


class DeadEnd:
    """An address where nobody listens, and nobody else can, as long as this object lives."""

    def __init__(self):
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self.name = "127.0.0.1:%d" % self._socket.getsockname()[1]

    def close(self):
        self._socket.close()


class LintelProxy:
    is_peer = False
    patience = PATIENCE

    def __init__(self, setup, origin, directory):
        self._dead = DeadEnd()
        servers = [origin.name, origin.other_name][:setup.servers]
        config = daemon.proxy_to(*servers, listener={"routes": ROUTES, **setup.lintel}, pool=setup.pool,
                                 shutdown={"timeout": "100ms"})
        config["pools"]["dead"] = {"servers": [self._dead.name]}
        self._daemon = daemon.Lintel(config, directory)
        self.address = self._daemon.address

    def stop(self):
        self._dead.close()
        self._daemon.stop()


class Peer:
    """haproxy or nginx. What they do not answer soon they do not answer at all."""

    is_peer = True
    patience = 1.5

    def __init__(self, setup, origin, directory):
        directory = pathlib.Path(directory)
        directory.mkdir(parents=True)
        port = free_port()
        file = directory / "configuration"
        self._dead = DeadEnd()
        file.write_text(self.template.format(
            directory=directory, port=port, origin=origin.name, dead=self._dead.name, setup=getattr(setup, self.name),
            backend=setup.backend))
        program = shutil.which(self.name) or f"/usr/sbin/{self.name}"
        self._server = peers.Server([program, *self.arguments(directory, file)], port, directory, self.name)
        self.address = ("127.0.0.1", port)

    def stop(self):
        self._dead.close()
        self._server.close()


class Haproxy(Peer):
    name = "haproxy"
    template = HAPROXY

    @staticmethod
    def arguments(_, file):
        return ["-db", "-f", str(file)]


class Nginx(Peer):
    name = "nginx"
    template = NGINX

    @staticmethod
    def arguments(directory, file):
        return ["-e", "stderr", "-p", str(directory), "-c", str(file)]


PROXIES = {"lintel": LintelProxy, "haproxy": Haproxy, "nginx": Nginx}
