"""Answers that the proxy gives itself, where the origin gives none or must not be asked (RFC 9110, 15.5 and 15.6), and
what Proxy-Status says of them by option (RFC 9209)."""

import re

from ..expect import answered, bad_gateway, ends, failed, got, interims, own, rejected, saw, stays, trailing
from ..recorder import CLOSE, closing
from ..row import SMUGGLED, chunked, get, head, post, reply, row
from ..stage import origin_says, response

OK = reply("Content-Length: 2", body=b"ok")
HASTY = {"setup": "hasty", "choice": True}
TELLING = {"setup": "telling", "lintel_only": True}


def hangs(data=b""):
    """A script: takes the request, says this, and nothing more."""
    def script(connection, seen):
        connection.read_body(seen)
        connection.send(data)
        connection.wait_for_end()
        return CLOSE
    return script


def tells(*members, number=0):
    """Proxy-Status has these lines."""
    return got(has={"Proxy-Status": list(members)}, number=number)


#: Requests to a server that nobody is: name, request, whether the client's connection goes on.
REFUSED = [
    ("get", get("/dead"), True), ("options", head("OPTIONS /dead HTTP/1.1"), True),
    ("unknown", head("FROB /dead HTTP/1.1"), True),
    ("post", post("Content-Length: 5", body=b"hello", target="/dead"), True),
    ("post-chunked", post("Transfer-Encoding: chunked", body=chunked(b"hello"), target="/dead"), True),
    ("post-like-request", post(f"Content-Length: {len(SMUGGLED)}", body=SMUGGLED, target="/dead"), True),
    ("post-large", post("Content-Length: 1000000", body=b"x" * 1000000, target="/dead"), None),
    ("upgrade", get("/dead", "Connection: Upgrade", "Upgrade: chat"), True),
    ("close", get("/dead", "Connection: close"), False),
    ("http10", head("GET /dead HTTP/1.0"), False),
    ("http10-keep-alive", head("GET /dead HTTP/1.0", "Connection: keep-alive"), None),
]
#: What Proxy-Status says of an origin's fault: name, script, error type, end reason.
FAULTS = [
    ("closed", closing(b""), "connection_terminated", "upstream.closed"),
    ("garbage", closing(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"), "http_protocol_error", "upstream.bad_response"),
    ("bad-length", reply("Content-Length: x"), "http_protocol_error", "upstream.bad_response"),
    ("unasked-101", reply("Connection: Upgrade", "Upgrade: a", status="101 X"), "http_protocol_error",
     "upstream.bad_response"),
    ("large", reply("X-A: " + "v" * 100000), "http_response_header_section_size", "upstream.too_large_header"),
]
#: What it says of a client's.
REQUESTS = [
    ("bad", get("/", "X-A : 1"), 400, "client.bad_request"), ("long", get("/" + "a" * 20000), 414,
                                                             "client.too_large_target"),
    ("large", get("/", "X-A: " + "v" * 40000), 431, "client.too_large_header"),
    ("expectation", post("Expect: other", "Content-Length: 0"), 417, "client.bad_request"),
    ("trace", head("TRACE / HTTP/1.1"), 405, "route.method_not_allowed"),
]

ROWS = [
    row(f"own-refused-{name}", "RFC 9110 15.6.3", "A server that refuses the connection: 502, in framing that the client can "
        "read.", request, failed(502), own(), saw(0), *([] if goes_on is None else [stays() if goes_on else ends()]))
    for name, request, goes_on in REFUSED
] + [
    row("own-refused-head", "RFC 9110 9.3.2", "To HEAD without a body, but with its length.", head("HEAD /dead HTTP/1.1"),
        failed(502), own("HEAD"), got(b""), stays()),
    row("own-refused-then-next", "RFC 9112 9.3.2", "The next request on the connection is served.",
        get("/dead") + get("/2"), failed(502, 200), got(b"GET /2", number=1), stays()),
    row("own-refused-between", "RFC 9112 9.3.2", "Between others it keeps its place.",
        get("/1") + get("/dead") + get("/3"), failed(200, 502, 200), stays()),
    row("own-refused-post-then-next", "RFC 9112 9.3", "What follows the body that nobody took is the next request.",
        post("Content-Length: 5", body=b"hello", target="/dead") + get("/2"), failed(502, 200), saw(1), stays(),
        choice=True),
    row("own-bad-head", "RFC 9110 9.3.2", "A HEAD that is refused gets no body either.",
        head("HEAD / HTTP/1.1", "X-A : 1"), rejected(400), own("HEAD"), got(b"")),
    row("own-bad", "RFC 9110 15.5.1", "400 tells its length and date, and nothing of the program.",
        get("/", "X-A : 1"), rejected(400), own()),
    row("own-bad-http10", "RFC 9112 2.3", "To HTTP/1.0 as well.", head("GET / HTTP/1.0", "X-A : 1"), rejected(400), own()),
    row("own-not-allowed", "RFC 9110 15.5.6", "405 tells what is allowed.", head("TRACE / HTTP/1.1"), answered(405), own(),
        got(has={"Allow": re.compile(".*GET.*")}), saw(0), choice=True),
    row("own-local", "RFC 9110 6.6.1", "An answer from the configuration has a date and a length, too.", get("/local"),
        answered(200), own(), got(b"local\n"), stays()),
    row("own-local-head", "RFC 9110 9.3.2", "To HEAD its length alone.", head("HEAD /local HTTP/1.1"), answered(200),
        own("HEAD"), got(b"", has={"Content-Length": ["6"]}), stays()),
    row("own-silent", "RFC 9110 15.6.5", "A server that says nothing in time: 504.", get(), failed(504), own(), stays(),
        origin=hangs(), **HASTY, peer=(failed(504),)),
    row("own-silent-head", "RFC 9110 15.6.5", "To HEAD without a body.", head("HEAD / HTTP/1.1"), failed(504),
        own("HEAD"), stays(), origin=hangs(), **HASTY, peer=(failed(504),)),
    row("own-silent-within-head", "RFC 9110 15.6.5", "One that stops within its head.", get(), failed(504), own(),
        stays(), origin=hangs(b"HTTP/1.1 200 OK\r\nX-A: 1\r\n"), **HASTY),
    row("own-silent-after-interim", "RFC 9110 15.6.5", "One that stops behind an interim response.", get(), interims(103),
        failed(504), own(), stays(), origin=hangs(b"HTTP/1.1 103 Early Hints\r\n\r\n"), **HASTY),
    row("own-silent-then-next", "RFC 9112 9.3.2", "The next request on the connection is served.", get("/1") + get("/2"),
        failed(504, 200), stays(),
        origin=lambda connection, seen: hangs()(connection, seen) if seen.target == "/1" else connection.send(OK), **HASTY),
    row("own-late-answer", "RFC 9112 9.3", "What a server says after that is nobody's.",
        [get("/1"), response, origin_says(OK)], failed(504), stays(), origin=hangs(), **HASTY),
    row("own-nothing-of-origin", "RFC 9110 15.6.3", "Nothing of a response that is refused goes out.", get(), bad_gateway(),
        got(lacks=("Set-Cookie", "X-A")), origin=reply("Set-Cookie: a=b", "X-A: 1", "Content-Length: -1")),
] + [
    row(f"proxy-status-{name}", "RFC 9209 2.3", "The error type and our end reason stand in a 502.", get(), failed(502),
        tells(f'lintel; error={error}; details="{reason}"'), stays(), origin=script, **TELLING)
    for name, script, error, reason in FAULTS
] + [
    row(f"proxy-status-request-{name}", "RFC 9209 2.3", "As before, of a request that is refused.", request,
        answered(status), tells(f'lintel; error=http_request_error; details="{reason}"'), saw(0), **TELLING)
    for name, request, status, reason in REQUESTS
] + [
    row("proxy-status-refused", "RFC 9209 2.3.7", "A refused connection, without the address.", get("/dead"), failed(502),
        tells('lintel; error=connection_refused; details="upstream.connect_refused"'), stays(), **TELLING),
    row("proxy-status-local", "RFC 9209 2.3.29", "An answer of the configuration says that it is one.", get("/local"),
        answered(200), tells('lintel; error=proxy_internal_response; details="route.respond"'), stays(), **TELLING),
    row("proxy-status-received", "RFC 9209 2.1.2", "The status that the server sent.", get(), answered(404),
        tells("lintel; received-status=404"), stays(), origin=reply("Content-Length: 2", body=b"no", status="404 No"),
        **TELLING),
    row("proxy-status-behind-others", "RFC 9209 2", "Our member stands behind those of proxies nearer to the origin, which "
        "stay.", get(), tells("a; error=dns_error", '"b"; received-status=200', "lintel; received-status=200"), stays(),
        origin=reply("Proxy-Status: a; error=dns_error", "Content-Length: 2", 'Proxy-Status: "b"; received-status=200',
                     body=b"ok"), **TELLING),
    row("proxy-status-head", "RFC 9209 2", "To HEAD.", head("HEAD / HTTP/1.1"), tells("lintel; received-status=200"),
        stays(), origin=reply("Content-Length: 2"), **TELLING),
    row("proxy-status-304", "RFC 9209 2", "With 304.", get(), tells("lintel; received-status=304"), stays(),
        origin=reply(status="304 Not Modified"), **TELLING),
    row("proxy-status-interim", "RFC 9209 2", "Not with interim responses.", get(), interims(103),
        tells("lintel; received-status=200"), stays(), origin=b"HTTP/1.1 103 Early Hints\r\n\r\n" + OK, **TELLING),
    row("proxy-status-trailer", "RFC 9209 2", "What a proxy nearer to the origin says behind the body goes on.",
        get("/", "TE: trailers", "Connection: TE"), tells("a", "lintel; received-status=200"),
        trailing({"Proxy-Status": ["a; error=http_response_incomplete"]}), stays(), origin=reply(
            "Proxy-Status: a", "Transfer-Encoding: chunked",
            body=chunked(b"ok", trailers=b"Proxy-Status: a; error=http_response_incomplete\r\n")), **TELLING),
    row("proxy-status-quoted", "RFC 8941 3.3.4", "A name that is no token of structured fields is a string.", get(),
        tells('"1st"; received-status=200'), stays(), origin=OK, setup="telling-number", lintel_only=True),
    row("proxy-status-off", "RFC 9209 2", "Without the option there is none.", get("/dead") + get("/local"),
        failed(502, 200), got(lacks=("Proxy-Status",)), got(lacks=("Proxy-Status",), number=1), stays(), choice=True),
]
