"""What origins answer to a request that would change the protocol, and to others (RFC 9110, 7.8). Of WebSocket itself see
`websocket`."""

import re

from ..expect import answered, bad_gateway, cut_off, ends, forwarded, got, own_connection, stays
from ..recorder import CLOSE, closing
from ..row import SMUGGLED_RESPONSE, get, head, post, reply, row
from ..stage import arrives, exactly, hang_up, origin_ends, origin_gets, origin_resets, response

KEY = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
ASK = ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", KEY]
WS = get("/chat?room=1", *ASK, "Origin: http://test", "Sec-WebSocket-Protocol: chat, superchat",
         "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits, x")
SWITCH = ["Connection: Upgrade", "Upgrade: websocket", ACCEPT]
UPGRADE = re.compile("(?i)upgrade")
PLAIN = reply("Content-Length: 2", body=b"ok")


def switch(*lines, status="101 Switching Protocols", behind=b"", **options):
    return reply(*lines, status=status, body=behind, **options)


def switching(data, says=b""):
    """A script: switches, says something, and then upper-cases what it hears up to the end, and says goodbye."""
    def script(connection, seen):
        connection.read_body(seen)
        connection.send(data + says)
        while connection.buffer or connection.fill():
            connection.send(connection.take(len(connection.buffer)).upper())
        connection.send(b"bye")
        return CLOSE
    return script


def silent(data):
    """A script: sends this and waits; what more there is the row's steps say."""
    def script(connection, seen):
        connection.read_body(seen)
        connection.send(data)
        connection.wait_for_end()
        return CLOSE
    return script


GOOD = switch(*SWITCH)
TUNNEL = {"probe": False, "origin": switching(GOOD)}

