"""Interim responses (RFC 9110, 15.2): all of them are passed on, to those who know of them."""

import contextlib

from ..expect import answered, bad_gateway, cut_off, ends, forwarded, got, hinted, interims, own_connection, same_connection
from ..expect import stays
from ..recorder import CLOSE
from ..row import get, head, post, reply, row
from ..stage import arrives, origin_ends, origin_says, origin_sees

OK = reply("Content-Length: 2", body=b"ok")
HINTS = reply("Link: </style.css>; rel=preload", "Link: </b>", "X-A:  a ", status="103 Early Hints")
OLD = head("GET / HTTP/1.0")
CHUNKED = reply("Transfer-Encoding: chunked", body=b"2\r\nok\r\n0\r\n\r\n")


def flood(connection, _):
    """Hints without end, and no answer."""
    with contextlib.suppress(OSError):
        while True:
            connection.send(HINTS * 1000)
    return CLOSE


def interim(status):
    return reply(status=f"{status} Interim")


STATUSES = (100, 102, 103, 104, 150, 199)

ROWS = [
    row(f"interim-{status}", "RFC 9110 15.2", f"{status} goes on, though nobody asked for it.", get(), interims(status),
        answered(200), got(b"ok"), stays(), same_connection(), origin=interim(status) + OK)
    for status in STATUSES
] + [
    row(f"interim-{status}-to-http10", "RFC 9110 15.2", f"{status} must not go to a client of HTTP/1.0.", OLD, interims(),
        answered(200), got(b"ok"), ends(), origin=interim(status) + OK)
    for status in STATUSES
] + [
    row(f"interim-{status}-to-http10-post", "RFC 9110 15.2", "Nor when it has a body to send.",
        head("POST / HTTP/1.0", "Content-Length: 5") + b"hello", interims(), answered(200), forwarded(None, b"hello"),
        ends(), origin=interim(status) + OK)
    for status in (100, 103)
] + [
    row("interim-fields", "RFC 9110 15.2", "The fields of 103 go on, in their order.", get(), interims(103),
        hinted({"Link": ["</style.css>; rel=preload", "</b>"], "X-A": ["a"]}), answered(200), stays(), origin=HINTS + OK),
    row("interim-fields-apart", "RFC 9110 15.2", "They are not fields of the final response.", get(), interims(103),
        got(b"ok", lacks=("Link",)), origin=HINTS + OK),
    row("interim-at-once", "RFC 8297 2", "103 does not wait for the final response.",
        [get(), arrives(b"103 Early Hints"), origin_says(OK)], interims(103), answered(200), got(b"ok"), stays(),
        origin=lambda connection, _: connection.send(HINTS)),
    row("interim-hop-fields", "RFC 9110 7.6.1", "What Connection nominates ends here in interim responses too.", get(),
        interims(103), hinted(lacks=("X-Hop", "Keep-Alive", "Connection")), answered(200), stays(),
        origin=reply("Connection: X-Hop", "X-Hop: 1", "Keep-Alive: timeout=5", "Link: </a>",
                     status="103 Early Hints") + OK),
    row("interim-close", "RFC 9112 9.6", "Connection: close in an interim response does not end the client's connection.",
        get(), interims(103), answered(200), stays(), choice=True,
        origin=reply("Connection: close", status="103 Early Hints") + OK),
    row("interim-several", "RFC 9110 15.2", "Several, in their order.", get(), interims(102, 103, 102, 103),
        answered(200), stays(), same_connection(), origin=interim(102) + HINTS + interim(102) + HINTS + OK),
    row("interim-hundred", "RFC 9110 15.2", "A hundred.", get(), interims(*[103] * 100), answered(200), stays(),
        origin=HINTS * 100 + OK),
    row("interim-before-chunked", "RFC 9110 15.2", "Before a response in chunks.", get(), interims(103), answered(200),
        got(b"ok"), stays(), origin=HINTS + CHUNKED),
    row("interim-before-204", "RFC 9110 15.2", "Before a response without a body.", get(), interims(103), answered(204),
        got(b""), stays(), origin=HINTS + reply(status="204 No Content")),
    row("interim-head", "RFC 9110 15.2", "To HEAD.", head("HEAD / HTTP/1.1"), interims(103), answered(200), got(b""),
        stays(), origin=HINTS + reply("Content-Length: 2")),
    row("interim-then-error", "RFC 9110 15.2", "Before an error.", get(), interims(103), answered(404), got(b"no"),
        stays(), origin=HINTS + reply("Content-Length: 2", body=b"no", status="404 Not Found")),
    row("interim-then-garbage", "RFC 9110 15.6.3", "Before something that is no response: 502.", get(), bad_gateway(),
        origin=HINTS + b"none\r\n\r\n"),
    row("interim-then-end", "RFC 9110 15.6.3", "Before the end: 502.",
        [get(), arrives(b"103 Early Hints"), origin_ends], bad_gateway(), interims(103), choice=True,
        origin=lambda connection, _: connection.send(HINTS)),
    row("interim-bad-length", "RFC 9112 6.3", "Framing that makes no sense is refused in interim responses too.", get(),
        bad_gateway(), choice=True, origin=reply("Content-Length: x", status="103 Early Hints") + OK),
    row("interim-with-body", "RFC 9112 6.3", "A body of an interim response would be read as the final one.", get(),
        bad_gateway(), origin=HINTS + b"hello" + OK),
    row("interim-fold", "RFC 9112 5.2", "A folded line in an interim response.", get(), bad_gateway(b"ok"),
        origin=reply(b"Link: </a>\r\n b", status="103 Early Hints") + OK),
    row("interim-large", "RFC 9110 15.6.3", "An interim response beyond all limits: 502.", get(), bad_gateway(),
        origin=reply(*[f"X-{i}: " + "v" * 1000 for i in range(1000)], status="103 Early Hints") + OK),
    row("interim-after-body-sent", "RFC 9110 10.1.1", "100 after the client has sent everything.",
        post("Content-Length: 5", body=b"hello"), interims(100), answered(200), forwarded(None, b"hello"), stays(),
        origin=interim(100) + OK),
    row("interim-while-body", "RFC 9110 15.2", "102 while the client still sends.",
        [post("Content-Length: 5"), arrives(b"102 Interim"), b"hello", origin_sees(1, body=5)], interims(102),
        answered(200), forwarded(None, b"hello"), stays(),
        origin=lambda connection, seen: (connection.send(interim(102)), connection.read_body(seen),
                                         connection.send(OK), None)[-1]),
    row("interim-unanswered-client-leaves", "RFC 9110 15.2", "103 and then nothing, to a client that waits.",
        [get(), arrives(b"103 Early Hints"), origin_says(reply("Content-Length: 9") + b"part"), arrives(b"part"),
         origin_ends], interims(), cut_off(b"part"), own_connection(),
        origin=lambda connection, _: (connection.send(HINTS), connection.wait_for_end(), CLOSE)[-1]),
    row("interim-endless", "RFC 9110 15.6.5", "Interim responses without end do not take the place of an answer: 504.", get(),
        answered(504), stays(), own_connection(), origin=flood, setup="hasty", lintel_only=True),
    row("interim-endless-to-http10", "RFC 9110 15.6.5", "As before, where none of them goes out.", OLD, interims(),
        answered(504), own_connection(), origin=flood, setup="hasty", lintel_only=True),
    row("interim-pipelined", "RFC 9112 9.3.2", "Interim responses stand with the response that they belong to.",
        get("/1") + get("/2"), interims(103, 103), answered(200, 200), stays(), origin=HINTS + OK),
]
