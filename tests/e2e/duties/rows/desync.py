"""Desynchronisation that needs more than odd framing: origins that answer early, bodies that nobody wants, pauses,
leftovers. In each row some reader might take a body, or what is left of one, for a request, or one client's response
for another's."""

from harness.wire import response as reply

from ..expect import answered, ends, forwarded, got, never_complete, own_connection, rejected, same_connection, saw, stays
from ..recorder import CLOSE, answer_to, early, misread
from ..row import SMUGGLED, chunked, get, head, post, row
from ..stage import half_close, hang_up, origin_sees, response

HIDDEN = get("/smuggled")
LENGTH = f"Content-Length: {len(HIDDEN)}"
BAD = get("/", "X-A : 1")
#: Of the same length, for origins that do take a body for requests: it does not end, so that the next request on the
#: connection would become a part of it.
HOPED = b"GET /hoped-for HTTP/1.1\r\nHost: a\r\nX: ".ljust(len(HIDDEN), b"x")


def early_then_read(connection, seen):
    """An origin that answers early and then reads the body as it should."""
    connection.send(reply(200, b"early"))
    connection.read_body(seen)


def early_then_read_or_name(connection, seen):
    """As early_then_read for POST; other requests are read and named."""
    if seen.method == "POST":
        early_then_read(connection, seen)
    else:
        connection.read_body(seen)
        connection.send(reply(200, answer_to(seen)))


def early_and_close(connection, _):
    connection.send(reply(200, b"early", "Connection: close"))
    return CLOSE


def ignore_body(connection, _):
    """CL.0: an origin that does not know that this request can have a body."""
    connection.send(reply(200, b"ignored"))
    return misread(connection)


def surplus(connection, seen):
    """An origin that sends a second response nobody asked for."""
    connection.read_body(seen)
    connection.send(reply(200, b"first") + reply(200, b"second"))


def never(connection, _):
    """An origin that never answers."""
    connection.wait_for_end()
    return CLOSE


