"""TLS with clients: handshakes, the choice of certificates, resumption, what it costs when somebody misbehaves."""

import concurrent.futures
import os
import shutil
import socket
import ssl
import subprocess
import threading
import time

import pytest

from harness import peers, tls, wire
from harness.certificates import Authority, new_key
from harness.daemon import proxy_to, wait_until_quiet
from harness.environment import eventually, load


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path)


def secure(*certificates, **more):
    """A listener's settings."""
    return {"tls": {"certificates": [one.files for one in certificates], **more}}


def test_requests_and_answers(start, origin, authority):
    server = origin()
    lintel = start(proxy_to(server, listener=secure(authority.issue("a.test", "localhost"))))
    with tls.connect(lintel.address, tls.context(authority.file), "a.test") as client:
        for _ in range(3):
            answer = client.ask(wire.request(host="a.test:443"))
            assert (answer.status, answer.body) == (200, b"hello\n")
        assert client.sock.version() == "TLSv1.3"
    seen = server.requests[0].headers
    assert seen["host"] == "a.test", "443 is the default port here"
    assert seen["x-forwarded-proto"] == "https"
    assert "proto=https" in seen["forwarded"]
    record = lintel.last_record(3)
    assert record["scheme"] == "https"
    assert (record["tls_version"], record["sni"]) == ("TLSv1.3", "a.test")
    assert record["tls_cipher"].startswith("TLS_")
    figures = lintel.metrics_after(3)
    assert figures.value("lintel_tls_handshakes_total", listener="web", version="1.3", result="ok") == 1


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_curl(start, origin, authority, version, tmp_path):
    body = os.urandom(load(8 << 20, 1 << 20))
    server = origin(answer=lambda _: wire.response(200, body))
    lintel = start(proxy_to(server, listener=secure(authority.issue("localhost"))))
    big = tmp_path / "big"
    big.write_bytes(body)
    got = peers.curl("--cacert", authority.file, f"--tlsv{version}", "--tls-max", version,
                     f"https://localhost:{lintel.port}/", "-T", str(big))
    assert got.stdout == body if hasattr(got, "stdout") else got == body
    assert server.requests[0].body == body
    assert lintel.last_record()["tls_version"] == f"TLSv{version}"


def test_versions_that_are_out_of_date_are_refused(start, origin, authority):
    certificate = authority.issue("a.test")
    lintel = start(proxy_to(origin(), listener=secure(certificate)))
    for option in ("-tls1", "-tls1_1"):
        assert "Cipher is (NONE)" in tls.s_client(lintel.address, option, "-cipher", "ALL:@SECLEVEL=0")
    assert "no peer certificate available" in tls.s_client(lintel.address, "-tls1_2", "-cipher", "AES128-SHA:AES256-GCM-SHA384")
    lintel.reload(proxy_to(origin(), listener=secure(certificate, min_version="1.3")))
    assert "Cipher is (NONE)" in tls.s_client(lintel.address, "-tls1_2")
    assert "TLSv1.3" in tls.s_client(lintel.address, "-tls1_3")


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_sessions_are_resumed_on_every_worker_and_after_a_reload(start, origin, authority, tmp_path, version):
    config = proxy_to(origin(), listener=secure(authority.issue("a.test")), workers=4)
    lintel = start(config)
    request = "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n"
    options = (version, "-servername", "a.test", "-ign_eof")
    ticket = str(tmp_path / "session")
    assert "\nNew, " in tls.s_client(lintel.address, *options, "-sess_out", ticket, text=request)
    # The kernel gives each connection to one of four workers.
    for i in range(12):
        if i == 8:
            lintel.reload(config)
        told = tls.s_client(lintel.address, *options, "-sess_in", ticket, text=request)
        assert "\nReused, " in told
        assert "200 OK" in told
    figures = lintel.metrics()
    assert figures.sum("lintel_tls_handshakes_total", result="resumed") == 12


def test_each_connection_is_given_the_one_ticket_that_it_uses_up(start, origin, authority, tmp_path):
    lintel = start(proxy_to(origin(), listener=secure(authority.issue("a.test"))))
    request = "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n"
    options = ("-tls1_3", "-servername", "a.test", "-ign_eof", "-msg")
    ticket = str(tmp_path / "session")
    full = tls.s_client(lintel.address, *options, "-sess_out", ticket, text=request)
    resumed = tls.s_client(lintel.address, *options, "-sess_in", ticket, text=request)
    assert "\nNew, " in full and "\nReused, " in resumed
    assert [told.count("NewSessionTicket") for told in (full, resumed)] == [1, 1]


def test_a_thousand_certificates(start, origin, authority):
    count = load(1000, 100)
    key = new_key()
    issued = [authority.issue(f"host{i}.test", key=key, file=f"c{i}") for i in range(count)]
    issued.append(authority.issue("*.wild.test", key=key, file="wild"))
    begun = time.monotonic()
    lintel = start(proxy_to(origin(), listener=secure(*issued)))
    assert time.monotonic() - begun < 15
    client = tls.context(authority.file)
    for name in ("host0.test", "host7.test", f"host{count - 1}.test", "HOST42.test", "x.wild.test"):
        tls.connect(lintel.address, client, name).close()
    assert tls.subject_shown(lintel.address, "elsewhere.test") == "host0.test"
    assert tls.subject_shown(lintel.address, "a.x.wild.test") == "host0.test"


