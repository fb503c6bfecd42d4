"""Forms of the request target: absolute, authority, asterisk (RFC 9112, 3.2), CONNECT, TRACE and OPTIONS."""

from harness.wire import response

from ..expect import answered, ends, forwarded, got, rejected, saw, stays
from ..row import AFTER, get, head, row

#: id, target, what goes on, the duty; Host is "test" and agrees.
ABSOLUTE = [
    ("plain", "http://test/a?b", "/a?b", "An absolute form is accepted and goes on in origin form."),
    ("no-path", "http://test", "/", "An empty path is the root."),
    ("no-path-query", "http://test?b", "/?b", "An empty path with a query is the root."),
    ("scheme-case", "HTTP://test/", "/", "Schemes have no case."),
    ("host-case", "http://TeSt/", "/", "Hosts have no case."),
    ("default-port", "http://test:80/", "/", "The default port names the same authority."),
    ("dot-segments", "http://test/a/../b", "/b", "The path is canonical in this form too."),
]
#: Refused: id, target, the duty.
BAD = [
    ("other-host", "http://other/", "A host other than Host's."),
    ("other-port", "http://test:8080/", "A port other than Host's."),
    ("prefix-host", "http://test.other/", "A host that begins as Host does."),
    ("user", "http://user@test/", "A user in the target."),
    ("user-as-host", "http://test@other/", "Host's name as a user of another host."),
    ("empty-host", "http:///a", "No host at all."),
    ("one-slash", "http:/test/a", "One slash is no authority."),
    ("no-slashes", "http:test", "No slashes are no authority."),
    ("other-scheme", "ftp://test/", "A scheme that is not served here."),
    ("file-scheme", "file:///etc/passwd", "A scheme that is not served here."),
    ("host-space-port", "http://test:80 80/", "A space ends the target."),
    ("bad-port", "http://test:port/", "A port that is no number."),
    ("backslash", "http://test\\@other/", "A backslash that some take for a slash."),
    ("control", "http://test/\x01", "A control character."),
    ("fragment", "http://test/#a", "A fragment is never sent."),
]
CHOICES = {"other-host", "other-port", "prefix-host", "other-scheme", "file-scheme", "fragment", "user", "one-slash",
           "no-slashes", "user-as-host", "bad-port", "empty-host"}
FORMS = [
    ("relative", "path", "A path begins with a slash."),
    ("empty-like", "?query", "A query alone is no target."),
    ("asterisk-path", "*/a", "An asterisk is alone."),
    ("dot", ".", "A dot is no target."),
    ("backslash", "\\a", "A backslash is no slash."),
    ("authority", "test:80", "The authority form is for CONNECT only."),
]
REFUSES = response(405, b"")
LENGTH = f"Content-Length: {len(get('/smuggled'))}"
METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE")

