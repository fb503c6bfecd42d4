"""lintel run without a file: the demo."""

import os
import signal
import socket
import subprocess

import pytest
from harness import peers
from harness.daemon import REPORTS, command
from harness.environment import BINARY, PATIENCE, eventually, free_port

pytestmark = pytest.mark.skipif(os.path.exists("/etc/lintel/lintel.yaml"), reason="/etc/lintel/lintel.yaml exists")


@pytest.fixture
def demo(tmp_path):
    port = free_port()
    with open(tmp_path / "stderr", "wb") as log:
        process = subprocess.Popen([BINARY, "run"], stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                                   env={**os.environ, "LINTEL_DEMO_PORT": str(port)})
    try:
        eventually(lambda: process.poll() is not None or peers.answers(port), "the demo answers")
        yield f"http://127.0.0.1:{port}", tmp_path / "stderr"
    finally:
        process.send_signal(signal.SIGINT)
        status = process.wait(PATIENCE)
    text = (tmp_path / "stderr").read_text()
    assert status == 0 and not [word for word in REPORTS if word in text], text


def test_two_servers_answer_in_turn(demo):
    url, log = demo
    answers = [peers.curl(f"{url}/whoami").decode() for _ in range(4)]
    assert [answer.split(",")[0] for answer in answers[:2]] in (
        ["server 1 of 2", "server 2 of 2"], ["server 2 of 2", "server 1 of 2"])
    assert answers[0].split(",")[0] == answers[2].split(",")[0] != answers[3].split(",")[0]
    assert url in log.read_text(), "it says where to look"


def test_page(demo, tmp_path):
    url, _ = demo
    page = peers.curl("-i", f"{url}/").decode()
    assert page.startswith("HTTP/1.1 200") and "text/html" in page and "Lintel is running" in page
    assert "@" not in page.split("<body>")[1], "every placeholder is filled in"
    config = page.split("<pre>")[2].split("</pre>")[0]
    file = tmp_path / "lintel.yaml"
    file.write_text(config)
    assert command("check", file).returncode == 0, "the configuration shown is one"


def test_port_that_is_taken():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = command("run", env={"LINTEL_DEMO_PORT": str(port)})
    assert done.returncode == 3
    assert str(port) in done.stderr and "LINTEL_DEMO_PORT" in done.stderr and "-c FILE" in done.stderr


@pytest.mark.parametrize("value", ["x", "0", "70000", "80 80"])
def test_bad_port(value):
    done = command("run", env={"LINTEL_DEMO_PORT": value})
    assert done.returncode == 2 and "LINTEL_DEMO_PORT" in done.stderr


def test_port_of_a_configuration_that_is_taken(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        file = tmp_path / "lintel.yaml"
        file.write_text(f"listeners: [{{name: web, bind: '127.0.0.1:{port}', routes: [{{respond: {{}}}}]}}]\n")
        done = command("run", "-c", file)
    assert done.returncode == 3
    assert f"127.0.0.1:{port}" in done.stderr and "web" in done.stderr


def test_second_lintel_on_the_same_address_is_refused(tmp_path):
    """SO_REUSEPORT, which workers share an address with, must not let two processes share it by accident."""
    port = free_port()
    file = tmp_path / "lintel.yaml"
    file.write_text(f"listeners: [{{name: web, bind: '127.0.0.1:{port}', routes: [{{respond: {{}}}}]}}]\n")
    with open(tmp_path / "log", "wb") as log:
        first = subprocess.Popen([BINARY, "run", "-c", file], stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    try:
        eventually(lambda: peers.answers(port), "the first one listens")
        done = command("run", "-c", file)
        assert done.returncode == 3 and str(port) in done.stderr
    finally:
        first.send_signal(signal.SIGTERM)
        assert first.wait(PATIENCE) == 0
