"""States and weights of servers, changed while requests go on: /v1/pools and `lintel server`."""

import http.client
import json
import os
import threading

import pytest
from harness import wire
from harness.daemon import command, proxy_to
from harness.environment import eventually
from harness.wire import request, response


@pytest.fixture
def running(start, origin, tmp_path):
    """A daemon with an admin socket, and two servers that answer with their names."""
    servers = []
    for _ in range(2):
        server = origin()
        server.answer = lambda _, name=server.name: response(200, name.encode())
        servers.append(server)
    path = tmp_path / "admin.sock"
    lintel = start(proxy_to(*servers))
    config = proxy_to(*servers)
    config["admin"] = {"bind": [f"unix:{path}", "127.0.0.1:%d" % lintel.admin_address[1]]}
    lintel.reload(config)
    lintel.admin_path, lintel.config, lintel.servers = path, config, servers
    return lintel


def ask(lintel, method, path, body=None):
    with wire.connect(str(lintel.admin_path)) as client:
        got = client.ask(request(method, path, body=json.dumps(body).encode() if body is not None else b""))
        return got.status, got.headers, json.loads(got.body)


def server_path(server):
    return f"/v1/pools/site/servers/{server.name}"


def answered_by(lintel, count=20):
    return {lintel.ask().body.decode() for _ in range(count)}


def test_states_and_weights(running):
    first, second = running.servers
    assert answered_by(running) == {first.name, second.name}
    status, headers, body = ask(running, "PATCH", server_path(first), {"state": "drain"})
    assert status == 200 and headers["content-type"] == "application/json"
    assert (body["name"], body["state"], body["health"], body["weight"]) == (first.name, "drain", "up", 1)
    assert answered_by(running) == {second.name}
    ask(running, "PATCH", server_path(second), {"state": "down"})
    assert running.ask().status == 503
    ask(running, "PATCH", server_path(first), {"state": "ready"})
    ask(running, "PATCH", server_path(second), {"state": "ready", "weight": 3})
    counts = [running.ask().body.decode() for _ in range(40)]
    assert counts.count(second.name) == 30
    found = running.metrics()
    assert found.value("lintel_server_weight", pool="site", server=second.name) == 3
    assert found.value("lintel_server_state", pool="site", server=second.name, state="ready") == 1
    [pool] = ask(running, "GET", "/v1/pools")[2]["pools"]
    assert [(each["name"], each["weight"], each["configured_weight"]) for each in pool["servers"]] == \
        [(first.name, 1, 1), (second.name, 3, 1)]


def test_every_change_leaves_a_line_in_the_log(running):
    first = running.servers[0]
    ask(running, "PATCH", server_path(first), {"state": "drain", "weight": 5})
    ask(running, "PATCH", server_path(first), {"weight": None})
    who = f"uid={os.geteuid()} pid={os.getpid()}"
    for line in ("admin: state changed from ready to drain", "admin: weight changed from 1 (as configured) to 5",
                 "admin: weight changed from 5 to 1 (as configured)"):
        running.wait_for_log(f"{line} pool=site server={first.name} {who}")
    before = running.stderr()
    ask(running, "GET", server_path(first), {"state": "down"})
    ask(running, "PATCH", server_path(first), {"state": "maint"})
    assert running.stderr() == before


def test_tcp_is_for_reading(running):
    first = running.servers[0]
    client = http.client.HTTPConnection(*running.admin_address, timeout=10)
    client.request("PATCH", server_path(first), body='{"state": "down"}')
    answer = client.getresponse()
    problem = json.loads(answer.read())
    assert answer.status == 403 and answer.headers["Content-Type"] == "application/problem+json"
    assert problem["status"] == 403 and "Unix sockets only" in problem["detail"]
    assert json.loads(running.get("/v1/pools")[2])["pools"][0]["servers"][0]["state"] == "ready"
    client.close()


def test_what_is_refused(running):
    first = running.servers[0]
    assert ask(running, "PATCH", server_path(first), {"state": "maint"})[0] == 400
    assert ask(running, "PATCH", "/v1/pools/site/servers/x", {"state": "down"})[0] == 404
    status, headers, _ = ask(running, "DELETE", server_path(first))
    assert status == 405 and headers["allow"] == "GET, HEAD, PATCH"
    with wire.connect(str(running.admin_path)) as client:
        got = client.ask(request("PATCH", server_path(first), body=b"x" * 70000))
        assert got.status == 413
    with wire.connect(str(running.admin_path)) as client:
        body = b'{"state":"drain"}'
        client.send(request("PATCH", server_path(first), "Transfer-Encoding: chunked") +
                    b"".join(b"1\r\n%c\r\n" % byte for byte in body) + b"0\r\n\r\n")
        assert client.read_response().status == 200
    assert answered_by(running) == {running.servers[1].name}


def test_changes_outlive_reloads_but_not_the_server(running):
    first, second = running.servers
    ask(running, "PATCH", server_path(first), {"state": "drain"})
    ask(running, "PATCH", server_path(second), {"weight": 9})
    for _ in range(3):
        running.reload(running.config)
    assert ask(running, "GET", server_path(first))[2]["state"] == "drain"
    assert ask(running, "GET", server_path(second))[2]["weight"] == 9
    assert answered_by(running) == {second.name}
    alone = {**running.config, "pools": {"site": {"servers": [second.name]}}}
    running.reload(alone)
    assert ask(running, "GET", server_path(first))[0] == 404

    def is_forgotten():
        running.reload(running.config)  # Once the last worker has let go of it.
        return ask(running, "GET", server_path(first))[2]["state"] == "ready" or running.reload(alone)

    eventually(is_forgotten, "a server that was removed comes back as a new one")


