"""What a row of the table is."""

import dataclasses
import typing

CRLF = b"\r\n"
#: A request that nobody may ever see: it stands in bytes that only a fooled reader takes for a request.
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: test\r\nX-Smuggled: "
#: A request behind one that is refused: not served by Lintel, which ends the connection; a peer that is content with
#: what came before may serve it.
AFTER = b"GET /after HTTP/1.1\r\nHost: test\r\n\r\n"

#: A response that nobody may ever get: it stands in bytes that only a fooled reader takes for a response.
SMUGGLED_RESPONSE = b"HTTP/1.1 200 OK\r\nX-Smuggled: 1\r\nContent-Length: 8\r\n\r\nsmuggled"


@dataclasses.dataclass(frozen=True)
class Row:
    """One duty.

    `source` names the rule: "RFC 9112 6.3", or "DEFAULTS path normalisation" where Lintel has chosen.
    `send` is what the client does, in order: bytes are sent, a function (see the steps in `stage`) is called with the
    conversation.
    `expect` are the checks of `expect`, each called with the evidence.
    `origin` is what the server does for each request (see `recorder`): the default answers 200 and names the request.
    `setup` is the configuration (see `proxies`).
    `choice`: the RFCs allow other safe behaviours, so that peers are asked only to be safe, and what `peer` checks.
    `lintel_only`: asks for a setting that peers have no like of; they are not asked.
    `probe`: ask once more on the same connection, to see whether it goes on. Not for tunnels.
    `methods`: of the requests that are answered, where the first word of the bytes sent does not say it.
    """

    id: str
    source: str
    duty: str
    send: tuple
    expect: tuple
    origin: typing.Any = None
    setup: str = "plain"
    choice: bool = False
    peer: tuple = ()
    lintel_only: bool = False
    probe: bool = True
    methods: tuple = ()


def row(name, source, duty, send, *expect, **options):
    """`send`: bytes, or a list of bytes and steps. A row without a check would prove nothing."""
    assert expect, name
    steps = tuple(send) if isinstance(send, (list, tuple)) else (send,)
    return Row(name, source, duty, steps, expect, **options)


def head(first="GET / HTTP/1.1", *lines, host="test"):
    """The bytes of a request head. Lines are text in latin-1 or bytes; `host` None: no Host line is added."""
    parts = [first] + ([f"Host: {host}"] if host is not None else []) + list(lines)
    return CRLF.join(part if isinstance(part, bytes) else part.encode("latin-1") for part in parts) + CRLF * 2


def get(target="/", *lines, host="test"):
    return head(f"GET {target} HTTP/1.1", *lines, host=host)


def post(*lines, body=b"", target="/", host="test"):
    """A POST with exactly these lines, framing included, and these bytes behind its head."""
    return head(f"POST {target} HTTP/1.1", *lines, host=host) + body


def reply(*lines, body=b"", status="200 OK", version="HTTP/1.1"):
    """An origin's response with exactly these lines, framing included, and these bytes behind its head."""
    return head(f"{version} {status}", *lines, host=None) + body


def chunked(*pieces, trailers=b""):
    """A chunked body of these pieces."""
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n" + trailers + CRLF
