"""Limits on what a client may send and on how slowly, with their statuses (RFC 6585, 5; RFC 9110, 15.5)."""

from ..expect import answered, ends, forwarded, never_complete, rejected, saw, silent_end, stays
from ..row import chunked, get, head, post, row
from ..stage import half_close, origin_sees

#: Of the setup "limits": head 4 KiB, field 1 KiB, 10 fields, target 512 B, body 1 KiB.
LIMITS = {"setup": "limits"}
SLOW = {"setup": "impatient"}


def lines(count, size=0):
    return [f"X-{i}: {'v' * size}" for i in range(count)]


ROWS = [
    row("limit-target", "RFC 9110 15.5.15", "A target beyond the limit: 414.", get("/" + "a" * 512), rejected(414),
        **LIMITS, lintel_only=True),
    row("limit-target-within", "RFC 9112 3", "A target at the limit goes on.", get("/" + "a" * 511),
        forwarded("GET /" + "a" * 511 + " HTTP/1.1"), stays(), **LIMITS),
    row("limit-target-8000", "RFC 9112 3", "Request lines of 8000 bytes should be served.", get("/" + "a" * 7980),
        forwarded("GET /" + "a" * 7980 + " HTTP/1.1"), stays()),
    row("limit-target-long", "RFC 9110 15.5.15", "A target of 20,000 bytes: 414.", get("/" + "a" * 20000), rejected(414),
        choice=True),
    row("limit-target-endless", "RFC 9110 15.5.15", "A target that does not end is refused before it ends.",
        b"GET /" + b"a" * 200000, rejected(414), choice=True),
    row("limit-query", "RFC 9110 15.5.15", "The query counts.", get("/?" + "a" * 20000), rejected(414), choice=True),
    row("limit-method-endless", "RFC 9112 3", "A method that does not end is refused.", b"A" * 200000, rejected(414),
        choice=True),
    row("limit-field", "RFC 6585 5", "A field beyond the limit: 431.", get("/", "X: " + "v" * 1024), rejected(431),
        **LIMITS, lintel_only=True),
    row("limit-field-within", "RFC 6585 5", "A field at the limit goes on.", get("/", "X: " + "v" * 1000),
        forwarded(has={"X": "v" * 1000}), stays(), **LIMITS),
    row("limit-field-name", "RFC 6585 5", "A name that is too long: 431.", get("/", "X" * 1024 + ": v"), rejected(431),
        **LIMITS, lintel_only=True),
    row("limit-field-name-endless", "RFC 6585 5", "A name that does not end is refused before it ends.",
        b"GET / HTTP/1.1\r\nHost: test\r\n" + b"X" * 200000, rejected(431), choice=True),
    row("limit-field-endless", "RFC 6585 5", "A value that does not end is refused before it ends.",
        b"GET / HTTP/1.1\r\nHost: test\r\nX: " + b"v" * 200000, rejected(431), choice=True),
    row("limit-count", "RFC 6585 5", "More fields than the limit: 431.", get("/", *lines(10)), rejected(431), **LIMITS,
        lintel_only=True),
    row("limit-count-within", "RFC 6585 5", "As many fields as the limit go on, Host among them.", get("/", *lines(9)),
        forwarded(has={"X-8": ""}), stays(), **LIMITS),
    row("limit-count-default", "RFC 6585 5", "A hundred and one fields: 431.", get("/", *lines(100)), rejected(431),
        lintel_only=True),
    row("limit-count-many", "RFC 6585 5", "Ten thousand fields are refused.", get("/", *lines(10000)), rejected(431),
        choice=True),
    row("limit-head", "RFC 6585 5", "A head beyond the limit: 431.", get("/", *lines(5, 900)), rejected(431), **LIMITS,
        lintel_only=True),
    row("limit-head-within", "RFC 6585 5", "A head within the limit goes on.", get("/", *lines(4, 900)),
        forwarded(has={"X-3": "v" * 900}), stays(), **LIMITS),
    row("limit-head-default", "RFC 6585 5", "A head of 40 KiB: 431.", get("/", *lines(40, 1000)), rejected(431),
        choice=True),
    row("limit-body", "RFC 9110 15.5.14", "A length beyond the limit: 413, before anything is forwarded.",
        post("Content-Length: 1025", body=b"x" * 1025), answered(413), saw(0), **LIMITS),
    row("limit-body-unsent", "RFC 9110 15.5.14", "413 does not wait for the body.",
        post("Content-Length: 1000000000"), answered(413), saw(0), ends(), **LIMITS,
        choice=True),
    row("limit-body-expected", "RFC 9110 10.1.1", "413 in place of 100.",
        post("Expect: 100-continue", "Content-Length: 1000000000"), answered(413), saw(0), ends(), **LIMITS, choice=True),
    row("limit-body-within", "RFC 9110 15.5.14", "A body at the limit goes on.",
        post("Content-Length: 1024", body=b"x" * 1024), forwarded(None, b"x" * 1024), stays(), **LIMITS),
    row("limit-body-chunked", "RFC 9110 15.5.14", "A chunked body that grows beyond the limit: 413, and no server takes "
        "it for complete.", [post("Transfer-Encoding: chunked", body=b"200\r\n" + b"x" * 512 + b"\r\n"),
                             origin_sees(1, 512), b"300\r\n" + b"y" * 768 + b"\r\n"],
        answered(413), never_complete(), ends(), **LIMITS, lintel_only=True),
    row("limit-body-chunked-within", "RFC 9110 15.5.14", "A chunked body at the limit goes on: its framing does not count.",
        post("Transfer-Encoding: chunked", body=chunked(*[b"x"] * 1024)), forwarded(None, b"x" * 1024), stays(), **LIMITS),
    row("slow-head", "RFC 9110 15.5.9", "A head that does not come in time: 408, and the connection ends.",
        b"GET / HTTP/1.1\r\nHost: te", rejected(408), **SLOW, choice=True, probe=False),
    row("slow-head-first-line", "RFC 9110 15.5.9", "A first line that does not come in time.", b"GE", rejected(408),
        **SLOW, choice=True, probe=False),
    row("slow-nothing", "RFC 9112 9.5", "A connection on which nothing comes ends without an answer.", b"", silent_end(),
        saw(0), **SLOW, choice=True, probe=False),
    row("slow-body", "RFC 9110 15.5.9", "A body that does not come in time: 408, and the origin's connection ends.",
        [post("Content-Length: 10", body=b"hello"), origin_sees(1)], answered(408), ends(), never_complete(), **SLOW,
        choice=True, probe=False),
    row("slow-second-head", "RFC 9110 15.5.9", "A second head that does not come in time.",
        get("/") + b"GET / HT", rejected(408, count=2), **SLOW, choice=True, probe=False),
    row("broken-head", "RFC 9112 8", "A head that ends with the connection is not served.",
        [b"GET / HTTP/1.1\r\nHost: test\r\n", half_close], saw(0), silent_end(), choice=True),
    row("limit-http10", "RFC 6585 5", "Limits hold for HTTP/1.0 too.", head("GET / HTTP/1.0", *lines(10)), rejected(431),
        **LIMITS, lintel_only=True),
]