#: 101 responses to a request that asked for websocket, and that are no switch to it.
WRONG = [
    ("other-protocol", ["Connection: Upgrade", "Upgrade: chat"], "To a protocol that was not asked for."),
    ("h2c", ["Connection: Upgrade", "Upgrade: h2c"], "To HTTP/2, which would take all that follows out of sight."),
    ("no-protocol", ["Connection: Upgrade"], "Without saying to what."),
    ("empty-protocol", ["Connection: Upgrade", "Upgrade:"], "To nothing."),
    ("no-connection", ["Upgrade: websocket"], "Without Connection: Upgrade."),
    ("list", ["Connection: Upgrade", "Upgrade: websocket, h2c"], "To two at once."),
    ("lines", ["Connection: Upgrade", "Upgrade: websocket", "Upgrade: h2c"], "To two on two lines."),
]
#: Requests that ask for nothing, or for nothing that is passed on, and that an origin switches nevertheless.
UNASKED = [
    ("get", get("/")), ("post", post("Content-Length: 2", body=b"hi")), ("head", head("HEAD / HTTP/1.1")),
    ("h2c", get("/", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAoAAA")),
    ("not-named", get("/", "Upgrade: websocket")),
    ("with-body", post("Connection: Upgrade", "Upgrade: websocket", "Content-Length: 2", body=b"hi")),
]
#: Answers to an upgrade that keep to HTTP.
REFUSALS = [("200", "200 OK"), ("400", "400 Bad Request"), ("403", "403 Forbidden"), ("404", "404 Not Found"),
            ("302", "302 Found"), ("500", "500 Internal Server Error")]

ROWS = [
    row("ws-responses-are-bytes", "RFC 9110 7.8", "And what looks like a response.",
        [WS, response, exactly(SMUGGLED_RESPONSE)], answered(101), probe=False, origin=switching(GOOD, SMUGGLED_RESPONSE)),
    row("ws-origin-resets", "RFC 9110 7.8", "A reset ends the client's connection too.",
        [WS, response, origin_resets], answered(101), ends(), probe=False, origin=silent(GOOD)),
    row("ws-client-leaves", "RFC 9110 7.8", "A client that goes takes its tunnel with it.",
        [WS, response, b"last", origin_gets(b"last"), hang_up], answered(101), own_connection(), probe=False,
        origin=silent(GOOD)),
    row("ws-not-pooled", "RFC 9110 7.8", "A connection that was switched never serves HTTP again.", [WS, response, hang_up],
        answered(101), own_connection(), probe=False, origin=switching(GOOD)),
    row("ws-after-requests", "RFC 9110 7.8", "An upgrade on a connection that has served requests.",
        [get("/1"), response, WS, response, b"hello", exactly(b"HELLO")], answered(200, 101), probe=False,
        origin=lambda connection, seen: connection.send(PLAIN) if seen.target == "/1"
        else switching(GOOD)(connection, seen)),
    row("ws-pipelined", "RFC 9110 7.8", "An upgrade pipelined behind a request.",
        [get("/1") + WS, response, response, b"hello", exactly(b"HELLO")], answered(200, 101), probe=False,
        origin=lambda connection, seen: connection.send(PLAIN) if seen.target == "/1"
        else switching(GOOD)(connection, seen), choice=True),
    row("ws-length", "RFC 9112 6.3", "A length in 101 is not that of anything.", [WS, response, exactly(b"welcome")],
        answered(101), got(b"", lacks=("Content-Length",)), probe=False, choice=True,
        origin=switching(switch(*SWITCH, "Content-Length: 3"), b"welcome")),
    row("ws-large", "RFC 9110 7.8", "Much, in both directions.",
        [WS, response, b"a" * 300000, exactly(b"A" * 300000)], answered(101), **TUNNEL),
    row("upgrade-other", "RFC 9110 7.8", "Other protocols than WebSocket are passed on.",
        [get("/", "Connection: Upgrade", "Upgrade: chat/1.0"), response, b"hello", exactly(b"HELLO")],
        forwarded(has={"Upgrade": ["chat/1.0"]}), answered(101), probe=False, choice=True,
        origin=switching(switch("Connection: Upgrade", "Upgrade: chat/1.0"))),
    row("upgrade-http10-101", "RFC 9110 7.8", "101 to a client of HTTP/1.0: 502.", head("GET / HTTP/1.0", *ASK),
        answered(502), ends(), own_connection(), choice=True, origin=closing(GOOD)),
    row("upgrade-101-from-http10", "RFC 9110 7.8", "101 from an origin of HTTP/1.0, which knows no 101.", WS,
        bad_gateway(), choice=True, origin=closing(switch(*SWITCH, version="HTTP/1.0"))),
    row("upgrade-426", "RFC 9110 15.5.22", "426 tells what to upgrade to.", get(), answered(426),
        got(b"ok", has={"Upgrade": ["websocket, chat/2"], "Connection": UPGRADE, "Sec-WebSocket-Version": ["13, 8"]}),
        stays(), origin=reply("Connection: Upgrade", "Upgrade: websocket, chat/2", "Sec-WebSocket-Version: 13, 8",
                              "Content-Length: 2", body=b"ok", status="426 Upgrade Required")),
    row("upgrade-426-to-http10", "RFC 9110 7.8", "Not to HTTP/1.0, which knows no Upgrade.", head("GET / HTTP/1.0"),
        answered(426), got(b"ok", lacks=("Upgrade",)), ends(), choice=True,
        origin=reply("Connection: Upgrade", "Upgrade: websocket", "Content-Length: 2", body=b"ok",
                     status="426 Upgrade Required")),
    row("upgrade-426-close", "RFC 9110 15.5.22", "426 to a client that says close.", get("/", "Connection: close"),
        answered(426), got(b"ok", has={"Upgrade": ["websocket"]}), ends(), choice=True,
        origin=reply("Connection: Upgrade", "Upgrade: websocket", "Content-Length: 2", body=b"ok",
                     status="426 Upgrade Required")),
] + [
    row(f"upgrade-101-{name}", "RFC 9110 7.8", f"{duty} 502.", WS, bad_gateway(), choice=True, peer=(answered(502),),
        origin=closing(switch(*lines)))
    for name, lines, duty in WRONG
] + [
    row(f"upgrade-101-unasked-{name}", "RFC 9110 7.8", "101 that was not asked for: 502.", request, bad_gateway(),
        choice=True, peer=(answered(502),), origin=closing(GOOD + SMUGGLED_RESPONSE))
    for name, request in UNASKED
] + [
    row(f"upgrade-refused-{name}", "RFC 9110 7.8", "An upgrade that is refused is a request like others, and both "
        "connections remain HTTP.", [WS + get("/2"), response, response], answered(int(name), 200), got(b"no", number=0),
        got(b"ok", number=1), stays(), choice=True, peer=(got(b"no"),),
        origin=[reply("Content-Length: 2", body=b"no", status=status), PLAIN])
    for name, status in REFUSALS
] + [
    row("upgrade-refused-eager", "RFC 9110 7.8", "What a client sends behind an upgrade that is refused is read as requests, "
        "and refused if it is none.", [WS + b"\x81\x85eager", response], answered(200, 400), ends(), choice=True,
        origin=PLAIN),
    row("upgrade-refused-smuggling", "RFC 9110 7.8", "WebSocket smuggling: 426 must not make a tunnel, whatever the client "
        "believes.", WS + get("/local"), answered(426, 200), got(b"local\n", number=1), stays(), choice=True,
        peer=(got(b"local\n", number=1),),
        origin=reply("Content-Length: 0", "Sec-WebSocket-Version: 13", status="426 Upgrade Required")),
    row("upgrade-tunnel-cut", "RFC 9110 7.8", "A response that is no 101 breaks off as any other.",
        [WS, arrives(b"part"), origin_ends], cut_off(b"part"), own_connection(), ends(), probe=False,
        origin=silent(reply("Content-Length: 9", body=b"part"))),
]
