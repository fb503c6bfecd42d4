"""Fields of responses: what ends at the proxy, what it adds, and what it must leave as it is (RFC 9110, 7.6 and 7.7)."""

import re

from ..expect import DATE, answered, bad_gateway, ends, got, own_connection, same_connection, stays
from ..recorder import closing
from ..row import chunked, get, head, reply, row

HEAD = head("HEAD / HTTP/1.1")


def ok(*lines, **options):
    return reply(*lines, "Content-Length: 2", body=b"ok", **options)


#: Fields of one connection only: what the origin sends, and what must not reach the client.
HOPS = [
    ("keep-alive", ["Keep-Alive: timeout=5, max=9"], ["Keep-Alive"]),
    ("keep-alive-named", ["Connection: keep-alive", "Keep-Alive: timeout=5"], ["Keep-Alive"]),
    ("proxy-connection", ["Proxy-Connection: keep-alive"], ["Proxy-Connection"]),
    ("te", ["TE: trailers"], ["TE"]),
    ("upgrade", ["Upgrade: h2c", "Connection: Upgrade"], ["Upgrade"]),
    ("upgrade-not-named", ["Upgrade: h2c"], ["Upgrade"]),
    ("nominated", ["Connection: X-Hop", "X-Hop: 1"], ["X-Hop"]),
    ("nominated-case", ["connection: x-hOp", "X-HOP: 1"], ["X-Hop"]),
    ("nominated-before", ["X-Hop: 1", "Connection: X-Hop"], ["X-Hop"]),
    ("nominated-lines", ["Connection: X-A", "X-A: 1", "Connection: X-B", "X-B: 2", "X-A: 3"], ["X-A", "X-B"]),
    ("nominated-list", ["Connection: , X-A ,,X-B\t,", "X-A: 1", "X-B: 2"], ["X-A", "X-B"]),
    ("nominated-close", ["Connection: close, X-Hop", "X-Hop: 1"], ["X-Hop"]),
]
#: What Connection may not take out, and what is no list of names: the client would see another response.
BAD_CONNECTION = [
    ("length", ["Connection: Content-Length"]), ("encoding", ["Connection: Transfer-Encoding"]),
    ("no-token", ["Connection: (close)"]), ("quoted", ['Connection: "close"']),
    ("many", ["Connection: " + ", ".join("abcdefghijk")]),
]
#: What a proxy leaves alone: fields of every kind, in the order in which they came.
UNTOUCHED = [
    ("set-cookie", "Lines of Set-Cookie are never joined.",
     [("Set-Cookie", ["a=b; Path=/", "c=d, e", "a=f; Expires=Sun, 06 Nov 1994 08:49:37 GMT"])]),
    ("repeated", "The order of lines with one name is kept.", [("X-A", ["1", "2", "1", "3", ""])]),
    ("list", "Lists are not taken apart.", [("Cache-Control", ["max-age=1, private", "no-cache"])]),
    ("server", "Server is the origin's.", [("Server", ["Apache/2.4 (Unix) PHP/8"])]),
    ("content", "Fields that describe content.",
     [("Content-Type", ["text/html; charset=utf-8"]), ("Content-Encoding", ["gzip, br"]), ("Content-Language", ["de, en"]),
      ("Content-Location", ["/a b"]), ("Content-Disposition", ['attachment; filename="a;b"'])]),
    ("caching", "Fields for caches.",
     [("Age", ["7"]), ("Expires", ["0"]), ("Pragma", ["no-cache"]), ("Vary", ["*"]), ("Warning", ['110 - "Stale"'])]),
    ("validators", "Validators, weak ones too.",
     [("ETag", ['W/"a"']), ("Last-Modified", ["Sun, 06 Nov 1994 08:49:37 GMT"])]),
    ("authentication", "Challenges.", [("WWW-Authenticate", ['Basic realm="a, b"', "Negotiate"]),
                                       ("Authentication-Info", ["x"])]),
    ("location", "Location is not rewritten.", [("Location", ["http://other.test:8080/a?b#c"]), ("Refresh", ["0; url=/"])]),
    ("allow", "Allow and Accept.", [("Allow", ["GET, FROB"]), ("Accept-Ranges", ["bytes"]), ("Accept-Patch", ["a/b"]),
                                    ("Accept-Post", ["a/b"])]),
    ("security", "Policies.", [("Strict-Transport-Security", ["max-age=1"]), ("Content-Security-Policy", ["a", "b"]),
                               ("X-Frame-Options", ["DENY"]), ("Access-Control-Allow-Origin", ["*"])]),
    ("retry-after", "Retry-After.", [("Retry-After", ["120"])]),
    ("link", "Link, on several lines.", [("Link", ["</a>; rel=next", "</b>"]), ("Alt-Svc", ['h3=":443"'])]),
    ("via", "Via of proxies nearer to the origin.", [("Via", ["1.0 a, 1.1 b (c)"])]),
    ("proxy-status", "Proxy-Status of proxies nearer to the origin.", [("Proxy-Status", ["a; received-status=200", "b"])]),
    ("unknown", "Fields that nobody knows.", [("X-Unknown", ["a"]), ("Priority", ["u=1"]), ("Sunset", ["x"])]),
]
PARTS = (b"--b\r\nContent-Range: bytes 0-0/2\r\n\r\no\r\n--b\r\nContent-Range: bytes 1-1/2\r\n\r\nk\r\n--b--\r\n")


