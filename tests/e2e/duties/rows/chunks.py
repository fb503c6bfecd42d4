"""Chunked request bodies, byte by byte (RFC 9112, 7.1). The head alone is sound: it may have been forwarded before the
fault comes, but the origin must never take the body for complete."""

from ..expect import answered, ends, forwarded, never_complete, never_complete_if_seen, rejected, stays, trailers
from ..row import SMUGGLED, chunked, get, post, row
from ..stage import half_close, hang_up, origin_sees

HEAD = post("Transfer-Encoding: chunked")
LAST = b"0\r\n\r\n"

#: What no reader may accept, except for extensions and trailers, which may be dropped unread.
MALFORMED = [
    ("no-size", b"\r\n" + LAST, "A chunk begins with its size."),
    ("minus", b"-1\r\n\r\n" + LAST, "A size has no sign."),
    ("plus", b"+5\r\nhello\r\n" + LAST, "A size has no sign."),
    ("hex-prefix", b"0x5\r\nhello\r\n" + LAST, "A size is hexadecimal digits without a prefix."),
    ("letters", b"xyz\r\n" + LAST, "A size is hexadecimal."),
    ("underscore", b"1_0\r\n" + b"a" * 16 + b"\r\n" + LAST, "A size is digits only, whatever a parser takes."),
    ("letter-behind", b"5g\r\nhello\r\n" + LAST, "Digits followed by a letter that is none."),
    ("leading-space", b" 5\r\nhello\r\n" + LAST, "Nothing stands before a size."),
    ("leading-tab", b"\t5\r\nhello\r\n" + LAST, "Nothing stands before a size."),
    ("inner-space", b"1 0\r\n" + b"a" * 16 + b"\r\n" + LAST, "Digits do not go on behind a space."),
    ("overflow-64", b"10000000000000005\r\nhello\r\n" + LAST, "2^64 + 5 must not be taken for 5."),
    ("overflow-sign", b"ffffffffffffffff\r\nhello\r\n" + LAST, "2^64 - 1 must not be taken for -1."),
    ("overflow-long", b"f" * 40 + b"\r\nhello\r\n" + LAST, "A size of forty digits."),
    ("nul", b"5\x00\r\nhello\r\n" + LAST, "A NUL ends no size."),
    ("vertical-tab", b"5\x0b\r\nhello\r\n" + LAST, "A vertical tab is no white space."),
    ("longer-than-said", b"3\r\nhello\r\n" + LAST, "Data must end where the size says."),
    ("shorter-than-said", b"6\r\nhello\r\n" + LAST, "Data must not end before the size says."),
    ("no-crlf-after-data", b"5\r\nhello" + LAST, "A chunk ends in CRLF."),
    ("two-bytes-after-data", b"5\r\nhelloXX" + LAST, "The two bytes behind the data are CRLF, not any two bytes."),
    ("cr-only-after-data", b"5\r\nhello\r" + LAST, "A chunk ends in CRLF, not CR."),
    ("cr-only-after-size", b"5\rhello\r\n" + LAST, "A size line ends in CRLF, not CR."),
    ("cr-cr-lf-after-size", b"5\r\r\nhello\r\n" + LAST, "A size line ends in CRLF, not CR CR LF."),
    ("extension-bare-cr", b"5;a=\rb\r\nhello\r\n" + LAST, "A bare CR in an extension ends nothing."),
    ("extension-nul", b"5;a=\x00\r\nhello\r\n" + LAST, "A NUL in an extension."),
    ("extension-control", b'5;a="\x01"\r\nhello\r\n' + LAST, "A control character in a quoted extension value."),
    ("extension-huge", b"5;" + b"a" * 20000 + b"\r\nhello\r\n" + LAST, "Extensions are bounded."),
    ("trailer-bare-cr", b"0\r\nA: b\rc\r\n\r\n", "A bare CR in a trailer."),
    ("trailer-nul", b"0\r\nA: b\x00\r\n\r\n", "A NUL in a trailer."),
    ("trailer-no-colon", b"0\r\nabc\r\n\r\n", "A trailer is a field."),
    ("trailer-space-before-colon", b"0\r\nA : b\r\n\r\n", "A trailer's name ends at its colon."),
    ("trailer-leading-space", b"0\r\n A: b\r\n\r\n", "The trailers do not begin with a fold."),
    ("trailer-empty-name", b"0\r\n: b\r\n\r\n", "A trailer has a name."),
    ("trailer-request-line", b"0\r\nGET /smuggled HTTP/1.1\r\n\r\n", "The last chunk without its empty line: what "
     "follows is a trailer, not a request."),
    ("terminator-cr-x", b"0\r\n\rX\r\n\r\n", "The end is CRLF: any other byte behind the CR is a fault (TERM.EXT)."),
]
#: RFC 9112, 2.2 lets a recipient take LF for CRLF in lines; data that is followed by it is another matter.
BARE_LF = [
    ("bare-lf-everywhere", b"5\nhello\n0\n\n", "LF for CRLF everywhere."),
    ("bare-lf-after-size", b"5\nhello\r\n" + LAST, "LF for CRLF behind a size."),
    ("bare-lf-after-data", b"5\r\nhello\n" + LAST, "LF for CRLF behind the data."),
    ("bare-lf-in-extension", b"5;a\nhello\r\n" + LAST, "TERM.EXT: an LF in an extension ends the line for some."),
    ("bare-lf-in-last-extension", b"0;a\n\r\n", "An LF in the last chunk's extension."),
    ("bare-lf-after-last-size", b"0\n\r\n", "LF for CRLF behind the last size."),
    ("bare-lf-at-end", b"0\r\n\n", "LF for CRLF as the body's end."),
    ("bare-lf-in-trailer", b"0\r\nA: b\n\r\n", "LF for CRLF behind a trailer."),
    ("extension-no-name", b"5;\r\nhello\r\n" + LAST, "A semicolon without a name."),
    ("extension-no-value", b"5;a=\r\nhello\r\n" + LAST, "An equals sign without a value."),
    ("extension-not-quoted", b"5;a=(b)\r\nhello\r\n" + LAST, "A value that is neither a token nor quoted."),
    ("extension-open-quote", b'5;a="b\r\nhello\r\n' + LAST, "A quoted value that does not end."),
    ("extension-quoted-crlf", b'5;a="\r\nhello\r\n0\r\n\r\n"\r\n' + LAST, "A CRLF does not hide in quotes."),
    ("space-behind-size", b"5 \r\nhello\r\n" + LAST, "White space behind a size without an extension."),
    ("size-of-data-only", b"5 hello\r\n" + LAST, "Data on the size's line."),
    ("trailer-fold", b"0\r\nA: b\r\n c\r\n\r\n", "A folded trailer."),
    ("zeros-many", b"0" * 100 + b"5\r\nhello\r\n" + LAST, "A hundred zeros before a size."),
]

