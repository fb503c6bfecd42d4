"""The request line (RFC 9112, 3) and HTTP versions (RFC 9112, 2.3 and 2.5)."""

import re

from ..expect import answered, ends, forwarded, rejected, saw, stays
from ..row import AFTER, get, head, row
from ..stage import half_close

H = b"\r\nHost: test\r\n\r\n"

#: id, the request line, the duty. A lenient reader may take some of these; it must then send on a clean line.
MALFORMED = [
    ("two-spaces-first", b"GET  / HTTP/1.1", "One space stands between method and target."),
    ("two-spaces-last", b"GET /  HTTP/1.1", "One space stands between target and version."),
    ("leading-space", b" GET / HTTP/1.1", "Nothing stands before the method."),
    ("trailing-space", b"GET / HTTP/1.1 ", "Nothing stands behind the version."),
    ("tab-first", b"GET\t/ HTTP/1.1", "A tab separates nothing."),
    ("tab-last", b"GET /\tHTTP/1.1", "A tab separates nothing."),
    ("vertical-tab", b"GET\x0b/ HTTP/1.1", "A vertical tab separates nothing."),
    ("space-in-target", b"GET /a b HTTP/1.1", "A target has no space."),
    ("second-version", b"GET /smuggled HTTP/1.1 HTTP/1.1", "What looks like a version is part of no target."),
    ("bare-cr", b"GET /a\rb HTTP/1.1", "A bare CR in a target."),
    ("bare-cr-end", b"GET / HTTP/1.1\r", "A bare CR behind the version."),
    ("nul-in-target", b"GET /\x00 HTTP/1.1", "A NUL in a target."),
    ("control-in-target", b"GET /\x01 HTTP/1.1", "A control character in a target."),
    ("delete-in-target", b"GET /\x7f HTTP/1.1", "A DEL in a target."),
    ("tab-in-target", b"GET /a\tb HTTP/1.1", "A tab in a target."),
    ("no-target", b"GET HTTP/1.1", "A request has a target."),
    ("no-method", b"/ HTTP/1.1", "A request has a method."),
    ("empty-method", b" / HTTP/1.1", "A method is not empty."),
    ("method-bracket", b"G(T / HTTP/1.1", "A method is a token."),
    ("method-colon", b"GET: / HTTP/1.1", "A method is a token."),
    ("method-slash", b"GET/ / HTTP/1.1", "A method is a token."),
    ("method-nul", b"G\x00T / HTTP/1.1", "A method is a token."),
    ("method-high-bit", b"G\xc9T / HTTP/1.1", "A method is of ASCII."),
    ("method-quoted", b'"GET" / HTTP/1.1', "A method is a token."),
    ("version-lower-case", b"GET / http/1.1", "HTTP-name has a case."),
    ("version-other-name", b"GET / HTTQ/1.1", "Only HTTP is spoken here."),
    ("version-no-digit", b"GET / HTTP/1.x", "A version is made of digits."),
    ("version-no-minor", b"GET / HTTP/1", "A version has a minor digit."),
    ("version-two-digits", b"GET / HTTP/1.10", "A version's parts are one digit each."),
    ("version-leading-zero", b"GET / HTTP/01.1", "A version's parts are one digit each."),
    ("version-plus", b"GET / HTTP/+1.1", "A version has no sign."),
    ("version-comma", b"GET / HTTP/1,1", "A dot stands between the digits."),
    ("version-space", b"GET / HTTP/ 1.1", "A version has no space."),
    ("version-empty", b"GET / HTTP/", "A version has digits."),
    ("version-none-but-space", b"GET / ", "A line that ends in a space has no version."),
    ("high-bit-in-target", b"GET /\xe4 HTTP/1.1", "Bytes over 0x7F are escaped in a target."),
    ("fragment", b"GET /a#b HTTP/1.1", "A fragment is never sent."),
]
#: Not refused by everyone, and harmless where they are cleaned.
CHOICES = {"two-spaces-first", "two-spaces-last", "tab-first", "tab-last", "trailing-space", "fragment",
           "high-bit-in-target", "vertical-tab", "bare-cr-end", "version-none-but-space", "version-two-digits"}

