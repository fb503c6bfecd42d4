"""TLS that is passed through by the name that the client asks for, and ports that speak TLS and plain HTTP."""

import contextlib
import socket
import ssl
import threading

import pytest
from harness import tls, wire
from harness.certificates import Authority
from harness.daemon import command, proxy_to
from harness.environment import PATIENCE, eventually, load


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path)


class Site:
    """A TLS server that answers every connection with its own name."""

    def __init__(self, authority, name):
        self.name = name
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        issued = authority.issue(name)
        context.load_cert_chain(issued.cert, issued.key)
        context.set_alpn_protocols(["h2", "http/1.1"])
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.address = "127.0.0.1:%d" % self.socket.getsockname()[1]
        self.accepted = 0
        self._context = context
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        while True:
            try:
                plain, _ = self.socket.accept()
            except OSError:
                return
            self.accepted += 1
            threading.Thread(target=self._serve, args=(plain,), daemon=True).start()

    def _serve(self, plain):
        with contextlib.suppress(OSError), self._context.wrap_socket(plain, server_side=True) as secure:
            text = secure.recv(1 << 16)
            secure.sendall(self.name.encode() + b":" + text)
            with contextlib.suppress(OSError):
                secure.unwrap()

    def close(self):
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()


@pytest.fixture
def sites(authority):
    made = {name: Site(authority, name) for name in ("a.test", "x.b.test", "rest.test")}
    yield made
    for site in made.values():
        site.close()


def passthrough(sites, rest=True, **listener):
    routes = [{"name": "exact", "match": {"sni": ["a.test", "other.test"]}, "pool": "a"},
              {"name": "wild", "match": {"sni": "*.b.test"}, "pool": "b"}]
    made = {"listeners": [{"name": "web", "protocol": "tcp", "tls": "passthrough", "routes": routes, **listener}],
            "pools": {"a": {"servers": [sites["a.test"].address]}, "b": {"servers": [sites["x.b.test"].address]}}}
    if rest:
        made["listeners"][0]["pool"] = "rest"
        made["pools"]["rest"] = {"servers": [sites["rest.test"].address]}
    return made


def ask(lintel, name, authority, expected):
    with tls.connect(lintel.address, tls.context(authority.file, alpn=["http/1.1"]), name) as client:
        assert client.sock.selected_alpn_protocol() == "http/1.1"
        client.send(b"hello")
        assert client.to_end() == expected.encode() + b":hello"


def test_routes_by_name_without_decrypting(start, authority, sites):
    lintel = start(passthrough(sites))
    ask(lintel, "a.test", authority, "a.test")
    ask(lintel, "x.b.test", authority, "x.b.test")  # The server's own certificate is shown: it is verified.
    ask(lintel, "rest.test", authority, "rest.test")
    with tls.connect(lintel.address) as client:  # Without a name.
        client.send(b"hi")
        assert client.to_end() == b"rest.test:hi"
    records = lintel.access_log(4)
    assert [record["route"] for record in records] == ["exact", "wild", "rest", "rest"]
    assert [record.get("sni") for record in records] == ["a.test", "x.b.test", "rest.test", None]
    assert {record["end_reason"] for record in records} == {"tunnel.closed"}
    assert lintel.metrics().value("lintel_sessions_total", listener="web", route="exact") == 1


