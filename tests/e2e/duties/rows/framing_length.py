"""Requests framed by Content-Length (RFC 9112, 6)."""

from ..expect import answered, ends, forwarded, got, never_complete, rejected, stays
from ..row import SMUGGLED, head, post, row
from ..stage import half_close, hang_up, origin_sees

BODY = b"hello" + SMUGGLED

#: id, the field lines, the duty.
INVALID = [
    ("minus", ["Content-Length: -5"], "A length below zero is no length."),
    ("plus", ["Content-Length: +5"], "A length has no sign."),
    ("hex", ["Content-Length: 0x5"], "A length is decimal."),
    ("fraction", ["Content-Length: 5.0"], "A length is a whole number."),
    ("exponent", ["Content-Length: 5e0"], "A length is made of digits only."),
    ("underscore", ["Content-Length: 1_0"], "A length is made of digits only, whatever a language's parser takes."),
    ("letters", ["Content-Length: five"], "A length is made of digits."),
    ("trailing-letters", ["Content-Length: 5x"], "Digits followed by something else are no length."),
    ("inner-space", ["Content-Length: 5 5"], "A length has no space within."),
    ("inner-tab", ["Content-Length: 5\t5"], "A length has no tab within."),
    ("empty", ["Content-Length:"], "An empty length is no length."),
    ("blank", ["Content-Length:  \t "], "A length of white space only is no length."),
    ("comma", ["Content-Length: 5,"], "A length that ends in a comma is no length."),
    ("list-different", ["Content-Length: 5, 6"], "A list of different lengths is beyond repair."),
    ("repeated-different", ["Content-Length: 5", "Content-Length: 6"], "Two lengths are beyond repair."),
    ("repeated-different-reverse", ["Content-Length: 6", "Content-Length: 5"], "Two lengths, whichever is first."),
    ("repeated-second-bad", ["Content-Length: 5", "Content-Length: x"], "A bad length beside a good one counts."),
    ("repeated-first-bad", ["Content-Length: x", "Content-Length: 5"], "A bad length before a good one counts."),
    ("repeated-second-empty", ["Content-Length: 5", "Content-Length:"], "An empty length beside a good one counts."),
    ("overflow-63", ["Content-Length: 9223372036854775808"], "2^63 fits no signed number: it must not wrap."),
    ("overflow-64", ["Content-Length: 18446744073709551621"], "2^64 + 5 must not be taken for 5."),
    ("overflow-32", ["Content-Length: 99999999999999999999999999"], "More digits than any counter holds."),
    ("quoted", ['Content-Length: "5"'], "A quoted length is no length."),
    ("superscript", ["Content-Length: \xb2"], "A digit of another script is no digit."),
    ("vertical-tab", ["Content-Length: \x0b5"], "A vertical tab is no white space."),
    ("form-feed", ["Content-Length: 5\x0c"], "A form feed is no white space."),
    ("no-break-space", ["Content-Length: \xa05"], "A no-break space is no white space."),
    ("nul", ["Content-Length: 5\x00"], "A NUL ends no value."),
    ("bare-cr", ["Content-Length: 5\r6"], "A bare CR within a length is no white space."),
    ("folded", ["Content-Length: 5", " 6"], "A folded length must not be read as 56, 5 or 6."),
    ("space-before-colon", ["Content-Length : 5"], "A name with a space before its colon is no name: 400."),
]

