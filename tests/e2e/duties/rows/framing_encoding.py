"""Requests framed by Transfer-Encoding, and by both (RFC 9112, 6.1 and 6.3)."""

from ..expect import answered, ends, forwarded, rejected, stays
from ..row import SMUGGLED, chunked, get, head, post, row

END = b"0\r\n\r\n"
#: Read as chunked this is an empty body and the beginning of another request.
EMPTY = END + SMUGGLED
#: Read as a length of 5 it is a body, read as chunked an empty one.
BOTH = END + b"GET /smuggled HTTP/1.1\r\nHost: test\r\n\r\n"

#: Everything that is not exactly "chunked": a server that reads it otherwise would see another body.
NOT_CHUNKED = [
    ("identity", ["Transfer-Encoding: identity"], "identity is no transfer coding any more."),
    ("gzip", ["Transfer-Encoding: gzip"], "Without chunked at the end a request's length cannot be told."),
    ("chunked-first", ["Transfer-Encoding: chunked, gzip"], "chunked must be the last coding."),
    ("chunked-identity", ["Transfer-Encoding: chunked, identity"], "chunked must be the last coding."),
    ("chunked-twice", ["Transfer-Encoding: chunked, chunked"], "chunked may be applied only once."),
    ("repeated", ["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"], "Two lines are chunked twice."),
    ("repeated-identity", ["Transfer-Encoding: chunked", "Transfer-Encoding: identity"], "TE.TE: the first only."),
    ("repeated-cow", ["Transfer-Encoding: chunked", "Transfer-Encoding: cow"], "TE.TE: an unknown second coding."),
    ("repeated-cow-first", ["Transfer-Encoding: cow", "Transfer-Encoding: chunked"], "TE.TE: an unknown first coding."),
    ("repeated-empty", ["Transfer-Encoding: chunked", "Transfer-Encoding:"], "TE.TE: an empty second line."),
    ("xchunked", ["Transfer-Encoding: xchunked"], "xchunked is not chunked."),
    ("chunkedx", ["Transfer-Encoding: chunkedx"], "chunkedx is not chunked."),
    ("chunke", ["Transfer-Encoding: chunke"], "A beginning of chunked is not chunked."),
    ("quoted", ['Transfer-Encoding: "chunked"'], "A quoted coding is not chunked."),
    ("single-quoted", ["Transfer-Encoding: 'chunked'"], "'chunked' is another token."),
    ("parameter", ["Transfer-Encoding: chunked;q=1"], "chunked has no parameters."),
    ("colon", ["Transfer-Encoding: : chunked"], "A colon before chunked is no coding."),
    ("inner-space", ["Transfer-Encoding: chun ked"], "A coding has no space within."),
    ("empty", ["Transfer-Encoding:"], "An empty list of codings does not frame."),
    ("comma-before", ["Transfer-Encoding: ,chunked"], "An empty element beside chunked is refused, or dropped."),
    ("comma-after", ["Transfer-Encoding: chunked,"], "An empty element beside chunked is refused, or dropped."),
    ("vertical-tab", ["Transfer-Encoding: \x0bchunked"], "A vertical tab is no white space."),
    ("form-feed", ["Transfer-Encoding: chunked\x0c"], "A form feed is no white space."),
    ("no-break-space", ["Transfer-Encoding: \xa0chunked"], "A no-break space is no white space."),
    ("next-line", ["Transfer-Encoding: chunked\x85"], "NEL is no white space."),
    ("nul", ["Transfer-Encoding: chunked\x00"], "A NUL ends no value."),
    ("delete", ["Transfer-Encoding: chunked\x7f"], "A DEL is no white space."),
    ("bare-cr", ["Transfer-Encoding: chunked\r"], "A bare CR is no white space."),
    ("cr-inside", ["Transfer-Encoding:\r chunked"], "A bare CR does not begin a value."),
    ("long-s", ["Transfer-Encoding: chun\u212aed".encode()], "A letter that folds to k elsewhere is no k."),
    ("space-before-colon", ["Transfer-Encoding : chunked"], "A name with a space before its colon is refused: 400."),
    ("tab-before-colon", ["Transfer-Encoding\t: chunked"], "A name with a tab before its colon is refused: 400."),
    ("space-before-name", ["X: 1", " Transfer-Encoding: chunked"], "A line that begins with a space is a fold."),
    ("folded", ["Transfer-Encoding:", " chunked"], "A coding on a continuation line is refused with its fold."),
    ("folded-after", ["Transfer-Encoding: chunked", " , identity"], "A coding with a continuation is refused."),
    ("behind-bare-cr", [b"X: 1\rTransfer-Encoding: chunked"], "A bare CR must not begin a line."),
]

#: May be taken for chunked by a lenient reader or refused; either is safe if the origin is sent clean framing.
LENIENT = {"identity", "bare-cr", "comma-before", "comma-after", "folded", "folded-after", "repeated", "chunked-twice",
           "repeated-identity", "repeated-empty", "empty", "space-before-name"}

NAMES = [
    ("underscore", "Transfer_Encoding: chunked", "A name with an underscore is another name, and does not go on."),
    ("dot", "Transfer.Encoding: chunked", "A name with a dot is another name, and frames nothing."),
    ("x-prefix", "X-Transfer-Encoding: chunked", "A name with a prefix is another name."),
]

