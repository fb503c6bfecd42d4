"""How the length of a response's body is told: every form of Content-Length and Transfer-Encoding, from origins of both
versions, to GET and HEAD (RFC 9112, 6)."""

from ..expect import answered, bad_gateway, ends, forwarded, got, same_connection, stays
from ..recorder import closing
from ..row import SMUGGLED_RESPONSE, chunked, get, head, reply, row

HELLO = chunked(b"hel", b"lo")
ZERO = b"0\r\n\r\n"

#: Each is read in one way only: name, lines, body on the wire, what the client gets.
GOOD = [
    ("length", ["Content-Length: 5"], b"hello", b"hello"),
    ("length-zero", ["Content-Length: 0"], b"", b""),
    ("length-case", ["cOntEnt-lEngth: 5"], b"hello", b"hello"),
    ("length-blanks", ["Content-Length: \t 5 \t"], b"hello", b"hello"),
    ("length-no-blank", ["Content-Length:5"], b"hello", b"hello"),
    ("length-leading-zeros", ["Content-Length: 0000000000000000000000005"], b"hello", b"hello"),
    ("length-like-chunked", ["Content-Length: 5"], ZERO, ZERO),
]
GOOD_11 = [
    ("chunked", ["Transfer-Encoding: chunked"], HELLO, b"hello"),
    ("chunked-case", ["transfer-encoding: CHUNKED"], HELLO, b"hello"),
    ("chunked-blanks", ["Transfer-Encoding:\t chunked \t"], HELLO, b"hello"),
    ("chunked-empty", ["Transfer-Encoding: chunked"], ZERO, b""),
]
#: RFC 9112, 6.3, says itself that these are an error: name, lines, body, what the rule is.
WRONG = [
    ("length-differs", ["Content-Length: 5", "Content-Length: 6"], b"hello!", "Two lengths that differ."),
    ("length-list-differs", ["Content-Length: 5, 6"], b"hello!", "Two lengths in one line."),
    ("length-negative", ["Content-Length: -5"], b"hello", "A sign is no digit."),
    ("length-plus", ["Content-Length: +5"], b"hello", "A sign is no digit."),
    ("length-hex", ["Content-Length: 0x5"], b"hello", "Hexadecimal is no length."),
    ("length-inner-blank", ["Content-Length: 5 0"], b"hello", "White space within a number."),
    ("length-fraction", ["Content-Length: 5.0"], b"hello", "A fraction is no length."),
    ("length-exponent", ["Content-Length: 5e0"], b"hello", "Nor is an exponent."),
    ("length-word", ["Content-Length: five"], b"hello", "A word is no length."),
    ("length-comma", ["Content-Length: 5,"], b"hello", "A list with an empty element is no number."),
    ("length-semicolon", ["Content-Length: 5;a=b"], b"hello", "A parameter is no digit."),
    ("length-empty", ["Content-Length:"], b"hello", "No number at all."),
    ("length-2-64", ["Content-Length: 18446744073709551621"], b"hello", "2^64 + 5 must not become 5."),
    ("length-2-63", ["Content-Length: 9223372036854775808"], b"hello", "2^63 must not become negative."),
    ("length-nul", [b"Content-Length: 5\x00"], b"hello", "NUL behind a number."),
    ("length-vt", [b"Content-Length: \x0b5"], b"hello", "Vertical tab is not white space."),
    ("length-wide", [b"Content-Length: \xef\xbc\x95"], b"hello", "Digits are ASCII."),
]
#: Here the RFCs let a recipient make sense of it, and Lintel does not. Last: what sense.
DOUBTFUL = [
    ("length-twice", ["Content-Length: 5", "Content-Length: 5"], b"hello", "A length told twice.", b"hello"),
    ("length-list", ["Content-Length: 5, 5"], b"hello", "A length told twice in one line.", b"hello"),
    ("length-and-chunked", ["Content-Length: 3", "Transfer-Encoding: chunked"], HELLO, "Length and chunks.", b"hello"),
    ("chunked-and-length", ["Transfer-Encoding: chunked", "Content-Length: 3"], HELLO, "Chunks and length.", b"hello"),
    ("bad-length-and-chunked", ["Content-Length: x", "Transfer-Encoding: chunked"], HELLO, "A bad length and chunks.",
     b"hello"),
    ("length-0-and-chunked", ["Content-Length: 0", "Transfer-Encoding: chunked"], chunked(SMUGGLED_RESPONSE),
     "Who believes the length takes the body for responses.", SMUGGLED_RESPONSE),
]
#: What is not exactly chunked ends with the connection (RFC 9112, 6.3), in a coding that a client need not know.
CODINGS = [
    ("gzip-chunked", ["Transfer-Encoding: gzip, chunked"]),
    ("chunked-gzip", ["Transfer-Encoding: chunked, gzip"]),
    ("identity", ["Transfer-Encoding: identity"]),
    ("identity-chunked", ["Transfer-Encoding: identity, chunked"]),
    ("twice", ["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"]),
    ("twice-in-list", ["Transfer-Encoding: chunked, chunked"]),
    ("comma", ["Transfer-Encoding: chunked,"]),
    ("xchunked", ["Transfer-Encoding: xchunked"]),
    ("parameter", ["Transfer-Encoding: chunked;a=b"]),
    ("quoted", ['Transfer-Encoding: "chunked"']),
    ("empty", ["Transfer-Encoding:"]),
    ("vt", [b"Transfer-Encoding: \x0bchunked"]),
    ("nul", [b"Transfer-Encoding: chunked\x00"]),
    ("latin", [b"Transfer-Encoding: chunke\xe4"]),
]
HEAD = head("HEAD / HTTP/1.1")

