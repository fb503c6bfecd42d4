"""Status lines and field lines of responses: what is passed on, what is mended, and what is a 502 (RFC 9112, 4 and 5)."""

from ..expect import answered, bad_gateway, got, readable, said, stays
from ..recorder import closing
from ..row import SMUGGLED_RESPONSE, get, head, reply, row

LENGTH = "Content-Length: 2"


def ok(*lines, **options):
    return reply(*lines, LENGTH, body=b"ok", **options)


def line(first):
    """A response with this status line."""
    return first + b"\r\nContent-Length: 2\r\n\r\nok"


STATUS_LINES = [
    ("no-phrase", b"HTTP/1.1 200 ", 200, None, "An empty reason phrase."),
    ("phrase", b"HTTP/1.1 200 Fine by me", 200, "Fine by me", "A reason phrase is the origin's to choose."),
    ("phrase-blanks", b"HTTP/1.1 200 \tFine  by me ", 200, None, "White space within a phrase."),
    ("phrase-latin", b"HTTP/1.1 200 K\xf6nig", 200, "K\xf6nig", "Octets beyond ASCII in a phrase."),
    ("unknown-2xx", b"HTTP/1.1 299 Other", 299, "Other", "A status that nobody knows."),
    ("unknown-4xx", b"HTTP/1.1 499 Other", 499, "Other", "As before, of clients' errors."),
    ("unknown-5xx", b"HTTP/1.1 599 Other", 599, "Other", "As before, of servers' errors."),
    ("teapot", b"HTTP/1.1 418 I'm a teapot", 418, "I'm a teapot", "A status without a meaning."),
    ("later-minor", b"HTTP/1.9 200 OK", 200, "OK", "A later minor version is read as 1.1."),
]
#: RFC 9112, 4: no status line, so no response.
NO_STATUS_LINE = [
    ("empty-line-before", b"\r\nHTTP/1.1 200 OK", "An empty line before the status line."),
    ("space-before", b" HTTP/1.1 200 OK", "White space before the version."),
    ("two-spaces", b"HTTP/1.1  200 OK", "Two spaces before the status."),
    ("tab", b"HTTP/1.1\t200 OK", "A tab in place of a space."),
    ("two-digits", b"HTTP/1.1 20 OK", "A status of two digits."),
    ("four-digits", b"HTTP/1.1 2000 OK", "A status of four digits."),
    ("no-digits", b"HTTP/1.1 2x0 OK", "A status that is no number."),
    ("negative", b"HTTP/1.1 -20 OK", "A sign is no digit."),
    ("no-status", b"HTTP/1.1 OK", "No status."),
    ("only-version", b"HTTP/1.1", "Nothing but a version."),
    ("phrase-glued", b"HTTP/1.1 200OK", "No space behind the status."),
    ("lower-case", b"http/1.1 200 OK", "The version has case."),
    ("other-protocol", b"ICY 200 OK", "Another protocol."),
    ("ssh", b"SSH-2.0-OpenSSH_9.2", "Another service."),
    ("http2", b"HTTP/2.0 200 OK", "A major version that nobody asked for."),
    ("http2-short", b"HTTP/2 200 OK", "As curl prints it."),
    ("http0", b"HTTP/0.9 200 OK", "A version that has no status lines."),
    ("long-version", b"HTTP/1.10 200 OK", "A minor version of two digits."),
    ("no-minor", b"HTTP/1 200 OK", "No minor version."),
    ("bare-lf", b"HTTP/1.1 200 OK\nX: 1", "A status line that ends in a bare LF."),
    ("bare-cr", b"HTTP/1.1 200 OK\rX: 1", "CR within a status line."),
    ("nul", b"HTTP/1.1 200 O\x00K", "NUL within a phrase."),
    ("control", b"HTTP/1.1 200 O\x07K", "A control character within a phrase."),
    ("request-line", b"GET / HTTP/1.1", "A request in place of a response."),
]
OUT_OF_RANGE = ["000", "099", "600", "999"]

