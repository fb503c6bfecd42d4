"""The PROXY protocol: byte by byte, and with haproxy and nginx on both sides."""

import json
import shutil
import socket
import struct

import pytest
from harness import peers
from harness.daemon import proxy_to
from harness.environment import eventually, free_port
from harness.wire import request

LINE = b"PROXY TCP4 203.0.113.9 192.0.2.1 5555 443\r\n"
TRUSTED = {"proxy_protocol": {"trusted": ["127.0.0.0/8"]}}
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


def tlv(kind, value):
    return bytes([kind]) + struct.pack(">H", len(value)) + value


def version2(*tlvs, command=0x21):
    block = socket.inet_aton("203.0.113.9") + socket.inet_aton("192.0.2.1") + struct.pack(">HH", 5555, 443)
    block += b"".join(tlvs)
    return SIGNATURE + bytes([command, 0x11]) + struct.pack(">H", len(block)) + block


def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff


def checked(header):
    at = header.index(b"\x03\0\4\0\0\0\0") + 3
    return header[:at] + struct.pack(">I", crc32c(header)) + header[at + 4:]


@pytest.mark.parametrize("header", [
    LINE,
    version2(),
    checked(version2(tlv(3, b"\0\0\0\0"), tlv(1, b"h2"), tlv(2, b"shop.test"), tlv(5, b"id-7"),
                     tlv(0x20, b"\1\0\0\0\0" + tlv(0x21, b"TLSv1.3") + tlv(0x23, b"AES")))),
], ids=["v1", "v2", "v2-tlvs"])
def test_the_client_is_whom_the_header_names(start, origin, header):
    server = origin()
    lintel = start(proxy_to(server, listener=TRUSTED))
    with lintel.connect() as client:
        for at in range(0, len(header), 7):
            client.send(header[at:at + 7])
        assert client.ask(request()).status == 200
        assert client.ask(request()).status == 200
    assert [seen.headers["X-Forwarded-For"] for seen in server.requests] == ["203.0.113.9"] * 2
    for record in lintel.access_log(2):
        assert (record["client_ip"], record["client_port"], record["peer_ip"]) == ("203.0.113.9", 5555, "127.0.0.1")
        assert record["proxy_version"] == (1 if header == LINE else 2)
        if b"shop.test" in header:
            assert record["proxy_authority"] == "shop.test" and record["proxy_alpn"] == "h2"
            assert record["proxy_unique_id"] == "id-7"
            assert (record["proxy_tls_version"], record["proxy_tls_cipher"]) == ("TLSv1.3", "AES")


def test_a_health_check_of_the_balancer_itself(start, origin):
    lintel = start(proxy_to(origin(), listener=TRUSTED))
    with lintel.connect() as client:
        client.send(version2(command=0x20))
        assert client.ask(request()).status == 200
    assert lintel.last_record()["client_ip"] == "127.0.0.1"


def refused(lintel, data, reason):
    with pytest.raises(ConnectionResetError), lintel.connect() as client:  # Perhaps while it connects.
        client.send(data)
        client.sock.recv(1)
    record = lintel.last_record()
    assert record["end_reason"] == reason and record["detail"]
    assert eventually(lambda: lintel.metrics().value("lintel_end_reason_total", reason=reason) == 1, "it is counted")


def test_connections_without_a_header_are_closed(start, origin):
    refused(start(proxy_to(origin(), listener=TRUSTED)), request(), "client.proxy_header")


def test_a_wrong_checksum_is_refused(start, origin):
    refused(start(proxy_to(origin(), listener=TRUSTED)), version2(tlv(3, b"abcd")), "client.proxy_header")


def test_untrusted_addresses_are_closed(start, origin):
    lintel = start(proxy_to(origin(), listener={"proxy_protocol": {"trusted": ["10.0.0.0/8"]}}))
    refused(lintel, b"", "client.untrusted")


def test_silence_is_bounded(start, origin):
    lintel = start(proxy_to(origin(), listener={"proxy_protocol": {"trusted": ["127.0.0.1"], "timeout": "200ms"}}))
    refused(lintel, LINE[:10], "client.timeout_proxy_header")


# --- Other people's programs


def haproxy(directory, config):
    port = free_port()
    directory = directory / f"haproxy-{port}"
    directory.mkdir()
    file = directory / "haproxy.cfg"
    file.write_text("defaults\n  timeout connect 5s\n  timeout client 30s\n  timeout server 30s\n"
                    + config.format(port=port))
    program = shutil.which("haproxy") or "/usr/sbin/haproxy"
    return peers.Server([program, "-db", "-f", str(file)], port, directory, "haproxy")


