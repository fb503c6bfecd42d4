"""Responses that break off: the client must be able to tell, and never gets what looks like a whole one (RFC 9112, 8)."""

from ..expect import answered, bad_gateway, cut_off, ends, got, own_connection, unfinished
from ..recorder import CLOSE
from ..row import get, head, reply, row
from ..stage import arrives, origin_ends, origin_resets

PART = b"part of it"
CHUNK = b"%x\r\n%s\r\n" % (len(PART), PART)
LENGTH = reply("Content-Length: 100")
CHUNKED = reply("Transfer-Encoding: chunked")

#: What the origin has sent when it goes away: name, bytes.
BEGUN = [
    ("length", LENGTH + PART),
    ("length-one-missing", reply(f"Content-Length: {len(PART) + 1}") + PART),
    ("between-chunks", CHUNKED + CHUNK),
    ("within-chunk", CHUNKED + b"64\r\n" + PART),
    ("before-chunk-end", CHUNKED + CHUNK[:-2]),
    ("within-chunk-end", CHUNKED + CHUNK[:-1]),
    ("within-chunk-size", CHUNKED + CHUNK + b"5"),
    ("within-chunk-size-end", CHUNKED + CHUNK + b"5\r"),
    ("within-chunk-extension", CHUNKED + CHUNK + b"5;a=b"),
    ("before-last-end", CHUNKED + CHUNK + b"0\r\n"),
    ("within-last-end", CHUNKED + CHUNK + b"0\r\n\r"),
    ("within-trailers", CHUNKED + CHUNK + b"0\r\nX-Sum: 1\r\n"),
    ("within-trailer", CHUNKED + CHUNK + b"0\r\nX-Su"),
]
#: Before the body begins there is still time for a 502.
BEFORE = [
    ("nothing", b""),
    ("status-line", b"HTTP/1.1 200 O"),
    ("status-line-end", b"HTTP/1.1 200 OK\r"),
    ("fields", b"HTTP/1.1 200 OK\r\nX-A: 1\r\n"),
    ("field", b"HTTP/1.1 200 OK\r\nX-A: 1\r\nContent-Len"),
    ("head-end", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r"),
    ("interim", b"HTTP/1.1 103 Early Hints\r\n\r\n"),
    ("second-head", b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n"),
]
CLIENTS = [("", get()), ("-to-http10", head("GET / HTTP/1.0"))]
ENDS = [("", origin_ends), ("-reset", origin_resets)]


def hanging(data):
    """A script: answers with these bytes, and waits for what the row does."""
    def script(connection, seen):
        connection.read_body(seen)
        connection.send(data)
        connection.wait_for_end()
        return CLOSE
    return script


def sent_and_reset(data):
    """A script: answers with these bytes and resets at once, so that they may be lost on the way."""
    def script(connection, seen):
        connection.read_body(seen)
        connection.send(data)
        connection.reset()
        return CLOSE
    return script


ROWS = [
    row(f"cut-{name}{how}{client}", "RFC 9112 8", "A body that breaks off at the origin breaks off at the client.",
        [request, arrives(PART), end], cut_off(PART), own_connection(), origin=hanging(data))
    for name, data in BEGUN for how, end in ENDS for client, request in CLIENTS
] + [
    row(f"cut-{name}-at-once", "RFC 9112 8", "As before, when head, part and reset come together.", get(), unfinished(),
        origin=sent_and_reset(data))
    for name, data in BEGUN
] + [
    row(f"cut-before-{name}{how}", "RFC 9110 15.6.3", "A response that breaks off before its body: 502.", get(),
        bad_gateway(), origin=script(data))
    for name, data in BEFORE for how, script in (("", lambda data: lambda connection, seen:
                                                 (connection.read_body(seen), connection.send(data), CLOSE)[-1]),
                                                ("-reset", sent_and_reset))
] + [
    row(f"cut-until-close-reset{client}", "RFC 9112 8", "A body that ends with a reset does not end.",
        [request, arrives(PART), origin_resets], cut_off(PART), origin=hanging(reply() + PART))
    for client, request in CLIENTS
] + [
    row("cut-until-close-to-http10", "RFC 9112 6.3", "Where only the end of the connection can tell the end of the body, "
        "an orderly one does.", [head("GET / HTTP/1.0"), arrives(PART), origin_ends], answered(200), got(PART), ends(),
        origin=hanging(reply() + PART)),
    row("cut-second-of-pipeline", "RFC 9112 9.3.2", "What follows a broken response is not answered on that connection.",
        [get("/1") + get("/2") + get("/3"), arrives(PART), origin_ends], answered(200), cut_off(PART),
        origin=lambda connection, seen: hanging(LENGTH + PART)(connection, seen) if seen.target == "/2"
        else connection.send(reply("Content-Length: 2", body=b"ok"))),
    row("cut-after-length", "RFC 9112 6.3", "A reset behind a whole body harms nobody.", get(), answered(200), got(PART),
        origin=sent_and_reset(reply(f"Content-Length: {len(PART)}", body=PART)), choice=True),
]
