"""Host in all forms (RFC 9112, 3.2; RFC 9110, 7.2; RFC 3986, 3.2)."""

from ..expect import answered, forwarded, rejected, saw, stays
from ..row import AFTER, get, head, row

INVALID = [
    ("space", "a b", "A host has no space."),
    ("tab", "a\tb", "A host has no tab."),
    ("user", "user@test", "A host has no user."),
    ("user-password", "user:password@test", "A host has no user."),
    ("user-empty", "@test", "A host has no user, be it empty."),
    ("path", "test/x", "A host has no path."),
    ("query", "test?x", "A host has no query."),
    ("fragment", "test#x", "A host has no fragment."),
    ("backslash", "test\\x", "A host has no backslash."),
    ("scheme", "http://test", "A host has no scheme."),
    ("list", "test, other", "Host is no list."),
    ("list-no-space", "test,other", "Host is no list."),
    ("semicolon", "test;other", "No host name has a semicolon."),
    ("quote", '"test"', "A host is not quoted."),
    ("angle", "<test>", "A host has no angle brackets."),
    ("brace", "{test}", "A host has no braces."),
    ("caret", "te^st", "A host has no caret."),
    ("backtick", "te`st", "A host has no backtick."),
    ("bar", "te|st", "A host has no bar."),
    ("nul", "test\x00", "A host has no NUL."),
    ("nul-inside", "te\x00st", "A host has no NUL."),
    ("control", "te\x01st", "A host has no control character."),
    ("bare-cr", "te\rst", "A host has no bare CR."),
    ("high-bit", "t\xe4st", "A host is of ASCII."),
    ("percent-bad", "te%zzst", "A host has no bad escape."),
    ("percent-nul", "te%00st", "A host has no escaped NUL."),
    ("port-letters", "test:http", "A port is a number."),
    ("port-minus", "test:-80", "A port has no sign."),
    ("port-plus", "test:+80", "A port has no sign."),
    ("port-hex", "test:0x50", "A port is decimal."),
    ("port-space", "test: 80", "A port has no space before it."),
    ("port-too-large", "test:65536", "A port fits 16 bits."),
    ("port-overflow", "test:4294967376", "2^32 + 80 must not be taken for 80."),
    ("port-twice", "test:80:80", "A host has one port."),
    ("port-only", ":80", "A port without a host names nothing."),
    ("ipv6-no-brackets", "2001:db8::1", "An IPv6 address stands in brackets."),
    ("ipv6-open", "[2001:db8::1", "A bracket is closed."),
    ("ipv6-bad", "[2001:db8::g]", "An address is of hexadecimal digits."),
    ("ipv6-zone", "[fe80::1%25eth0]", "A zone means nothing to another machine."),
    ("ipv6-empty", "[]", "An address is not empty."),
    ("ipv6-v4-in-brackets", "[127.0.0.1]", "IPv4 does not stand in brackets."),
    ("ipv6-behind", "[::1]x", "Nothing but a port follows a bracket."),
    ("label-empty", "a..b", "A label is not empty."),
    ("label-first-empty", ".test", "A name does not begin with a dot."),
    ("dots", "..", "A name is not of dots."),
]
#: Odd, but within the grammar of a registered name or port (RFC 3986, 3.2.2).
CHOICES = {"list-no-space", "semicolon", "percent-nul", "port-too-large", "port-overflow", "port-only", "label-empty",
           "label-first-empty", "dots"}

#: id, as received, as forwarded, the duty.
CANONICAL = [
    ("plain", "test", "test", "A host goes on as it is."),
    ("case", "TeSt.Example", "test.example", "Hosts have no case, and one form goes on."),
    ("port", "test:8080", "test:8080", "A port goes on."),
    ("default-port", "test:80", "test", "The scheme's own port is not part of the canonical form."),
    ("port-zeros", "test:008080", "test:8080", "A port's leading zeros mean nothing."),
    ("port-empty", "test:", "test", "An empty port is none."),
    ("trailing-dot", "test.example.", "test.example", "A trailing dot names the same host."),
    ("trailing-dot-port", "test.example.:8080", "test.example:8080", "A trailing dot before a port."),
    ("ipv4", "127.0.0.1:8080", "127.0.0.1:8080", "An IPv4 address."),
    ("ipv6", "[::1]", "[::1]", "An IPv6 address."),
    ("ipv6-port", "[2001:DB8::1]:8080", "[2001:db8::1]:8080", "An IPv6 address with a port, in lower case."),
    ("underscore", "a_b.test", "a_b.test", "Underscores do occur in host names."),
    ("hyphen-digits", "a-1.9.test", "a-1.9.test", "Hyphens and digits."),
    ("white-space", "\t test \t", "test", "White space around the value is not part of it."),
]
AS_RECEIVED = {"plain", "port", "ipv4", "ipv6", "underscore", "hyphen-digits", "white-space"}

ROWS = [
    row(f"host-{name}", "RFC 9112 3.2", duty, get("/", host=host) + AFTER, rejected(400), choice=name in CHOICES)
    for name, host, duty in INVALID
] + [
    row(f"host-{name}", "DEFAULTS host", duty, get("/", host=host), forwarded("GET / HTTP/1.1", host=sent),
        answered(200), stays(), choice=name not in AS_RECEIVED)
    for name, host, sent, duty in CANONICAL
] + [
    row("host-missing", "RFC 9112 3.2", "HTTP/1.1 without Host: 400.", get("/", host=None), rejected(400)),
    row("host-repeated", "RFC 9112 3.2", "Two Host fields: 400.", get("/", "Host: other"), rejected(400)),
    row("host-repeated-equal", "RFC 9112 3.2", "Two equal Host fields: 400.", get("/", "Host: test"), rejected(400)),
    row("host-repeated-case", "RFC 9112 3.2", "Two Host fields whatever the case of their names: 400.",
        get("/", "hOST: other"), rejected(400)),
    row("host-repeated-empty", "RFC 9112 3.2", "A second, empty Host counts.", get("/", "Host:"), rejected(400)),
    row("host-empty", "RFC 9110 4.2.1", "An http URI without a host is invalid.", get("/", host=""), rejected(400),
        choice=True),
    row("host-space-before-colon", "RFC 9112 5.1", "Host with a space before its colon: 400.",
        get("/", "Host : other"), rejected(400)),
    row("host-folded", "RFC 9112 5.2", "A folded Host is refused.", get("/", " other"), rejected(400), choice=True),
    row("host-http10-repeated", "RFC 9112 3.2", "Two Host fields are ambiguous in HTTP/1.0 too.",
        head("GET / HTTP/1.0", "Host: other"), rejected(400)),
    row("host-http10-bad", "RFC 9112 3.2", "An invalid Host is refused in HTTP/1.0 too.",
        head("GET / HTTP/1.0", host="a b"), rejected(400)),
    row("host-first", "RFC 9110 7.2", "Host goes on once, whatever its place and the case of its name.",
        get("/", "A: b", "hOsT: test", host=None), forwarded(host="test", has={"A": "b"}), stays()),
    row("host-underscore-name", "RFC 9110 5.1", "X_Host is another field.", get("/", "Host_: other"),
        forwarded(host="test", lacks=("Host_",)), saw(1), stays(), choice=True),
]
