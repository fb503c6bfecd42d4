"""Responses that have no body, whatever they say of one: 1xx, 204, 304 and answers to HEAD; and 205 (RFC 9112, 6.3)."""

from ..expect import answered, bad_gateway, got, interims, own_connection, same_connection, stays
from ..recorder import closing
from ..row import SMUGGLED_RESPONSE, chunked, get, head, reply, row
from ..stage import origin_says, response

HEAD = head("HEAD / HTTP/1.1")
OK = reply("Content-Length: 2", body=b"ok")

#: Statuses that never have a body, and whether they may tell a length.
BODYLESS = [("204", "204 No Content", False), ("304", "304 Not Modified", True)]
FRAMINGS = [
    ("length", ["Content-Length: 5"], b"hello"),
    ("chunked", ["Transfer-Encoding: chunked"], chunked(b"hello")),
    ("nothing", [], b"hello"),
]

ROWS = [
    row(f"reply-{name}", "RFC 9112 6.3", f"{name} ends with its head.", get(), answered(int(name)),
        got(b"", lacks=("Transfer-Encoding", "Content-Length")), stays(), same_connection(), origin=reply(status=status))
    for name, status, _ in BODYLESS
] + [
    row(f"reply-{name}-length-zero", "RFC 9110 8.6", f"{name} with a length of 0.", get(), answered(int(name)), got(b""),
        stays(), origin=reply("Content-Length: 0", status=status))
    for name, status, _ in BODYLESS
] + [
    row(f"reply-{name}-{form}-no-body", "RFC 9110 8.6", f"{name} that announces a body and has none: nobody waits for it.",
        get(), answered(int(name)), got(b"", lacks=() if may_tell else ("Content-Length", "Transfer-Encoding")), stays(),
        origin=reply(*lines, status=status), choice=True)
    for name, status, may_tell in BODYLESS for form, lines, _ in FRAMINGS[:2]
] + [
    row(f"reply-{name}-{form}-body", "RFC 9112 6.3", f"{name} with a body: that is nobody's response.", get(),
        answered(int(name)), got(b""), own_connection(), stays(), choice=True, peer=(got(b""),),
        origin=reply(*lines, body=body, status=status))
    for name, status, _ in BODYLESS for form, lines, body in FRAMINGS
] + [
    row(f"reply-{name}-{form}-body-late", "RFC 9112 6.3", f"As before, when the body comes after {name} was passed on.",
        [get(), response, origin_says(body)], answered(int(name)), got(b""), own_connection(), stays(), choice=True,
        peer=(got(b""),), origin=reply(*lines, status=status))
    for name, status, _ in BODYLESS for form, lines, body in FRAMINGS
] + [
    row(f"reply-{name}-response-inside", "RFC 9112 6.3", f"A body of {name} that is itself a response.", get(),
        answered(int(name)), own_connection(), stays(), choice=True, peer=(got(b""),),
        origin=reply(f"Content-Length: {len(SMUGGLED_RESPONSE)}", body=SMUGGLED_RESPONSE, status=status))
    for name, status, _ in BODYLESS
] + [
    row("reply-204-length-dropped", "RFC 9110 8.6", "A length must not go out with 204.", get(), answered(204),
        got(b"", lacks=("Content-Length",)), stays(), origin=reply("Content-Length: 5", status="204 No Content")),
    row("reply-304-length-kept", "RFC 9110 8.6", "The length that 200 would have had goes out with 304.", get(),
        answered(304), got(b"", has={"Content-Length": ["5"]}), stays(), choice=True,
        origin=reply("Content-Length: 5", status="304 Not Modified")),
    row("reply-304-chunked-then-next", "RFC 9112 6.1", "304 that names a coding: the next response is read from its "
        "beginning.", [get(), response, get("/2"), response], answered(304, 200), stays(), choice=True,
        origin=[reply("Transfer-Encoding: chunked", status="304 Not Modified"), OK]),
    row("reply-304-validators", "RFC 9110 15.4.5", "What 304 says of the content goes on.", get("/", 'If-None-Match: "a"'),
        answered(304), got(has={"ETag": ['"a"'], "Cache-Control": ["max-age=1"], "Vary": ["A"], "Expires": ["0"],
                                "Content-Location": ["/b"], "Last-Modified": ["Sun, 06 Nov 1994 08:49:37 GMT"]}), stays(),
        origin=reply('ETag: "a"', "Cache-Control: max-age=1", "Vary: A", "Expires: 0", "Content-Location: /b",
                     "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT", status="304 Not Modified")),
    row("reply-205-empty", "RFC 9110 15.3.6", "205 with a length of 0.", get(), answered(205), got(b""), stays(),
        same_connection(), origin=reply("Content-Length: 0", status="205 Reset Content")),
    row("reply-205-chunked", "RFC 9110 15.3.6", "205 with an empty chunked body.", get(), answered(205), got(b""), stays(),
        same_connection(), origin=reply("Transfer-Encoding: chunked", body=chunked(), status="205 Reset Content")),
    row("reply-205-body", "RFC 9110 15.3.6", "A body of 205 is a mistake, but framed as any other: it is no response.",
        get(), answered(205), stays(), choice=True,
        origin=reply(f"Content-Length: {len(SMUGGLED_RESPONSE)}", body=SMUGGLED_RESPONSE, status="205 Reset Content")),
    row("reply-205-until-close", "RFC 9110 15.3.6", "205 whose end is the connection's.", get(), answered(205), got(b""),
        choice=True, peer=(got(b""),), origin=closing(reply(status="205 Reset Content"))),
    row("reply-head-length-body", "RFC 9110 9.3.2", "A body behind an answer to HEAD is nobody's response.", HEAD,
        answered(200), got(b"", has={"Content-Length": ["5"]}), own_connection(), stays(), choice=True,
        peer=(got(b""),), origin=reply("Content-Length: 5", body=b"hello")),
    row("reply-head-chunked-body", "RFC 9110 9.3.2", "As before, in chunks.", HEAD, answered(200), got(b""),
        own_connection(), stays(), choice=True, peer=(got(b""),),
        origin=reply("Transfer-Encoding: chunked", body=chunked(b"hello"))),
    row("reply-head-until-close-body", "RFC 9110 9.3.2", "As before, up to the connection's end.", HEAD, answered(200),
        got(b""), own_connection(), choice=True, peer=(got(b""),), origin=closing(reply(body=b"hello"))),
    row("reply-head-response-inside", "RFC 9110 9.3.2", "A body behind an answer to HEAD that is itself a response.", HEAD,
        answered(200), own_connection(), stays(), choice=True, peer=(answered(200),),
        origin=reply(f"Content-Length: {len(SMUGGLED_RESPONSE)}", body=SMUGGLED_RESPONSE)),
    row("reply-head-body-late", "RFC 9110 9.3.2", "As before, when it comes after the answer was passed on.",
        [HEAD, response, origin_says(SMUGGLED_RESPONSE)], answered(200), own_connection(), stays(), choice=True,
        peer=(answered(200),),
        origin=reply(f"Content-Length: {len(SMUGGLED_RESPONSE)}")),
    row("reply-head-other-status", "RFC 9110 9.3.2", "No answer to HEAD has a body, an error neither.", HEAD,
        answered(404), got(b"", has={"Content-Length": ["9"]}), stays(), same_connection(),
        origin=reply("Content-Length: 9", status="404 Not Found")),
    row("reply-head-then-get", "RFC 9112 6.3", "What is answered behind HEAD is the next request.",
        HEAD + get("/2"), answered(200, 200), got(b"", number=0), got(b"ok", number=1), stays(),
        origin=[reply("Content-Length: 2"), OK]),
    row("reply-lower-case-head", "RFC 9110 9.1", "Methods have case: the answer to `head` has a body.",
        head("head / HTTP/1.1"), answered(200), got(b"ok"), stays(), choice=True, origin=OK),
    row("reply-unknown-method", "RFC 9110 9.1", "The answer to a method that nobody knows is as any other.",
        head("FROBNICATE / HTTP/1.1"), answered(200), got(b"ok"), stays(), origin=OK),
    row("reply-options", "RFC 9110 9.3.7", "An answer to OPTIONS, with Allow.", head("OPTIONS / HTTP/1.1"), answered(204),
        got(b"", has={"Allow": ["GET, FROBNICATE"]}), stays(), origin=reply("Allow: GET, FROBNICATE",
                                                                          status="204 No Content")),
    row("reply-103-length", "RFC 9110 8.6", "103 with a length has no body: the final response follows at once.", get(),
        interims(103), answered(200), got(b"ok"), stays(),
        origin=reply("Content-Length: 2", "Link: </a>", status="103 Early Hints") + OK),
    row("reply-103-chunked", "RFC 9112 6.1", "103 that names a coding has no body either.", get(), interims(103),
        answered(200), got(b"ok"), stays(),
        origin=reply("Transfer-Encoding: chunked", status="103 Early Hints") + OK),
    row("reply-103-body", "RFC 9112 6.3", "103 with a body: what follows is no response.", get(), bad_gateway(),
        origin=reply("Content-Length: 5", status="103 Early Hints") + b"hello" + OK),
]