ROWS = [
    row(f"absolute-{name}", "RFC 9112 3.2.2", duty, get(target), forwarded(f"GET {sent} HTTP/1.1", host="test"),
        answered(200), stays(), choice=name in ("dot-segments", "default-port"))
    for name, target, sent, duty in ABSOLUTE
] + [
    row(f"absolute-{name}", "RFC 9112 3.2.2", "Refused: " + duty, get(target) + AFTER, rejected(400),
        choice=name in CHOICES)
    for name, target, duty in BAD
] + [
    row(f"target-{name}", "RFC 9112 3.2", duty, get(target) + AFTER, rejected(400))
    for name, target, duty in FORMS
] + [
    row(f"asterisk-{method.lower()}", "RFC 9112 3.2.4", "The asterisk is for OPTIONS only.",
        head(f"{method} * HTTP/1.1"), rejected(400))
    for method in METHODS
] + [
    row("absolute-no-host", "RFC 9112 3.2", "An absolute form does not replace Host in HTTP/1.1.",
        get("http://test/", host=None), rejected(400)),
    row("absolute-http10", "RFC 9112 3.2.2", "In HTTP/1.0 the absolute form alone names the host.",
        head("GET http://test/a HTTP/1.0", host=None), forwarded("GET /a HTTP/1.1", host="test"), answered(200),
        choice=True),
    row("absolute-https", "RFC 9110 4.2.2", "An https URI in the clear: the authority still has to agree.",
        get("https://other/"), rejected(400), choice=True),
    row("absolute-host-has-port", "RFC 9112 3.2.2", "A port in Host that the target does not have.",
        get("http://test/", host="test:8080"), rejected(400), choice=True),
    row("asterisk-options", "RFC 9112 3.2.4", "OPTIONS * goes on as it is.",
        head("OPTIONS * HTTP/1.1"), forwarded("OPTIONS * HTTP/1.1", host="test"), answered(200), stays()),
    row("asterisk-options-absolute", "RFC 9112 3.2.4", "OPTIONS of an absolute form without path becomes an asterisk.",
        head("OPTIONS http://test HTTP/1.1"), forwarded("OPTIONS * HTTP/1.1", host="test"), answered(200), choice=True),
    row("asterisk-options-absolute-root", "RFC 9112 3.2.4", "OPTIONS of an absolute form with a slash is of that path.",
        head("OPTIONS http://test/ HTTP/1.1"), forwarded("OPTIONS / HTTP/1.1"), answered(200)),
    row("asterisk-options-query", "RFC 9112 3.2.4", "An asterisk has no query.",
        head("OPTIONS *?a HTTP/1.1"), rejected(400)),
    row("options-path", "RFC 9110 9.3.7", "OPTIONS of a path goes on.",
        head("OPTIONS /a HTTP/1.1"), forwarded("OPTIONS /a HTTP/1.1"), answered(200), stays()),
    row("options-body", "RFC 9110 9.3.7", "OPTIONS may have a body.",
        head("OPTIONS /a HTTP/1.1", "Content-Type: text/plain", "Content-Length: 5") + b"hello",
        forwarded("OPTIONS /a HTTP/1.1", b"hello"), answered(200), stays()),
    row("connect", "RFC 9110 9.3.6", "CONNECT opens no tunnel here: it is refused, and nothing behind it is relayed.",
        head("CONNECT test:443 HTTP/1.1", host="test:443") + AFTER, answered(405), saw(0), ends(), origin=REFUSES,
        choice=True),
    row("connect-path", "RFC 9112 3.2.3", "CONNECT with a path is malformed.",
        head("CONNECT / HTTP/1.1"), rejected(400)),
    row("connect-no-port", "RFC 9110 9.3.6", "CONNECT without a port is malformed.",
        head("CONNECT test HTTP/1.1"), rejected(400)),
    row("connect-other-host", "RFC 9112 3.2.3", "CONNECT and Host that disagree are refused.",
        head("CONNECT other:443 HTTP/1.1", host="test:443"), rejected(400), choice=True),
    row("connect-with-length", "RFC 9110 9.3.6", "CONNECT with a body: the body is not taken for a request.",
        head("CONNECT test:443 HTTP/1.1", LENGTH, host="test:443") + get("/smuggled"), saw(0),
        origin=REFUSES, choice=True),
    row("trace", "RFC 9110 9.3.8", "TRACE would show what intermediaries add: 405.",
        head("TRACE /a HTTP/1.1"), answered(405), saw(0), stays(), choice=True),
    row("trace-allow", "RFC 9110 15.5.6", "A 405 lists the methods that are allowed.",
        head("TRACE /a HTTP/1.1"), got(has={"Allow": None}), lintel_only=True),
    row("trace-max-forwards-0", "RFC 9110 7.6.2", "TRACE with Max-Forwards: 0 is not forwarded.",
        head("TRACE /a HTTP/1.1", "Max-Forwards: 0"), saw(0)),
    row("trace-body", "RFC 9110 9.3.8", "TRACE has no body: one that is sent is not taken for a request.",
        head("TRACE /a HTTP/1.1", LENGTH) + get("/smuggled"), saw(0), choice=True),
]