#: Whether the client's connection outlives the origin's is the proxy's to choose.
UNTIL_CLOSE = [
    ("reply-until-close", "A body that ends with the connection.", "HTTP/1.1", [], b"hello"),
    ("reply-until-close-empty", "Such a body may be empty.", "HTTP/1.1", [], b""),
    ("reply-until-close-like-responses", "What stands in such a body is no response.", "HTTP/1.1", [], SMUGGLED_RESPONSE),
    ("reply-until-close-http10", "As HTTP/1.0 origins do it.", "HTTP/1.0", [], b"hello"),
    ("reply-until-close-keep-alive", "Connection: keep-alive gives such a body no length.", "HTTP/1.0",
     ["Connection: keep-alive"], b"hello"),
]

ROWS = [
    row(f"reply-{name}", "RFC 9112 6.3", "A body whose length is plain is delivered as it is.", get(),
        answered(200), got(wanted), stays(), same_connection(), origin=reply(*lines, body=body))
    for name, lines, body, wanted in GOOD + GOOD_11
] + [
    row(f"reply-{name}-http10", "RFC 9112 6.3", "As before, from an origin that ends its connection then.", get(),
        answered(200), got(wanted), stays(), origin=closing(reply(*lines, body=body, version="HTTP/1.0")))
    for name, lines, body, wanted in GOOD
] + [
    row(f"reply-{name}-head", "RFC 9110 9.3.2", "An answer to HEAD has no body, whatever its fields say.", HEAD,
        answered(200), got(b""), forwarded("HEAD / HTTP/1.1"), stays(), same_connection(), origin=reply(*lines))
    for name, lines, _, _ in GOOD + GOOD_11
] + [
    row(f"reply-{name}-to-http10", "RFC 9112 6.1", "A client of HTTP/1.0 never gets chunks.", head("GET / HTTP/1.0"),
        answered(200), got(wanted, lacks=("Transfer-Encoding",)), ends(), origin=reply(*lines, body=body))
    for name, lines, body, wanted in GOOD + GOOD_11
] + [
    row(f"reply-{name}", "RFC 9112 6.3", f"{duty} 502.", get(), bad_gateway(), origin=reply(*lines, body=body))
    for name, lines, body, duty in WRONG
] + [
    row(f"reply-{name}-http10", "RFC 9112 6.3", f"{duty} 502, from HTTP/1.0 too.", get(), bad_gateway(),
        origin=closing(reply(*lines, body=body, version="HTTP/1.0")))
    for name, lines, body, duty in WRONG
] + [
    row(f"reply-{name}-head", "RFC 9112 6.3", f"{duty} Not even for HEAD is it passed on.", HEAD, bad_gateway(b""),
        origin=reply(*lines))
    for name, lines, body, duty in WRONG
] + [
    row(f"reply-{name}", "RFC 9112 6.3", f"{duty} Refused: a recipient behind us might read it otherwise.", get(),
        bad_gateway(mended), origin=closing(reply(*lines, body=body)))
    for name, lines, body, duty, mended in DOUBTFUL
] + [
    row(f"reply-{name}-head", "RFC 9112 6.3", f"{duty} Refused for HEAD too.", HEAD, bad_gateway(b""),
        origin=closing(reply(*lines)))
    for name, lines, _, duty, _ in DOUBTFUL
] + [
    row(f"reply-coding-{name}", "RFC 9112 6.1", "A transfer coding other than exactly chunked is refused: nobody asked for "
        "it.", get(), bad_gateway(HELLO), origin=closing(reply(*lines, body=HELLO)))
    for name, lines in CODINGS
] + [
    row(f"reply-{name}-http10", "RFC 9112 6.1", "Transfer-Encoding from HTTP/1.0 is faulty framing.", get(),
        bad_gateway(b"hello"), origin=closing(reply(*lines, body=HELLO, version="HTTP/1.0")))
    for name, lines, _, _ in GOOD_11[:3]
] + [
    row(name, "RFC 9112 6.3", duty, get(), answered(200), got(body), stays(), choice=True, peer=(got(body),),
        origin=closing(reply(*lines, body=body, version=version)))
    for name, duty, version, lines, body in UNTIL_CLOSE
] + [
    row("reply-until-close-to-http10", "RFC 9112 6.3", "An HTTP/1.0 client gets it in the same way.",
        head("GET / HTTP/1.0"), answered(200), got(b"hello", lacks=("Transfer-Encoding",)), ends(),
        origin=closing(reply(body=b"hello"))),
    row("reply-head-without-length", "RFC 9110 9.3.2", "An answer to HEAD need not tell a length, and does not end with the "
        "connection.", HEAD, answered(200), got(b"", lacks=("Content-Length",)), stays(), same_connection(),
        origin=reply()),
    row("reply-head-length-kept", "RFC 9110 8.6", "The length that GET would have had is told.", HEAD,
        got(b"", has={"Content-Length": ["12345"]}), stays(), same_connection(), origin=reply("Content-Length: 12345")),
    row("reply-large-length", "RFC 9112 6.3", "A body of a megabyte is delivered in full.", get(),
        got(b"0123456789abcdef" * 65536), stays(), same_connection(),
        origin=reply("Content-Length: 1048576", body=b"0123456789abcdef" * 65536)),
    row("reply-large-chunked", "RFC 9112 7.1", "As before, in many chunks of many sizes.", get(),
        got(b"".join(b"x" * size for size in range(1, 1200, 7))), stays(), same_connection(),
        origin=reply("Transfer-Encoding: chunked", body=chunked(*[b"x" * size for size in range(1, 1200, 7)]))),
]
