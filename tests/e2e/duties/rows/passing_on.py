"""Methods, ranges and conditions that are none of the proxy's business and go through untouched (RFC 9110, 7.7, 9, 13
and 14)."""

from ..expect import answered, forwarded, got, stays
from ..row import chunked, get, head, row

METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "PROPFIND", "SEARCH", "QUERY"]
BODY = bytes(range(256))

#: id, the request's fields, the origin's answer, the duty.
UNTOUCHED = [
    ("range", ["Range: bytes=0-4"], b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-4/10\r\n"
     b"Content-Length: 5\r\n\r\nhello", "A range and its partial answer."),
    ("range-multiple", ["Range: bytes=0-1,-2"], b"HTTP/1.1 206 Partial Content\r\n"
     b"Content-Type: multipart/byteranges; boundary=B\r\nContent-Length: 5\r\n\r\nhello", "Several ranges."),
    ("range-overlapping", ["Range: bytes=" + ",".join(["0-"] * 100)], b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
     "Many ranges are the origin's to refuse."),
    ("range-unsatisfiable", ["Range: bytes=100-"], b"HTTP/1.1 416 Range Not Satisfiable\r\nContent-Range: bytes */10\r\n"
     b"Content-Length: 0\r\n\r\n", "A range that cannot be served."),
    ("range-other-unit", ["Range: lines=1-2"], b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "An unknown unit."),
    ("if-range", ["Range: bytes=5-", 'If-Range: "a"'], b'HTTP/1.1 200 OK\r\nETag: "b"\r\nContent-Length: 5\r\n\r\nhello',
     "If-Range."),
    ("if-match", ['If-Match: "a", "b"'], b"HTTP/1.1 412 Precondition Failed\r\nContent-Length: 0\r\n\r\n", "If-Match."),
    ("if-none-match", ['If-None-Match: W/"a"'], b'HTTP/1.1 304 Not Modified\r\nETag: W/"a"\r\n\r\n', "If-None-Match."),
    ("if-none-match-star", ["If-None-Match: *"], b"HTTP/1.1 412 Precondition Failed\r\nContent-Length: 0\r\n\r\n",
     "If-None-Match: *."),
    ("if-modified-since", ["If-Modified-Since: Sat, 29 Oct 1994 19:43:31 GMT"],
     b"HTTP/1.1 304 Not Modified\r\nLast-Modified: Sat, 29 Oct 1994 19:43:31 GMT\r\n\r\n", "If-Modified-Since."),
    ("if-unmodified-since", ["If-Unmodified-Since: Sat, 29 Oct 1994 19:43:31 GMT"],
     b"HTTP/1.1 412 Precondition Failed\r\nContent-Length: 0\r\n\r\n", "If-Unmodified-Since."),
    ("accept", ["Accept: text/*;q=0.3, */*;q=0.1", "Accept-Language: de;q=0.5", "Accept-Encoding: br, gzip"],
     b"HTTP/1.1 406 Not Acceptable\r\nVary: Accept\r\nContent-Length: 0\r\n\r\n", "Negotiation."),
    ("authorization", ["Authorization: Digest a=b"], b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Digest realm=\"x\"\r\n"
     b"Content-Length: 0\r\n\r\n", "Credentials and challenges."),
    ("content-encoding", ["Accept-Encoding: gzip"], b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n"
     b"\r\n\x1f\x8b\x00\x00\x00", "A coded answer is not decoded."),
    ("location", ["X: 1"], b"HTTP/1.1 302 Found\r\nLocation: http://other:1/%2e%2e/\r\nContent-Length: 0\r\n\r\n",
     "Location is not rewritten."),
    ("set-cookie", ["Cookie: a=b"], b"HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Length: 0\r\n\r\n",
     "Cookies are not merged."),
]


def name_and_values(lines):
    """The fields of lines, as has= wants them."""
    pairs = [line.split(": ", 1) for line in lines]
    return {name: [value for other, value in pairs if other == name] for name, _ in pairs}


def answer_fields(answer):
    return name_and_values(answer.split(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")[1:])


ROWS = [
    row(f"method-{method.lower()}", "RFC 9110 9", f"{method} goes on as {method}.", head(f"{method} /a HTTP/1.1"),
        forwarded(f"{method} /a HTTP/1.1", b""), answered(200), stays())
    for method in METHODS
] + [
    row(f"method-{method.lower()}-body", "RFC 9112 6", f"The body of {method} goes on, whatever it may mean.",
        head(f"{method} /a HTTP/1.1", "Content-Length: 256") + BODY, forwarded(f"{method} /a HTTP/1.1", BODY, "length"),
        answered(200), stays())
    for method in METHODS
] + [
    row(f"method-{method.lower()}-chunked", "RFC 9112 6", f"As before, for a chunked body of {method}.",
        head(f"{method} /a HTTP/1.1", "Transfer-Encoding: chunked") + chunked(BODY[:100], BODY[100:]),
        forwarded(f"{method} /a HTTP/1.1", BODY, "chunked"), answered(200), stays())
    for method in ("GET", "HEAD", "PUT", "DELETE", "PATCH")
] + [
    row(f"untouched-{name}", "RFC 9110 7.7", duty + " Both go through unchanged.", get("/a", *lines),
        forwarded("GET /a HTTP/1.1", has=name_and_values(lines)), answered(int(answer[9:12])),
        got(answer.split(b"\r\n\r\n", 1)[1], has=answer_fields(answer)), stays(), origin=answer)
    for name, lines, answer, duty in UNTOUCHED
]