def lines_of(fields):
    return [f"{name}: {value}" for name, values in fields for value in values]


ROWS = [
    row(f"reply-hop-{name}", "RFC 9110 7.6.1", f"{', '.join(gone)} must not reach the client.", get(), answered(200),
        got(b"ok", has={"X-End": ["1"]}, lacks=gone), stays(), origin=ok("X-End: 1", *lines))
    for name, lines, gone in HOPS
] + [
    row(f"reply-connection-{name}", "RFC 9110 7.6.1", "A Connection field that would make two readers disagree: 502.",
        get(), bad_gateway(b"ok"), choice=True, origin=closing(ok(*lines)))
    for name, lines in BAD_CONNECTION
] + [
    row(f"reply-untouched-{name}", "RFC 9110 7.7", f"{duty} It goes through unchanged.", get(), answered(200),
        got(b"ok", has=dict(fields)), stays(), same_connection(), choice=name == "server",
        origin=ok(*lines_of(fields)))
    for name, duty, fields in UNTOUCHED
] + [
    row("reply-order", "RFC 9110 5.3", "Fields of different names keep their order, too.", get(), answered(200),
        got(b"ok", order=["x-a", "set-cookie", "x-b", "set-cookie", "x-a"]), stays(),
        origin=ok("X-A: 1", "Set-Cookie: a=b", "X-B: 2", "Set-Cookie: c=d", "X-A: 3")),
    row("reply-partial", "RFC 9110 15.3.7", "206 with its range.", get("/", "Range: bytes=0-1"), answered(206),
        got(b"ok", has={"Content-Range": ["bytes 0-1/9"]}), stays(), choice=True,
        origin=ok("Content-Range: bytes 0-1/9", status="206 Partial Content")),
    row("reply-partial-parts", "RFC 9110 14.6", "206 with several ranges.", get("/", "Range: bytes=0-0,1-1"), answered(206),
        got(PARTS, has={"Content-Type": ["multipart/byteranges; boundary=b"]}, lacks=("Content-Range",)), stays(),
        origin=reply("Content-Type: multipart/byteranges; boundary=b", f"Content-Length: {len(PARTS)}", body=PARTS,
                     status="206 Partial Content")),
    row("reply-range-not-satisfiable", "RFC 9110 15.5.17", "416 with the length.", get("/", "Range: bytes=9-"),
        answered(416), got(b"ok", has={"Content-Range": ["bytes */2"]}), stays(),
        origin=ok("Content-Range: bytes */2", status="416 Range Not Satisfiable")),
    row("reply-precondition-failed", "RFC 9110 15.5.13", "412.", get("/", 'If-Match: "a"'), answered(412), got(b"ok"),
        stays(), origin=ok('ETag: "b"', status="412 Precondition Failed")),
    row("reply-whole-to-range", "RFC 9110 14.2", "200 in answer to a range is the origin's to choose.",
        get("/", "Range: bytes=0-0"), answered(200), got(b"ok", lacks=("Content-Range",)), stays(), origin=ok()),
    row("reply-coded-content", "RFC 9110 7.7", "Content is not recoded.", get("/", "Accept-Encoding: gzip"), answered(200),
        got(b"\x1f\x8b\x08\x00raw", has={"Content-Encoding": ["gzip"]}), stays(),
        origin=reply("Content-Encoding: gzip", "Content-Length: 7", body=b"\x1f\x8b\x08\x00raw")),
    row("reply-no-transform", "RFC 9110 7.7", "Nor with no-transform, of course.", get("/", "Accept-Encoding: gzip"),
        got(b"ok", has={"Cache-Control": ["no-transform"]}, lacks=("Content-Encoding", "Warning")), stays(),
        origin=ok("Cache-Control: no-transform")),
    row("reply-date-kept", "RFC 9110 6.6.1", "Date is the origin's.", get(),
        got(b"ok", has={"Date": ["Sun, 06 Nov 1994 08:49:37 GMT"]}), stays(),
        origin=ok("Date: Sun, 06 Nov 1994 08:49:37 GMT")),
    row("reply-date-added", "RFC 9110 6.6.1", "A response without Date gets the time of its receipt.", get(),
        got(b"ok", has={"Date": DATE}), stays(), origin=ok()),
    row("reply-date-added-http10", "RFC 9110 6.6.1", "Also to and from HTTP/1.0.", head("GET / HTTP/1.0"),
        got(b"ok", has={"Date": DATE}), origin=ok(version="HTTP/1.0")),
    row("reply-date-added-304", "RFC 9110 6.6.1", "Also to 304.", get(), got(b"", has={"Date": DATE}), stays(),
        origin=reply(status="304 Not Modified")),
    row("reply-date-added-head", "RFC 9110 6.6.1", "Also to HEAD.", HEAD, got(b"", has={"Date": DATE}), stays(),
        origin=reply("Content-Length: 2")),
    row("reply-date-added-error", "RFC 9110 6.6.1", "Also to errors.", get(), got(b"ok", has={"Date": DATE}), stays(),
        origin=ok(status="500 Internal Server Error")),
    row("reply-no-server-added", "RFC 9110 10.2.4", "Server is not made up for an origin that says nothing.", get(),
        got(b"ok", lacks=("Server", "X-Powered-By")), stays(), choice=True, origin=ok()),
    row("reply-no-via-added", "RFC 9110 7.6.3", "A gateway need not name itself to clients, and does not.", get(),
        got(b"ok", lacks=("Via",)), stays(), choice=True, origin=ok()),
    row("reply-nothing-added", "DEFAULTS Server", "Nothing is added but Date.", get(),
        got(b"ok", only=["content-type", "date", "content-length"]), stays(), choice=True, origin=ok("Content-Type: a/b")),
    row("reply-close-of-origin", "RFC 9112 9.6", "The origin's close ends the origin's connection, not the client's.", get(),
        answered(200), got(b"ok"), stays(), choice=True, peer=(got(b"ok"),), origin=closing(ok("Connection: close"))),
    row("reply-close-unkept", "RFC 9112 9.6", "An origin that says close and goes on: nobody uses its connection.", get(),
        answered(200), got(b"ok"), stays(), own_connection(), choice=True, peer=(own_connection(),),
        origin=ok("Connection: close")),
    row("reply-http10-unkept", "RFC 9112 9.3", "An origin of HTTP/1.0 that does not say keep-alive: as before.", get(),
        answered(200), got(b"ok"), stays(), own_connection(), choice=True, peer=(own_connection(),),
        origin=ok(version="HTTP/1.0")),
    row("reply-http10-keep-alive", "RFC 9112 9.3", "An origin of HTTP/1.0 that says keep-alive is used again.", get(),
        answered(200), got(b"ok"), stays(), same_connection(), origin=ok("Connection: keep-alive", version="HTTP/1.0")),
    row("reply-close-to-client", "RFC 9112 9.6", "A client that says close is told close.", get("/", "Connection: close"),
        answered(200), got(b"ok", has={"Connection": re.compile("(?i)close")}), ends(), origin=ok()),
    row("reply-keep-alive-to-http10", "RFC 9112 9.3", "A client of HTTP/1.0 that asked for it is told keep-alive.",
        head("GET / HTTP/1.0", "Connection: keep-alive") + head("GET /2 HTTP/1.0"), answered(200, 200),
        got(b"ok", has={"Connection": re.compile("(?i)keep-alive")}), ends(), choice=True, origin=ok()),
    row("reply-chunked-keep-alive-to-http10", "RFC 9112 9.3", "Where it cannot get a length, its connection ends.",
        head("GET / HTTP/1.0", "Connection: keep-alive"), answered(200), got(b"x" * 100000, lacks=("Transfer-Encoding",)),
        ends(), origin=reply("Transfer-Encoding: chunked", body=chunked(b"x" * 50000, b"x" * 50000))),
]
