"""Bodies far larger than any buffer arrive as they were, and memory grows neither with them nor much with idle clients."""

import hashlib
import threading

import pytest
from harness.daemon import proxy_to, wait_until_quiet
from harness.environment import PATIENCE, SANITIZED
from harness.wire import connect, request

MIB = 1 << 20
BLOCK = hashlib.shake_128(b"lintel").digest(MIB - 8)


def block(number):
    """The MiB with that number: no two are alike."""
    return number.to_bytes(8, "big") + BLOCK


def digest_of(mebibytes):
    digest = hashlib.sha256()
    for number in range(mebibytes):
        digest.update(block(number))
    return digest.hexdigest()


def send_body(connection, mebibytes, chunked):
    for number in range(mebibytes):
        data = block(number)
        if chunked:
            connection.send(b"%x\r\n" % len(data))
        connection.send(data)
        if chunked:
            connection.send(b"\r\n")
    if chunked:
        connection.send(b"0\r\n\r\n")


def receive_body(connection, headers):
    """SHA-256 and size of a body, which is not kept."""
    digest, size = hashlib.sha256(), 0
    scratch = memoryview(bytearray(MIB))

    def take(length):
        nonlocal size
        while length:
            if connection.buffer:
                data = connection.take(length)
            else:
                got = connection.sock.recv_into(scratch[:min(length, MIB)])
                assert got, "the body is truncated"
                data = scratch[:got]
            digest.update(data)
            size += len(data)
            length -= len(data)

    if headers.get("transfer-encoding"):
        while length := int(connection.line(), 16):
            take(length)
            connection.line()
        connection.line()
    else:
        take(int(headers["content-length"]))
    return digest.hexdigest(), size


def framing(mebibytes, chunked):
    return "Transfer-Encoding: chunked" if chunked else f"Content-Length: {mebibytes * MIB}"


def storage(received):
    """An origin's script: GET /N/framing sends N MiB, POST keeps the body's digest."""
    def script(connection):
        while seen := connection.read_request_head():
            if seen.method == "POST":
                received.append(receive_body(connection, seen.headers))
                connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            else:
                _, size, kind = seen.target.split("/")
                connection.send(f"HTTP/1.1 200 OK\r\n{framing(int(size), kind == 'chunked')}\r\n\r\n")
                send_body(connection, int(size), kind == "chunked")
    return script


@pytest.mark.parametrize("mebibytes,kind", [
    pytest.param(2048, "length", marks=pytest.mark.long), (64 if SANITIZED else 256, "length"),
    (32 if SANITIZED else 128, "chunked")])
def test_upload_and_download_have_equal_checksums(start, origin, mebibytes, kind):
    received = []
    lintel = start(proxy_to(origin(storage(received)), access_log={"enabled": False}))
    chunked = kind == "chunked"
    with lintel.connect(timeout=PATIENCE * 3) as client:
        client.ask(request("POST", "/", body=b"warm"))
        received.clear()
        before = lintel.resident()
        client.send(request("POST", "/", framing(mebibytes, chunked)))
        send_body(client, mebibytes, chunked)
        assert client.read_response("POST").status == 200
        client.send(request("GET", f"/{mebibytes}/{kind}"))
        downloaded = receive_body(client, client.read_response_head().headers)
        assert lintel.resident() - before < (16 if SANITIZED else 1) * MIB
    assert downloaded == received[0]
    assert downloaded == (digest_of(mebibytes), mebibytes * MIB)


CONNECTIONS = 8


@pytest.mark.skipif(SANITIZED, reason="a sanitizer's own memory hides the program's")
def test_memory_with_slow_readers(start, origin):
    """Servers send without end to clients that do not read."""
    sent = [0] * (CONNECTIONS + 1)

    def script(connection):
        connection.read_request()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        data = bytes(65536)
        while True:
            sent[connection.number] += connection.sock.send(data)

    check_memory(start(proxy_to(origin(script), access_log={"enabled": False})),
                 lambda client: client.send(request()), sent)


@pytest.mark.skipif(SANITIZED, reason="a sanitizer's own memory hides the program's")
def test_memory_with_servers_that_do_not_read(start, origin):
    """Clients send without end to servers that do not read."""
    sent = [0] * (CONNECTIONS + 1)
    done = threading.Event()

    def script(connection):
        connection.read_request_head()
        done.wait(PATIENCE)

    numbers = iter(range(CONNECTIONS + 1))

    def begin(client):
        number = next(numbers)

        def upload():
            try:
                client.send(request("POST", "/", "Content-Length: 1000000000"))
                while True:
                    sent[number] += client.sock.send(bytes(65536))
            except OSError:
                pass
        threading.Thread(target=upload, daemon=True).start()

    check_memory(start(proxy_to(origin(script), access_log={"enabled": False})), begin, sent)
    done.set()


def check_memory(lintel, begin, sent):
    """`begin(client)` starts a transfer that gets stuck; `sent`: what the senders could get rid of."""
    clients = [connect(lintel.address, rcvbuf=65536)]
    begin(clients[0])
    wait_until_quiet(lambda: list(sent))
    before = lintel.resident()
    for _ in range(CONNECTIONS):
        clients.append(connect(lintel.address, rcvbuf=65536))
        begin(clients[-1])
    wait_until_quiet(lambda: list(sent))
    assert all(sent), "every transfer has begun"
    assert max(sent) < 50 * MIB, "back-pressure reaches the sender"
    grown = (lintel.resident() - before) / CONNECTIONS
    for client in clients:
        client.reset()
    assert grown < MIB, f"{grown / 1024:.0f} KiB per connection"
    assert grown < MIB / 4, f"{grown / 1024:.0f} KiB per connection: within the promise, but what needs so much?"


@pytest.mark.skipif(SANITIZED, reason="a sanitizer's own memory hides the program's")
def test_memory_of_idle_connections(start, origin):
    lintel = start(proxy_to(origin(), access_log={"enabled": False}))
    clients = []

    def more(count):
        for _ in range(count):
            clients.append(lintel.connect())
            assert clients[-1].ask(request()).status == 200
        return lintel.resident()

    before = more(500)
    count = 3000
    each = (more(count) - before) / count
    for client in clients:
        client.close()
    assert each < 1.25 * 1024, f"{each:.0f} bytes for each idle connection"
