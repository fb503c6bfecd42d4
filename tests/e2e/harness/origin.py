"""A server whose every byte the test decides, and which remembers every byte that it saw."""

import contextlib
import os
import socket
import threading

from . import wire
from .environment import eventually


class Origin:
    """Listens and runs `script(connection)` in a thread for each connection; the connection is a wire.Wire with
    `number`, counted from 0. `requests` has what the script read with read_request, in the order of arrival.

    With `tls`, an ssl.SSLContext, it speaks that; handshakes that fail are counted in `refused`.

    The default script answers every request with `answer(request)`, by default 200 with a small body.
    """

    def __init__(self, script=None, answer=None, address=None, tls=None, port=0):
        self._tls = tls
        self.refused = 0
        self.requests = []
        self.connections = []
        self.open = 0
        self.errors = []
        self._lock = threading.Lock()
        self._script = script or self.serve
        self.answer = answer or (lambda _: wire.response(200, b"hello\n"))
        if isinstance(address, str) and address.startswith("/"):
            self._socket = socket.socket(socket.AF_UNIX)
            self._socket.bind(address)
            self._socket.listen(128)
            self.name = f"unix:{address}"
        else:
            host = address or "127.0.0.1"
            self._socket = socket.create_server(
                (host, port), backlog=512, family=socket.AF_INET6 if ":" in host else socket.AF_INET)
            self.port = self._socket.getsockname()[1]
            self.name = f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                sock, _ = self._socket.accept()
            except OSError:
                return
            if sock.family != socket.AF_UNIX:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = _Connection(sock, self)
            with self._lock:
                connection.number = len(self.connections)
                self.connections.append(connection)
                self.open += 1
            threading.Thread(target=self._run, args=(connection,), daemon=True).start()

    def _run(self, connection):
        try:
            if self._tls:
                connection.secure(self._tls)
            self._script(connection)
        except (OSError, wire.Closed):
            pass  # The proxy went away; the test looks at what the client got.
        except Exception as error:  # pylint: disable=broad-except
            self.errors.append(error)
        finally:
            connection.close()
            with self._lock:
                self.open -= 1

    def serve(self, connection):
        while request := connection.read_request():
            connection.send(self.answer(request))
            if request.headers.get("connection", "").lower() == "close":
                return

    def wait_for_requests(self, count):
        return eventually(lambda: len(self.requests) >= count and self.requests, f"{count} requests at the origin")

    def wait_for_connections(self, count):
        return eventually(lambda: len(self.connections) >= count and self.connections, f"{count} connections")

    def close(self):
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for connection in self.connections:
            with contextlib.suppress(OSError):
                connection.sock.shutdown(socket.SHUT_RDWR)
        if self.name.startswith("unix:"):
            with contextlib.suppress(OSError):
                os.unlink(self.name[5:])
        assert not self.errors, self.errors


class _Connection(wire.Wire):
    number = 0

    def __init__(self, sock, origin):
        super().__init__(sock)
        self._origin = origin

    def secure(self, context):
        try:
            self.sock = context.wrap_socket(self.sock, server_side=True)
        except OSError:
            self._origin.refused += 1
            raise

    def read_request_head(self):
        request = super().read_request_head()
        if request:
            request.connection = self.number
            self._origin.requests.append(request)
        return request