def nginx(directory, config):
    port = free_port()
    directory = directory / f"nginx-{port}"
    directory.mkdir()
    file = directory / "nginx.conf"
    temporary = "".join(f"{name}_temp_path {directory}/{name};\n"
                        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    file.write_text("load_module /usr/lib/nginx/modules/ngx_stream_module.so;\ndaemon off;\nmaster_process off;\n"
                    f"pid {directory}/nginx.pid;\nerror_log stderr warn;\nevents {{}}\n"
                    + config.replace("PORT", str(port)).replace("TEMPORARY", temporary))
    program = shutil.which("nginx") or "/usr/sbin/nginx"
    return peers.Server([program, "-e", "stderr", "-p", str(directory), "-c", str(file)], port, directory, "nginx")


def get(port, source="127.0.0.5"):
    """What curl gets from a loopback address that is not the proxies' own."""
    return peers.curl("--interface", source, f"http://127.0.0.1:{port}/")


@pytest.mark.parametrize("option", ["send-proxy", "send-proxy-v2", "send-proxy-v2 proxy-v2-options crc32c,unique-id"])
@pytest.mark.parametrize("mode", ["http", "tcp"])
def test_behind_haproxy(start, origin, tmp_path, option, mode):
    server = origin()
    lintel = start(proxy_to(server, listener={**TRUSTED, "protocol": mode}))
    unique = 'unique-id-format "%ci-%ts"' if "unique-id" in option else ""
    front = haproxy(tmp_path, "frontend f\n  mode %s\n  %s\n  bind 127.0.0.1:{port}\n  default_backend b\nbackend b\n"
                    "  mode %s\n  server s 127.0.0.1:%d %s\n" % (mode, unique, mode, lintel.port, option))
    try:
        assert get(front.port) == b"hello\n"
        assert get(front.port, "127.0.0.9") == b"hello\n"
    finally:
        front.close()
    # haproxy's port was probed before: that connection may have reached us too, and said nothing.
    def served():
        records = [record for record in map(json.loads, lintel.access_lines()) if record["bytes_out"]]
        return records if len(records) == 2 else None
    records = eventually(served, "both in the access log")
    assert [record["client_ip"] for record in records] == ["127.0.0.5", "127.0.0.9"]
    assert {record["peer_ip"] for record in records} == {"127.0.0.1"}
    if unique:
        assert records[0]["proxy_unique_id"].startswith("127.0.0.5-")
    if mode == "http":
        assert [seen.headers["X-Forwarded-For"] for seen in server.requests] == ["127.0.0.5", "127.0.0.9"]


def test_behind_nginx(start, origin, tmp_path):
    server = origin()
    lintel = start(proxy_to(server, listener=TRUSTED))
    front = nginx(tmp_path, f"stream {{ server {{ listen 127.0.0.1:PORT; proxy_pass 127.0.0.1:{lintel.port};"
                            " proxy_protocol on; } }")
    try:
        assert get(front.port) == b"hello\n"
    finally:
        front.close()
    assert server.requests[-1].headers["X-Forwarded-For"] == "127.0.0.5"


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize("mode", ["http", "tcp"])
def test_in_front_of_haproxy(start, origin, tmp_path, version, mode):
    server = origin()
    back = haproxy(tmp_path, "frontend f\n  mode http\n  bind 127.0.0.1:{port} accept-proxy\n"
                   "  http-request set-header X-Seen %%[src]:%%[src_port]:%%[fc_pp_unique_id]\n"
                   "  default_backend b\nbackend b\n  mode http\n  server s %s\n" % server.name)
    try:
        lintel = start(proxy_to(back.name, pool={"proxy_protocol": version}, listener={"protocol": mode}))
        for source in ("127.0.0.5", "127.0.0.9"):
            assert get(lintel.port, source) == b"hello\n"
            address, port, unique = server.requests[-1].headers["X-Seen"].split(":")
            record = lintel.last_record(len(server.requests))
            assert (address, int(port)) == (source, record["client_port"])
            assert unique == (record["request_id"] if version == "v2" else "")
    finally:
        back.close()


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_in_front_of_nginx(start, tmp_path, version):
    back = nginx(tmp_path, 'http { TEMPORARY access_log off; server { listen 127.0.0.1:PORT proxy_protocol;'
                           ' return 200 "$proxy_protocol_addr $proxy_protocol_server_port\\n"; } }')
    try:
        for mode in ("http", "tcp"):
            lintel = start(proxy_to(back.name, pool={"proxy_protocol": version}, listener={"protocol": mode}))
            assert get(lintel.port).decode() == f"127.0.0.5 {lintel.port}\n"
            assert get(lintel.port, "127.0.0.9").decode() == f"127.0.0.9 {lintel.port}\n"
    finally:
        back.close()


def test_two_of_us_keep_the_client(start, origin):
    server = origin()
    inner = start(proxy_to(server, listener=TRUSTED))
    outer = start(proxy_to(f"127.0.0.1:{inner.port}", pool={"proxy_protocol": "v2"}, listener={"protocol": "tcp"}))
    assert get(outer.port) == b"hello\n"
    assert server.requests[-1].headers["X-Forwarded-For"] == "127.0.0.5"
    assert inner.last_record()["proxy_unique_id"] == outer.last_record()["request_id"]
