"""Chunked responses: what the origin's chunks may look like, and what of them the client gets (RFC 9112, 7.1)."""

from ..expect import answered, got, readable, same_connection, stays, trailing, unfinished
from ..row import SMUGGLED_RESPONSE, chunked, get, head, reply, row

LINE = "Transfer-Encoding: chunked"


def coded(body, *lines):
    return reply(LINE, *lines, body=body)


#: Bodies that are b"hello" to every reader.
GOOD = [
    ("one", b"5\r\nhello\r\n0\r\n\r\n", "One chunk."),
    ("many", b"1\r\nh\r\n1\r\ne\r\n1\r\nl\r\n1\r\nl\r\n1\r\no\r\n0\r\n\r\n", "Chunks of one byte."),
    ("zeros", b"00000005\r\nhello\r\n000\r\n\r\n", "Leading zeros of a size."),
    ("extension", b"5;a=b\r\nhello\r\n0;c\r\n\r\n", "Extensions are this hop's, and dropped."),
    ("extension-quoted", b'5;a="b;\\"c"\r\nhello\r\n0\r\n\r\n', "A quoted value of an extension."),
    ("extension-spaces", b"5 ; a = b\r\nhello\r\n0\r\n\r\n", "White space around extensions."),
]
#: Bodies that two readers could read in two ways. Peers may be lenient, but what they send must be clean.
BAD = [
    ("size-empty", b"\r\nhello\r\n0\r\n\r\n", "No size."),
    ("size-word", b"five\r\nhello\r\n0\r\n\r\n", "A size that is no number."),
    ("size-0x", b"0x5\r\nhello\r\n0\r\n\r\n", "0x is no digit."),
    ("size-negative", b"-5\r\nhello\r\n0\r\n\r\n", "A sign is no digit."),
    ("size-plus", b"+5\r\nhello\r\n0\r\n\r\n", "Nor is a plus."),
    ("size-underscore", b"0_5\r\nhello\r\n0\r\n\r\n", "Nor an underscore."),
    ("size-space-before", b" 5\r\nhello\r\n0\r\n\r\n", "White space before the size."),
    ("size-comma", b"5,5\r\nhello\r\n0\r\n\r\n", "A list of sizes."),
    ("size-2-64", b"10000000000000005\r\nhello\r\n0\r\n\r\n", "2^64 + 5 must not become 5."),
    ("size-2-63", b"8000000000000005\r\nhello\r\n0\r\n\r\n", "A size beyond 2^63."),
    ("size-wide", b"\xef\xbc\x95\r\nhello\r\n0\r\n\r\n", "Digits are ASCII."),
    ("lf-after-size", b"5\nhello\r\n0\r\n\r\n", "A size that ends in a bare LF."),
    ("lf-after-data", b"5\r\nhello\n0\r\n\r\n", "Data that ends in a bare LF."),
    ("lf-after-last", b"5\r\nhello\r\n0\n\r\n", "A last chunk that ends in a bare LF."),
    ("lf-at-end", b"5\r\nhello\r\n0\r\n\n", "A body that ends in a bare LF."),
    ("cr-after-size", b"5\rhello\r\n0\r\n\r\n", "A size that ends in a bare CR."),
    ("cr-cr-lf", b"5\r\r\nhello\r\n0\r\n\r\n", "CR CR LF behind a size."),
    ("size-too-small", b"4\r\nhello\r\n0\r\n\r\n", "More data than said."),
    ("size-too-large", b"6\r\nhello\r\n0\r\n\r\n", "Less data than said."),
    ("no-crlf-after-data", b"5\r\nhello0\r\n\r\n", "Nothing between data and the next size."),
    ("extension-lf", b"5;a\nb\r\nhello\r\n0\r\n\r\n", "LF within an extension."),
    ("extension-cr", b"5;a\rb\r\nhello\r\n0\r\n\r\n", "CR within an extension."),
    ("extension-nul", b"5;a\x00b\r\nhello\r\n0\r\n\r\n", "NUL within an extension."),
    ("extension-no-name", b"5;=b\r\nhello\r\n0\r\n\r\n", "An extension without a name."),
    ("extension-open-quote", b'5;a="b\r\nhello\r\n0\r\n\r\n', "A quote that does not end."),
    ("trailer-no-colon", b"5\r\nhello\r\n0\r\nX\r\n\r\n", "A trailer that is none."),
    ("trailer-space", b"5\r\nhello\r\n0\r\nX : 1\r\n\r\n", "White space before a trailer's colon."),
    ("trailer-fold", b"5\r\nhello\r\n0\r\nX: 1\r\n 2\r\n\r\n", "A folded trailer."),
    ("trailer-lf", b"5\r\nhello\r\n0\r\nX: 1\nY: 2\r\n\r\n", "A trailer that ends in a bare LF."),
    ("trailer-cr", b"5\r\nhello\r\n0\r\nX: 1\r2\r\n\r\n", "CR within a trailer."),
    ("trailer-nul", b"5\r\nhello\r\n0\r\nX: \x00\r\n\r\n", "NUL within a trailer."),
    ("extension-huge", b"5;" + b"a" * 100000 + b"\r\nhello\r\n0\r\n\r\n", "An extension that does not end soon."),
    ("trailers-huge", b"5\r\nhello\r\n0\r\n" + b"X: " + b"v" * 100000 + b"\r\n\r\n", "A trailer that does not end soon."),
    ("trailers-many", b"5\r\nhello\r\n0\r\n" + b"X: v\r\n" * 20000 + b"\r\n", "Twenty thousand trailers."),
]
#: RFC 9110, 6.5.1: what frames, routes, authenticates or describes content must not be a trailer.
FORBIDDEN = ["Content-Length: 3", "Transfer-Encoding: chunked", "Host: evil", "Connection: close", "Set-Cookie: a=b",
             "Content-Encoding: gzip", "Content-Type: text/html", "Content-Range: bytes 0-1/2", "Cache-Control: no-store",
             "Location: http://evil/", "WWW-Authenticate: Basic", "Proxy-Authenticate: Basic", "Date: 0", "Expires: 0",
             "Age: 5", "Vary: *", "Retry-After: 5", "Upgrade: h2c", "Trailer: X", "TE: gzip", "Via: 1.1 evil"]


