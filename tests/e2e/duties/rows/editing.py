"""What a client says may go into places that Lintel writes itself: redirects, rewritten paths, fields that are set. None of
it may split a message or lead out of the place that it was put in."""

import re

from ..expect import answered, forwarded, got, rejected, saw, stays
from ..row import get, row

EDITING = {"setup": "editing", "lintel_only": True}

#: id, the query's parameter p, the path that comes of it; None: refused.
REWRITES = [
    ("plain", "7", "/users/7/view"), ("segments", "a/b", "/users/a/b/view"), ("dots-in-name", "...", "/users/.../view"),
    ("escaped-slash", "..%2Fa", "/users/..%2Fa/view"), ("dot", ".", None), ("dot-dot", "..", None),
    ("dot-dot-deep", "a/../../b", None), ("above-root", "../../admin", None), ("escaped-dots", "%2e%2e", None),
    ("half-escaped-dots", ".%2E/admin", None), ("escaped-crlf", "a%0d%0aX-A:%201", None), ("nul", "%00", None),
    ("backslash", "..\\", None), ("escaped-backslash", "..%5c", None), ("question", "a?x=1", None), ("bad-escape", "%", None),
    ("encoded-twice", "%252e%252e", "/users/%252e%252e/view"),
]
#: What no path or query can hold, in a cookie.
COOKIES = [
    ("space", "a HTTP/1.1"), ("hash", "a#b"), ("question", "a?b"), ("high-bit", "\xe4"), ("backslash", "\\"),
    ("dots", "../../"), ("percent", "%"), ("crlf", "%0D%0A"),
]
#: Queries that some would decode into a header.
SPLITS = [
    ("crlf", "/x?p=%0d%0aX-Smuggled:%201"), ("crlf-twice", "/x?p=%0D%0A%0D%0AHTTP/1.1%20200%20OK"), ("lf", "/x?p=%0aX:1"),
    ("nul", "/x?p=%00"), ("utf-8", "/x?p=%E5%98%8A%E5%98%8D"), ("quotes", "/x?p=%22'<>"), ("own-host", "//other.test/?p=1"),
    ("userinfo", "/@other.test/"), ("scheme", "/https://other.test/"), ("twice", "/x?p=%250d%250a"),
]

ROWS = [
    row(f"rewrite-{name}", "DEFAULTS path normalisation", "A variable stays within the path around it." +
        ("" if path else " Refused."), get(f"/rewritten?p={value}"),
        *([forwarded(f"GET {path}?p={value} HTTP/1.1"), answered(200), stays()] if path else [saw(0), answered(400)]), **EDITING)
    for name, value, path in REWRITES
] + [
    row(f"rewrite-cookie-{name}", "DEFAULTS path normalisation", "What no path may hold does not get into one by a cookie.",
        get("/rewritten?p=7", f"Cookie: p={value}"), saw(0), answered(400), **EDITING)
    for name, value in COOKIES
] + [
    row(f"redirect-{name}", "RFC 9110 10.2.2", "A redirect goes to the host that was configured, and is one line.",
        get(f"/moved{target}"), saw(0), answered(308), got(has={"Location": [f"https://new.test/moved{target}"]},
                                                         lacks=("X-Smuggled", "X")), stays(), **EDITING)
    for name, target in SPLITS
] + [
    row(f"redirect-same-host-{name}", "RFC 9110 10.2.2", "Or to the host that was asked for.", get(f"/here{target}"), saw(0),
        answered(302), got(has={"Location": [f"https://test/here{target}"]}, lacks=("X-Smuggled", "X")), stays(), **EDITING)
    for name, target in SPLITS
] + [
    row(f"edited-{name}", "RFC 9112 11.1", "Fields that are set from a request are one line each, on both sides.",
        get(f"/edited{target}"), forwarded(has={"X-Uri": [f"/edited{target}"]}, lacks=("X-Smuggled", "X")), answered(200),
        got(has={"X-Uri": [f"/edited{target}"]}, lacks=("X-Smuggled", "X")), stays(), **EDITING)
    for name, target in SPLITS
] + [
    row("edited-cookie", "RFC 9112 11.1", "A cookie is copied byte by byte.", get("/edited", 'Cookie: q=1; p="a=b\\r\\n"'),
        forwarded(has={"X-Cookie": re.compile(r'a"?a=b\\r\\n"?b')}), answered(200), stays(), **EDITING),
    row("edited-tab", "RFC 9110 5.5", "A tab within a value goes nowhere else than it came from.", get("/edited", "X-A: a\tb"),
        forwarded(has={"X-A": ["a\tb"]}), answered(200), stays(), **EDITING),
    row("edited-high-bit", "RFC 9110 5.5", "Bytes over 0x7F stay what they are.", get("/edited", "X-A: \xe4"),
        forwarded(has={"X-Copy": ["\xe4"]}), answered(200), got(has={"X-Copy": ["\xe4"]}), stays(), **EDITING),
    row("edited-bare-cr", "RFC 9112 2.2", "A bare CR in a field that is copied: 400.", get("/edited", b"X-A: a\rb"),
        rejected(400), **EDITING),
    row("edited-raw-nul", "RFC 9110 5.5", "As for NUL.", get("/edited", b"X-A: a\0b"), rejected(400), **EDITING),
]
