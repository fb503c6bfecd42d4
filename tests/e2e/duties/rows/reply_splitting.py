"""Response splitting: origins that say more, or something else, than they were asked for (RFC 9112, 9.3)."""

from ..expect import answered, bad_gateway, got, interims, own_connection, readable, same_connection, saw
from ..expect import stays
from ..recorder import CLOSE
from ..row import SMUGGLED_RESPONSE, chunked, get, head, post, reply, row
from ..stage import arrives, half_close, origin_ends, origin_resets, origin_says, origin_sees, response

OK = reply("Content-Length: 2", body=b"ok")
CHUNKED = reply("Transfer-Encoding: chunked", body=chunked(b"ok"))
EMPTY = reply("Content-Length: 0")
NO_CONTENT = reply(status="204 No Content")

#: What comes behind a whole response, in the same breath or later.
SURPLUS = [
    ("response", SMUGGLED_RESPONSE),
    ("responses", SMUGGLED_RESPONSE * 3),
    ("interim", b"HTTP/1.1 103 Early Hints\r\nX-Smuggled: 1\r\n\r\n"),
    ("timeout", b"HTTP/1.1 408 Request Timeout\r\nX-Smuggled: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"),
    ("switch", b"HTTP/1.1 101 Switching Protocols\r\nX-Smuggled: 1\r\nConnection: upgrade\r\nUpgrade: a\r\n\r\n"),
    ("half-a-head", b"HTTP/1.1 200 OK\r\nX-Smuggled: 1\r\nContent-Le"),
    ("body", b"more"), ("crlf", b"\r\n"), ("byte", b"\x00"), ("chunk", b"4\r\nmore\r\n0\r\n\r\n"),
]
FIRST = [("length", OK, 200), ("chunked", CHUNKED, 200), ("empty", EMPTY, 200), ("204", NO_CONTENT, 204)]


def says_first(data):
    """A script: sends before it has seen the body, let alone read it."""
    def script(connection, seen):
        connection.send(data)
        connection.read_body(seen)
    return script


def dies_second(connection, seen):
    """A script: answers /1, and takes what comes behind it on the same connection without a word."""
    connection.read_body(seen)
    if len(connection.seen) > 1 and connection.seen[-2].target == "/1":
        return CLOSE
    connection.send(OK)
    return None


