"""The server behind the proxy under test. It reads what comes as strictly as anyone could, writes down all of it, and
answers as the row says.

What a row may give as `origin`:
- None: each request is read to its end and answered with 200 and a body that names it (`answer_to`);
- bytes: sent for each request, when it has been read;
- a list of bytes: the first is sent for the first request, and so on; the last one stays;
- a function (connection, seen), called when a head has been read. It calls connection.read_body(seen) when it wants
  the body, connection.send() and so on (harness.wire.Wire), and returns CLOSE to end the connection.
"""

import contextlib
import dataclasses
import re
import socket
import threading

from harness import wire
from harness.wire import Closed, Fields

CLOSE = object()
#: Requests with these targets are part of every play (see `stage`) and answered with their target.
OURS = ("/victim/", "/probe/")

TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
REQUEST_LINE = re.compile(rb"(%s) ([!-\"$-~]+) (HTTP/1\.[01])" % TOKEN)
FIELD = re.compile(rb"(%s):[ \t]*(.*?)[ \t]*" % TOKEN, re.DOTALL)
HOST = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*(?::\d*)?|\[[0-9A-Fa-f:.]+\](?::\d*)?")
CHUNK = re.compile(rb"([0-9A-Fa-f]{1,16})((?:[ \t]*;[\t -~]*)?)")
DANGEROUS = re.compile(rb"[\x00\r\n]")  # RFC 9110, 5.5: never to be kept, whatever else a value may hold.


def early(status):
    """A script: answers as soon as it has seen the head, and takes what comes then for requests, whosever they are.
    What it reads so is not recorded; its answers are "stolen"."""
    def script(connection, _):
        connection.send(wire.response(status, b"early"))
        return misread(connection)
    return script


def misread(connection):
    while connection.head() is not None:
        connection.send(wire.response(200, b"stolen"))
    return CLOSE


@dataclasses.dataclass
class Seen:
    """One request as the origin saw it."""

    connection: int
    head: bytes
    method: str = ""
    target: str = ""
    version: str = ""
    fields: Fields = dataclasses.field(default_factory=lambda: Fields([]))
    body: bytes = b""
    raw_body: bytes = b""  # With its framing.
    trailers: Fields = dataclasses.field(default_factory=lambda: Fields([]))
    complete: bool = False  # Its body, empty or not, has come in full.
    ended: bool = False  # The connection has ended.
    faults: list = dataclasses.field(default_factory=list)  # What a strict reader must object to.
    unreadable: bool = False  # Where it ends, nobody can tell.

    @property
    def framing(self):
        if "transfer-encoding" in self.fields:
            return "chunked"
        return "length" if "content-length" in self.fields else "none"


def answer_to(seen):
    """What the default script says: whose answer it is can be told at the client."""
    return f"{seen.method} {seen.target}".encode("latin-1")


def parse(number, head):
    """A head as it stands, with everything that is wrong about it."""
    seen = Seen(number, head)
    first, *lines = head[:-4].split(b"\r\n")
    match = REQUEST_LINE.fullmatch(first)
    if not match:
        seen.faults.append(f"request line {first!r}")
        seen.unreadable = True
        return seen
    seen.method, seen.target, seen.version = (part.decode("latin-1") for part in match.groups())
    fields = []
    for line in lines:
        match = FIELD.fullmatch(line)
        if not match or DANGEROUS.search(line):
            seen.faults.append(f"field line {line!r}")
            continue
        fields.append((match[1].decode("latin-1"), match[2].decode("latin-1")))
    seen.fields = Fields(fields)
    framing = _framing_faults(seen)
    seen.unreadable = bool(framing)
    seen.faults += _routing_faults(seen) + framing + _hop_faults(seen)
    return seen


def _routing_faults(seen):
    faults = []
    own_form = seen.method == "CONNECT" or (seen.method == "OPTIONS" and seen.target == "*")
    if not seen.target.startswith("/") and not own_form:
        faults.append(f"target {seen.target!r} is not in origin form")
    hosts = seen.fields.all("host")
    if len(hosts) != 1 or not HOST.fullmatch(hosts[0]):
        faults.append(f"Host {hosts}")
    return faults


def _framing_faults(seen):
    lengths, encodings = seen.fields.all("content-length"), seen.fields.all("transfer-encoding")
    faults = []
    if len(lengths) > 1 or not all(re.fullmatch(r"0*[0-9]{1,19}", length) for length in lengths):
        faults.append(f"Content-Length {lengths}")
    if len(encodings) > 1 or not all(encoding.lower() == "chunked" for encoding in encodings):
        faults.append(f"Transfer-Encoding {encodings}")
    if lengths and encodings:
        faults.append("both Content-Length and Transfer-Encoding")
    if encodings and seen.version == "HTTP/1.0":
        faults.append("Transfer-Encoding in HTTP/1.0")
    return faults


def _hop_faults(seen):
    named = {name.strip().lower() for value in seen.fields.all("connection") for name in value.split(",")}
    faults = [f"{name} was forwarded" for name in ("keep-alive", "proxy-connection") if name in seen.fields]
    faults += [f"{name} without Connection: {name}" for name in ("te", "upgrade")
               if name in seen.fields and name not in named]
    return faults


