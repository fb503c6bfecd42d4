"""HTTP/1.1 as the strictest of readers would have it: what both ends of the table read messages with."""

import dataclasses
import re

from harness import wire
from harness.wire import Closed, Fields

TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
FIELD = re.compile(rb"(%s):[ \t]*(.*?)[ \t]*" % TOKEN, re.DOTALL)
CHUNK = re.compile(rb"([0-9A-Fa-f]{1,16})((?:[ \t]*;[\t -~]*)?)")
DANGEROUS = re.compile(rb"[\x00\r\n]")  # RFC 9110, 5.5: never to be kept, whatever else a value may hold.


@dataclasses.dataclass(kw_only=True)
class Message:
    """A request or response as it came."""

    head: bytes
    fields: Fields = dataclasses.field(default_factory=lambda: Fields([]))
    body: bytes = b""
    raw_body: bytes = b""  # With its framing.
    trailers: Fields = dataclasses.field(default_factory=lambda: Fields([]))
    complete: bool = False  # The body, empty or not, has come in full.
    faults: list = dataclasses.field(default_factory=list)  # What a strict reader must object to.
    unreadable: bool = False  # Where it ends, nobody can tell.

    @property
    def framing(self):
        if "transfer-encoding" in self.fields:
            return "chunked"
        return "length" if "content-length" in self.fields else "none"

    @property
    def options(self):
        """The names that Connection lists."""
        return [name.strip().lower() for value in self.fields.all("connection") for name in value.split(",")]

    def read_fields(self, lines):
        """Takes these lines as the message's fields, without those that are none."""
        self.fields = self._fields(lines, "field line")

    def read_trailers(self, lines):
        self.trailers = self._fields(lines, "trailer line")

    def _fields(self, lines, what):
        fields = []
        for line in lines:
            match = FIELD.fullmatch(line)
            if not match or DANGEROUS.search(line):
                self.faults.append(f"{what} {line!r}")
                continue
            fields.append((match[1].decode("latin-1"), match[2].decode("latin-1")))
        return Fields(fields)

    def check_framing(self, version):
        """Notes what is wrong with how the body's length is told, in a message of that version."""
        lengths, encodings = self.fields.all("content-length"), self.fields.all("transfer-encoding")
        before = len(self.faults)
        if len(lengths) > 1 or not all(re.fullmatch(r"0*[0-9]{1,19}", length) for length in lengths):
            self.faults.append(f"Content-Length {lengths}")
        if len(encodings) > 1 or not all(encoding.lower() == "chunked" for encoding in encodings):
            self.faults.append(f"Transfer-Encoding {encodings}")
        if lengths and encodings:
            self.faults.append("both Content-Length and Transfer-Encoding")
        if encodings and version == "HTTP/1.0":
            self.faults.append("Transfer-Encoding in HTTP/1.0")
        self.unreadable = len(self.faults) > before


class Reader(wire.Wire):
    """A connection whose messages are read strictly."""

    def read_framed(self, message, grown=lambda: None):
        """Reads a body by length or in chunks, as `message.framing` says, into the message; `grown` is called for each
        piece. Raises Closed if it is cut off, with `how` "broken" if its framing is."""
        if message.framing == "chunked":
            self._read_chunks(message, grown)
        elif message.framing == "length":
            left = int(message.fields.get("content-length"))
            while left:
                if not self.buffer:
                    self._need()
                piece = self.take(left)
                message.body += piece
                message.raw_body += piece
                left -= len(piece)
                grown()
        message.complete = True

    def _read_chunks(self, message, grown):
        while True:
            line = self._keep_line(message)
            match = CHUNK.fullmatch(line)
            if not match:
                message.faults.append(f"chunk size line {line!r}")
                raise Closed("broken")
            if match[2]:
                message.faults.append(f"chunk extension {match[2]!r} was forwarded")
            size = int(match[1], 16)
            if size == 0:
                break
            data = self.exactly(size + 2)
            message.raw_body += data
            message.body += data[:-2]
            grown()
            if data[-2:] != b"\r\n":
                message.faults.append(f"chunk ends in {data[-2:]!r}")
                raise Closed("broken")
        lines = []
        while line := self._keep_line(message):
            lines.append(line)
        message.read_trailers(lines)

    def _keep_line(self, message):
        line = self.line()
        message.raw_body += line + b"\r\n"
        return line
