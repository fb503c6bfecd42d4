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
import select
import socket
import struct
import threading

from harness import wire
from harness.wire import Closed

from . import strict

CLOSE = object()
#: Requests with these targets are part of every play (see `stage`) and answered with their target.
OURS = ("/victim/", "/probe/")

REQUEST_LINE = re.compile(rb"(%s) ([!-\"$-~]+) (HTTP/1\.[01])" % strict.TOKEN)
HOST = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*(?::\d*)?|\[[0-9A-Fa-f:.]+\](?::\d*)?")


def early(status):
    """A script: answers as soon as it has seen the head, and takes what comes then for requests, whosever they are.
    What it reads so is not recorded; its answers are "stolen"."""
    def script(connection, _):
        connection.send(wire.response(status, b"early"))
        return misread(connection)
    return script


def closing(data):
    """A script: takes the request, answers with these bytes and closes."""
    def script(connection, seen):
        connection.read_body(seen)
        connection.send(data)
        return CLOSE
    return script


def in_turn(*scripts):
    """A script: the first request is the first one's, and so on; the last one stays."""
    return lambda connection, seen: scripts[min(seen.number, len(scripts) - 1)](connection, seen)


def says(data):
    """A script: takes the request and answers with these bytes."""
    def script(connection, seen):
        connection.read_body(seen)
        connection.send(data)
    return script


def misread(connection):
    while connection.head() is not None:
        connection.send(wire.response(200, b"stolen"))
    return CLOSE


@dataclasses.dataclass(kw_only=True)
class Seen(strict.Message):
    """One request as the origin saw it."""

    connection: int
    number: int = 0  # Among those of the play.
    method: str = ""
    target: str = ""
    version: str = ""
    ended: bool = False  # The connection has ended.


def answer_to(seen):
    """What the default script says: whose answer it is can be told at the client."""
    return f"{seen.method} {seen.target}".encode("latin-1")


def parse(number, head):
    """A head as it stands, with everything that is wrong about it."""
    seen = Seen(connection=number, head=head)
    first, *lines = head[:-4].split(b"\r\n")
    match = REQUEST_LINE.fullmatch(first)
    if not match:
        seen.faults.append(f"request line {first!r}")
        seen.unreadable = True
        return seen
    seen.method, seen.target, seen.version = (part.decode("latin-1") for part in match.groups())
    seen.read_fields(lines)
    seen.check_framing(seen.version)
    seen.faults += _routing_faults(seen) + _hop_faults(seen)
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


def _hop_faults(seen):
    faults = [f"{name} was forwarded" for name in ("keep-alive", "proxy-connection") if name in seen.fields]
    faults += [f"{name} without Connection: {name}" for name in ("te", "upgrade")
               if name in seen.fields and name not in seen.options]
    return faults


def _readable(sock, timeout):
    return bool(select.select([sock], [], [], timeout)[0])


class Connection(strict.Reader):
    """One connection of the proxy. `number` counts from 0; `changed` is the recorder's condition."""

    def __init__(self, sock, number, changed):
        super().__init__(sock, timeout=None)
        self.number = number
        self.seen = []
        self.ended = False
        self._changed = changed
        self._resting = False  # All that was read has been dealt with.

    def quiet(self):
        """Whether all that has come is dealt with. To be asked under the recorder's lock."""
        return self.ended or (self._resting and not _readable(self.sock, 0))

    def fill(self):
        self._rest(True)
        _readable(self.sock, None)
        with self._changed:  # That it was read, and is not dealt with yet, is seen at once or not at all.
            self._resting = False
            return super().fill()

    def send(self, data):
        self._rest(True)
        super().send(data)
        self._rest(False)

    def _rest(self, resting):
        with self._changed:
            self._resting = resting
            self._changed.notify_all()

    def _grown(self):
        with self._changed:
            self._changed.notify_all()

    def read_body(self, seen):
        """Reads the body to its end into `seen`. Raises Closed if it is cut off."""
        if not seen.complete:
            self.read_framed(seen, self._grown)

    def break_off(self, reset):
        """Ends the connection while its own thread waits for more, which then closes it."""
        with contextlib.suppress(OSError):
            if reset:
                self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.sock.shutdown(socket.SHUT_RD)

    def wait_for_end(self):
        """Waits until the proxy ends the connection. What comes until then stays in the buffer."""
        with contextlib.suppress(OSError):
            while self.fill():
                self._grown()


class Recorder:
    """Listens on a free port of all addresses: 127.0.0.1 is one server, 127.0.0.2 another. One play at a time: begin(),
    then seen()."""

    def __init__(self):
        self._lock = threading.Condition()
        self._seen = []
        self._script = None
        self._connections = []
        self.errors = []
        self._socket = socket.create_server(("", 0), backlog=512)
        self.port = self._socket.getsockname()[1]
        self.name = f"127.0.0.1:{self.port}"
        self.other_name = f"127.0.0.2:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def begin(self, script):
        self.settle()
        with self._lock:
            self._seen = []
            self._script = script

    def settle(self):
        """Waits until all that has come so far is dealt with, so that no play is charged with another's requests."""
        def quiet():
            return not _readable(self._socket, 0) and all(connection.quiet() for connection in self._connections)
        with self._lock:
            self._lock.wait_for(quiet, timeout=2)

    def seen(self):
        """The requests of this play, without victims and probes."""
        self.settle()
        with self._lock:
            return list(self._seen)

    def wait(self, condition, patience):
        """Waits until condition(requests of this play) holds; False if it does not within `patience` seconds."""
        with self._lock:
            return self._lock.wait_for(lambda: condition(self._seen), patience)

    def last(self):
        """The connection of this play's last request."""
        with self._lock:
            assert self._seen, "the origin has seen no request"
            return self._connections[self._seen[-1].connection]

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
                _readable(self._socket, None)
                with self._lock:
                    sock, _ = self._socket.accept()
                    connection = Connection(sock, len(self._connections), self._lock)
                    self._connections.append(connection)
            except (OSError, ValueError):  # Closed.
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._run, args=(connection,), daemon=True).start()

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
            with self._lock:
                connection.close()
                connection.ended = True
                for seen in connection.seen:
                    seen.ended = True
                self._lock.notify_all()

    def _next_head(self, connection):
        try:
            return connection.head()
        except Closed as error:
            if error.partial:
                self._note(connection, Seen(connection=connection.number, head=error.partial, faults=["a head that breaks off"]))
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
        seen.number = self._note(connection, seen)
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
            connection.send(script if isinstance(script, bytes) else script[min(seen.number, len(script) - 1)])
        return None