ROWS = [
    row(f"early-{status}-length", "RFC 9112 9.3", "An origin that answers before it has the body: the connection serves "
        "nobody else, as it may take the body for a request.",
        [post(LENGTH), response, HOPED], answered(status), own_connection(), origin=early(status), peer=(own_connection(),),
        choice=True)
    for status in (200, 204, 302, 404, 500)
] + [
    row(f"early-{status}-chunked", "RFC 9112 9.3", "As before, for a chunked body.",
        [post("Transfer-Encoding: chunked"), response, chunked(HOPED)], answered(status), own_connection(),
        origin=early(status), peer=(own_connection(),), choice=True)
    for status in (200, 404)
] + [
    row("early-body-begun", "RFC 9112 9.3", "As before, when a part of the body has gone.",
        [post(LENGTH), HOPED[:9], origin_sees(1), response, HOPED[9:]], answered(200),
        own_connection(), origin=early(200), peer=(own_connection(),), choice=True),
    row("early-no-body-sent", "RFC 9112 9.3", "As before, when the client never sends its body and goes.",
        [post(LENGTH), response, hang_up], saw(1), own_connection(), origin=early(200)),
    row("early-then-read", "RFC 9112 9.3", "An early answer from an origin that reads the body: the client is served, and "
        "its connection either ends or goes on with its next request.",
        [post(LENGTH), response, HOPED], forwarded(None, HOPED), answered(200), got(b"early"), stays(),
        origin=early_then_read, choice=True),
    row("early-and-close", "RFC 9112 9.5", "An early answer from an origin that ends its connection: the client gets it, "
        "and its body is no request.",
        [post(LENGTH), response, HOPED], answered(200), got(b"early"), saw(1), origin=early_and_close),
    row("early-client-pipelines", "RFC 9112 9.3.2", "The client's next request behind the late body is served on its own.",
        [post(LENGTH), response, HOPED + get("/second")], answered(200, 200), saw(2),
        forwarded("GET /second HTTP/1.1", number=1, count=2), got(b"GET /second", number=1),
        origin=early_then_read_or_name, choice=True),
    row("cl0-post", "RFC 9112 6.3", "CL.0: the body goes with its framing, and whatever an origin that ignores it answers "
        "to it reaches nobody.", post(LENGTH, body=HOPED), answered(200), got(b"ignored"), stays(), origin=ignore_body, setup="lone",
        lintel_only=True),
    row("cl0-surplus-response", "RFC 9112 9.3", "A response that nobody asked for reaches nobody.",
        get("/"), answered(200), got(b"first"), own_connection(), stays(), origin=surplus),
    row("0cl-get", "RFC 9112 6.3", "0.CL: a GET with a length has a body, for us as for the origin.",
        get("/", LENGTH) + HIDDEN, forwarded("GET / HTTP/1.1", HIDDEN, "length"), answered(200), stays()),
    row("0cl-get-next", "RFC 9112 6.3", "0.CL: the request behind the body is the next one.",
        get("/", LENGTH) + HIDDEN + get("/second"), forwarded("GET / HTTP/1.1", HIDDEN, count=2),
        forwarded("GET /second HTTP/1.1", number=1, count=2), answered(200, 200), stays()),
    row("0cl-head", "RFC 9112 6.3", "0.CL: a HEAD with a length has a body.",
        head("HEAD / HTTP/1.1", LENGTH) + HIDDEN, forwarded("HEAD / HTTP/1.1", HIDDEN), answered(200), stays()),
    row("0cl-delete", "RFC 9112 6.3", "0.CL: a DELETE with a length has a body.",
        head("DELETE /a HTTP/1.1", LENGTH) + HIDDEN, forwarded("DELETE /a HTTP/1.1", HIDDEN), answered(200), stays()),
    row("0cl-options", "RFC 9112 6.3", "0.CL: an OPTIONS with a chunked body has a body.",
        head("OPTIONS /a HTTP/1.1", "Transfer-Encoding: chunked") + chunked(HIDDEN),
        forwarded("OPTIONS /a HTTP/1.1", HIDDEN), answered(200), stays()),
    row("0cl-unknown-method", "RFC 9112 6.3", "0.CL: the framing of a method that nobody knows is that of any other.",
        head("FOO /a HTTP/1.1", LENGTH) + HIDDEN, forwarded("FOO /a HTTP/1.1", HIDDEN), answered(200), stays()),
    row("pause-length", "RFC 9112 9.5", "A client that pauses within its body until it is given up: what comes after is "
        "no request.", [post(LENGTH, body=b"GE"), response, HIDDEN[2:] + HIDDEN], answered(408), ends(), never_complete(),
        origin=never, setup="impatient", choice=True),
    row("pause-chunked", "RFC 9112 9.5", "As before, within a chunked body.",
        [post("Transfer-Encoding: chunked", body=b"5\r\nhello\r\n"), response, b"0\r\n\r\n" + HIDDEN], answered(408),
        ends(), never_complete(), origin=never, setup="impatient", choice=True),
    row("pause-local", "RFC 9112 9.5", "As before, with an answer of the proxy's own.",
        [post(LENGTH, target="/local"), response, HIDDEN], answered(200), saw(0), setup="impatient", choice=True),
    row("leftover-short-length", "RFC 9112 6.3", "A length that is too small leaves bytes that are no request: refused, "
        "and no connection keeps them.",
        post("Content-Length: 3", body=b"hello\r\n\r\n"), rejected(400, count=2)),
    row("leftover-prefix", "RFC 9112 6.3", "The beginning of a request behind a body waits for the rest of it from the "
        "same client only.", [post("Content-Length: 5", body=b"hello" + b"GET /smuggled HTTP/1.1\r\nX: "), half_close],
        saw(1), answered(200), ends(), choice=True),
    row("leftover-after-refusal", "RFC 9112 9.6", "Nothing behind a refused head is read as a request, however much.",
        BAD + HIDDEN * 500, rejected(400)),
    row("leftover-after-413", "RFC 9110 15.5.14", "A body that is refused for its size is not read as requests.",
        post(f"Content-Length: {len(HIDDEN) * 100}", body=HIDDEN * 100), answered(413), saw(0), setup="limits"),
    row("leftover-after-chunked-413", "RFC 9110 15.5.14", "As before, for a chunked body that grows too large.",
        post("Transfer-Encoding: chunked", body=chunked(*[HIDDEN] * 100)), answered(413), setup="limits",
        choice=True),
    row("leftover-after-431", "RFC 6585 5", "What is left of a head that is too large is not read as requests.",
        get("/", "X: " + "a" * 100000) + HIDDEN * 10, answered(431), ends(), saw(0), choice=True),
    row("leftover-after-414", "RFC 9110 15.5.15", "What is left of a target that is too long is not read as requests.",
        get("/" + "a" * 100000) + HIDDEN * 10, answered(414), ends(), saw(0), choice=True),
    row("host-of-second", "RFC 9112 3.2", "Each request on a connection has its own Host, and is judged by it.",
        get("/1", host="one") + get("/2", host="two"), forwarded("GET /1 HTTP/1.1", host="one", number=0, count=2),
        forwarded("GET /2 HTTP/1.1", host="two", number=1, count=2), answered(200, 200), stays()),
    row("first-request-is-not-all", "RFC 9112 9.3", "Connection-locked validation: a second request is checked as the "
        "first one was.", get("/1") + BAD + get("/smuggled"), rejected(400, count=2)),
    row("reuse-after-body", "RFC 9112 9.3", "After a complete exchange the connection to the origin serves the next "
        "client.", post("Content-Length: 5", body=b"hello"), answered(200), same_connection(), stays(),
        choice=True),
    row("reuse-after-chunked", "RFC 9112 9.3", "As before, for a chunked body.",
        post("Transfer-Encoding: chunked", body=chunked(b"hello")), answered(200), same_connection(), stays(),
        choice=True),
    row("no-reuse-after-abort", "RFC 9112 9.5", "A connection whose request was broken off serves nobody else.",
        [post(LENGTH, body=b"GE"), origin_sees(1), hang_up], never_complete(), own_connection()),
    row("no-reuse-after-bad-chunk", "RFC 9112 9.5", "A connection whose request was found faulty serves nobody else.",
        [post("Transfer-Encoding: chunked", body=b"5\r\nhello\r\n"), origin_sees(1, 5), b"zz\r\n" + SMUGGLED],
        never_complete(), own_connection(), ends()),
    row("no-reuse-after-unanswered", "RFC 9112 9.3", "A connection whose response is still to come serves nobody else.",
        [get("/"), origin_sees(1), hang_up], own_connection(), saw(1), origin=never, choice=True),
]
