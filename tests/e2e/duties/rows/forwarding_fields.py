"""What is said of the client: X-Forwarded-*, Forwarded (RFC 7239), X-Real-IP, X-Request-Id. Strangers are not believed;
who is trusted is configuration, so that peers are not asked."""

import re

from ..expect import answered, forwarded, stays
from ..row import get, head, row

OURS = 'for=127.0.0.1;host="test";proto=http'
TRUSTED = {"setup": "trusting", "lintel_only": True}
ID = re.compile("[0-9a-f]{32}")

FORGED = [
    ("X-Forwarded-For", "6.6.6.6", ["127.0.0.1"]), ("X-Forwarded-Proto", "https", ["http"]),
    ("X-Forwarded-Host", "evil", ["test"]), ("X-Forwarded-Port", "443", []), ("X-Forwarded-Server", "evil", []),
    ("X-Forwarded-Prefix", "/admin", []), ("X-Forwarded-User", "root", []), ("X-Real-IP", "6.6.6.6", []),
    ("Forwarded", "for=6.6.6.6", [OURS]),
]

ROWS = [
    row(f"forged-{name.lower()}", "DEFAULTS forwarded fields", f"{name} of a stranger is dropped.",
        get("/", f"{name}: {value}"), forwarded(has={name: want}), answered(200), stays(), lintel_only=True)
    for name, value, want in FORGED
] + [
    row("forged-case", "DEFAULTS forwarded fields", "Whatever the case of the name, and however often.",
        get("/", "x-FORWARDED-for: 6.6.6.6", "X-Forwarded-For: 7.7.7.7"), forwarded(has={"X-Forwarded-For": ["127.0.0.1"]}),
        stays(), lintel_only=True),
    row("forged-underscore", "DEFAULTS underscore names", "Nor in the spelling that CGI takes for the same.",
        get("/", "X_Forwarded_For: 6.6.6.6", "X-Forwarded_For: 7.7.7.7"),
        forwarded(has={"X-Forwarded-For": ["127.0.0.1"]}, lacks=("X_Forwarded_For", "X-Forwarded_For")), stays(),
        lintel_only=True),
    row("forged-request-id", "DEFAULTS forwarded fields", "A stranger's request id is replaced.",
        get("/", "X-Request-Id: mine"), forwarded(has={"X-Request-Id": ID}), stays(), lintel_only=True),
    row("forwarded-for", "RFC 7239 5.2", "The client's address is told.",
        get("/"), forwarded(has={"X-Forwarded-For": ["127.0.0.1"], "Forwarded": [OURS]}), stays(), lintel_only=True),
    row("forwarded-host-port", "RFC 7239 5.3", "The host with its port is quoted.",
        get("/", host="test:8080"), forwarded(has={"Forwarded": ['for=127.0.0.1;host="test:8080";proto=http'],
                                                   "X-Forwarded-Host": ["test:8080"]}), stays(), lintel_only=True),
    row("forwarded-host-ipv6", "RFC 7239 5.3", "An IPv6 host is quoted.",
        get("/", host="[::1]"), forwarded(has={"Forwarded": ['for=127.0.0.1;host="[::1]";proto=http']}), stays(),
        lintel_only=True),
    row("forwarded-no-host", "RFC 7239 5.3", "Without Host the host is the address that the client connected to.",
        head("GET / HTTP/1.0", host=None),
        forwarded(has={"Forwarded": re.compile(r'for=127\.0\.0\.1;host="127\.0\.0\.1:\d+";proto=http')}),
        lintel_only=True),
    row("forwarded-absolute", "RFC 7239 5.3", "The host is the one that was agreed on, in canonical form.",
        get("http://TEST.:80/", host="test"), forwarded(has={"X-Forwarded-Host": ["test"]}), stays(), lintel_only=True),
    row("trusted-for", "RFC 7239 5.2", "A trusted peer's list is continued.",
        get("/", "X-Forwarded-For: 203.0.113.9"), forwarded(has={"X-Forwarded-For": ["203.0.113.9, 127.0.0.1"]}),
        stays(), **TRUSTED),
    row("trusted-for-lines", "RFC 9110 5.3", "Lists on several lines are one list, in order.",
        get("/", "X-Forwarded-For: 203.0.113.9", "A: b", "X-Forwarded-For: 203.0.113.8"),
        forwarded(has={"X-Forwarded-For": ["203.0.113.9, 203.0.113.8, 127.0.0.1"]}), stays(), **TRUSTED),
    row("trusted-forwarded", "RFC 7239 4", "A trusted peer's Forwarded is continued.",
        get("/", "Forwarded: for=203.0.113.9;proto=https"),
        forwarded(has={"Forwarded": ["for=203.0.113.9;proto=https, " + OURS]}), stays(), **TRUSTED),
    row("trusted-forwarded-lines", "RFC 7239 4", "Forwarded on several lines is one list, in order.",
        get("/", "Forwarded: for=203.0.113.9", 'Forwarded: for="[2001:db8::1]:80"'),
        forwarded(has={"Forwarded": ['for=203.0.113.9, for="[2001:db8::1]:80", ' + OURS]}), stays(), **TRUSTED),
    row("trusted-proto", "DEFAULTS forwarded fields", "A trusted peer's X-Forwarded-Proto and -Host stay.",
        get("/", "X-Forwarded-Proto: https", "X-Forwarded-Host: shop.test", "X-Forwarded-Port: 443"),
        forwarded(has={"X-Forwarded-Proto": ["https"], "X-Forwarded-Host": ["shop.test"], "X-Forwarded-Port": ["443"]}),
        stays(), **TRUSTED),
    row("trusted-real-ip", "DEFAULTS forwarded fields", "A trusted peer's X-Real-IP stays.",
        get("/", "X-Real-IP: 203.0.113.9"), forwarded(has={"X-Real-IP": ["203.0.113.9"]}), stays(), **TRUSTED),
    row("trusted-request-id", "DEFAULTS forwarded fields", "A trusted peer's request id stays.",
        get("/", "X-Request-Id: theirs"), forwarded(has={"X-Request-Id": ["theirs"]}), stays(), **TRUSTED),
    row("trusted-nothing-said", "DEFAULTS forwarded fields", "What a trusted peer does not say is filled in.",
        get("/"), forwarded(has={"X-Forwarded-For": ["127.0.0.1"], "X-Forwarded-Proto": ["http"],
                                 "X-Forwarded-Host": ["test"], "Forwarded": [OURS], "X-Request-Id": ID}), stays(),
        **TRUSTED),
    row("trusted-nominated", "RFC 9110 7.6.1", "Not even a trusted peer may take forwarding fields out by Connection.",
        get("/", "Connection: X-Forwarded-For", "X-Forwarded-For: 203.0.113.9"), answered(400), **TRUSTED),
    row("underscore-reject", "DEFAULTS underscore names", "By option a name with an underscore is refused.",
        get("/", "X_A: 1"), answered(400), setup="strict", lintel_only=True),
    row("underscore-keep", "DEFAULTS underscore names", "By option a name with an underscore goes on.",
        get("/", "X_A: 1"), forwarded(has={"X_A": ["1"]}), stays(), setup="keeping", lintel_only=True),
]