class Connection(wire.Wire):
    """One connection of the proxy. `number` counts from 0; `grown` is called when a body has grown."""

    def __init__(self, sock, number, grown):
        super().__init__(sock, timeout=None)
        self.number = number
        self.seen = []
        self._grown = grown

    def read_body(self, seen):
        """Reads the body to its end into `seen`. Raises Closed if it is cut off."""
        if seen.complete:
            return
        if seen.framing == "chunked":
            self._read_chunks(seen)
        elif seen.framing == "length":
            left = int(seen.fields.get("content-length"))
            while left:
                if not self.buffer:
                    self._need()
                piece = self.take(left)
                seen.body += piece
                left -= len(piece)
                self._grown()
            seen.raw_body = seen.body
        seen.complete = True

    def _read_chunks(self, seen):
        while True:
            line = self._keep_line(seen)
            match = CHUNK.fullmatch(line)
            if not match:
                seen.faults.append(f"chunk size line {line!r}")
                raise Closed("broken")
            if match[2]:
                seen.faults.append(f"chunk extension {match[2]!r} was forwarded")
            size = int(match[1], 16)
            if size == 0:
                break
            data = self.exactly(size + 2)
            seen.raw_body += data
            seen.body += data[:-2]
            self._grown()
            if data[-2:] != b"\r\n":
                seen.faults.append(f"chunk ends in {data[-2:]!r}")
                raise Closed("broken")
        lines = []
        while line := self._keep_line(seen):
            match = FIELD.fullmatch(line)
            if match:
                lines.append((match[1].decode("latin-1"), match[2].decode("latin-1")))
            if not match or DANGEROUS.search(line):
                seen.faults.append(f"trailer line {line!r}")
        seen.trailers = Fields(lines)

    def _keep_line(self, seen):
        line = self.line()
        seen.raw_body += line + b"\r\n"
        return line

    def wait_for_end(self):
        """Waits until the proxy ends the connection."""
        with contextlib.suppress(OSError):
            while self.fill():
                pass


class Recorder:
    """Listens on a free port of 127.0.0.1. One play at a time: begin(), then seen()."""

    def __init__(self):
        self._lock = threading.Condition()
        self._seen = []
        self._script = None
        self._connections = []
        self.errors = []
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port = self._socket.getsockname()[1]
        self.name = f"127.0.0.1:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def begin(self, script):
        with self._lock:
            self._seen = []
            self._script = script

    def seen(self):
        """The requests of this play, without victims and probes."""
        with self._lock:
            return list(self._seen)

    def wait(self, condition, patience):
        """Waits until condition(requests of this play) holds; False if it does not within `patience` seconds."""
        with self._lock:
            return self._lock.wait_for(lambda: condition(self._seen), patience)

    def hang_up(self):
        """Ends every connection, so that one which a row has left poisoned harms no other row."""
        for connection in self._connections:
            with contextlib.suppress(OSError):
                connection.sock.shutdown(socket.SHUT_RDWR)

    def close(self):
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self.hang_up()
        assert not self.errors, self.errors

    def _accept(self):
        while True:
            try:
                sock, _ = self._socket.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = Connection(sock, len(self._connections), self._wake)
            self._connections.append(connection)
            threading.Thread(target=self._run, args=(connection,), daemon=True).start()

    def _wake(self):
        with self._lock:
            self._lock.notify_all()

    def _run(self, connection):
        try:
            while (head := self._next_head(connection)) is not None:
                if self._serve(connection, parse(connection.number, head)) is CLOSE:
                    break
        except (OSError, Closed):
            pass  # The proxy went away; the row looks at what the client got.
        except Exception as error:  # pylint: disable=broad-except
            self.errors.append(error)
        finally:
            connection.close()
            with self._lock:
                for seen in connection.seen:
                    seen.ended = True
                self._lock.notify_all()

    def _next_head(self, connection):
        try:
            return connection.head()
        except Closed as error:
            if error.partial:
                self._note(connection, Seen(connection.number, error.partial, faults=["a head that breaks off"]))
            return None

    def _note(self, connection, seen):
        with self._lock:
            connection.seen.append(seen)
            self._seen.append(seen)
            self._lock.notify_all()
            return len(self._seen) - 1

    def _serve(self, connection, seen):
        if seen.target.startswith(OURS):
            connection.read_body(seen)
            connection.send(wire.response(200, seen.target.encode(), f"X-Connection: {connection.number}"))
            return None
        number = self._note(connection, seen)
        if seen.unreadable:
            return CLOSE
        script = self._script
        if callable(script):
            return script(connection, seen)
        if seen.fields.get("expect", "").lower() == "100-continue":
            connection.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        connection.read_body(seen)
        if script is None:
            connection.send(wire.response(200, b"" if seen.method == "HEAD" else answer_to(seen)))
        else:
            connection.send(script if isinstance(script, bytes) else script[min(number, len(script) - 1)])
        return None