ROWS = [
    row(f"encoding-{name}", "RFC 9112 6.3", duty, post(*lines, body=END if name in LENIENT else EMPTY),
        rejected(400), choice=name in LENIENT)
    for name, lines, duty in NOT_CHUNKED
] + [
    row(f"encoding-{name}-and-length", "RFC 9112 6.3", "With a length beside it: " + duty,
        post("Content-Length: 5", *lines, body=BOTH), rejected(400), choice=True)
    for name, lines, duty in NOT_CHUNKED if name in (
        "identity", "gzip", "xchunked", "chunked-twice", "quoted", "vertical-tab", "repeated-cow", "empty", "folded",
        "space-before-colon", "comma-after", "nul", "bare-cr")
] + [
    row(f"encoding-name-{name}", "RFC 9110 5.1", duty, post("Content-Length: 5", line, body=END),
        forwarded(None, END, "length", lacks=("Transfer-Encoding", "Transfer_Encoding")), answered(200), stays(),
        choice=True)
    for name, line, duty in NAMES
] + [
    row("encoding-chunked", "RFC 9112 7.1", "A chunked body is decoded and sent on in chunks of our own.",
        post("Transfer-Encoding: chunked", body=chunked(b"hello", b" ", b"world")),
        forwarded("POST / HTTP/1.1", b"hello world", "chunked"),
        answered(200), stays()),
    row("encoding-case", "RFC 9112 7", "Names of codings have no case.",
        post("Transfer-Encoding: ChUnKeD", body=chunked(b"hello")),
        forwarded(None, b"hello", has={"Transfer-Encoding": ["chunked"]}), stays(), choice=True),
    row("encoding-name-case", "RFC 9110 5.1", "Field names have no case.",
        post("tRANSFER-eNCODING: chunked", body=chunked(b"hello")), forwarded(None, b"hello", "chunked"), stays()),
    row("encoding-white-space", "RFC 9112 5.1", "White space around the value is not part of it.",
        post("Transfer-Encoding: \t chunked \t", body=chunked(b"hello")), forwarded(None, b"hello", "chunked"), stays()),
    row("encoding-no-space", "RFC 9112 5.1", "The white space before a value may be missing.",
        post("Transfer-Encoding:chunked", body=chunked(b"hello")), forwarded(None, b"hello", "chunked"), stays()),
    row("encoding-empty-body", "RFC 9112 7.1", "A chunked body may be empty; the next request follows it.",
        post("Transfer-Encoding: chunked", body=END) + get("/second"),
        forwarded("POST / HTTP/1.1", b"", number=0, count=2), forwarded("GET /second HTTP/1.1", number=1, count=2),
        answered(200, 200), stays()),
    row("encoding-gzip-chunked", "RFC 9112 6.1", "A coding that the proxy does not know is refused (501 or 400), as it "
        "cannot pass it on decoded.", post("Transfer-Encoding: gzip, chunked", body=EMPTY), rejected(400), choice=True),
    row("encoding-on-get", "RFC 9110 9.3.1", "A GET with a chunked body is framed by it like any request.",
        get("/", "Transfer-Encoding: chunked") + chunked(b"hello"), forwarded("GET / HTTP/1.1", b"hello"), stays()),
    row("encoding-http10", "RFC 9112 6.1", "Transfer-Encoding in HTTP/1.0 is faulty framing, and the connection ends.",
        head("POST / HTTP/1.0", "Transfer-Encoding: chunked") + EMPTY, rejected(400), choice=True),
    row("encoding-http10-keep-alive", "RFC 9112 6.1", "Keep-alive does not make Transfer-Encoding known to HTTP/1.0.",
        head("POST / HTTP/1.0", "Connection: keep-alive", "Transfer-Encoding: chunked") + EMPTY, rejected(400),
        choice=True),
    row("encoding-http10-and-length", "RFC 9112 6.1", "Both framings in HTTP/1.0 are refused.",
        head("POST / HTTP/1.0", "Content-Length: 5", "Transfer-Encoding: chunked") + BOTH, rejected(400), choice=True),
    row("encoding-after-length", "RFC 9112 6.1", "CL.TE: both framings in one request are refused; where they are not, "
        "the length must go and the connection must end.",
        post("Content-Length: 5", "Transfer-Encoding: chunked", body=BOTH), rejected(400), ends(), choice=True,
        peer=(ends(),)),
    row("encoding-before-length", "RFC 9112 6.1", "TE.CL: as CL.TE, whatever the order of the fields.",
        post("Transfer-Encoding: chunked", "Content-Length: 5", body=BOTH), rejected(400), ends(), choice=True,
        peer=(ends(),)),
    row("encoding-and-length-zero", "RFC 9112 6.1", "Both framings: a length of 0 is a length.",
        post("Content-Length: 0", "Transfer-Encoding: chunked", body=BOTH), rejected(400), ends(), choice=True,
        peer=(ends(),)),
    row("encoding-and-length-agreeing", "RFC 9112 6.1", "Both framings that happen to end at one byte are refused too.",
        post("Content-Length: 10", "Transfer-Encoding: chunked", body=chunked(b"")[:0] + b"5\r\nhello\r\n0\r\n\r\n"),
        rejected(400), ends(), choice=True),
    row("encoding-and-bad-length", "RFC 9112 6.3", "Chunked beside a length that is no number is refused.",
        post("Content-Length: x", "Transfer-Encoding: chunked", body=BOTH), rejected(400), ends(), choice=True),
    row("encoding-and-two-lengths", "RFC 9112 6.3", "Chunked beside two lengths is refused.",
        post("Content-Length: 5", "Transfer-Encoding: chunked", "Content-Length: 6", body=BOTH), rejected(400), ends(),
        choice=True),
    row("encoding-on-get-and-length", "RFC 9112 6.1", "The method makes no difference to faulty framing.",
        get("/", "Content-Length: 5", "Transfer-Encoding: chunked") + BOTH, rejected(400), ends(), choice=True,
        peer=(ends(),)),
]