ROWS = [
    row(f"surplus-{name}-behind-{first}", "RFC 9112 9.3", "Bytes behind a response are nobody's: they go to no client, and "
        "their connection serves no other.", get(), answered(status), own_connection(), stays(), choice=True,
        peer=(answered(status),), origin=data + surplus)
    for name, surplus in SURPLUS for first, data, status in FIRST
] + [
    row(f"surplus-{name}-later", "RFC 9112 9.3", "As before, when they come on an idle connection.",
        [get(), response, origin_says(surplus)], answered(200), own_connection(), stays(), choice=True,
        peer=(answered(200),), origin=OK)
    for name, surplus in SURPLUS
] + [
    row(f"surplus-{name}-before-request", "RFC 9112 9.3", "As before, when the next request on the connection is a POST.",
        [get("/1"), response, origin_says(surplus), post("Content-Length: 2", body=b"hi", target="/2"), response],
        answered(200, 200), got(b"ok", number=1), stays(), choice=True, peer=(got(b"ok", number=1),), origin=OK)
    for name, surplus in SURPLUS
] + [
    row("idle-closed", "RFC 9112 9.5", "An idle connection that the origin ends is not used again.",
        [get("/1"), response, origin_ends, get("/2"), response], answered(200, 200), stays(), origin=OK),
    row("idle-reset", "RFC 9112 9.5", "Nor one that it resets.",
        [get("/1"), response, origin_resets, get("/2"), response], answered(200, 200), stays(), origin=OK),
    row("idle-closed-post", "RFC 9112 9.5", "A POST on it is sent once, on another.",
        [get("/1"), response, origin_ends, post("Content-Length: 2", body=b"hi", target="/2"), response],
        answered(200, 200), saw(2), stays(), choice=True, origin=OK),
    row("dies-under-get", "RFC 9110 9.2.2", "A connection that dies under GET: it is sent again, on another.",
        [get("/1"), response, get("/2"), response], answered(200, 200), stays(), origin=dies_second),
    row("dies-under-put", "RFC 9110 9.2.2", "As before, for PUT, whose body is sent again.",
        [get("/1"), response, head("PUT /2 HTTP/1.1", "Content-Length: 2") + b"hi", response],
        answered(200, 200), stays(), origin=dies_second, methods=("GET", "PUT")),
    row("dies-under-post", "RFC 9110 9.2.2", "A POST is never sent again: 502.",
        [get("/1"), response, post("Content-Length: 2", body=b"hi", target="/2"), response], answered(200, 502), saw(2), stays(),
        choice=True, peer=(saw(2),), origin=dies_second),
    row("dies-under-patch", "RFC 9110 9.2.2", "Nor a PATCH.",
        [get("/1"), response, head("PATCH /2 HTTP/1.1", "Content-Length: 2") + b"hi", response], answered(200, 502), saw(2),
        stays(), choice=True, peer=(saw(2),), origin=dies_second),
    row("dies-under-unknown", "RFC 9110 9.2.2", "Nor a method that nobody knows.",
        [get("/1"), response, head("FROB /2 HTTP/1.1"), response], answered(200, 502), saw(2), stays(),
        choice=True, peer=(saw(2),), origin=dies_second),
    row("pipeline-failing-middle", "RFC 9112 9.3.2", "A failing response keeps its place among the others.",
        get("/1") + get("/2") + get("/3"), answered(200, 502, 200), stays(), choice=True,
        origin=lambda connection, seen: CLOSE if seen.target == "/2" else connection.send(OK)),
    row("pipeline-bad-middle", "RFC 9112 9.3.2", "As before, with one that is no response.",
        get("/1") + get("/2") + get("/3"), answered(200, 502, 200), stays(), choice=True,
        origin=lambda connection, seen: connection.send(b"none\r\n\r\n" if seen.target == "/2" else OK)),
    row("pipeline-slow-first", "RFC 9112 9.3.2", "Responses wait for the one before them.",
        [get("/1") + get("/2"), origin_sees(1), origin_says(reply("Content-Length: 3", body=b"one"))], answered(200, 200),
        got(b"one", number=0), got(b"ok", number=1), stays(),
        origin=lambda connection, seen: None if seen.target == "/1" else connection.send(OK)),
    row("answer-before-body", "RFC 9112 9.3", "A response that is here before the request's body: the body still goes on, "
        "and both connections with it.",
        [post("Content-Length: 5"), response, b"hello"], answered(200), got(b"ok"), choice=True,
        origin=says_first(OK)),
    row("answer-begins-before-body", "RFC 9112 9.3", "Both bodies may be under way at once.",
        [post("Content-Length: 5"), arrives(b"\r\n\r\n"), b"hello", origin_sees(1, body=5),
         origin_says(b"2\r\nok\r\n0\r\n\r\n")], answered(200), got(b"ok"), stays(),
        origin=says_first(reply("Transfer-Encoding: chunked"))),
    row("two-heads", "RFC 9112 9.3", "A second head is the beginning of the first one's body.", get(), answered(200),
        got(b"HTTP/1.1 "), stays(), choice=True, peer=(got(b"HTTP/1.1 "),),
        origin=reply("Content-Length: 9") + SMUGGLED_RESPONSE),
    row("response-in-field", "RFC 9110 5.5", "A field cannot end a head: CR LF in it begins a new line, and no response.",
        get(), bad_gateway(), choice=True, peer=(readable(),),
        origin=b"HTTP/1.1 302 Found\r\nLocation: /a\r\n" + SMUGGLED_RESPONSE),
    row("early-hints-then-final", "RFC 9110 15.2", "An interim and a final response in one piece are both passed on.", get(),
        interims(103), answered(200), got(b"ok"), stays(), same_connection(),
        origin=b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + OK),
    row("half-close-waits", "RFC 9112 9.6", "A client that ends its sending side after its request gets its response.",
        [get(), origin_sees(1), half_close, origin_says(OK)], answered(200), got(b"ok"), choice=True, origin=lambda *_: None),
    row("half-close-streams", "RFC 9112 9.6", "Also one that is still coming.",
        [get(), arrives(b"\r\n\r\n"), half_close, origin_says(b"2\r\nok\r\n0\r\n\r\n")], answered(200), got(b"ok"),
        choice=True, origin=lambda connection, _: connection.send(reply("Transfer-Encoding: chunked"))),
]
