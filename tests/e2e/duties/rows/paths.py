"""The path in its one canonical form (RFC 3986, 6.2.2; DEFAULTS: path normalisation), and the query, which stays."""

from ..expect import answered, forwarded, rejected, stays
from ..row import AFTER, get, row

#: id, the path as sent, as forwarded, the duty.
CANONICAL = [
    ("plain", "/a/b.c", "/a/b.c", "A canonical path goes on as it is."),
    ("root", "/", "/", "The root."),
    ("unreserved", "/-._~aZ09", "/-._~aZ09", "Unreserved characters."),
    ("reserved", "/:@!$&'()*+,;=", "/:@!$&'()*+,;=", "Characters that a segment may hold unescaped."),
    ("escaped-reserved", "/%3A%40%21%24%26", "/%3A%40%21%24%26", "Escapes of reserved characters stay escaped."),
    ("escaped-unreserved", "/%61%2D%2e%5f%7E", "/a-._~", "Escapes of unreserved characters are decoded."),
    ("escape-case", "/%3a%c3%a4", "/%3A%C3%A4", "Escapes are written in upper case."),
    ("escaped-percent", "/%2561", "/%2561", "An escaped percent sign is decoded once at most: not at all."),
    ("escaped-twice-slash", "/%252F", "/%252F", "A doubly escaped slash stays so."),
    ("escaped-twice-dots", "/a/%252e%252e/b", "/a/%252e%252e/b", "Doubly escaped dots are no dots."),
    ("escaped-slash", "/a%2Fb", "/a%2Fb", "An escaped slash separates no segments, and stays."),
    ("escaped-slash-lower", "/a%2fb", "/a%2Fb", "An escaped slash in lower case stays escaped."),
    ("escaped-slash-dots", "/a/..%2Fb", "/a/..%2Fb", "Dots before an escaped slash are part of a longer segment."),
    ("escaped-question", "/a%3Fb", "/a%3Fb", "An escaped question mark begins no query."),
    ("escaped-hash", "/a%23b", "/a%23b", "An escaped hash begins no fragment."),
    ("escaped-space", "/a%20b", "/a%20b", "An escaped space stays escaped."),
    ("escaped-semicolon", "/a%3Bb", "/a%3Bb", "An escaped semicolon stays escaped."),
    ("utf-8", "/%C3%A4%E2%82%AC", "/%C3%A4%E2%82%AC", "UTF-8 stays escaped."),
    ("overlong", "/%C0%AE%C0%AE/", "/%C0%AE%C0%AE/", "Overlong UTF-8 of dots is no dots."),
    ("dot", "/a/./b", "/a/b", "A segment . goes."),
    ("dot-last", "/a/.", "/a/", "A last segment . leaves a slash."),
    ("dot-only", "/.", "/", "A segment . alone."),
    ("dot-dot", "/a/../b", "/b", "A segment .. takes the one before with it."),
    ("dot-dot-last", "/a/b/..", "/a/", "A last segment .. leaves a slash."),
    ("dot-dot-to-root", "/a/..", "/", "A segment .. may lead back to the root."),
    ("dot-dot-many", "/a/b/c/../../d", "/a/d", "Several segments .. in a row."),
    ("dot-dot-escaped", "/a/%2e%2e/b", "/b", "Escaped dots are dots."),
    ("dot-dot-half-escaped", "/a/.%2E/b", "/b", "Half escaped dots are dots."),
    ("dot-dot-empty-segment", "/a//../b", "/a/b", "An empty segment is a segment, which .. takes."),
    ("three-dots", "/.../a", "/.../a", "Three dots are a name."),
    ("dot-name", "/.hidden/..name/a.", "/.hidden/..name/a.", "Dots within names stay."),
    ("dot-dot-parameter", "/a/..;/b", "/a/..;/b", "..; is a name here; a server that thinks otherwise is on its own."),
    ("double-slash", "/a//b", "/a//b", "Empty segments stay."),
    ("double-slash-first", "//a/b", "//a/b", "A path that begins with two slashes names no host."),
    ("double-slash-many", "////", "////", "Nothing but slashes."),
    ("colon-first", "/http://other/", "/http://other/", "A URI within a path is a path."),
    ("encoded-crlf-like", "/%250d%250a", "/%250d%250a", "A doubly escaped CRLF is no CRLF."),
    ("bars", "/a|b^c`d{e}[f]", "/a|b^c`d{e}[f]", "What browsers do not escape is let through."),
]
#: As received is as forwarded, which the RFCs ask of everyone.
MUST = {name for name, sent, expected, _ in CANONICAL if sent == expected} - {"bars"}