#: Field lines that are no field lines: RFC 9112, 5. Two readers may see two heads.
BAD_FIELDS = [
    ("no-colon", b"X-A", "A line without a colon."),
    ("no-name", b": a", "A line without a name."),
    ("space-in-name", b"X A: a", "White space within a name."),
    ("bad-name", b"X(A): a", "A name that is no token."),
    ("name-control", b"X\x07A: a", "A control character within a name."),
    ("name-high", b"X\xe4A: a", "An octet beyond ASCII within a name."),
    ("name-nul", b"X\x00A: a", "NUL within a name."),
    ("lf-only", b"X-A: a\nX-B: b", "A line that ends in a bare LF."),
    ("lf-lf", b"X-A: a\n\nHTTP/1.1 200 OK\r\nX-Smuggled: 1", "LF LF within a head ends it for a lenient reader."),
    ("cr", b"X-A: a\rX-B: b", "CR within a value."),
    ("cr-cr-lf", b"X-A: a\r", "CR CR LF at the end of a line."),
    ("nul", b"X-A: a\x00b", "NUL within a value."),
    ("fold-first", b" X-A: a", "White space before the first field."),
]
#: RFC 9110, 5.5, lets a recipient keep these, in a safe context.
CONTROLS = [("bell", b"\x07"), ("escape", b"\x1b"), ("del", b"\x7f"), ("vt", b"\x0b"), ("ff", b"\x0c")]
VALUES = [
    ("empty", b"X-A:", [""]), ("blanks", b"X-A: \t a \t", ["a"]), ("no-blank", b"X-A:a", ["a"]),
    ("inner-blanks", b"X-A: a \t b", ["a \t b"]), ("latin", b"X-A: \xe4\xff", ["\xe4\xff"]),
    ("utf8", "X-A: \N{SNOWMAN}".encode(), ["\N{SNOWMAN}".encode().decode("latin-1")]),
    ("colons", b"X-A: a:b::c", ["a:b::c"]), ("quotes", b'X-A: "a\\"b", c', ['"a\\"b", c']),
    ("long", b"X-A: " + b"v" * 3000, ["v" * 3000]),
]