#: id, the body, its content, the duty.
SOUND = [
    ("one", chunked(b"hello"), b"hello", "One chunk."),
    ("upper-case-hex", b"A\r\n0123456789\r\n" + LAST, b"0123456789", "Digits have no case."),
    ("lower-case-hex", b"a\r\n0123456789\r\n" + LAST, b"0123456789", "Digits have no case."),
    ("leading-zeros", b"0005\r\nhello\r\n000\r\n\r\n", b"hello", "Leading zeros are digits."),
    ("crlf-in-data", chunked(b"\r\n0\r\n\r\n"), b"\r\n0\r\n\r\n", "Data may look like the end."),
    ("request-in-data", chunked(SMUGGLED), SMUGGLED, "Data may look like a request."),
    ("extension", b"5;a\r\nhello\r\n" + LAST, b"hello", "Unknown extensions are ignored and dropped."),
    ("extension-value", b"5;a=b;c=d\r\nhello\r\n0;e=f\r\n\r\n", b"hello", "Extensions with values are dropped."),
    ("extension-quoted", b'5;a="b;c=\\"d\\""\r\nhello\r\n' + LAST, b"hello", "Extensions with quoted values."),
    ("extension-spaces", b"5 ; a = b\r\nhello\r\n" + LAST, b"hello", "White space around an extension is BWS."),
    ("many", chunked(*[b"x"] * 1000), b"x" * 1000, "A thousand chunks of a byte."),
    ("large", chunked(b"y" * 300000, b"z" * 300000), b"y" * 300000 + b"z" * 300000, "Chunks larger than any buffer."),
]

FORBIDDEN = ["Content-Length", "Transfer-Encoding", "Host", "Connection", "Trailer", "TE", "Expect", "Authorization",
             "Cookie", "Cache-Control", "Content-Type", "Content-Encoding", "Content-Range", "Max-Forwards", "Range",
             "If-Match", "Proxy-Authorization", "X-Forwarded-For", "Forwarded", "Upgrade", "Via", "Set-Cookie"]

