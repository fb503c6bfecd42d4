"""HTTP/1.1 as bytes on a socket, without a library's opinions: what either side of a test reads and writes."""

import contextlib
import dataclasses
import socket
import struct

from .environment import PATIENCE


class Closed(Exception):
    """The other side ended the connection before a message was complete. `partial`: what came of its body."""

    def __init__(self, how, partial=b""):
        super().__init__(f"{how} after {len(partial)} bytes of the body")
        self.how = how  # "eof" or "reset"
        self.partial = partial


class Fields:
    """Header or trailer fields in the order they came."""

    def __init__(self, lines):
        self.lines = lines

    def all(self, name):
        return [value for key, value in self.lines if key.lower() == name.lower()]

    def get(self, name, default=None):
        return next(iter(self.all(name)), default)

    def names(self):
        return [key.lower() for key, _ in self.lines]

    def __contains__(self, name):
        return bool(self.all(name))

    def __getitem__(self, name):
        values = self.all(name)
        assert len(values) == 1, f"{name} occurs {len(values)} times in {self.lines}"
        return values[0]

    def __repr__(self):
        return repr(self.lines)


@dataclasses.dataclass
class Request:
    method: str
    target: str
    version: str
    headers: Fields
    head: bytes
    body: bytes = b""
    trailers: Fields = dataclasses.field(default_factory=lambda: Fields([]))


@dataclasses.dataclass
class Response:
    version: str
    status: int
    reason: str
    headers: Fields
    head: bytes
    body: bytes = b""
    trailers: Fields = dataclasses.field(default_factory=lambda: Fields([]))
    interim: list = dataclasses.field(default_factory=list)
    until_close: bool = False


def _fields(lines):
    return Fields([(name.decode("latin-1"), value.strip(b" \t").decode("latin-1"))
                   for name, _, value in (line.partition(b":") for line in lines)])


class Wire:
    """A connected socket with a buffer. A context manager that closes it."""

    def __init__(self, sock, timeout=PATIENCE):
        self.sock = sock
        self.sock.settimeout(timeout)
        self.buffer = bytearray()
        self.received = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.sock.close()

    def reset(self):
        """Closes with RST."""
        with contextlib.suppress(OSError):
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def send(self, data):
        self.sock.sendall(data.encode("latin-1") if isinstance(data, str) else data)

    def end(self):
        """Closes the sending direction."""
        self.sock.shutdown(socket.SHUT_WR)

    def fill(self):
        """Reads once; False at the end of the stream. Raises ConnectionError on a reset."""
        data = self.sock.recv(262144)
        self.received += len(data)
        self.buffer += data
        return bool(data)

    def take(self, size):
        data = bytes(self.buffer[:size])
        del self.buffer[:size]
        return data

    def _need(self, collected=b""):
        """One more read within a message."""
        try:
            more = self.fill()
        except ConnectionError as error:
            raise Closed("reset", bytes(collected) + bytes(self.buffer)) from error
        if not more:
            raise Closed("eof", bytes(collected) + bytes(self.buffer))

    def line(self, collected=b""):
        while (at := self.buffer.find(b"\r\n")) < 0:
            self._need(collected)
        return self.take(at + 2)[:-2]

    def exactly(self, size):
        while len(self.buffer) < size:
            self._need()
        return self.take(size)

    def head(self):
        """The bytes of a head with its empty line; None if the stream ends before its first byte."""
        while (at := self.buffer.find(b"\r\n\r\n")) < 0:
            if not self.buffer:
                try:
                    if not self.fill():
                        return None
                except ConnectionError as error:
                    raise Closed("reset") from error
            else:
                self._need()
        return self.take(at + 4)

    def chunked(self):
        body = bytearray()
        while size := int(self.line(body).split(b";")[0], 16):
            while len(self.buffer) < size + 2:
                self._need(body)
            body += self.take(size)
            assert self.take(2) == b"\r\n"
        lines = []
        while line := self.line(body):
            lines.append(line)
        return bytes(body), _fields(lines)

    def to_end(self):
        """Everything up to the end of the stream. Raises Closed on a reset."""
        try:
            while self.fill():
                pass
        except ConnectionError as error:
            raise Closed("reset", bytes(self.buffer)) from error
        return self.take(len(self.buffer))

    def at_end(self):
        """True if the other side ends the connection, in whatever way, without another byte."""
        try:
            return not self.buffer and not self.fill()
        except ConnectionError:
            return True

    # --- What a server reads

    def read_request_head(self):
        head = self.head()
        if head is None:
            return None
        first, *lines = head[:-4].split(b"\r\n")
        method, target, version = first.decode("latin-1").split(" ")
        return Request(method, target, version, _fields(lines), head)

    def read_request_body(self, request):
        if request.headers.get("transfer-encoding"):
            request.body, request.trailers = self.chunked()
        elif length := request.headers.get("content-length"):
            request.body = self.exactly(int(length))
        return request

    def read_request(self):
        """A whole request, or None at the end of the stream."""
        request = self.read_request_head()
        return request and self.read_request_body(request)

    # --- What a client reads

    def read_response_head(self):
        head = self.head()
        if head is None:
            raise Closed("eof")
        first, *lines = head[:-4].split(b"\r\n")
        version, status, *reason = first.decode("latin-1").split(" ", 2)
        return Response(version, int(status), "".join(reason), _fields(lines), head)

    def read_response(self, method="GET"):
        """A final response with its body; interim ones are listed in it. Raises Closed if it is truncated."""
        interim = []
        while True:
            response = self.read_response_head()
            if response.status >= 200 or response.status == 101:
                break
            interim.append(response)
        response.interim = interim
        if method == "HEAD" or response.status in (101, 204, 304):
            return response
        if response.headers.get("transfer-encoding"):
            response.body, response.trailers = self.chunked()
        elif (length := response.headers.get("content-length")) is not None:
            response.body = self.exactly(int(length))
        else:
            response.until_close = True
            response.body = self.to_end()
        return response

    def ask(self, data, method=None):
        """Sends a request and reads its response."""
        self.send(data)
        if method is None:
            text = data if isinstance(data, str) else data.decode("latin-1")
            method = text.split(" ", 1)[0]
        return self.read_response(method)


def connect(address, timeout=PATIENCE, **options):
    """A Wire to (host, port) or to the path of a Unix socket. `rcvbuf`: the size of its receive buffer. `source`: the
    address it comes from."""
    if isinstance(address, (str, bytes)) or not isinstance(address, tuple):
        sock = socket.socket(socket.AF_UNIX)
        address = str(address)
    else:
        sock = socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET)
    if "rcvbuf" in options:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, options["rcvbuf"])
    if "source" in options:
        sock.bind((options["source"], 0))
    sock.settimeout(timeout)
    sock.connect(address)
    if sock.family != socket.AF_UNIX:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return Wire(sock, timeout)


def request(method="GET", target="/", *lines, host="test", body=None, version="HTTP/1.1"):
    """A request's bytes. With a body and no framing among `lines`, Content-Length is added."""
    lines = list(lines)
    if host is not None:
        lines.insert(0, f"Host: {host}")
    named = {line.split(":")[0].lower() for line in lines}
    if body is not None and not named & {"content-length", "transfer-encoding"}:
        lines.append(f"Content-Length: {len(body)}")
    head = "\r\n".join([f"{method} {target} {version}", *lines, "", ""]).encode("latin-1")
    return head + (body or b"")


def response(status=200, body=b"", *lines, reason="OK"):
    """A response's bytes with Content-Length."""
    lines = [f"HTTP/1.1 {status} {reason}", *lines]
    if status not in (204, 304) and status >= 200:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data)
