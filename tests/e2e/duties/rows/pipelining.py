"""Several requests on one connection (RFC 9112, 9.3.2)."""

from harness.wire import response as reply

from ..expect import answered, ends, forwarded, got, order, rejected, saw, stays
from ..recorder import CLOSE, answer_to
from ..row import chunked, get, head, post, row
from ..stage import half_close, origin_sees, response


def close_each(connection, seen):
    """Each answer ends its connection."""
    connection.read_body(seen)
    connection.send(reply(200, answer_to(seen), "Connection: close"))
    return CLOSE


BAD = get("/", "X-A : 1")

ROWS = [
    row("pipeline-three", "RFC 9112 9.3.2", "Responses come in the order of the requests.",
        get("/1") + get("/2") + get("/3"), order("/1", "/2", "/3"), stays()),
    row("pipeline-fifty", "RFC 9112 9.3.2", "However many there are.",
        b"".join(get(f"/{i}") for i in range(50)), order(*[f"/{i}" for i in range(50)]), stays()),
    row("pipeline-one-by-one", "RFC 9112 9.3", "One connection serves one request after the other.",
        [get("/1"), response, get("/2"), response, get("/3")], order("/1", "/2", "/3"), stays()),
    row("pipeline-in-pieces", "RFC 9112 9.3.2", "A second request may come in pieces behind the first.",
        [get("/1") + b"GET /2 HT", response, b"TP/1.1\r\nHo", b"st: test\r\n\r\n"], order("/1", "/2"), stays()),
    row("pipeline-bodies", "RFC 9112 9.3.2", "Bodies of either framing within a pipeline.",
        post("Content-Length: 5", body=b"hello", target="/1") + get("/2") +
        post("Transfer-Encoding: chunked", body=chunked(b"hello"), target="/3") + get("/4"),
        order("/1", "/2", "/3", "/4"), forwarded(None, b"hello", number=0, count=4),
        forwarded(None, b"hello", number=2, count=4), stays()),
    row("pipeline-body-like-request", "RFC 9112 6.3", "A body that looks like a request is a body.",
        post(f"Content-Length: {len(get('/smuggled'))}", body=get("/smuggled"), target="/1") + get("/2"),
        order("/1", "/2"), stays()),
    row("pipeline-head", "RFC 9112 6.3", "The answer to HEAD has no body, and the next answer follows at once.",
        head("HEAD /1 HTTP/1.1") + get("/2"), answered(200, 200), saw(2), stays(), methods=("HEAD", "GET")),
    row("pipeline-head-with-length", "RFC 9110 9.3.2", "The length in an answer to HEAD is not that of a body.",
        head("HEAD /1 HTTP/1.1") + get("/2"), got(has={"Content-Length": ["9"]}), got(b"GET /2", number=1), saw(2),
        stays(), methods=("HEAD", "GET"), origin=[b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", reply(200, b"GET /2")]),
    row("pipeline-bad-second", "RFC 9112 9.3.2", "A request that is refused does not take the one before with it.",
        get("/1") + BAD + get("/smuggled"), rejected(400, count=2), got(b"GET /1", number=0)),
    row("pipeline-bad-third", "RFC 9112 9.3.2", "Nothing behind a refused request is served.",
        get("/1") + get("/2") + BAD + get("/smuggled") * 3, rejected(400, count=3)),
    row("pipeline-bad-framing-second", "RFC 9112 6.3", "Faulty framing behind a good request.",
        get("/1") + post("Content-Length: x", target="/2") + get("/smuggled"), rejected(400, count=2)),
    row("pipeline-close-second", "RFC 9112 9.6", "close amid a pipeline ends it there.",
        get("/1") + get("/2", "Connection: close") + get("/smuggled"), order("/1", "/2"), ends()),
    row("pipeline-half-close", "RFC 9112 9.6", "A client that ends its sending side gets all its answers.",
        [get("/1") + get("/2") + get("/3"), half_close], order("/1", "/2", "/3"), ends(), choice=True),
    row("pipeline-half-close-within", "RFC 9112 8", "A last request that is not complete is not served.",
        [get("/1") + b"GET /smuggled HTTP/1.1\r\nHost: test\r\n", half_close], saw(1), ends(), choice=True),
    row("pipeline-http10", "RFC 9112 9.3", "HTTP/1.0 without keep-alive is one request.",
        head("GET /1 HTTP/1.0") + get("/smuggled"), order("/1"), ends()),
    row("pipeline-http10-keep-alive", "RFC 9112 C.2.2", "HTTP/1.0 with keep-alive may be several.",
        head("GET /1 HTTP/1.0", "Connection: keep-alive") * 2 + head("GET /1 HTTP/1.0"), order("/1", "/1", "/1"),
        ends()),
    row("pipeline-mixed-versions", "RFC 9112 2.3", "Each request has its own version.",
        get("/1") + head("GET /2 HTTP/1.0", "Connection: keep-alive") + get("/3"), order("/1", "/2", "/3"), stays()),
    row("pipeline-origin-closes", "RFC 9112 9.3", "An origin that ends each connection ends no client's.",
        get("/1") + get("/2") + get("/3"), order("/1", "/2", "/3"), stays(), origin=close_each),
    row("pipeline-local", "RFC 9112 9.3.2", "Answers of the proxy's own keep their place.",
        get("/1") + get("/local") + get("/3"), answered(200, 200, 200), got(b"GET /1", number=0),
        got(b"local\n", number=1), got(b"GET /3", number=2), saw(2), stays()),
    row("pipeline-local-body", "RFC 9112 6.3", "The body of a request that the proxy answers itself is no request.",
        post(f"Content-Length: {len(get('/smuggled'))}", body=get("/smuggled"), target="/local") + get("/2"),
        answered(200, 200), got(b"local\n", number=0), got(b"GET /2", number=1), saw(1), stays(), choice=True),
    row("pipeline-local-chunked", "RFC 9112 6.3", "As before, for a chunked body: it is read away, or the connection "
        "ends.",
        post("Transfer-Encoding: chunked", body=chunked(get("/smuggled")), target="/local") + get("/2"),
        got(b"local\n", number=0), choice=True),
    row("pipeline-local-bad-chunk", "RFC 9112 6.3", "A body that nobody wants is still read by the rules.",
        post("Transfer-Encoding: chunked", body=b"0x\r\n" + get("/smuggled"), target="/local"), saw(0), ends(),
        choice=True),
    row("pipeline-body-in-waiting", "RFC 9112 9.3.2", "The next request waits until the body before it has come.",
        [post("Content-Length: 5", target="/1"), origin_sees(1), b"hello" + get("/2")], order("/1", "/2"), stays()),
]