ROWS = [
    row(f"chunk-{name}", "RFC 9112 7.1", duty, HEAD + body, answered(400), ends(), never_complete_if_seen(),
        choice=name.startswith(("trailer-", "extension-")))
    for name, body, duty in MALFORMED
] + [
    row(f"chunk-{name}", "RFC 9112 7.1", duty + " Lintel refuses it.", HEAD + body, answered(400), ends(),
        never_complete_if_seen(), choice=True)
    for name, body, duty in BARE_LF
] + [
    row(f"chunk-{name}", "RFC 9112 7.1", duty, HEAD + body, forwarded(None, content, "chunked"), answered(200), stays())
    for name, body, content, duty in SOUND
] + [
    row(f"chunk-trailer-{name.lower()}", "RFC 9110 6.5.1", f"{name} may not come behind a body: it is dropped.",
        HEAD + chunked(b"hello", trailers=f"{name}: 5\r\nX-Sum: 1\r\n".encode()),
        forwarded(None, b"hello"), trailers(has={"X-Sum": "1"}, lacks=(name,)), stays(), choice=True)
    for name in FORBIDDEN
] + [
    row("chunk-trailers", "RFC 9110 6.5", "Trailers are forwarded as trailers, not merged into the head.",
        post("Transfer-Encoding: chunked", "Trailer: X-Sum", body=chunked(b"hello", trailers=b"X-Sum: 1\r\nX-B: 2\r\n")),
        forwarded(None, b"hello", lacks=("X-Sum", "X-B")), trailers(has={"X-Sum": "1", "X-B": "2"}), stays(),
        choice=True),
    row("chunk-trailer-underscore", "DEFAULTS underscore names", "A trailer with an underscore in its name is dropped.",
        HEAD + chunked(b"hello", trailers=b"X_Sum: 1\r\nX-B: 2\r\n"), trailers(has={"X-B": "2"}, lacks=("X_Sum",)),
        forwarded(None, b"hello"), stays(), choice=True),
    row("chunk-too-many-trailers", "RFC 9110 5.4", "The number of trailers is bounded.",
        HEAD + chunked(b"hello", trailers=b"".join(b"X-%d: 1\r\n" % i for i in range(200))),
        answered(400), ends(), never_complete_if_seen(), choice=True),
    row("chunk-too-large-trailers", "RFC 9110 5.4", "The size of trailers is bounded.",
        HEAD + chunked(b"hello", trailers=b"X: " + b"y" * 100000 + b"\r\n"), answered(400), ends(),
        never_complete_if_seen(), choice=True),
    row("chunk-endless-extensions", "RFC 9112 7.1.1", "The total of extensions in one body is bounded, however little "
        "each of them is.", HEAD + b"1;aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\nx\r\n" * 2000 + LAST,
        answered(400), ends(), never_complete_if_seen(), choice=True),
    row("chunk-every-byte-alone", "RFC 9112 7.1", "A body may be cut anywhere.",
        [HEAD, origin_sees(1)] + [bytes([byte]) for byte in b'5;a="b"\r\nhello\r\n1\r\n!\r\n0\r\nX-A: b\r\n\r\n'],
        forwarded(None, b"hello!"), answered(200), stays()),
    row("chunk-fault-after-forwarding", "RFC 9112 8", "A fault in a body that is on its way breaks both connections.",
        [HEAD + b"5\r\nhello\r\n", origin_sees(1, 5), b"xyz\r\n"], answered(400), never_complete(), ends()),
    row("chunk-overflow-32", "RFC 9112 7.1", "2^32 + 5 is a size, and must not be taken for 5.",
        [HEAD + b"100000005\r\nhello\r\n" + LAST, origin_sees(1, 5), half_close], never_complete(), ends()),
    row("chunk-cut-short", "RFC 9112 8", "A chunked body without its last chunk is not complete.",
        [HEAD + b"5\r\nhello\r\n", origin_sees(1, 5), half_close], never_complete(), ends()),
    row("chunk-cut-within-last", "RFC 9112 8", "The last chunk without its empty line does not complete the body.",
        [HEAD + b"5\r\nhello\r\n0\r\n", origin_sees(1, 5), half_close], never_complete(), ends()),
    row("chunk-client-leaves", "RFC 9112 8", "When the client goes away amid its body, the origin is told by the end of "
        "the connection.", [HEAD + b"5\r\nhello\r\n", origin_sees(1, 5), hang_up], never_complete()),
    row("chunk-next-request", "RFC 9112 6.3", "What follows the last chunk is the next request.",
        HEAD + chunked(b"hello") + get("/second"), forwarded("POST / HTTP/1.1", b"hello", number=0, count=2),
        forwarded("GET /second HTTP/1.1", number=1, count=2), answered(200, 200), stays()),
]
