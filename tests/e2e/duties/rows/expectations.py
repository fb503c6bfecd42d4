"""Expect: 100-continue and what else Expect may say (RFC 9110, 10.1.1)."""

from harness.wire import response as reply

from ..expect import answered, ends, forwarded, got, interims, never_complete, own_connection, rejected, saw, stays
from ..recorder import CLOSE, early
from ..row import SMUGGLED, chunked, get, head, post, row
from ..stage import half_close, interim, origin_sees, response

HEAD = post("Expect: 100-continue", "Content-Length: 5")
HIDDEN = get("/smuggled")
HIDING = post("Expect: 100-continue", f"Content-Length: {len(HIDDEN)}")


def refuse_at_once(connection, _):
    """Answers without reading the body, and ends the connection."""
    connection.send(reply(401, b"no", "Connection: close"))
    connection.wait_for_end()
    return CLOSE


def answer_without_continue(connection, seen):
    connection.read_body(seen)
    connection.send(reply(200, b"ok"))


def continue_unasked(connection, seen):
    connection.send(b"HTTP/1.1 100 Continue\r\n\r\n")
    connection.read_body(seen)
    connection.send(reply(200, b"ok"))


def continue_twice(connection, seen):
    connection.send(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n")
    connection.read_body(seen)
    connection.send(reply(200, b"ok"))


#: Forms that one reader takes for 100-continue and another does not.
ODD = [
    ("other", "Expect: 200-ok"), ("prefix", "Expect: y 100-continue"), ("suffix", "Expect: 100-continuex"),
    ("parameter", "Expect: 100-continue; a=b"), ("quoted", 'Expect: "100-continue"'), ("empty", "Expect:"),
    ("list", "Expect: 100-continue, other"), ("vertical-tab", "Expect: \x0b100-continue"), ("number", "Expect: 100"),
]

ROWS = [
    row("expect-continue", "RFC 9110 10.1.1", "The expectation goes on; the client's body is sent when the origin has "
        "asked for it.", [HEAD, interim, b"hello"],
        forwarded(None, b"hello", has={"Expect": "100-continue"}), interims(100), answered(200), stays(), choice=True),
    row("expect-continue-chunked", "RFC 9110 10.1.1", "As for a length.",
        [post("Expect: 100-continue", "Transfer-Encoding: chunked"), interim, chunked(b"hello")],
        forwarded(None, b"hello"), interims(100), answered(200), stays()),
    row("expect-case", "RFC 9110 10.1.1", "The value has no case.",
        [post("Expect: 100-CONTINUE", "Content-Length: 5"), interim, b"hello"],
        forwarded(None, b"hello"), interims(100), answered(200), stays()),
    row("expect-body-at-once", "RFC 9110 10.1.1", "A client need not wait.", HEAD + b"hello",
        forwarded(None, b"hello"), answered(200), stays()),
    row("expect-origin-silent", "RFC 9110 10.1.1", "An origin that never says 100 still gets the body of a client that "
        "does not wait for it.", [HEAD, origin_sees(1), b"hello"],
        forwarded(None, b"hello"), answered(200), got(b"ok"), stays(), origin=answer_without_continue),
    row("expect-refused", "RFC 9110 10.1.1", "A final answer in place of 100 reaches the client, who need not send the "
        "body; the connection ends, as nobody knows whether the body comes.",
        [HEAD, response], answered(401), ends(), origin=refuse_at_once, choice=True),
    row("expect-refused-body-sent", "RFC 9110 10.1.1", "0.CL by Expect: the body that comes after a final answer is not "
        "taken for a request.", [HIDING, response, HIDDEN], saw(1), answered(401), origin=refuse_at_once),
    row("expect-refused-kept", "RFC 9110 10.1.1", "0.CL by Expect: an origin that answers and keeps its connection open "
        "does not get the next client's request on it.",
        [HIDING, response, HIDDEN], answered(401), own_connection(), origin=early(401), choice=True),
    row("expect-refused-kept-no-body", "RFC 9110 10.1.1", "As before, with a client that does not send the body.",
        [HIDING, response], answered(401), own_connection(), saw(1), origin=early(401), choice=True),
    row("expect-http10", "RFC 9110 10.1.1", "In HTTP/1.0 the expectation is ignored, and no 100 comes.",
        head("POST / HTTP/1.0", "Expect: 100-continue", "Content-Length: 5") + b"hello",
        forwarded(None, b"hello"), interims(), answered(200)),
    row("expect-http10-continue-unasked", "RFC 9110 15.2", "No 1xx goes to an HTTP/1.0 client, whatever the origin says.",
        head("POST / HTTP/1.0", "Content-Length: 5") + b"hello", forwarded(None, b"hello"), interims(), answered(200),
        origin=continue_unasked),
    row("expect-continue-unasked", "RFC 9110 15.2", "A 100 that nobody asked for does no harm.",
        post("Content-Length: 5", body=b"hello"), forwarded(None, b"hello"), answered(200), got(b"ok"), stays(),
        origin=continue_unasked),
    row("expect-continue-twice", "RFC 9110 15.2", "Two 100 do no harm.", HEAD + b"hello",
        forwarded(None, b"hello"), answered(200), got(b"ok"), stays(), origin=continue_twice),
    row("expect-no-body", "RFC 9110 10.1.1", "An expectation without a body to wait for: no 100 is needed.",
        get("/", "Expect: 100-continue"), forwarded("GET / HTTP/1.1"), answered(200), stays()),
    row("expect-empty-body", "RFC 9110 10.1.1", "A body of length 0 is nothing to wait for.",
        post("Expect: 100-continue", "Content-Length: 0"), forwarded(None, b""), answered(200), stays()),
    row("expect-repeated", "RFC 9110 10.1.1", "The expectation said twice is said once.",
        post("Expect: 100-continue", "Expect: 100-continue", "Content-Length: 5", body=b"hello"),
        forwarded(None, b"hello"), answered(200), stays(), choice=True),
    row("expect-client-leaves", "RFC 9110 10.1.1", "A client that got its 100 and ends without the body.",
        [HEAD, interim, half_close], never_complete(), ends()),
    row("expect-pipelined", "RFC 9110 10.1.1", "What follows the expected body is the next request.",
        HEAD + b"hello" + get("/second"), forwarded(None, b"hello", number=0, count=2),
        forwarded("GET /second HTTP/1.1", number=1, count=2), answered(200, 200), stays()),
    row("expect-space-before-colon", "RFC 9112 5.1", "Expect with a space before its colon: 400.",
        post("Expect : 100-continue", "Content-Length: 5", body=b"hello" + SMUGGLED), rejected(400)),
    row("expect-local", "RFC 9110 10.1.1", "A request that the proxy answers itself: its body is not taken for a request.",
        [post("Expect: 100-continue", f"Content-Length: {len(HIDDEN)}", target="/local"), response, HIDDEN],
        answered(200), saw(0), choice=True),
] + [
    row(f"expect-{name}", "RFC 9110 10.1.1", "Something other than 100-continue is refused with 417, so that nobody "
        "waits for what nobody sends.",
        [post(line, f"Content-Length: {len(HIDDEN)}", body=HIDDEN)],
        rejected(400 if name == "vertical-tab" else 417), choice=True)
    for name, line in ODD
]
