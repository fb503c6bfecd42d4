"""Field lines (RFC 9112, 5; RFC 9110, 5)."""

from ..expect import answered, forwarded, rejected, stays
from ..row import AFTER, get, head, row

INVALID = [
    ("space-before-colon", ["X-A : 1"], "A space between name and colon: 400."),
    ("tab-before-colon", ["X-A\t: 1"], "A tab between name and colon: 400."),
    ("no-colon", ["X-A"], "A line without a colon is no field."),
    ("empty-name", [": 1"], "A name is not empty."),
    ("space-in-name", ["X A: 1"], "A name has no space."),
    ("tab-in-name", ["X\tA: 1"], "A name has no tab."),
    ("bracket-in-name", ["X(A: 1"], "A name is a token."),
    ("slash-in-name", ["X/A: 1"], "A name is a token."),
    ("at-in-name", ["X@A: 1"], "A name is a token."),
    ("quote-in-name", ['"X-A": 1'], "A name is a token."),
    ("equals-in-name", ["X=A: 1"], "A name is a token."),
    ("comma-in-name", ["X,A: 1"], "A name is a token."),
    ("backslash-in-name", ["X\\A: 1"], "A name is a token."),
    ("nul-in-name", ["X\x00A: 1"], "A name has no NUL."),
    ("control-in-name", ["X\x01A: 1"], "A name has no control character."),
    ("delete-in-name", ["X\x7fA: 1"], "A name has no DEL."),
    ("high-bit-in-name", ["X\xe4A: 1"], "A name is of ASCII."),
    ("cr-in-name", [b"X\rA: 1"], "A name has no CR."),
    ("nul-in-value", ["X-A: a\x00b"], "A value has no NUL."),
    ("nul-at-end", ["X-A: a\x00"], "A value has no NUL."),
    ("cr-in-value", [b"X-A: a\rb"], "A bare CR in a value is refused, or made a space."),
    ("cr-at-end", [b"X-A: a\r"], "A bare CR before the CRLF."),
    ("cr-field-behind", [b"X-A: a\rX-B: b"], "A bare CR does not begin another field."),
    ("request-behind-cr", [b"X-A: a\r\rGET /smuggled HTTP/1.1\rHost: test\r\r"], "Bare CRs do not end a head."),
    ("control-in-value", ["X-A: a\x01b"], "A value has no control character."),
    ("escape-in-value", ["X-A: a\x1bb"], "A value has no control character."),
    ("delete-in-value", ["X-A: a\x7fb"], "A value has no DEL."),
    ("vertical-tab-in-value", ["X-A: a\x0bb"], "A value has no vertical tab."),
    ("form-feed-in-value", ["X-A: a\x0cb"], "A value has no form feed."),
    ("fold-space", ["X-A: a", " b"], "A folded line is refused (400), or unfolded."),
    ("fold-tab", ["X-A: a", "\tb"], "A line folded with a tab."),
    ("fold-empty", ["X-A: a", " "], "A continuation line of white space only."),
    ("fold-field-behind", ["X-A: a", " Content-Length: 5"], "A continuation that looks like a field."),
]
#: What must be refused. All else may also be cleaned or dropped (RFC 9112, 2.2 and 5.2; RFC 9110, 5.5).
MUST = {"space-before-colon", "tab-before-colon"}

#: id, the lines, what the origin sees of X-A, the duty.
SOUND = [
    ("plain", ["X-A: 1"], ["1"], "An unknown field goes on."),
    ("empty", ["X-A:"], [""], "A value may be empty."),
    ("repeated", ["X-A: 1", "X-A: 2"], ["1", "2"], "Lines of one name keep their order."),
    ("repeated-apart", ["X-A: 1", "X-B: b", "X-A: 2"], ["1", "2"], "Lines of one name that do not follow each other."),
    ("no-space", ["X-A:1"], ["1"], "White space before a value may be missing."),
    ("white-space", ["X-A: \t 1 \t "], ["1"], "White space around a value is not part of it."),
    ("inner-white-space", ["X-A: a  b\tc"], ["a  b\tc"], "White space within a value stays."),
    ("colon", ["X-A: a:b: c"], ["a:b: c"], "The first colon ends the name; others are the value's."),
    ("high-bit", ["X-A: \xe4\xff"], ["\xe4\xff"], "Bytes over 0x7F are opaque data."),
    ("utf-8", ["X-A: \u00e4".encode()], ["\xc3\xa4"], "UTF-8 comes through byte by byte."),
    ("quoted", ['X-A: "a, \\"b"'], ['"a, \\"b"'], "Quoted strings come through as they are."),
    ("punctuation", ["X-A: !#$%&'()*+,-./:;<=>?@[]^_`{|}~"], ["!#$%&'()*+,-./:;<=>?@[]^_`{|}~"], "All visible bytes."),
    ("list-empty-elements", ["X-A: a,,b,"], ["a,,b,"], "Empty elements of a list are not the proxy's to mend."),
    ("long", ["X-A: " + "v" * 8000], ["v" * 8000], "A value of 8000 bytes."),
]