ROWS = [
    row(f"line-{name}", "RFC 9112 3", duty, line + H + AFTER, rejected(400), choice=name in CHOICES)
    for name, line, duty in MALFORMED
] + [
    row("line-http09", "RFC 9112 2.3", "HTTP/0.9 is not spoken: no answer without a head.",
        [b"GET /\r\n\r\n", half_close], rejected(400), choice=True),
    row("line-http09-bare", "RFC 9112 2.3", "HTTP/0.9 with what may look like fields.",
        b"GET /\r\nHost: test\r\n\r\n", rejected(400), choice=True),
    row("version-2.0", "RFC 9110 15.6.6", "HTTP/2.0 on a request line is answered with 505.",
        b"GET / HTTP/2.0" + H, rejected(505), choice=True),
    row("version-3.0", "RFC 9110 15.6.6", "A major version that is not spoken is answered with 505.",
        b"GET / HTTP/3.0" + H, rejected(505), choice=True),
    row("version-0.9", "RFC 9110 15.6.6", "A written HTTP/0.9 is answered with 505.",
        b"GET / HTTP/0.9" + H, rejected(505), choice=True),
    row("version-preface", "RFC 9113 3.4", "The preface of HTTP/2 is not taken for a request of HTTP/1.",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", rejected(505), choice=True),
    row("version-1.2", "RFC 9112 2.3", "A higher minor version is understood as 1.1, and our own version is sent on.",
        b"GET / HTTP/1.2" + H, forwarded("GET / HTTP/1.1"), answered(200), stays(), choice=True),
    row("version-1.9", "RFC 9112 2.3", "As 1.2.", b"GET / HTTP/1.9" + H, forwarded("GET / HTTP/1.1"), answered(200),
        choice=True),
    row("version-own", "RFC 9112 2.3", "An intermediary sends its own version on, not the client's.",
        head("GET / HTTP/1.0"), forwarded("GET / HTTP/1.1"), answered(200), ends()),
    row("version-1.0-closes", "RFC 9112 9.3", "An HTTP/1.0 connection ends with its response.",
        head("GET / HTTP/1.0") + get("/smuggled"), saw(1), answered(200), ends()),
    row("version-1.0-no-host", "RFC 9112 3.2", "HTTP/1.0 needs no Host; the request sent on has one all the same, the "
        "address that the client connected to.",
        head("GET / HTTP/1.0", host=None),
        forwarded("GET / HTTP/1.1", has={"Host": re.compile(r"127\.0\.0\.1:\d+")}), answered(200), choice=True),
    row("line-empty-before", "RFC 9112 2.2", "An empty line before a request is ignored.",
        b"\r\n" + get("/"), forwarded("GET / HTTP/1.1"), answered(200), stays()),
    row("line-empty-between", "RFC 9112 2.2", "An empty line between two requests is ignored.",
        get("/1") + b"\r\n" + get("/2"), forwarded("GET /1 HTTP/1.1", count=2), answered(200, 200), stays()),
    row("line-many-empty-before", "RFC 9112 2.2", "Empty lines without end are no request.",
        b"\r\n" * 100 + get("/"), rejected(400), choice=True),
    row("line-bare-lf-before", "RFC 9112 2.2", "A bare LF before a request is refused.",
        b"\n" + get("/"), rejected(400), choice=True),
    row("line-bare-cr-before", "RFC 9112 2.2", "A bare CR before a request is refused.",
        b"\r" + get("/"), rejected(400), choice=True),
    row("line-bare-lf-end", "RFC 9112 2.2", "A request line that ends in a bare LF is refused.",
        b"GET / HTTP/1.1\nHost: test\r\n\r\n", rejected(400), choice=True),
    row("line-bare-lf-everywhere", "RFC 9112 2.2", "A head with LF for CRLF is refused.",
        b"GET / HTTP/1.1\nHost: test\n\n", rejected(400), choice=True),
    row("line-tls", "RFC 9112 2.2", "A TLS hello on a clear port is refused at once.",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(100), rejected(400), choice=True),
    row("line-method-case", "RFC 9110 9.1", "Methods have a case: get is another method than GET, and goes on as it is.",
        b"get / HTTP/1.1" + H, forwarded("get / HTTP/1.1"), answered(200), methods=("GET",), choice=True),
    row("line-method-unknown", "RFC 9110 9.1", "A method that the proxy does not know goes on as it is.",
        b"PURGE /a HTTP/1.1" + H, forwarded("PURGE /a HTTP/1.1"), answered(200), stays()),
    row("line-method-extension", "RFC 9110 9.1", "Any token is a method.",
        b"M-SEARCH /a HTTP/1.1" + H, forwarded("M-SEARCH /a HTTP/1.1"), answered(200), stays(), choice=True),
    row("line-method-odd-token", "RFC 9110 5.6.2", "Every tchar may stand in a method.",
        b"!#$%&'*+-.^_`|~09az /a HTTP/1.1" + H, forwarded("!#$%&'*+-.^_`|~09az /a HTTP/1.1"), stays(), choice=True),
    row("line-method-long", "RFC 9112 3", "An overlong method is refused (501 or 400, here within the line's limit).",
        b"A" * 100000 + b" / HTTP/1.1" + H, rejected(414), choice=True),
]
