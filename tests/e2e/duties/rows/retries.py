"""Requests that are sent again, to another server, after an answer that goes no further (`retry.on`). Neither the answer
that was dropped, nor what is left of the first attempt, nor what the client has sent behind its request may be taken for
something else."""

from ..expect import answered, cut_off, ends, forwarded, got, interims, never_complete, own_connection, saw, stays
from ..expect import trailers, tunnel
from ..recorder import CLOSE, answer_to, early, in_turn, says
from ..row import SMUGGLED_RESPONSE, chunked, get, head, post, reply, row
from ..stage import half_close, hang_up, interim, origin_sees, response
from .websocket import HANDSHAKE, PING, PONG, switch

OK = reply("Content-Length: 2", body=b"ok")
BUSY = reply("Content-Length: 4", "X-Smuggled: 1", "Retry-After: 9", body=b"busy", status="503 Service Unavailable")
HINTS = reply("Link: </a>", status="103 Early Hints")
HIDDEN = get("/smuggled")
RETRYING = {"setup": "retrying", "lintel_only": True}


def put(*lines, body=b"", target="/"):
    return head(f"PUT {target} HTTP/1.1", *lines) + body


def busy_once(connection, seen):
    """The first request is refused, the others are named."""
    connection.read_body(seen)
    connection.send(BUSY if seen.number == 0 else reply(f"Content-Length: {len(answer_to(seen))}", body=answer_to(seen)))


def asks(final):
    """A script: asks for the body with 100, takes it, and answers."""
    def script(connection, seen):
        connection.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        connection.read_body(seen)
        connection.send(final)
    return script


def at_once(data):
    """A script: answers without reading the body, and keeps the connection."""
    def script(connection, _):
        connection.send(data)
        connection.wait_for_end()
        return CLOSE
    return script


def breaks_off(data=b""):
    def script(connection, seen):
        connection.read_body(seen)
        connection.send(data)
        return CLOSE
    return script


def hangs(connection, _):
    connection.wait_for_end()
    return CLOSE


#: What a server may do in place of an answer, all of which is tried again here.
TROUBLE = [
    ("status", says(BUSY)), ("close", breaks_off()), ("head-cut", breaks_off(b"HTTP/1.1 200 OK\r\nX-Smuggled: 1\r\n")),
    ("garbage", says(b"none\r\n\r\n")), ("both-framings", says(reply("Content-Length: 2", "Transfer-Encoding: chunked",
                                                                     body=b"2\r\nok\r\n0\r\n\r\n"))),
    ("switch", says(reply("Connection: upgrade", "Upgrade: h2c", status="101 Switching"))),
    ("interim-then-status", says(HINTS + BUSY)), ("status-chunked", says(reply(
        "Transfer-Encoding: chunked", body=chunked(b"busy"), status="503 Service Unavailable"))),
    ("status-until-close", breaks_off(reply(body=b"busy", status="503 Service Unavailable"))),
    ("status-unfinished", at_once(reply("Content-Length: 9", body=b"busy", status="503 Service Unavailable"))),
    ("status-surplus", says(BUSY + SMUGGLED_RESPONSE)),
]