ROWS = [
    row(f"field-{name}", "RFC 9112 5", duty, get("/", *lines) + AFTER, rejected(400), choice=name not in MUST)
    for name, lines, duty in INVALID
] + [
    row(f"field-{name}", "RFC 9110 5", duty, get("/", *lines), forwarded("GET / HTTP/1.1", has={"X-A": values}),
        answered(200), stays(), choice=name == "long")
    for name, lines, values, duty in SOUND
] + [
    row("field-fold-first", "RFC 9112 2.2", "White space before the first field: refused, or the line is dropped.",
        b"GET / HTTP/1.1\r\n X-A: a\r\nHost: test\r\n\r\n" + AFTER, rejected(400), choice=True),
    row("field-fold-first-host", "RFC 9112 2.2", "Host behind white space: whoever drops the line has no Host.",
        b"GET / HTTP/1.1\r\n Host: other\r\nHost: test\r\n\r\n" + AFTER, rejected(400), choice=True),
    row("field-order", "RFC 9110 5.3", "The order of lines with one name is kept; none is lost among many.",
        get("/", *[f"X-A: {i}" for i in range(60)]), forwarded(has={"X-A": [str(i) for i in range(60)]}), stays()),
    row("field-odd-token", "RFC 9110 5.6.2", "Every tchar may stand in a name.",
        get("/", "!#$%&'*+-.^`|~09az: 1"), forwarded(has={"!#$%&'*+-.^`|~09az": "1"}), stays(), choice=True),
    row("field-dot", "DEFAULTS underscore names", "A dot in a name is kept.",
        get("/", "X.A: 1"), forwarded(has={"X.A": "1"}), stays(), choice=True),
    row("field-underscore", "DEFAULTS underscore names", "A name with an underscore is dropped: a server that hands "
        "fields to programs as variables cannot tell it from a hyphen.",
        get("/", "X_A: 1", "X-B: 2"), forwarded(has={"X-B": "2"}, lacks=("X_A",)), stays(), choice=True),
    row("field-underscore-alias", "DEFAULTS underscore names", "X_Forwarded_For does not stand in for X-Forwarded-For.",
        get("/", "X_Forwarded_For: 6.6.6.6", "Content_Length: 5"),
        forwarded(lacks=("X_Forwarded_For", "Content_Length")), stays(), choice=True),
    row("field-bare-lf", "RFC 9112 2.2", "A field line that ends in a bare LF is refused.",
        b"GET / HTTP/1.1\r\nHost: test\r\nX-A: 1\nX-B: 2\r\n\r\n", rejected(400), choice=True),
    row("field-bare-lf-end", "RFC 9112 2.2", "A head that ends in bare LFs is refused.",
        b"GET / HTTP/1.1\r\nHost: test\r\nX-A: 1\r\n\n", rejected(400), choice=True),
    row("field-bare-lf-hides-end", "RFC 9112 2.2", "LF LF in a value does not end the head for the origin only.",
        b"GET / HTTP/1.1\r\nHost: test\r\nX-A: 1\n\n" + AFTER, rejected(400),
        choice=True),
    row("field-cr-cr-lf", "RFC 9112 2.2", "CR CR LF ends no line.",
        b"GET / HTTP/1.1\r\nHost: test\r\nX-A: 1\r\r\n\r\n", rejected(400), choice=True),
    row("field-cr-at-head-end", "RFC 9112 2.2", "A head does not end in CR CR LF.",
        b"GET / HTTP/1.1\r\nHost: test\r\n\r\r\n" + AFTER, rejected(400), choice=True),
    row("field-authorization", "RFC 9110 11.6.2", "Authorization goes on unchanged.",
        get("/", "Authorization: Basic dTpw"), forwarded(has={"Authorization": ["Basic dTpw"]}), stays()),
    row("field-proxy-authorization", "RFC 9110 11.7.2", "Proxy-Authorization is consumed by the first proxy that asked "
        "for it; Lintel asks for none, so that it goes on like any field.",
        get("/", "Proxy-Authorization: Basic dTpw"), forwarded("GET / HTTP/1.1"), stays(), choice=True),
    row("field-cookie", "RFC 6265 5.4", "Cookies go on unchanged.",
        get("/", "Cookie: a=b; c=d"), forwarded(has={"Cookie": ["a=b; c=d"]}), stays()),
    row("field-user-agent", "RFC 9110 10.1.5", "A proxy does not change User-Agent.",
        get("/", "User-Agent: x/1"), forwarded(has={"User-Agent": ["x/1"]}), stays()),
    row("field-referer", "RFC 9110 10.1.3", "An intermediary does not change or delete Referer.",
        get("/", "Referer: http://other/a"), forwarded(has={"Referer": ["http://other/a"]}), stays()),
    row("field-accept-encoding", "RFC 9110 12.5.3", "Accept-Encoding goes on unchanged: the proxy does not recode.",
        get("/", "Accept-Encoding: gzip;q=0.5, br"), forwarded(has={"Accept-Encoding": ["gzip;q=0.5, br"]}), stays()),
    row("field-cache-control", "RFC 9111 5.2", "Cache directives go on, whether or not they are understood.",
        get("/", "Cache-Control: no-cache, x=y"), forwarded(has={"Cache-Control": ["no-cache, x=y"]}), stays()),
    row("field-content", "RFC 9110 7.7", "Fields that describe content go on unchanged.",
        head("PUT /a HTTP/1.1", "Content-Type: text/plain", "Content-Encoding: br", "Content-Language: de",
             "Content-Length: 5") + b"hello",
        forwarded("PUT /a HTTP/1.1", b"hello", has={"Content-Type": "text/plain", "Content-Encoding": "br",
                                                    "Content-Language": "de"}), stays()),
    row("field-none-invented", "RFC 9110 7.7", "Nothing is added that changes what the request means.",
        get("/"), forwarded(lacks=("Accept", "Accept-Encoding", "Authorization", "Content-Type", "Content-Length",
                                   "Transfer-Encoding", "Range", "Expect", "TE", "Upgrade", "User-Agent")), stays()),
]
