"""Every form of Content-Length with every form of Transfer-Encoding in both versions (RFC 9112, 6.3). The rule is short:
no framing field, one valid length, or exactly chunked in HTTP/1.1; all else is refused."""

from ..expect import answered, ends, forwarded, rejected
from ..row import AFTER, head, row

#: As a length of 5 it is a body, as chunks an empty one.
BODY = b"0\r\n\r\n"

LENGTHS = {
    "none": [], "5": ["Content-Length: 5"], "0": ["Content-Length: 0"], "bad": ["Content-Length: x"],
    "two": ["Content-Length: 5", "Content-Length: 0"], "same": ["Content-Length: 5", "Content-Length: 5"],
    "list": ["Content-Length: 5, 0"],
}
ENCODINGS = {
    "none": [], "chunked": ["Transfer-Encoding: chunked"], "identity": ["Transfer-Encoding: identity"],
    "gzip": ["Transfer-Encoding: gzip"], "gzip-chunked": ["Transfer-Encoding: gzip, chunked"],
    "chunked-gzip": ["Transfer-Encoding: chunked, gzip"], "xchunked": ["Transfer-Encoding: xchunked"],
    "two": ["Transfer-Encoding: chunked", "Transfer-Encoding: identity"],
}
SOUND = {("none", "none"): b"", ("0", "none"): b"", ("5", "none"): BODY, ("none", "chunked"): b""}


def checks(version, length, encoding):
    """What is asked of one cell. `BODY` is sent always: where it is no body, it is a bad request of its own."""
    if (length, encoding) not in SOUND or (version == "1.0" and encoding != "none"):
        return (rejected(400),)
    body = SOUND[length, encoding]
    framed = length == "5" or encoding == "chunked"
    if version == "1.0":
        return forwarded("POST / HTTP/1.1", body), answered(200), ends()
    if framed:
        return (forwarded("POST / HTTP/1.1", body, count=2), forwarded("GET /after HTTP/1.1", number=1, count=2),
                answered(200, 200))
    return forwarded("POST / HTTP/1.1", body), rejected(400, count=2)


ROWS = [
    row(f"matrix-{version}-{length}-{encoding}", "RFC 9112 6.3",
        f"HTTP/{version}, Content-Length {length}, Transfer-Encoding {encoding}.",
        head(f"POST / HTTP/{version}", *lines) + BODY + AFTER, *checks(version, length, encoding), choice=True)
    for version in ("1.1", "1.0")
    for length, lengths in LENGTHS.items()
    for encoding, encodings in ENCODINGS.items()
    for lines in ([*lengths, *encodings], )
]