ROWS = [
    row(f"reply-chunk-{name}", "RFC 9112 7.1", duty, get(), answered(200), got(b"hello"), stays(), same_connection(),
        origin=coded(body))
    for name, body, duty in GOOD
] + [
    row(f"reply-chunk-{name}", "RFC 9112 7.1", f"{duty} The response breaks off there.", get(), unfinished(), choice=True,
        peer=(readable(),), origin=coded(body))
    for name, body, duty in BAD
] + [
    row(f"reply-trailer-{line.split(':')[0].lower()}", "RFC 9110 6.5.1", f"{line.split(':')[0]} is no trailer: dropped.",
        get("/", "TE: trailers", "Connection: TE"), answered(200), got(b"hello"), trailing(lacks=(line.split(":")[0],)),
        stays(), choice=True, origin=coded(chunked(b"hello", trailers=line.encode() + b"\r\nX-Sum: 1\r\n")))
    for line in FORBIDDEN
] + [
    row("reply-trailers", "RFC 9110 6.5.2", "Trailers go on to a client that asked for them, in their order.",
        get("/", "TE: trailers", "Connection: TE"), answered(200), got(b"hello", has={"Trailer": ["X-Sum"]}),
        trailing({"X-Sum": ["1", "2"], "X-Other": ["a b"]}), stays(), same_connection(), choice=True,
        origin=coded(chunked(b"hello", trailers=b"X-Sum: 1\r\nX-Other:  a b \r\nX-Sum: 2\r\n"), "Trailer: X-Sum")),
    row("reply-trailers-to-http10", "RFC 9112 7.1.2", "With the coding its trailers go.", head("GET / HTTP/1.0"),
        answered(200), got(b"hello", lacks=("X-Sum",)),
        origin=coded(chunked(b"hello", trailers=b"X-Sum: 1\r\n"))),
    row("reply-trailers-not-merged", "RFC 9110 6.5", "A trailer is never made a header field.",
        get("/", "TE: trailers", "Connection: TE"), got(b"hello", lacks=("X-Sum",)), stays(),
        origin=coded(chunked(b"hello", trailers=b"X-Sum: 1\r\n"))),
    row("reply-trailer-like-response", "RFC 9112 7.1.2", "A response in place of trailers is none.", get(), unfinished(),
        choice=True, origin=coded(b"5\r\nhello\r\n0\r\n" + SMUGGLED_RESPONSE + b"\r\n\r\n")),
    row("reply-chunk-early-end", "RFC 9112 7.1", "What stands behind the last chunk is no part of the response.", get(),
        answered(200), got(b"hel"), stays(), origin=coded(chunked(b"hel") + b"2\r\nlo\r\n0\r\n\r\n")),
    row("reply-chunk-data-like-end", "RFC 9112 7.1", "Data that looks like the last chunk is data.", get(), answered(200),
        got(b"0\r\n\r\n" + SMUGGLED_RESPONSE), stays(), same_connection(),
        origin=coded(chunked(b"0\r\n\r\n", SMUGGLED_RESPONSE))),
]