def client_hello(name="a.test", padding=0):
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = tls.context(alpn=["p%d" % number + "x" * 200 for number in range(padding)] or None).wrap_bio(
        incoming, outgoing, server_hostname=name)
    with contextlib.suppress(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read(), client, incoming, outgoing


def finish_handshake(sock, client, incoming, outgoing):
    """The rest of a handshake whose ClientHello has gone out."""
    while True:
        incoming.write(sock.recv(1 << 16))
        try:
            client.do_handshake()
            break
        except ssl.SSLWantReadError:
            sock.sendall(outgoing.read())
    sock.sendall(outgoing.read())
    client.write(b"hello")
    sock.sendall(outgoing.read())
    while True:
        with contextlib.suppress(ssl.SSLWantReadError):
            return client.read(100)
        incoming.write(sock.recv(1 << 16))


def test_a_hello_byte_by_byte(start, sites):
    lintel = start(passthrough(sites))
    hello, client, incoming, outgoing = client_hello()
    with socket.create_connection(lintel.address, timeout=PATIENCE) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for at in range(len(hello)):
            sock.sendall(hello[at:at + 1])
        assert finish_handshake(sock, client, incoming, outgoing) == b"a.test:hello"


def test_a_large_hello(start, sites):
    lintel = start(passthrough(sites))
    hello, client, incoming, outgoing = client_hello(padding=40)
    assert len(hello) > 8000
    with socket.create_connection(lintel.address, timeout=PATIENCE) as sock:
        sock.sendall(hello[:3000])
        eventually(lambda: lintel.metrics().value("lintel_listener_connections", listener="web") == 1, "it is there")
        sock.sendall(hello[3000:])
        with contextlib.suppress(ssl.SSLError):  # Of these protocols the server knows none, which is its business.
            finish_handshake(sock, client, incoming, outgoing)
    assert sites["a.test"].accepted == 1


def test_a_hello_in_many_records(start, sites):
    """A server may refuse them (OpenSSL does not), but the name is found."""
    lintel = start(passthrough(sites))
    hello, client, incoming, outgoing = client_hello()
    body = hello[5:]
    crumbs = b"".join(b"\x16\x03\x01" + len(body[at:at + 40]).to_bytes(2, "big") + body[at:at + 40]
                      for at in range(0, len(body), 40))
    with socket.create_connection(lintel.address, timeout=PATIENCE) as sock:
        sock.sendall(crumbs)
        assert finish_handshake(sock, client, incoming, outgoing) == b"a.test:hello"


def test_a_name_that_no_route_has(start, authority, sites):
    lintel = start(passthrough(sites, rest=False))
    ask(lintel, "a.test", authority, "a.test")
    with pytest.raises(ssl.SSLError, match="(?i)unrecognized"):
        tls.connect(lintel.address, name="nobody.test")
    ends = {record["sni"]: record["end_reason"] for record in lintel.access_log(2)}
    assert ends["nobody.test"] == "route.none"


@pytest.mark.parametrize("data,reason", [(b"GET / HTTP/1.1\r\n\r\n", "client.hello"),
                                         (b"\x16\x03\x01\x00\x05hello", "client.hello"),
                                         (b"\x16\x03\x01\x01\x00\x01", "client.timeout_hello"),
                                         (b"\x16\x03\x01\x40\x00\x01\x00\xff\xff" + bytes(40000), "client.hello")],
                         ids=["http", "no-hello", "half", "large"])
def test_what_is_no_hello(start, sites, data, reason):
    lintel = start(passthrough(sites, timeouts={"handshake": "300ms"}))
    files = lintel.open_files()
    with pytest.raises(OSError), lintel.connect() as client:
        client.send(data)
        assert client.sock.recv(1) == b"x"
        raise AssertionError("it was answered")
    assert lintel.last_record()["end_reason"] == reason
    eventually(lambda: lintel.open_files() <= files, "its descriptor is closed")


def test_silent_clients_cost_a_bounded_time(start, sites):
    lintel = start(passthrough(sites, timeouts={"handshake": "300ms"}))
    clients = [lintel.connect() for _ in range(load(200, 50))]
    eventually(lambda: lintel.metrics().value("lintel_listener_connections", listener="web") == 0, "all are closed")
    for client in clients:
        client.close()


def test_the_name_goes_on_in_a_proxy_header(start, authority, origin, sites):
    seen = []

    def serve(connection):
        while len(connection.buffer) < 60 and connection.fill():
            pass
        seen.append(bytes(connection.buffer))
    server = origin(serve)
    config = passthrough(sites)
    config["pools"]["a"] = {"servers": [server.name], "proxy_protocol": "v2"}
    lintel = start(config)
    with pytest.raises((ssl.SSLError, OSError)):
        tls.connect(lintel.address, name="a.test")
    eventually(lambda: seen, "the server's side")
    assert seen[0].startswith(b"\r\n\r\n\0\r\nQUIT\n\x21\x11") and b"\x02\x00\x06a.test" in seen[0]


# --- One port for TLS and plain HTTP


def both(authority, server, plain):
    issued = authority.issue("a.test", "localhost")
    return proxy_to(server, listener={"tls": {"certificates": [issued.files], "plain_http": plain}})


def test_plain_http_is_served(start, origin, authority):
    server = origin()
    lintel = start(both(authority, server, "serve"))
    with tls.connect(lintel.address, tls.context(authority.file), "a.test") as client:
        assert client.ask(wire.request(host="a.test")).status == 200
    assert lintel.ask().status == 200
    assert [seen.headers["X-Forwarded-Proto"] for seen in server.requests] == ["https", "http"]
    assert [record["scheme"] for record in lintel.access_log(2)] == ["https", "http"]


def test_plain_http_is_redirected(start, origin, authority):
    server = origin()
    lintel = start(both(authority, server, "redirect"))
    with lintel.connect() as client:
        for host in (f"a.test:{lintel.port}", "a.test"):
            answer = client.ask(wire.request("GET", "/x?y=1", host=host))
            assert (answer.status, answer.headers["Location"]) == (308, f"https://{host}/x?y=1")
    with tls.connect(lintel.address, tls.context(authority.file), "a.test") as client:
        assert client.ask(wire.request(host="a.test")).status == 200
    assert len(server.requests) == 1


def test_plain_http_is_rejected(start, origin, authority):
    lintel = start(both(authority, origin(), "reject"))
    with lintel.connect() as client, pytest.raises((wire.Closed, OSError)):
        client.ask(wire.request())


def test_a_first_byte_that_is_late(start, origin, authority):
    lintel = start(both(authority, origin(), "serve"))
    with lintel.connect() as silent, lintel.connect() as client:
        assert client.ask(wire.request()).status == 200
        eventually(lambda: lintel.metrics().value("lintel_listener_connections", listener="web") == 2, "both are there")
        silent.send(b"G")
        silent.send(wire.request().decode()[1:] if isinstance(wire.request(), bytes) else wire.request()[1:])
        assert silent.read_response().status == 200


# --- Configuration


@pytest.mark.parametrize("listener,message", [
    ("protocol: tcp\n    routes: [{pool: p}]", "cannot be told apart without tls: passthrough"),
    ("tls: passthrough\n    pool: p", "only a tcp listener can pass TLS through"),
    ("protocol: tcp\n    tls: passthrough\n    routes: [{match: {path: /x}, pool: p}]", "this is for protocol: http"),
    ("routes: [{match: {sni: a.test}, pool: p}]", "the listener has no tls"),
    ("protocol: udp\n    routes: [{match: {sni: a.test}, pool: p}]", "this is for protocol: http, tcp"),
    ("protocol: tcp\n    tls: {mode: passthrough, plain_http: serve}\n    pool: p", "for listeners that speak HTTP"),
    ("tls: {min_version: '1.2'}\n    pool: p", "there is no certificate"),
])
def test_settings_that_do_not_fit(tmp_path, listener, message):
    file = tmp_path / "lintel.yaml"
    file.write_text(f"listeners:\n  - name: a\n    bind: [':4433']\n    {listener}\npools: {{p: {{servers: [127.0.0.1:1]}}}}\n")
    done = command("check", file)
    assert done.returncode == 1 and message in done.stderr + done.stdout, done
