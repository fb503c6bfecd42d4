"""Servers and clients that other people wrote: nginx, http.server, Node, aiohttp; curl, wrk, h2load, Chromium."""

import asyncio
import hashlib
import json
import os
import re
import shutil
import subprocess

import aiohttp.web
import pytest
from harness import peers
from harness.daemon import proxy_to
from harness.environment import PATIENCE, SANITIZED, load

LARGE = bytes(range(256)) * 4096  # 1 MiB


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A folder to be served: the page of origins/site, and a file of 1 MiB."""
    root = tmp_path_factory.mktemp("root") / "site"
    shutil.copytree(peers.ORIGINS / "site", root)
    (root / "large.bin").write_bytes(LARGE)
    (root / "empty").write_bytes(b"")
    os.chmod(root.parent, 0o755)
    return root


@pytest.fixture(scope="module")
def servers(tmp_path_factory, site):
    """All origins, started when first asked for."""
    directory = tmp_path_factory.mktemp("servers")
    makers = {
        "nginx": lambda: peers.nginx(directory, site),
        "http.server": lambda: peers.python_http_server(directory, site),
        "http.server-1.1": lambda: peers.python_http_server(directory, site, "HTTP/1.1"),
        "node": lambda: peers.node(directory),
    }
    running = {}

    def get(name):
        if name not in running:
            running[name] = makers[name]()
        return running[name]

    yield get
    for server in running.values():
        server.close()


FILES = ["nginx", "http.server", "http.server-1.1"]


@pytest.mark.parametrize("name", FILES)
def test_files_with_curl(start, servers, site, tmp_path, name):
    lintel = start(proxy_to(servers(name), workers=2))
    for file in ("index.html", "large.bin", "empty", "picture.svg"):
        assert peers.curl(f"{lintel.url}/{file}") == (site / file).read_bytes()
    head = peers.curl("-I", f"{lintel.url}/large.bin").decode()
    assert head.startswith("HTTP/1.1 200 OK\r\n") and "Content-Length: 1048576" in head
    status = peers.curl("-o", tmp_path / "none", "-w", "%{http_code}", f"{lintel.url}/missing")
    assert status == b"404"
    many = [part for i in range(30) for part in ("-o", str(tmp_path / f"{i}"), f"{lintel.url}/large.bin?{i}")]
    peers.curl(*many)  # One connection, used again.
    assert {hashlib.sha256((tmp_path / f"{i}").read_bytes()).digest() for i in range(30)} == {
        hashlib.sha256(LARGE).digest()}


@pytest.mark.parametrize("name", FILES)
def test_parallel_transfers_with_curl(start, servers, tmp_path, name):
    lintel = start(proxy_to(servers(name), workers=2))
    many = [part for i in range(20) for part in ("-o", str(tmp_path / f"{i}"), f"{lintel.url}/large.bin?{i}")]
    peers.curl("--parallel", "--parallel-max", "10", *many)
    assert all((tmp_path / f"{i}").read_bytes() == LARGE for i in range(20))


def test_conditional_ranged_and_compressed(start, servers, site, tmp_path):
    lintel = start(proxy_to(servers("nginx")))
    assert peers.curl("-r", "100-199", f"{lintel.url}/large.bin") == LARGE[100:200]
    headers = peers.curl("-I", f"{lintel.url}/style.css").decode()
    etag = re.search(r"ETag: (\S+)", headers)[1]
    code = peers.curl("-o", tmp_path / "x", "-w", "%{http_code}", "-H", f"If-None-Match: {etag}", f"{lintel.url}/style.css")
    assert code == b"304"
    assert peers.curl("--compressed", f"{lintel.url}/second.js") == (site / "second.js").read_bytes()


def test_node(start, servers):
    lintel = start(proxy_to(servers("node"), workers=2))
    assert peers.curl(f"{lintel.url}/") == b"node\n"
    assert peers.curl("--http1.0", f"{lintel.url}/") == b"node\n"
    data = LARGE * 5
    for arguments in ([], ["-H", "Transfer-Encoding: chunked"], ["-H", "Expect: 100-continue"], ["-H", "Expect:"]):
        assert peers.curl("--data-binary", "@-", *arguments, f"{lintel.url}/echo", data=data) == data
    assert peers.curl(f"{lintel.url}/stream?n=5000") == b"chunk\n" * 5000
    assert peers.curl(f"{lintel.url}/slow?ms=50") == b"slow\n"
    seen = json.loads(peers.curl(f"{lintel.url}/headers"))
    assert seen["headers"]["host"] == f"127.0.0.1:{lintel.port}"
    assert seen["headers"]["x-forwarded-for"] == "127.0.0.1"
    early = peers.curl("-i", f"{lintel.url}/early").decode()
    assert early.index("HTTP/1.1 103") < early.index("HTTP/1.1 200")


def test_aiohttp_on_both_sides(start):
    async def echo(request):
        return aiohttp.web.Response(body=await request.read(), headers={"X-Method": request.method})

    async def stream(request):
        response = aiohttp.web.StreamResponse()
        response.enable_chunked_encoding()
        await response.prepare(request)
        async for data in request.content.iter_any():
            await response.write(data)
        await response.write_eof()
        return response

    async def chunks():
        for i in range(100):
            yield b"%d," % i * 500

    async def run():
        application = aiohttp.web.Application(client_max_size=1 << 26)
        application.router.add_route("*", "/echo", echo)
        application.router.add_route("*", "/stream", stream)
        runner = aiohttp.web.AppRunner(application)
        await runner.setup()
        site = aiohttp.web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = site._server.sockets[0].getsockname()[1]  # pylint: disable=protected-access
        lintel = start(proxy_to(f"127.0.0.1:{port}", workers=2))
        expected = b"".join([b"%d," % i * 500 for i in range(100)])
        async with aiohttp.ClientSession() as session:
            async def one(number):
                path = ("/echo", "/stream")[number % 2]
                method = ("POST", "PUT")[number // 2 % 2]
                async with session.request(method, lintel.url + path, data=chunks()) as got:
                    assert got.status == 200 and await got.read() == expected
            await asyncio.gather(*[one(number) for number in range(40)])
        await runner.cleanup()

    asyncio.run(asyncio.wait_for(run(), PATIENCE))


@pytest.mark.parametrize("name,path,requests,connections", [
    ("nginx", "/small", 20000, 64), ("nginx", "/style.css", 10000, 16), ("nginx", "/large.bin", 300, 8),
    ("node", "/", 5000, 32), ("http.server-1.1", "/style.css", 100, 8), ("http.server", "/style.css", 300, 4)])
def test_h2load(start, servers, name, path, requests, connections):
    lintel = start(proxy_to(servers(name), workers=2))
    requests = load(requests, max(requests // 10, connections))
    peers.h2load(lintel.url + path, requests, connections)
    assert lintel.metrics_after(requests).sum("lintel_requests_total", code="200") == requests


@pytest.mark.parametrize("name,path", [("nginx", "/small"), ("nginx", "/large.bin"), ("node", "/")])
def test_wrk(start, servers, name, path):
    lintel = start(proxy_to(servers(name), workers=2))
    assert peers.wrk(lintel.url + path, seconds=1, connections=32) > (10 if SANITIZED else 100)
    metrics = lintel.metrics()
    # wrk leaves in the middle of its last requests; nothing else may have failed.
    assert metrics.sum("lintel_requests_total") - metrics.sum("lintel_requests_total", code="200") <= 32
    assert metrics.sum("lintel_upstream_errors_total") == metrics.sum(
        "lintel_upstream_errors_total", reason="client.abort_response")


def test_new_connection_per_request(start, servers):
    lintel = start(proxy_to(servers("nginx"), workers=2))
    peers.wrk(f"{lintel.url}/small", seconds=1, connections=16, arguments=["-H", "Connection: close"])


def test_openssl_s_client_is_refused_politely(start, servers):
    """TLS spoken to a plain listener gets a 400 and an end, not silence."""
    lintel = start(proxy_to(servers("nginx")))
    done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{lintel.port}"], input=b"",
                          capture_output=True, timeout=PATIENCE, check=False)
    assert done.returncode != 0
    record = lintel.last_record()
    assert (record["status"], record["end_reason"]) == (400, "client.bad_request")


def test_chromium_loads_a_page_with_assets(start, servers, tmp_path):
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if not program:
        pytest.skip("chromium is not installed (Debian package chromium)")
    lintel = start(proxy_to(servers("nginx"), workers=2))
    done = subprocess.run(
        [program, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", f"--user-data-dir={tmp_path}/profile",
         "--virtual-time-budget=20000", "--dump-dom", f"{lintel.url}/index.html"],
        capture_output=True, text=True, timeout=PATIENCE * 3, check=False, env={**os.environ, "HOME": str(tmp_path)})
    assert "first=first style=123px picture=40x30 fetched=210 large=1048576" in done.stdout, done.stdout + done.stderr
    records = lintel.access_log(36)
    assert {record["end_reason"] for record in records} == {"ok"}
    assert {record["path"] for record in records} >= {
        "/index.html", "/style.css", "/first.js", "/second.js", "/picture.svg", "/data.json", "/large.bin"}