ROWS = [
    row(f"status-{name}", "RFC 9112 4", duty, get(), answered(status), said(phrase, status), got(b"ok"), stays(),
        origin=line(first))
    for name, first, status, phrase, duty in STATUS_LINES
] + [
    row("status-no-space", "RFC 9112 4", "The space behind the status may be missing with the phrase; it goes out.", get(),
        answered(200), got(b"ok"), stays(), choice=True, peer=(readable(),), origin=line(b"HTTP/1.1 200")),
] + [
    row(f"status-{code}", "RFC 9110 15.1", f"A status with a meaning goes through: {code}.", get(), answered(code),
        got(b"ok"), stays(), origin=reply(LENGTH, body=b"ok", status=f"{code} It"))
    for code in (200, 201, 202, 203, 206, 207, 226, 300, 301, 302, 303, 305, 307, 308, 400, 401, 402, 403, 404, 405, 406,
                 407, 408, 409, 410, 411, 412, 413, 414, 415, 416, 417, 421, 422, 423, 424, 425, 426, 428, 429, 431, 451,
                 500, 501, 502, 503, 504, 505, 506, 507, 508, 511)
] + [
    row(f"status-{name}", "RFC 9112 4", f"{duty} 502.", get(), bad_gateway(), choice=True, peer=(readable(),), origin=closing(line(first)))
    for name, first, duty in NO_STATUS_LINE
] + [
    row(f"status-{code}", "RFC 9110 15", f"{code} is not in 100 to 599: 502.", get(), bad_gateway(), choice=True, peer=(readable(),),
        origin=closing(line(f"HTTP/1.1 {code} X".encode())))
    for code in OUT_OF_RANGE
] + [
    row("status-http09", "RFC 9110 15.6.3", "A body without a head is no response.", get(), bad_gateway(), choice=True, peer=(readable(),),
        origin=closing(b"<html>hello</html>")),
    row("status-tls", "RFC 9110 15.6.3", "An origin that speaks TLS.", get(), bad_gateway(), choice=True, peer=(readable(),),
        origin=closing(b"\x15\x03\x01\x00\x02\x02\x46")),
    row("status-long", "RFC 9112 2.2", "A status line that does not end: 502.", get(), bad_gateway(),
        origin=b"HTTP/1.1 200 " + b"a" * 200000),
    row("status-endless-garbage", "RFC 9110 15.6.3", "Garbage without an end: 502, soon.", get(), bad_gateway(), choice=True, peer=(readable(),),
        origin=b"\x00" * 200000),
    row("status-to-http10", "RFC 9112 2.3", "A proxy sends its own version.", head("GET / HTTP/1.0"), answered(200),
        said("OK"), got(b"ok"), origin=ok()),
    row("status-from-http10", "RFC 9112 2.3", "A response of HTTP/1.0 is passed on as ours.", get(), answered(200),
        said("OK"), got(b"ok"), stays(), origin=ok(version="HTTP/1.0")),
] + [
    row(f"reply-field-{name}", "RFC 9112 5", f"{duty} 502.", get(), bad_gateway(), choice=True, peer=(readable(),),
        origin=closing(ok(bad)))
    for name, bad, duty in BAD_FIELDS
] + [
    row(f"reply-field-{name}", "RFC 9110 5.5", "A control character within a value is refused.", get(), bad_gateway(b"ok"),
        choice=True, peer=(readable(),), origin=closing(ok(b"X-A: a" + octet + b"b")))
    for name, octet in CONTROLS
] + [
    row(f"reply-value-{name}", "RFC 9110 5.5", "A value goes through as it is, without the white space around it.", get(),
        answered(200), got(b"ok", has={"X-A": value}), stays(), origin=ok(text))
    for name, text, value in VALUES
] + [
    row("reply-field-space-before-colon", "RFC 9112 5.1", "White space before a colon must not go on: it is removed, or the "
        "response is refused.", get(), bad_gateway(b"ok"), origin=ok("X-A : a")),
    row("reply-length-space-before-colon", "RFC 9112 5.1", "As before, where a reader that ignores the field waits for "
        "the end.", get(), bad_gateway(b"ok"), origin=closing(reply("Content-Length : 2", body=b"ok"))),
    row("reply-encoding-space-before-colon", "RFC 9112 5.1", "As before, for Transfer-Encoding.", get(),
        bad_gateway(b"hello"), origin=closing(reply("Transfer-Encoding : chunked", body=b"5\r\nhello\r\n0\r\n\r\n"))),
    row("reply-fold", "RFC 9112 5.2", "A folded line: 502, or the fold becomes spaces.", get(), bad_gateway(b"ok"),
        origin=ok(b"X-A: a\r\n b")),
    row("reply-fold-tab", "RFC 9112 5.2", "As before, with a tab.", get(), bad_gateway(b"ok"), origin=ok(b"X-A: a\r\n\tb")),
    row("reply-fold-hides-length", "RFC 9112 5.2", "What stands in a fold is no field.", get(), bad_gateway(b"ok"),
        origin=ok(b"X-A: a\r\n Content-Length: 9")),
    row("reply-fold-length", "RFC 9112 5.2", "A folded length is no length, or the one that it says.", get(),
        bad_gateway(b"ok"), origin=closing(reply(b"Content-Length:\r\n 2", body=b"ok"))),
    row("reply-fold-encoding", "RFC 9112 5.2", "A folded Transfer-Encoding.", get(), bad_gateway(b"hello"),
        origin=closing(reply(b"Transfer-Encoding:\r\n chunked", body=b"5\r\nhello\r\n0\r\n\r\n"))),
    row("reply-nul-length", "RFC 9110 5.5", "A name with NUL behind is not Content-Length.", get(), bad_gateway(),
        choice=True, peer=(readable(),), origin=closing(reply(b"Content-Length\x00: 2", body=b"ok"))),
    row("reply-head-ends-in-lf", "RFC 9112 2.2", "A head that ends in bare LFs.", get(), bad_gateway(b"ok"), choice=True, peer=(readable(),),
        origin=closing(b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok")),
    row("reply-head-large", "RFC 9110 15.6.3", "A head beyond all limits: 502.", get(), bad_gateway(),
        origin=ok(*[f"X-{i}: " + "v" * 1000 for i in range(1000)])),
    row("reply-field-large", "RFC 9110 15.6.3", "A field beyond all limits: 502.", get(), bad_gateway(),
        origin=ok("X-A: " + "v" * 1000000)),
    row("reply-fields-many", "RFC 9110 15.6.3", "More fields than anybody sends: 502.", get(), bad_gateway(),
        origin=ok(*["X: v"] * 20000)),
    row("reply-fields-hundred", "RFC 9110 5.3", "Ninety fields are no trouble, and keep their order.", get(),
        answered(200), got(b"ok", has={"X-A": [str(i) for i in range(90)]}), stays(),
        origin=ok(*[f"X-A: {i}" for i in range(90)])),
    row("reply-field-names", "RFC 9110 5.1", "Names of every tchar, and with underscores, go through.", get(),
        got(b"ok", has={"!#$%&'*+-.^_`|~09azAZ": ["a"], "X_A": ["b"]}), stays(),
        origin=ok("!#$%&'*+-.^_`|~09azAZ: a", "X_A: b")),
    row("reply-fields-none", "RFC 9112 6.3", "A head without fields.", get(), answered(200), got(b"ok"), choice=True, 
        peer=(got(b"ok"),), origin=closing(b"HTTP/1.1 200 OK\r\n\r\nok")),
    row("reply-body-like-response", "RFC 9112 6.3", "A body that looks like a response is a body.", get(),
        answered(200), got(SMUGGLED_RESPONSE), stays(),
        origin=reply(f"Content-Length: {len(SMUGGLED_RESPONSE)}", body=SMUGGLED_RESPONSE)),
]
