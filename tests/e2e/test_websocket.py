"""Upgraded connections: WebSocket with a real library on both sides, and tunnels byte by byte."""

import asyncio
import contextlib
import hashlib
import time

import pytest
import websockets
from harness.daemon import proxy_to
from harness.environment import PATIENCE, eventually, load
from harness.wire import request, response

MESSAGES = load(10000, 1000)
KEY = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
UPGRADE = ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", KEY]
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\n"


def message(number):
    """Text and binary in turn, of many lengths, so that all three length forms of frames occur."""
    size = (number * 37) % 300 if number % 500 else 70000
    text = f"{number}:" + "\N{BOX DRAWINGS LIGHT HORIZONTAL}" * (size // 3)
    return text if number % 2 else text.encode()


@contextlib.asynccontextmanager
async def serving(handler, **options):
    async with websockets.serve(handler, "127.0.0.1", 0, **options) as server:
        yield "127.0.0.1:%d" % server.sockets[0].getsockname()[1]


async def exchange(socket):
    """Sends all messages and receives all of the other side's at the same time; returns digest and count."""
    async def send():
        for number in range(MESSAGES // 2):
            await socket.send(message(number))

    sender = asyncio.ensure_future(send())
    digest, kinds = hashlib.sha256(), {str: 0, bytes: 0}
    for _ in range(MESSAGES // 2):
        got = await socket.recv()
        kinds[type(got)] += 1
        digest.update(got.encode() if isinstance(got, str) else got)
    await sender
    return digest.hexdigest(), kinds


def test_ten_thousand_messages(start):
    expected = hashlib.sha256()
    for number in range(MESSAGES // 2):
        got = message(number)
        expected.update(got.encode() if isinstance(got, str) else got)
    kinds = {str: MESSAGES // 4, bytes: MESSAGES // 4}

    async def run():
        seen = []

        async def handler(socket):
            seen.append((await exchange(socket), socket.path))
            await socket.wait_closed()
            seen.append(socket.close_code)

        async with serving(handler) as server:
            lintel = start(proxy_to(server))
            url = f"ws://127.0.0.1:{lintel.port}/chat?room=1"
            async with websockets.connect(url, subprotocols=None) as socket:
                assert await exchange(socket) == (expected.hexdigest(), kinds)
                await socket.close(code=4321, reason="enough")
            while len(seen) < 2:
                await asyncio.sleep(0.005)
        assert seen == [((expected.hexdigest(), kinds), "/chat?room=1"), 4321]
        record = lintel.last_record()
        assert (record["status"], record["end_reason"]) == (101, "tunnel.closed")
        assert record["bytes_in"] > MESSAGES and record["bytes_out"] > MESSAGES  # Compressed.

    asyncio.run(asyncio.wait_for(run(), PATIENCE * 2))


def test_close_begun_by_the_server(start):
    async def handler(socket):
        await socket.send("bye")
        await socket.close(code=4000, reason="go away")

    async def run():
        async with serving(handler) as server:
            lintel = start(proxy_to(server))
            async with websockets.connect(f"ws://127.0.0.1:{lintel.port}/") as socket:
                assert await socket.recv() == "bye"
                with pytest.raises(websockets.ConnectionClosed) as closed:
                    await socket.recv()
                assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (4000, "go away")
        assert lintel.last_record()["end_reason"] == "tunnel.closed"

    asyncio.run(asyncio.wait_for(run(), PATIENCE))


def test_many_tunnels_at_once(start):
    async def handler(socket):
        async for got in socket:
            await socket.send(got)

    async def talk(url, number):
        async with websockets.connect(url) as socket:
            for i in range(10):
                await socket.send(f"{number}.{i}")
                assert await socket.recv() == f"{number}.{i}"

    async def run():
        async with serving(handler) as server:
            lintel = start(proxy_to(server, workers=2))
            await asyncio.gather(*[talk(f"ws://127.0.0.1:{lintel.port}/", number) for number in range(50)])
            assert {record["end_reason"] for record in lintel.access_log(50)} == {"tunnel.closed"}

    asyncio.run(asyncio.wait_for(run(), PATIENCE))


def test_server_that_refuses_the_upgrade(start, origin):
    server = origin(answer=lambda seen: response(403 if "upgrade" in seen.headers else 200, b"no", reason="No"))
    with start(proxy_to(server)).connect() as client:
        for _ in range(2):
            got = client.ask(request("GET", "/", *UPGRADE))
            assert (got.status, got.body) == (403, b"no")
            assert client.ask(request()).status == 200, "the connection goes on as HTTP"
    assert server.requests[0].headers["upgrade"] == "websocket"
    assert server.requests[0].headers["connection"].lower() == "upgrade"
    assert "upgrade" not in server.requests[1].headers


def tunnel(script):
    """An origin that switches protocols and then runs `script(connection)`."""
    def run(connection):
        connection.read_request()
        connection.send(SWITCH)
        script(connection)
    return run


CHAT = request("GET", "/", "Connection: Upgrade", "Upgrade: chat")


def test_tunnel_is_transparent_both_ways(start, origin):
    def echo(connection):
        while connection.buffer or connection.fill():
            connection.send(connection.take(len(connection.buffer)).upper())

    with start(proxy_to(origin(tunnel(echo)))).connect() as client:
        got = client.ask(CHAT)
        assert (got.status, got.headers["upgrade"], got.headers["connection"].lower()) == (101, "chat", "upgrade")
        for i in range(100):
            client.send(b"hello %d\r\n\r\n" % i)
            assert client.exactly(len(b"HELLO %d\r\n\r\n" % i)) == b"HELLO %d\r\n\r\n" % i
        client.end()  # Half closed: the other direction goes on.
        assert client.at_end()


def test_bytes_right_behind_the_101_belong_to_the_tunnel(start, origin):
    def script(connection):
        connection.read_request()
        connection.send(SWITCH + b"server speaks first")
        assert connection.exactly(5) == b"early"
        connection.send(b"!")

    server = origin(script)
    with start(proxy_to(server)).connect() as client:
        assert client.ask(CHAT).status == 101
        assert client.exactly(19) == b"server speaks first"
        client.send(b"early")
        assert client.to_end() == b"!"


def test_one_side_may_end_before_the_other(start, origin):
    def script(connection):
        assert connection.to_end() == b"question"
        connection.send(b"answer" * 100000)

    with start(proxy_to(origin(tunnel(script)))).connect() as client:
        assert client.ask(CHAT).status == 101
        client.send(b"question")
        client.end()
        assert client.to_end() == b"answer" * 100000


def test_reset_goes_through_a_tunnel(start, origin):
    def script(connection):
        connection.exactly(2)
        connection.reset()

    lintel = start(proxy_to(origin(tunnel(script))))
    with lintel.connect() as client:
        assert client.ask(CHAT).status == 101
        client.send("go")
        assert client.at_end()
    assert lintel.last_record()["end_reason"] == "tunnel.reset"


def test_silent_tunnel_ends_after_its_time(start, origin):
    server = origin(tunnel(lambda connection: connection.at_end()))
    lintel = start(proxy_to(server, pool={"timeouts": {"tunnel_idle": "300ms", "idle": "100ms"}},
                            listener={"timeouts": {"request_body": "100ms", "idle": "100ms"}}))
    with lintel.connect() as client:
        assert client.ask(CHAT).status == 101
        assert client.at_end()
    record = lintel.last_record()
    assert record["end_reason"] == "tunnel.timeout" and record["duration_ms"] >= 290
    eventually(lambda: server.open == 0, "the server's connection is closed")


def test_tunnel_that_speaks_in_one_direction_only_is_not_silent(start, origin):
    def script(connection):
        for _ in range(16):
            time.sleep(0.05)  # What is tested is time.
            connection.send(b"tick")

    lintel = start(proxy_to(origin(tunnel(script)), pool={"timeouts": {"tunnel_idle": "500ms"}}))
    with lintel.connect() as client:
        assert client.ask(CHAT).status == 101
        assert client.to_end() == b"tick" * 16


def test_upgrade_needs_http_11_and_connection(start, origin):
    """What is no proper upgrade goes on without it."""
    server = origin()
    lintel = start(proxy_to(server))
    lintel.ask(request("GET", "/", "Upgrade: websocket"))
    lintel.ask(request("GET", "/", "Connection: Upgrade", "Upgrade: websocket", version="HTTP/1.0"))
    lintel.ask(request("GET", "/", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAAA"))
    assert ["upgrade" in seen.headers for seen in server.requests] == [False, False, False]


def test_smuggled_request_behind_a_refused_upgrade(start, origin):
    """Bytes behind an upgrade that was refused are the next request, routed as any other."""
    server = origin(answer=lambda seen: response(200, seen.target.encode()))
    config = proxy_to(server)
    del config["listeners"][0]["pool"]
    config["listeners"][0]["routes"] = [{"match": {"path_prefix": "/admin"}, "respond": {"status": 403}}, {"pool": "site"}]
    with start(config).connect() as client:
        client.send(request("GET", "/a", *UPGRADE) + request("GET", "/admin"))
        assert client.read_response().body == b"/a"
        assert client.read_response().status == 403
    assert [seen.target for seen in server.requests] == ["/a"]