ROWS = [
    row(f"length-{name}", "RFC 9112 6.3", duty, post(*lines, body=BODY), rejected(400))
    for name, lines, duty in INVALID
] + [
    row("length-repeated-equal", "RFC 9110 8.6",
        "Equal lengths on two lines are either refused or sent on as one; Lintel refuses.",
        post("Content-Length: 5", "Content-Length: 5", body=b"hello"), rejected(400), choice=True),
    row("length-list-equal", "RFC 9110 8.6", "A list of equal lengths is either refused or sent on as one.",
        post("Content-Length: 5, 5", body=b"hello"), rejected(400), choice=True),
    row("length-repeated-equal-zeros", "RFC 9110 8.6", "Lengths that are equal as numbers but not as text.",
        post("Content-Length: 5", "Content-Length: 05", body=b"hello"), rejected(400), choice=True),
    row("length-folded-empty", "RFC 9112 5.2", "A length on a continuation line is refused with its fold, or unfolded.",
        post("Content-Length:", " 5", body=b"hello"), rejected(400), choice=True),
    row("length-behind-bare-lf", "RFC 9112 2.2", "A bare LF ends a line for everybody or for nobody.",
        post("X: 1\nContent-Length: 5", body=b"hello"), rejected(400), choice=True),
    row("length-exact", "RFC 9112 6.3", "A body of a valid length is forwarded, no byte more and no byte less.",
        post("Content-Length: 5", body=b"hello"),
        forwarded("POST / HTTP/1.1", b"hello", "length", has={"Content-Length": "5"}), answered(200), stays()),
    row("length-zero", "RFC 9112 6.3", "A body of length 0 is an empty body, and the length is sent on.",
        post("Content-Length: 0"), forwarded("POST / HTTP/1.1", b"", has={"Content-Length": "0"}), stays()),
    row("length-none", "RFC 9112 6.3", "A request without framing has no body.",
        post(), forwarded("POST / HTTP/1.1", b""), answered(200), stays()),
    row("length-leading-zeros", "RFC 9110 8.6", "Leading zeros are digits: the same number goes on, in whatever form.",
        post("Content-Length: 0005", body=b"hello"), forwarded("POST / HTTP/1.1", b"hello"), stays(), choice=True),
    row("length-many-zeros", "RFC 9110 8.6", "Forty zeros before the number overflow nothing.",
        post("Content-Length: " + "0" * 40 + "5", body=b"hello"), forwarded(None, b"hello"), stays(), choice=True),
    row("length-white-space", "RFC 9112 5.1", "White space around the value is not part of it.",
        post("Content-Length: \t 5 \t", body=b"hello"), forwarded(None, b"hello", has={"Content-Length": ["5"]}),
        stays()),
    row("length-name-case", "RFC 9110 5.1", "Field names have no case.",
        post("cONTENT-lENGTH: 5", body=b"hello"), forwarded(None, b"hello", "length"), stays()),
    row("length-no-space", "RFC 9112 5.1", "The white space before a value may be missing.",
        post("Content-Length:5", body=b"hello"), forwarded(None, b"hello", "length"), stays()),
    row("length-pieces", "RFC 9112 6", "A body that comes in pieces is one body.",
        [post("Content-Length: 10"), origin_sees(1), b"hel", origin_sees(1, 3), b"lowor", origin_sees(1, 8), b"ld"],
        forwarded(None, b"helloworld", "length"), answered(200), stays()),
    row("length-head-in-pieces", "RFC 9112 2.2", "A head may be cut anywhere.",
        [b"POS", b"T / HT", b"TP/1.1\r", b"\nHost", b": test\r\nContent-Len", b"gth: 5\r\n\r", b"\nhello"],
        forwarded("POST / HTTP/1.1", b"hello"), stays()),
    row("length-half-close-after", "RFC 9112 9.6", "A client that ends its sending side after a whole request is "
        "answered.", [post("Content-Length: 5", body=b"hello"), half_close],
        forwarded(None, b"hello"), answered(200), got(b"POST /"), ends(), choice=True),
    row("length-cut-short", "RFC 9112 8", "A body that ends early is not complete, and nobody may take it for a whole "
        "one.", [post("Content-Length: 10", body=b"hello"), origin_sees(1, 5), half_close], never_complete(), ends()),
    row("length-client-leaves", "RFC 9112 8", "When the client goes away amid its body, the origin is told by the end "
        "of the connection.", [post("Content-Length: 10", body=b"hello"), origin_sees(1, 5), hang_up],
        never_complete()),
    row("length-surplus-is-next-request", "RFC 9112 6.3", "What follows the body's last byte is the next request.",
        post("Content-Length: 5", body=b"hello") + head("GET /second HTTP/1.1"),
        forwarded("POST / HTTP/1.1", b"hello", number=0, count=2), forwarded("GET /second HTTP/1.1", number=1, count=2),
        answered(200, 200), got(b"POST /", number=0), got(b"GET /second", number=1), stays()),
    row("length-surplus-is-no-request", "RFC 9112 6.3", "Bytes behind a body that are no request are refused on their "
        "own.", post("Content-Length: 5", body=b"hello" + b"\x00\x01\r\n\r\n"), rejected(400, count=2)),
    row("length-http10", "RFC 9112 6.3", "An HTTP/1.0 request's body has the length that it says.",
        head("POST / HTTP/1.0", "Content-Length: 5") + b"hello", forwarded(None, b"hello", "length"),
        answered(200), ends()),
    row("length-http10-none", "RFC 9112 6.3", "An HTTP/1.0 request without a length has no body: the connection's end "
        "does not frame requests.", head("POST / HTTP/1.0"), forwarded(None, b""), answered(200)),
    row("length-large", "RFC 9110 8.6", "A body of a megabyte comes through unchanged.",
        post("Content-Length: 1048576", body=bytes(range(256)) * 4096),
        forwarded(None, bytes(range(256)) * 4096, "length"), stays()),
]