def test_who_waits_for_an_admin_socket_is_answered_once_the_servers_are_known(running, origin):
    servers = list(running.servers)
    for number in range(5):
        path = running.admin_path.with_name(f"further-{number}.sock")
        statuses = []

        def wait(path=path, statuses=statuses):
            while not statuses:
                try:
                    with wire.connect(str(path)) as client:
                        statuses.append(client.ask(request("GET", "/v1/pools")).status)
                except (FileNotFoundError, ConnectionRefusedError):
                    pass

        client = threading.Thread(target=wait)
        client.start()
        servers.append(origin())
        bind = [f"unix:{path}", "127.0.0.1:%d" % running.admin_address[1]]
        running.reload({**proxy_to(*servers), "admin": {"bind": bind}})
        client.join()
        assert statuses == [200]


def test_draining_a_server_cuts_nothing(running):
    """What is in flight ends well, and no request fails while a server is drained and comes back again and again."""
    first = running.servers[0]
    gate, arrived = threading.Event(), threading.Event()

    def slowly(_):
        arrived.set()
        gate.wait(20)
        return response(200, b"late")

    usual, first.answer = first.answer, slowly
    ask(running, "PATCH", server_path(running.servers[1]), {"state": "down"})
    results = []
    client = threading.Thread(target=lambda: results.append(running.ask(timeout=30)))
    client.start()
    assert arrived.wait(20)
    ask(running, "PATCH", server_path(running.servers[1]), {"state": "ready"})
    ask(running, "PATCH", server_path(first), {"state": "down"})
    assert answered_by(running) == {running.servers[1].name}
    assert ask(running, "GET", server_path(first))[2]["in_flight"] == 1
    gate.set()
    client.join()
    assert results[0].body == b"late"
    first.answer = usual
    for state in ["ready", "drain"] * 10:
        ask(running, "PATCH", server_path(first), {"state": state})
        assert running.ask().status == 200


# --- The command

def run(lintel, *arguments, code=0):
    done = command("server", *arguments, "-c", lintel.file)
    assert done.returncode == code, done.stdout + done.stderr
    return done


def test_the_command(running):
    first, second = running.servers
    table = run(running, "list").stdout.splitlines()
    assert table[0].split() == ["POOL", "SERVER", "STATE", "HEALTH", "WEIGHT", "IN", "FLIGHT", "LAST", "CHECK"]
    assert table[1].split() == ["site", first.name, "ready", "up", "1", "0", "not", "checked"]
    assert run(running, "drain", f"site/{first.name}").stdout == \
        f"site/{first.name}: state drain, weight 1, health up\n"
    assert answered_by(running) == {second.name}
    assert "drain" in run(running, "list", "site").stdout
    run(running, "down", f"site/{second.name}")
    run(running, "ready", f"site/{first.name}")
    assert answered_by(running) == {first.name}
    assert "weight 7" in run(running, "weight", f"site/{first.name}", 7).stdout
    shown = json.loads(run(running, "weight", f"site/{first.name}", "--json").stdout)
    assert (shown["weight"], shown["state"]) == (1, "ready")
    listed = json.loads(run(running, "list", "--json").stdout)
    assert [each["state"] for each in listed["pools"][0]["servers"]] == ["ready", "down"]


def test_what_the_command_says_of_mistakes(running, tmp_path):
    first = running.servers[0]
    assert "did you mean \"site\"" in run(running, "drain", f"sit/{first.name}", code=5).stderr
    assert "has no server" in run(running, "drain", "site/10.0.0.1:1", code=5).stderr
    assert "weight must be" in run(running, "weight", f"site/{first.name}", 5000, code=5).stderr
    assert "no pool" in run(running, "list", "nothing", code=5).stderr
    assert "POOL/SERVER" in run(running, "drain", "site", code=2).stderr
    assert "is no weight" in run(running, "weight", f"site/{first.name}", "x", code=2).stderr
    assert "unknown action" in run(running, "drian", "a/b", code=2).stderr
    tcp = "127.0.0.1:%d" % running.admin_address[1]
    assert command("server", "list", "--admin", tcp).returncode == 0
    refused = command("server", "down", f"site/{first.name}", "--admin", tcp)
    assert refused.returncode == 5 and "Unix sockets only" in refused.stderr
    assert command("server", "list", "--admin", running.admin_path).returncode == 0
    nobody = command("server", "list", "--admin", tmp_path / "nobody.sock")
    assert nobody.returncode == 4 and "cannot reach" in nobody.stderr
    broken = tmp_path / "broken.yaml"
    broken.write_text("listeners: 1\n")
    assert command("server", "list", "-c", broken).returncode == 1
    bare = tmp_path / "bare.yaml"
    bare.write_text('listeners: [{name: web, bind: ":80", pool: a}]\npools: {a: {servers: ["10.0.0.1:80"]}}\n')
    done = command("server", "list", "-c", bare)
    assert done.returncode == 4 and "has no admin endpoint" in done.stderr