ROWS = [
    row(f"retry-{name}", "RFC 9110 9.2.2", "The second server's answer is all that the client gets.", get(), saw(2),
        answered(200), got(b"ok", lacks=("X-Smuggled", "Retry-After")), stays(), origin=in_turn(script, says(OK)), **RETRYING)
    for name, script in TROUBLE
] + [
    row(f"retry-{name}-body", "RFC 9110 9.2.2", "As before, with a body, which goes out again.",
        put("Content-Length: 5", body=b"hello"), forwarded("PUT / HTTP/1.1", b"hello", number=1, count=2), answered(200),
        got(b"ok", lacks=("X-Smuggled",)), stays(), origin=in_turn(script, says(OK)), **RETRYING)
    for name, script in TROUBLE
] + [
    row(f"retry-{name}-pipelined", "RFC 9112 9.3.2", "As before, with requests behind it: each gets its own answer.",
        put("Content-Length: 5", body=b"hello") + get("/2") + get("/3"), saw(4), answered(200, 200, 200), got(b"ok"),
        got(b"/2", number=1), got(b"/3", number=2), stays(),
        origin=in_turn(script, says(OK), says(reply("Content-Length: 2", body=b"/2")),
                       says(reply("Content-Length: 2", body=b"/3"))), **RETRYING)
    for name, script in TROUBLE
] + [
    row("retry-post", "RFC 9110 9.2.2", "A POST is not repeated: its answer goes on.",
        post("Content-Length: 5", body=b"hello"), saw(1), answered(503), got(b"no"), stays(),
        origin=says(reply("Content-Length: 2", body=b"no", status="503 Busy")), **RETRYING),
    row("retry-post-closed", "RFC 9110 9.2.2", "Nor after the end of its connection.",
        post("Content-Length: 5", body=b"hello"), saw(1), answered(502), stays(), origin=breaks_off(), **RETRYING),
    row("retry-post-key", "FEATURES retries", "A POST with an Idempotency-Key is, where that is allowed.",
        post("Content-Length: 5", "Idempotency-Key: 1", body=b"hello"), answered(200),
        forwarded(None, b"hello", number=1, count=2), stays(), origin=in_turn(says(BUSY), says(OK)), **RETRYING),
    row("retry-last", "RFC 9110 15.6.4", "The last attempt's answer goes on.", get(), saw(2), answered(503), got(b"2"),
        stays(), origin=in_turn(says(BUSY), says(reply("Content-Length: 1", body=b"2", status="503 Busy"))), **RETRYING),
    row("retry-begun", "RFC 9112 8", "What has begun to be answered is not asked again.", get(), saw(1), cut_off(b"part"),
        origin=breaks_off(reply("Content-Length: 9", body=b"part")), **RETRYING),
    row("retry-head", "RFC 9110 9.3.2", "A refusal to HEAD has a length and no body.", head("HEAD / HTTP/1.1"), saw(2),
        answered(200), stays(), origin=in_turn(says(reply("Content-Length: 4", status="503 Busy")),
                                               says(reply("Content-Length: 2"))), **RETRYING),
    row("retry-chunked", "RFC 9112 7.1", "A chunked body goes out again in clean framing, its trailers too.",
        put("Transfer-Encoding: chunked", body=chunked(b"hel", b"lo", trailers=b"X-T: 1\r\nContent-Length: 9\r\n")),
        forwarded(None, b"hello", "chunked", number=1, count=2), trailers({"X-T": ["1"]}, ("Content-Length",), number=1),
        answered(200), stays(), origin=in_turn(says(BUSY), says(OK)), **RETRYING),
    row("retry-early-length", "RFC 9112 9.3", "A refusal before the body has come: the second server gets all of the body, and "
        "the first one's connection, which is still owed it, nobody's request.",
        [put(f"Content-Length: {len(HIDDEN)}", body=HIDDEN[:9]), origin_sees(2), HIDDEN[9:]],
        never_complete(), forwarded(None, HIDDEN, number=1, count=2), answered(200), got(b"ok"), stays(),
        origin=in_turn(early(503), says(OK)), **RETRYING),
    row("retry-early-chunked", "RFC 9112 9.3", "As before, for a chunked body.",
        [put("Transfer-Encoding: chunked", body=b"5\r\nhello\r\n"), origin_sees(2), b"6\r\n world\r\n0\r\n\r\n"],
        never_complete(), forwarded(None, b"hello world", number=1, count=2), answered(200), got(b"ok"), stays(),
        origin=in_turn(early(503), says(OK)), **RETRYING),
    row("retry-early-mid-chunk", "RFC 9112 9.3", "As before, cut within a chunk and its size.",
        [put("Transfer-Encoding: chunked", body=b"1"), origin_sees(2), b"0\r\n0123456789", b"abcdef\r\n0\r\n", b"\r\n"],
        forwarded(None, b"0123456789abcdef", number=1, count=2), answered(200), stays(),
        origin=in_turn(early(503), says(OK)), **RETRYING),
    row("retry-early-pipelined", "RFC 9112 9.3.2", "As before, with a request behind the body.",
        [put("Content-Length: 10", body=b"hello"), origin_sees(2), b"world" + get("/2")],
        forwarded(None, b"helloworld", number=1, count=3), forwarded("GET /2 HTTP/1.1", number=2, count=3),
        answered(200, 200), stays(), origin=in_turn(early(503), says(OK)), **RETRYING),
    row("retry-client-leaves", "RFC 9112 8", "A client that leaves within its body: no server takes it for complete.",
        [put("Content-Length: 10", body=b"hello"), origin_sees(2), hang_up], never_complete(), never_complete(1),
        origin=in_turn(early(503), says(OK)), **RETRYING),
    row("retry-client-ends", "RFC 9112 8", "As before, with a client that only ends its sending.",
        [put("Transfer-Encoding: chunked", body=b"5\r\nhello\r\n"), origin_sees(2), half_close], never_complete(),
        never_complete(1), ends(), origin=in_turn(early(503), says(OK)), **RETRYING),
    row("retry-large", "DEFAULTS body size", "A body that is too large to be kept is not sent again.",
        [put("Content-Length: 200000", body=b"x" * 200000)], saw(1), answered(503), stays(),
        origin=says(reply("Content-Length: 0", status="503 Busy")), **RETRYING),
    row("retry-continue", "RFC 9110 10.1.1", "Both servers ask for the body; it comes once.",
        [put("Expect: 100-continue", "Content-Length: 5"), interim, b"hello"], saw(2),
        forwarded(None, b"hello", number=1, count=2, has={"Expect": "100-continue"}), answered(200), stays(),
        origin=in_turn(asks(BUSY), asks(OK)), **RETRYING),
    row("retry-continue-refused", "RFC 9110 10.1.1", "The first server refuses in place of 100, the second one asks.",
        [put("Expect: 100-continue", "Content-Length: 5"), interim, b"hello" + get("/2")], interims(100),
        forwarded(None, b"hello", number=1, count=3), answered(200, 200), stays(),
        origin=in_turn(at_once(BUSY), asks(OK), says(OK)), **RETRYING),
    row("retry-continue-all-refuse", "RFC 9110 10.1.1", "Both refuse: the body that comes nevertheless is no request.",
        [put("Expect: 100-continue", f"Content-Length: {len(HIDDEN)}"), response, HIDDEN], saw(2), answered(503), ends(),
        own_connection(), origin=at_once(reply("Content-Length: 0", status="503 Busy")), **RETRYING),
    row("retry-hints", "RFC 8297 2", "Hints of both go on, each before the one final answer.", get(), interims(103, 103),
        saw(2), answered(200), stays(), origin=in_turn(says(HINTS + BUSY), says(HINTS + OK)), **RETRYING),
    row("retry-hints-http10", "RFC 9110 15.2", "None to HTTP/1.0.", head("GET / HTTP/1.0"), interims(), saw(2), answered(200),
        ends(), origin=in_turn(says(HINTS + BUSY), says(HINTS + OK)), **RETRYING),
    row("retry-upgrade", "RFC 9110 7.8", "An upgrade that one server refuses and the next one grants; what the client has "
        "sent already goes to that one.", [get("/chat", *HANDSHAKE) + PING, response], answered(101), tunnel(None, PONG),
        saw(2), probe=False, origin=in_turn(says(BUSY), switch()), **RETRYING),
    row("retry-upgrade-refused", "RFC 9110 7.8", "One that both refuse is a request like others.",
        get("/chat", *HANDSHAKE) + get("/2"), saw(3), answered(503, 200), stays(),
        origin=in_turn(says(BUSY), says(reply("Content-Length: 0", status="503 Busy")), says(OK)), **RETRYING),
    row("retry-then-next", "RFC 9112 9.3.2", "The next request begins anew.", get("/1") + get("/2"), saw(3),
        answered(200, 200), got(b"GET /1"), got(b"GET /2", number=1), stays(),
        origin=busy_once, **RETRYING),
]