def test_rsa_or_ecdsa_as_the_client_can(start, origin, authority):
    lintel = start(proxy_to(origin(), listener=secure(authority.issue("a.test", kind="rsa"), authority.issue("a.test"))))
    for signature, word in (("rsa_pss_rsae_sha256", "rsaEncryption"), ("ecdsa_secp256r1_sha256", "id-ecPublicKey")):
        for version in ("-tls1_2", "-tls1_3"):
            told = tls.s_client(lintel.address, version, "-servername", "a.test", "-sigalgs", signature, "-showcerts")
            assert f"PKEY: {word}" in told


def test_alpn(start, origin, authority):
    lintel = start(proxy_to(origin(), listener=secure(authority.issue("a.test"))))
    with tls.connect(lintel.address, tls.context(alpn=["h2", "http/1.1"])) as client:
        assert client.sock.selected_alpn_protocol() == "http/1.1"
    with pytest.raises(ssl.SSLError, match="(?i)no.application.protocol"):
        tls.connect(lintel.address, tls.context(alpn=["h2"]))


def test_ocsp_response_is_stapled(start, origin, authority):
    certificate = authority.issue("a.test")
    files = {**certificate.files, "ocsp": authority.ocsp(certificate)}
    lintel = start(proxy_to(origin(), listener={"tls": {"certificates": [files]}}))
    assert "OCSP Response Status: successful" in tls.s_client(lintel.address, "-status")


def test_nothing_weak_is_found_by_sslscan(start, origin, authority):
    sslscan = shutil.which("sslscan")
    if not sslscan:
        pytest.skip("sslscan is not installed")
    lintel = start(proxy_to(origin(), listener=secure(authority.issue("a.test"))))
    told = subprocess.run([sslscan, "--no-colour", f"127.0.0.1:{lintel.port}"], capture_output=True, text=True,
                          timeout=120, check=False).stdout
    for version in ("SSLv2", "SSLv3", "TLSv1.0", "TLSv1.1"):
        assert f"{version}     disabled" in told or f"{version}   disabled" in told, told
    assert "Compression enabled" not in told
    assert "Session renegotiation not supported" in told
    accepted = [line for line in told.splitlines() if line.startswith(("Accepted", "Preferred"))]
    assert accepted
    for line in accepted:
        assert "GCM" in line or "CHACHA20" in line or "AES_128_CCM" in line, line


# --- Who misbehaves

def test_garbage_and_stalled_handshakes_cost_bounded_time_and_leak_nothing(start, origin, authority):
    listener = {**secure(authority.issue("a.test")), "timeouts": {"handshake": "1s"}}
    lintel = start(proxy_to(origin(), listener=listener))
    tls.connect(lintel.address).ask(wire.request())
    before = wait_until_quiet(lintel.open_files)
    count = load(200, 40)

    def misbehave(i):
        with socket.create_connection(lintel.address, timeout=20) as client:
            if i % 4 == 0:
                client.sendall(os.urandom(500))
            elif i % 4 == 1:
                client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            elif i % 4 == 2:  # The beginning of a ClientHello, and silence.
                client.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
            begun = time.monotonic()
            try:
                while client.recv(4096):
                    pass
            except ConnectionError:
                pass
            return time.monotonic() - begun

    with concurrent.futures.ThreadPoolExecutor(50) as pool:
        longest = max(pool.map(misbehave, range(count)))
    assert longest < 15
    # A handshake is counted just after its client has seen the end. Noise may look like the beginning of a record.
    eventually(lambda: lintel.metrics().sum("lintel_tls_handshakes_total", version="none") == count)
    figures = lintel.metrics()
    assert figures.sum("lintel_tls_handshakes_total", result="failed") >= count / 4
    assert figures.sum("lintel_tls_handshakes_total", result="timeout") >= count / 2
    assert tls.connect(lintel.address).ask(wire.request()).status == 200
    eventually(lambda: lintel.open_files() <= before + 2, "all descriptors are closed")


def test_a_body_that_is_cut_off_shows(start, origin, authority):
    def die(connection):
        connection.read_request_head()
        connection.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhalf")
        connection.reset()

    lintel = start(proxy_to(origin(die), listener=secure(authority.issue("a.test"))))
    with tls.connect(lintel.address) as client:
        with pytest.raises((ssl.SSLError, wire.Closed)):
            client.ask(wire.request())


def test_drain_lets_requests_end(start, origin, authority):
    go = threading.Event()

    def slow(connection):
        connection.read_request()
        go.wait(20)
        connection.send(wire.response(200, b"late"))

    server = origin(slow)
    lintel = start(proxy_to(server, listener=secure(authority.issue("a.test"))))
    with tls.connect(lintel.address) as client, tls.connect(lintel.address) as idle:
        client.send(wire.request())
        server.wait_for_requests(1)
        lintel.signal(15)
        assert idle.at_end()
        go.set()
        assert client.read_response().body == b"late"
        assert client.at_end()
    assert lintel.wait() == 0


def test_websocket_through_tls(start, origin, authority):
    def echo(connection):
        connection.read_request()
        connection.send(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n")
        while connection.fill():
            connection.send(connection.take(len(connection.buffer)))

    lintel = start(proxy_to(origin(echo), listener=secure(authority.issue("a.test"))))
    with tls.connect(lintel.address) as client:
        assert client.ask(wire.request("GET", "/", "Upgrade: echo", "Connection: Upgrade")).status == 101
        text = os.urandom(300_000)
        client.send(text)
        assert client.exactly(len(text)) == text
