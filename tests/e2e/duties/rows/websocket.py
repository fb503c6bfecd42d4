"""The handshake of RFC 6455 and what comes after 101 (RFC 9110, 7.8): raw bytes, both ways, and never HTTP again."""

from harness.wire import response as reply

from ..expect import answered, forwarded, got, interims, saw, stays, tunnel
from ..recorder import CLOSE
from ..row import get, head, post, row
from ..stage import half_close, origin_sees, response

KEY = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
HANDSHAKE = ("Connection: Upgrade", "Upgrade: websocket", KEY, "Sec-WebSocket-Version: 13")
ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
SWITCH = (b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
          b"Sec-WebSocket-Accept: %s\r\n\r\n" % ACCEPT.encode())
PING = b"\x89\x80\x00\x00\x00\x00"
PONG = b"\x8a\x00"


def switch(greeting=b""):
    """Agrees, says `greeting` with it, and takes everything up to the end for what was said in the tunnel."""
    def script(connection, seen):
        connection.send(SWITCH + greeting)
        seen.body = connection.to_end()
        seen.complete = True
        connection.send(PONG)
        return CLOSE
    return script


def switch_and_leave(connection, seen):
    connection.send(SWITCH + PONG)
    seen.complete = True
    return CLOSE


def refuse(connection, seen):
    connection.read_body(seen)
    connection.send(reply(400, b"no", "Sec-WebSocket-Version: 13"))


TUNNEL = {"probe": False, "origin": switch()}

ROWS = [
    row("websocket-handshake", "RFC 6455 4.1", "The handshake goes on with its fields, and with our own Connection.",
        [get("/chat", *HANDSHAKE, "Sec-WebSocket-Protocol: a, b", "Sec-WebSocket-Extensions: permessage-deflate",
             "Origin: http://test"), response],
        forwarded("GET /chat HTTP/1.1", has={
            "Upgrade": ["websocket"], "Sec-WebSocket-Key": [KEY.split(": ")[1]], "Sec-WebSocket-Version": ["13"],
            "Sec-WebSocket-Protocol": ["a, b"], "Sec-WebSocket-Extensions": ["permessage-deflate"],
            "Origin": ["http://test"]}), answered(101), tunnel(b"", PONG), **TUNNEL),
    row("websocket-answer", "RFC 6455 4.2.2", "101 comes back with its fields.",
        [get("/chat", *HANDSHAKE), response],
        got(has={"Upgrade": ["websocket"], "Sec-WebSocket-Accept": [ACCEPT]}, lacks=("Content-Length", "Transfer-Encoding")),
        answered(101), **TUNNEL),
    row("websocket-both-ways", "RFC 9110 7.8", "After 101 the bytes go both ways as they are.",
        [get("/chat", *HANDSHAKE), response, PING, PING], answered(101), tunnel(PING * 2, PONG), **TUNNEL),
    row("websocket-client-first", "RFC 6455 4.1", "Bytes that the client sends before it has seen 101 are not lost.",
        [get("/chat", *HANDSHAKE) + PING, response], answered(101), tunnel(PING, PONG), **TUNNEL),
    row("websocket-server-first", "RFC 6455 4.2.2", "Bytes that come in one piece with 101 are not lost.",
        [get("/chat", *HANDSHAKE), response], answered(101), tunnel(b"", b"hello" + PONG), probe=False,
        origin=switch(b"hello")),
    row("websocket-not-http", "RFC 9110 7.8", "What looks like a request in the tunnel is none.",
        [get("/chat", *HANDSHAKE), response, get("/smuggled")], saw(1), answered(101), tunnel(get("/smuggled"), PONG),
        **TUNNEL),
    row("websocket-bytes", "RFC 6455 5", "All bytes go through, whatever they are.",
        [get("/chat", *HANDSHAKE), response, bytes(range(256)) * 1000], answered(101),
        tunnel(bytes(range(256)) * 1000, PONG), **TUNNEL),
    row("websocket-half-close", "RFC 6455 7.1.1", "The client's end reaches the server, who may still speak.",
        [get("/chat", *HANDSHAKE), response, PING, half_close], answered(101), tunnel(PING, PONG), **TUNNEL),
    row("websocket-server-ends", "RFC 6455 7.1.1", "The server's end reaches the client, behind its last bytes.",
        [get("/chat", *HANDSHAKE), response], answered(101), tunnel(None, PONG), probe=False, origin=switch_and_leave),
    row("websocket-no-early-switch", "RFC 9110 7.8", "Before 101 nothing is raw: what was sent ahead stays with us.",
        [get("/chat", *HANDSHAKE) + b"ahead", origin_sees(1)], saw(1), answered(101), tunnel(b"ahead", PONG), **TUNNEL),
    row("websocket-token-case", "RFC 9110 7.8", "Names of protocols and options have no case.",
        [get("/chat", "connection: keep-alive, UPGRADE", "upgrade: WebSocket", KEY, "Sec-WebSocket-Version: 13"), response],
        forwarded("GET /chat HTTP/1.1"), answered(101), tunnel(b"", PONG), **TUNNEL),
    row("websocket-post", "RFC 6455 4.1", "The handshake is a GET: with another method Upgrade is not passed on.",
        post(*HANDSHAKE, "Content-Length: 5", body=b"hello"), forwarded("POST / HTTP/1.1", b"hello", lacks=("Upgrade",)),
        answered(200), stays(), choice=True),
    row("websocket-http10", "RFC 6455 4.1", "The handshake is HTTP/1.1.",
        head("GET /chat HTTP/1.0", *HANDSHAKE), forwarded(lacks=("Upgrade",)), answered(200)),
    row("websocket-connection-missing", "RFC 9110 7.8", "Upgrade without Connection: upgrade asks for nothing.",
        get("/chat", *HANDSHAKE[1:]), forwarded("GET /chat HTTP/1.1", lacks=("Upgrade",)), answered(200), stays(),
        choice=True),
    row("websocket-upgrade-missing", "RFC 9110 7.8", "Connection: upgrade without Upgrade asks for nothing.",
        get("/chat", HANDSHAKE[0], *HANDSHAKE[2:]), forwarded("GET /chat HTTP/1.1", lacks=("Upgrade",)), answered(200),
        stays(), choice=True),
    row("websocket-refused", "RFC 6455 4.2.2", "A server that refuses: its answer reaches the client, and the connection "
        "is HTTP still.", get("/chat", *HANDSHAKE[:3], "Sec-WebSocket-Version: 99"), answered(400),
        got(b"no", has={"Sec-WebSocket-Version": ["13"]}), stays(), origin=refuse),
    row("websocket-interim-first", "RFC 9110 15.2", "An interim response before 101 is one.",
        [get("/chat", *HANDSHAKE), response], interims(103), answered(101), probe=False,
        origin=lambda connection, seen: connection.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
        or switch()(connection, seen)),
]