REFUSED = [
    ("above-root", "/..", "A path does not lead above the root."),
    ("above-root-deep", "/a/../../b", "A path does not lead above the root midway either."),
    ("above-root-escaped", "/%2e%2e/etc/passwd", "Escaped dots are dots."),
    ("above-root-after-dot", "/./../a", "A segment . is nothing to go up from."),
    ("nul", "/a%00b", "An escaped NUL."),
    ("crlf", "/a%0d%0aX-A:%201", "An escaped CRLF, which some server would decode into a field."),
    ("lf", "/a%0Ab", "An escaped LF."),
    ("tab", "/a%09b", "An escaped tab."),
    ("control", "/a%1fb", "An escaped control character."),
    ("delete", "/a%7Fb", "An escaped DEL."),
    ("backslash", "/a\\b", "A backslash, which some take for a slash."),
    ("backslash-dots", "/a\\..\\b", "Backslashes around dots."),
    ("escaped-backslash", "/a%5Cb", "An escaped backslash."),
    ("escaped-backslash-lower", "/a/..%5c..%5cb", "An escaped backslash in lower case."),
    ("percent-end", "/a%", "A percent sign at the end."),
    ("percent-one-digit", "/a%4", "One digit is no escape."),
    ("percent-bad-digit", "/a%4g", "Letters beyond f are no digits."),
    ("percent-bad-digits", "/a%zz", "Letters are no digits."),
    ("percent-unicode", "/a%u002e", "%u is no escape."),
    ("percent-space", "/a%%32e", "A percent sign that an escape follows."),
]

QUERIES = [
    ("plain", "?a=b&c=d"), ("empty", "?"), ("twice", "?a?b"), ("dots", "?/../.."), ("escapes", "?%61%2f%zz%"),
    ("backslash", "?a\\b"), ("uri", "?u=http://other/"), ("brackets", "?a[]=1&b={c|d}"), ("plus", "?a+b"),
    ("semicolon", "?a;b"), ("slashes", "?a//b"), ("escaped-control", "?%00%0d%0a"), ("long", "?" + "q" * 4000),
]

STRICT = [
    ("dot", "/a/./b", 400), ("dot-dot", "/a/../b", 400), ("escaped-unreserved", "/%61", 400),
    ("escape-case", "/%3a", 400), ("escaped-slash", "/a%2Fb", 400), ("plain", "/a/b%20c", 200),
    ("double-slash", "/a//b", 200), ("dot-dot-parameter", "/a/..;/admin", 400), ("dot-dot-parameters", "/a/..;x=1;y/b", 400),
    ("dot-parameter", "/a/.;x/b", 400), ("dot-dot-parameter-last", "/a/..;x", 400),
    ("dot-dot-parameter-escaped", "/a/..%3B/admin", 400), ("parameter", "/a;x=1/b", 200), ("parameter-dots", "/a;../b", 200),
    ("three-dots-parameter", "/...;x/b", 200),
]

ROWS = [
    row(f"path-{name}", "DEFAULTS path normalisation", duty, get(sent), forwarded(f"GET {expected} HTTP/1.1"),
        answered(200), stays(), choice=name not in MUST)
    for name, sent, expected, duty in CANONICAL
] + [
    row(f"path-{name}", "DEFAULTS path normalisation", duty + " Refused.", get(sent) + AFTER, rejected(400), choice=True)
    for name, sent, duty in REFUSED
] + [
    row(f"query-{name}", "RFC 9110 4.2.2", "A query goes on byte by byte: it is the origin's.", get("/a" + query),
        forwarded(f"GET /a{query} HTTP/1.1"), answered(200), stays(), choice=name in ("brackets", "backslash", "escapes"))
    for name, query in QUERIES
] + [
    row(f"path-strict-{name}", "DEFAULTS path normalisation",
        "In strict mode a path that is not canonical is refused, and a canonical one goes on.",
        get(sent), answered(status), setup="strict", lintel_only=True)
    for name, sent, status in STRICT
] + [
    row("query-high-bit", "RFC 3986 3.4", "Bytes over 0x7F are escaped in a query.", get("/a?\xe4") + AFTER,
        rejected(400), choice=True),
    row("query-control", "RFC 3986 3.4", "A query has no control characters.", get("/a?\x01") + AFTER, rejected(400),
        choice=True),
    row("query-fragment", "RFC 3986 3.5", "A fragment is never sent.", get("/a?b#c") + AFTER, rejected(400),
        choice=True),
    row("path-route", "FEATURES N14", "The path that a route is chosen by is the one that is forwarded: no escape or "
        "segment leads round a route.", get("/x/%2e%2e/local"), answered(200), lintel_only=True),
    row("path-route-slash", "FEATURES N14", "An escaped slash leads into no other route.",
        get("/%2Flocal"), forwarded("GET /%2Flocal HTTP/1.1"), stays()),
]
