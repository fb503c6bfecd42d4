"""Servers that are given by name or in a file: looked up again as their TTL asks, read again when the file changes, with
nothing lost on the way."""

import collections
import concurrent.futures
import contextlib
import os
import pathlib
import signal
import subprocess
import threading
import time

import pytest
from harness.daemon import command, proxy_to
from harness.dns import A, AAAA, GARBAGE, NXDOMAIN, SERVFAIL, NameServer, cname, srv
from harness.environment import BINARY, PATIENCE, SANITIZED, eventually, free_port, load
from harness.peers import Server
from harness.wire import request, response


@pytest.fixture
def dns():
    with NameServer({}) as server:
        yield server


@pytest.fixture
def servers(origin):
    """servers(3): as many on one port of 127.0.0.2, .3, .4, each with its number as the answer."""
    def run(count):
        port = free_port()
        return port, [origin(answer=lambda _, i=i: response(200, b"%d" % i), address=f"127.0.0.{i + 2}", port=port)
                      for i in range(count)]
    return run


def bodies(lintel, count=20):
    return collections.Counter(lintel.ask().body.decode() for _ in range(count))


def name_of(lintel, name):
    [found] = [each for each in lintel.stats()["resolver"]["names"] if each["name"] == name]
    return found


@contextlib.contextmanager
def under_load(lintel, clients=4):
    """Requests all the time, over connections that are kept and new ones; yields the counter of the answers. Each must
    be answered with 200."""
    stop = threading.Event()
    seen = collections.Counter()

    def keeping():
        while not stop.is_set():
            with lintel.connect() as connection:
                closes = False
                while not stop.is_set() and not closes:
                    got = connection.ask(request("GET", "/"))
                    assert got.status == 200
                    closes = "connection" in got.headers  # Has had all the requests that one may have.
                    seen[got.body.decode()] += 1

    def coming():
        while not stop.is_set():
            got = lintel.ask(request("POST", "/", body=b"x" * 500))
            assert got.status == 200
            seen[got.body.decode()] += 1

    with concurrent.futures.ThreadPoolExecutor() as pool:
        running = [pool.submit(keeping) for _ in range(clients)] + [pool.submit(coming) for _ in range(2)]
        try:
            yield seen
        finally:
            stop.set()
            for each in running:
                each.result(PATIENCE)


def seen_only(seen, wanted):
    """Waits until for a while only these answers come."""
    def only():
        before = dict(seen)
        eventually(lambda: sum(seen.values()) > sum(before.values()) + 200, "200 answers more")
        return {key for key in seen if seen[key] > before.get(key, 0)} == wanted
    eventually(only, f"only {wanted}")


def test_a_name_stands_for_all_of_its_addresses(start, dns, servers):
    port, _ = servers(3)
    dns.zone["api.test"] = ["127.0.0.2", "127.0.0.3", "127.0.0.4"]
    lintel = start(proxy_to(f"api.test:{port}", resolver=dns.resolver))
    assert bodies(lintel, 30) == {"0": 10, "1": 10, "2": 10}
    assert {record["server"] for record in lintel.access_log(30)} == \
        {f"api.test:{port}@127.0.0.{i}" for i in (2, 3, 4)}
    [pool] = lintel.stats()["pools"]
    assert [server["name"] for server in pool["servers"]] == [f"api.test:{port}@127.0.0.{i}" for i in (2, 3, 4)]
    found = name_of(lintel, "api.test")
    assert found["resolved"] and found["addresses"] == 3 and found["type"] == "host" and found["failures"] == 0
    metrics = lintel.metrics()
    assert metrics.value("lintel_resolver_addresses", dns_name="api.test", type="host") == 3
    assert metrics.value("lintel_resolver_lookups_total", result="ok") >= 1


def test_changed_records_move_the_traffic_within_their_ttl_and_lose_nothing(start, dns, servers):
    port, _ = servers(4)
    dns.zone["api.test"] = ["127.0.0.2", "127.0.0.3"]
    lintel = start(proxy_to(f"api.test:{port}", resolver=dns.resolver, workers=2))
    with under_load(lintel) as seen:
        seen_only(seen, {"0", "1"})
        dns.zone["api.test"] = ["127.0.0.3", "127.0.0.4"]
        changed = time.monotonic()
        lintel.wait_for_log(f"added api.test:{port}@127.0.0.4, removed api.test:{port}@127.0.0.2")
        if not SANITIZED:
            assert time.monotonic() - changed < dns.ttl * 1.1 + 1
        seen_only(seen, {"1", "2"})
        for i in range(load(10, 3)):
            dns.zone["api.test"] = [f"127.0.0.{2 + i % 4}", "127.0.0.5"]
            eventually(lambda i=i: lintel.stats()["server_changes"] >= i + 2, "another change")
        seen_only(seen, {str(i % 4), "3"})
    reasons = lintel.stats()["end_reasons"]
    assert {reason for reason, count in reasons.items() if count} == {"ok"}
    assert lintel.stats()["config"]["generation"] == 1


def test_what_did_not_change_goes_on_untouched(start, dns, origin):
    """Connections and counts of a server that stays, and sessions with one that goes."""
    server = origin()
    dns.zone["api.test"] = ["127.0.0.1"]
    lintel = start(proxy_to(f"api.test:{server.port}", resolver=dns.resolver))
    for _ in range(3):
        lintel.ask()
    assert len(server.connections) == 1
    dns.zone["api.test"] = ["127.0.0.1", "127.0.0.9"]
    eventually(lambda: lintel.stats()["server_changes"] == 1, "a change")
    dns.zone["api.test"] = ["127.0.0.1"]
    eventually(lambda: lintel.stats()["server_changes"] == 2, "another change")
    for _ in range(3):
        assert lintel.ask().status == 200
    assert len(server.connections) == 1, "the idle connection is used again"
    [pool] = lintel.stats()["pools"]
    [one] = [each for each in pool["servers"] if each["name"].endswith("@127.0.0.1")]
    assert one["by_status"] == {"200": 6}


def test_a_request_at_a_server_that_is_removed_ends_well(start, dns, servers, origin):
    go = threading.Event()

    def slow(connection):
        connection.read_request()
        assert go.wait(PATIENCE)
        connection.send(response(200, b"slow"))
    port, [other] = servers(1)
    origin(slow, address="127.0.0.9", port=port)
    dns.zone["api.test"] = ["127.0.0.9"]
    lintel = start(proxy_to(f"api.test:{port}", resolver=dns.resolver))
    with lintel.connect() as client:
        client.send(request())
        eventually(lambda: lintel.stats()["pools"][0]["servers"][0]["active"] == 1, "the request is there")
        dns.zone["api.test"] = ["127.0.0.2"]
        eventually(lambda: lintel.stats()["server_changes"] == 1, "a change")
        assert lintel.ask().body == b"0"
        go.set()
        assert client.read_response().body == b"slow"
    assert other.requests


@pytest.mark.parametrize("failure", [NXDOMAIN, SERVFAIL, [], None, GARBAGE, "dead"])
def test_the_last_good_answer_is_kept_while_a_name_fails(start, dns, servers, failure):
    port, _ = servers(2)
    dns.zone["api.test"] = ["127.0.0.2"]
    lintel = start(proxy_to(f"api.test:{port}", resolver=dns.resolver))
    with under_load(lintel, 2) as seen:
        seen_only(seen, {"0"})
        if failure == "dead":
            dns.stop()
        else:
            dns.zone["api.test"] = failure
        eventually(lambda: name_of(lintel, "api.test")["failures"] >= 2, "failures")
        seen_only(seen, {"0"})
        found = name_of(lintel, "api.test")
        assert found["last_error"] and found["addresses"] == 1 and found["age_ms"] > 1000
        assert lintel.metrics().value("lintel_resolver_failing", dns_name="api.test", type="host") == 1
        if failure == "dead":
            dns.start()
        dns.zone["api.test"] = ["127.0.0.3"]
        seen_only(seen, {"1"})
    assert name_of(lintel, "api.test")["last_error"] == ""
    lookups = lintel.stats()["resolver"]["lookups"]
    failed = sum(lookups.values()) - lookups["ok"]
    said = lintel.stderr().count("the name does not resolve")
    assert 1 <= said < failed, "a line for the change, not for each try"
    assert lintel.stderr().count("the name resolves again") == said


@pytest.mark.parametrize("failure", [SERVFAIL, None])
@pytest.mark.parametrize("failing", [A, AAAA])
def test_a_family_that_fails_keeps_its_addresses_beside_the_other(start, dns, servers, failing, failure):
    port, _ = servers(2)
    dns.zone["api.test"] = ["127.0.0.2", "2001:db8::1"]
    lintel = start(proxy_to(f"api.test:{port}", resolver={**dns.resolver, "timeout": "100ms"}))
    names = {A: {f"api.test:{port}@127.0.0.2"}, AAAA: {f"api.test:{port}@2001:db8::1"}}
    used = {A: "127.0.0.3", AAAA: "2001:db8::2"}

    def listed():
        return {server["name"] for server in lintel.stats()["pools"][0]["servers"]}
    assert listed() == names[A] | names[AAAA]
    other = AAAA if failing == A else A
    dns.zone["api.test"] = lambda kind: failure if kind == failing else [used[other]]
    wanted = names[failing] | {f"api.test:{port}@{used[other]}"}
    eventually(lambda: listed() == wanted, "the one family's new address beside the other's last one")
    found = name_of(lintel, "api.test")
    assert found["failures"] == 0 and found["addresses"] == 2
    assert found["last_error"].startswith(f"{'IPv4' if failing == A else 'IPv6'} addresses of api.test: ")
    before = lintel.metrics().value("lintel_resolver_lookups_total", result="partial")
    assert before >= 1
    eventually(lambda: lintel.metrics().value("lintel_resolver_lookups_total", result="partial") > before + 1, "more of them")
    assert listed() == wanted
    assert lintel.stderr().count("the name resolves in part only") == 1
    dns.zone["api.test"] = [used[other]]
    eventually(lambda: listed() == wanted - names[failing], "the family is gone, says the name server")
    assert name_of(lintel, "api.test")["last_error"] == ""


def test_what_is_known_of_an_address_stays_while_the_others_change_with_each_answer(start, dns, servers):
    """Its counters, its connection, its health, an operator's wish."""
    port, origins = servers(2)
    count = 0

    def changing(kind):
        nonlocal count
        count += 1
        return ["127.0.0.2", "127.0.0.3", f"127.9.{count // 250}.{count % 250 + 1}"] if kind == A else []
    dns.zone["api.test"] = changing
    dns.ttl = 0
    lintel = start(proxy_to(f"api.test:{port}", resolver=dns.resolver,
                            pool={"health_check": {"type": "tcp", "interval": "1h", "timeout": "1s"},
                                  "panic_threshold": "never"}))
    first, second = (f"api.test:{port}@127.0.0.{i}" for i in (2, 3))

    def figures(name):
        return next(each for each in lintel.stats()["pools"][0]["servers"] if each["name"] == name)
    eventually(lambda: figures(first)["up"] and figures(second)["up"], "both are up")
    socket = lintel.directory / "admin.sock"
    lintel.reload(proxy_to(f"api.test:{port}", resolver=dns.resolver,
                           pool={"health_check": {"type": "tcp", "interval": "1h", "timeout": "1s"},
                                 "panic_threshold": "never"},
                           admin={"bind": [f"127.0.0.1:{lintel.admin_address[1]}", f"unix:{socket}"]}))
    drained = command("server", "drain", f"site/{second}", "--admin", str(socket))
    assert drained.returncode == 0, drained.stderr
    for i in range(5):
        before = lintel.stats()["server_changes"]
        assert bodies(lintel, 4) == {"0": 4}
        eventually(lambda before=before: lintel.stats()["server_changes"] > before, "the name stands for another address")
    assert figures(first)["by_status"] == {"200": 20}
    assert figures(first)["health_check"]["passed"] == 1, "it was not checked anew"
    assert figures(second)["state"] == "drain"
    assert origins[0].requests and not origins[1].requests


def test_connections_to_an_address_that_is_gone_are_closed_when_they_are_done(start, dns, origin):
    closed = threading.Event()

    def script(connection):
        server.serve(connection)
        closed.set()
    server = origin(script)
    dns.zone["api.test"] = ["127.0.0.1"]
    lintel = start(proxy_to(f"api.test:{server.port}", resolver=dns.resolver))
    assert lintel.ask().status == 200
    [pool] = lintel.stats()["pools"]
    assert pool["servers"][0]["idle"] == 1
    dns.zone["api.test"] = ["127.0.0.9"]
    eventually(lambda: lintel.stats()["server_changes"] == 1, "a change")
    assert closed.wait(PATIENCE), "the idle connection is closed"


def test_tcp_sessions_with_an_address_that_is_gone_go_on(start, dns, origin):
    def echo(connection):
        while data := connection.sock.recv(100):
            connection.send(data)
    server = origin(echo)
    dns.zone["db.test"] = ["127.0.0.1"]
    lintel = start(proxy_to(f"db.test:{server.port}", listener={"protocol": "tcp"}, resolver=dns.resolver))
    with lintel.connect() as client:
        client.send(b"one")
        assert client.sock.recv(100) == b"one"
        for change in (1, 2):
            dns.zone["db.test"] = [f"127.0.0.{8 + change}"]
            eventually(lambda change=change: lintel.stats()["server_changes"] == change, "a change")
        client.send(b"two")
        assert client.sock.recv(100) == b"two"


def test_aliases_that_lead_in_a_circle_are_no_answer(start, dns, servers):
    port, _ = servers(1)
    dns.zone |= {"a.test": [cname("b.test")], "b.test": [cname("a.test")]}
    lintel = start(proxy_to(f"a.test:{port}", resolver=dns.resolver))
    assert lintel.ask().status == 503
    assert name_of(lintel, "a.test")["last_error"] == "the name has no record of that kind"
    dns.zone["b.test"] = ["127.0.0.2"]
    eventually(lambda: lintel.ask().status == 200, "the circle is open")


def test_reloads_while_a_name_is_being_looked_up(start, dns, servers):
    """One that is silent holds no reload up for longer than resolver.wait, nor those behind it, and can be let go."""
    port, _ = servers(2)
    dns.zone |= {"a.test": ["127.0.0.2"], "b.test": ["127.0.0.3"], "silent.test": None}
    resolver = {**dns.resolver, "timeout": "1m", "wait": "300ms"}
    lintel = start(proxy_to(f"a.test:{port}", resolver=resolver))
    with under_load(lintel, 2) as seen:
        seen_only(seen, {"0"})
        lintel.write(proxy_to(f"a.test:{port}", f"silent.test:{port}", resolver=resolver))
        for _ in range(3):
            lintel.signal(signal.SIGHUP)
        eventually(lambda: ("silent.test", A) in dns.asked, "it is asked for")
        lintel.reload(proxy_to(f"b.test:{port}", f"silent.test:{port}", resolver=resolver))
        seen_only(seen, {"1"})
        assert not name_of(lintel, "silent.test")["resolved"]
        lintel.reload(proxy_to(f"a.test:{port}", resolver=resolver))
        seen_only(seen, {"0"})
        lintel.reload(proxy_to(f"a.test:{port}", "silent.test:80", resolver={**resolver, "timeout": "50s"}))
        seen_only(seen, {"0"})
    assert lintel.stats()["config"]["last_reload_success"]


@pytest.mark.parametrize("reloads", [False, True])
def test_stop_while_a_name_is_being_looked_up(start, dns, servers, reloads):
    port, _ = servers(1)
    dns.zone |= {"a.test": ["127.0.0.2"], "silent.test": None}
    resolver = {**dns.resolver, "timeout": "1m", "wait": "1m" if reloads else "100ms"}
    lintel = start(proxy_to(f"a.test:{port}", *([] if reloads else [f"silent.test:{port}"]), resolver=resolver))
    if reloads:
        lintel.write(proxy_to(f"a.test:{port}", f"silent.test:{port}", resolver=resolver))
        lintel.signal(signal.SIGHUP)
    eventually(lambda: ("silent.test", A) in dns.asked, "it is asked for")
    lintel.stop()


def test_starts_with_the_name_server_dead_and_serves_when_it_comes(start, dns, servers, origin):
    port, _ = servers(1)
    dns.zone["api.test"] = ["127.0.0.2"]
    dns.stop()
    other = origin(answer=lambda _: response(200, b"other"))
    config = {"listeners": [{"routes": [{"match": {"path": "/other"}, "pool": "other"}, {"pool": "api"}]}],
              "pools": {"api": {"servers": [f"api.test:{port}"]}, "other": {"servers": [other.name]}},
              "resolver": {**dns.resolver, "wait": "500ms"}}
    begun = time.monotonic()
    lintel = start(config)  # Waits for /readyz.
    if not SANITIZED:
        assert time.monotonic() - begun < 5
    assert lintel.ask(request(target="/other")).body == b"other"
    assert lintel.ask().status == 503
    assert lintel.last_record(2)["end_reason"] == "pool.empty"
    assert not name_of(lintel, "api.test")["resolved"]
    [empty] = [pool for pool in lintel.stats()["pools"] if pool["name"] == "api"]
    assert empty["servers"] == [] and empty["panic"]["now"] is False
    assert lintel.metrics().value("lintel_pool_panic", pool="api") == 0
    dns.start()
    eventually(lambda: lintel.ask().status == 200, "service begins")
    assert name_of(lintel, "api.test")["resolved"]


def test_start_and_reload_wait_for_names_that_do_resolve(start, dns, servers):
    port, _ = servers(2)
    dns.zone |= {"a.test": ["127.0.0.2"], "b.test": ["127.0.0.3"]}
    lintel = start(proxy_to(f"a.test:{port}", resolver=dns.resolver))
    assert lintel.ask().body == b"0", "from the first request on"
    for _ in range(3):
        lintel.reload(proxy_to(f"b.test:{port}", resolver=dns.resolver))
        assert lintel.ask().body == b"1"
        lintel.reload(proxy_to(f"a.test:{port}", resolver=dns.resolver))
        assert lintel.ask().body == b"0"
    assert [each["name"] for each in lintel.stats()["resolver"]["names"]] == ["a.test"]
    assert lintel.stats()["end_reasons"]["pool.empty"] == 0


def test_a_reload_to_another_name_server_is_in_force_at_once(start, dns, servers):
    port, _ = servers(2)
    dns.zone["api.test"] = ["127.0.0.2"]
    lintel = start(proxy_to(f"api.test:{port}", resolver=dns.resolver))
    with NameServer({"api.test": ["127.0.0.3"]}, ttl=300) as other:
        dns.ttl = 300
        lintel.reload(proxy_to(f"api.test:{port}", resolver=other.resolver))
        eventually(lambda: lintel.ask().body == b"1", "the other one is asked")


def test_srv_records_tell_ports_and_weights(start, dns, origin):
    servers = [origin(answer=lambda _, i=i: response(200, b"%d" % i)) for i in range(3)]
    dns.zone |= {"a.test": ["127.0.0.1"], "b.test": [cname("a.test")],
                 "_http._tcp.api.test": [srv("a.test", servers[0].port, weight=3, priority=1),
                                         srv("b.test", servers[1].port, weight=1, priority=1),
                                         srv("a.test", servers[2].port, weight=9, priority=5)]}
    lintel = start(proxy_to({"srv": "_http._tcp.api.test"}, resolver=dns.resolver))
    assert bodies(lintel, 40) == {"0": 30, "1": 10}, "the lowest priority, by weight"
    weights = {dict(labels)["server"]: value for (name, labels), value in lintel.metrics().items()
               if name == "lintel_server_weight"}
    assert weights[f"a.test:{servers[0].port}@127.0.0.1"] == 3
    assert weights[f"b.test:{servers[1].port}@127.0.0.1"] == 1
    dns.zone["_http._tcp.api.test"] = [srv("a.test", servers[2].port, weight=0)]
    eventually(lambda: set(bodies(lintel)) == {"2"}, "the new record")
    dns.zone["_http._tcp.api.test"] = [srv(".", 1)]
    eventually(lambda: lintel.ask().status == 503, "the service is said not to be offered")
    dns.zone["_http._tcp.api.test"] = [srv("a.test", servers[0].port)]
    eventually(lambda: lintel.ask().status == 200, "it is again")


def test_answers_too_long_for_udp_come_over_tcp_and_are_bounded(start, dns, servers):
    port, _ = servers(1)
    dns.zone["api.test"] = [f"127.{i // 200 + 1}.0.{i % 200 + 1}" for i in range(1000)]
    lintel = start(proxy_to(f"api.test:{port}", resolver=dns.resolver))
    eventually(lambda: name_of(lintel, "api.test")["addresses"] == 256, "the answer, as much of it as is used")
    assert dns.truncated and dns.over_tcp
    assert "the name has 1000 addresses; the first 256 are used" in lintel.stderr()


def test_names_of_etc_hosts_need_no_name_server(start, dns, servers):
    hosts = [line.split("#")[0].split() for line in pathlib.Path("/etc/hosts").read_text().splitlines()]
    known = [words[1] for words in hosts if len(words) > 1 and words[0] == "127.0.0.1"]
    if not known:
        pytest.skip("/etc/hosts has no name for 127.0.0.1")
    dns.zone[known[0]] = SERVFAIL
    port = free_port()
    lintel = start(proxy_to(f"{known[0]}:{port}", resolver={**dns.resolver, "family": "ipv4"}))
    assert [server["name"] for server in lintel.stats()["pools"][0]["servers"]] == [f"{known[0]}:{port}@127.0.0.1"]
    assert lintel.ask().status == 502


def test_tcp_sessions_of_names(start, dns, servers):
    port, _ = servers(2)
    dns.zone["db.test"] = NXDOMAIN
    config = proxy_to(f"db.test:{port}", listener={"protocol": "tcp"}, resolver=dns.resolver)
    lintel = start(config)
    with contextlib.suppress(ConnectionError), lintel.connect() as client:  # Perhaps reset before connect() returns.
        assert client.at_end()
    assert lintel.last_record()["end_reason"] == "pool.empty"
    dns.zone["db.test"] = ["127.0.0.3"]
    eventually(lambda: name_of(lintel, "db.test")["resolved"], "the name resolves")
    eventually(lambda: lintel.stats()["server_changes"] == 1, "a change")
    assert lintel.ask().body == b"1"


def test_a_fallback_takes_what_an_empty_pool_cannot(start, dns, origin):
    server = origin()
    config = {"listeners": [{"routes": [{"pool": "api", "fallback": "other"}]}], "resolver": dns.resolver,
              "pools": {"api": {"servers": ["lost.test:80"]}, "other": {"servers": [server.name]}}}
    assert start(config).ask().status == 200


def test_term_while_names_are_waited_for_stops(dns, tmp_path):
    dns.zone["slow.test"] = None
    file = tmp_path / "lintel.yaml"
    file.write_text(f"listeners: [{{name: web, bind: ['127.0.0.1:{free_port()}'], pool: api}}]\n"
                    f"resolver: {{servers: ['{dns.address}'], timeout: 1m, wait: 1m}}\n"
                    "pools: {api: {servers: [slow.test:80]}}\n")
    with subprocess.Popen([BINARY, "run", "-c", file], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        eventually(lambda: dns.asked, "the name is asked for")
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0, process.stderr.read()


def test_dnsmasq(start, servers, tmp_path):
    """Another's name server: answers by UDP, and by TCP where they are long."""
    port, _ = servers(2)
    number = free_port()
    many = [f"--host-record=many.test,127.1.0.{i + 1}" for i in range(100)]
    with contextlib.closing(Server(
            ["dnsmasq", "--keep-in-foreground", "--no-resolv", "--no-hosts", "--conf-file=/dev/null", "--pid-file=",
             "--listen-address=127.0.0.1", "--bind-interfaces", f"--port={number}", "--user=root", "--local-ttl=1",
             "--host-record=api.test,127.0.0.2", "--host-record=target.test,127.0.0.3",
             f"--srv-host=_http._tcp.api.test,target.test,{port},0,5", *many], number, tmp_path, "dnsmasq")):
        config = {"listeners": [{"routes": [{"match": {"path": "/srv"}, "pool": "srv"},
                                            {"match": {"path": "/many"}, "pool": "many"}, {"pool": "api"}]}],
                  "resolver": {"servers": f"127.0.0.1:{number}"},
                  "pools": {"api": {"servers": [f"api.test:{port}"]}, "srv": {"servers": [{"srv": "_http._tcp.api.test"}]},
                            "many": {"servers": [f"many.test:{port}"]}}}
        lintel = start(config)
        assert lintel.ask().body == b"0"
        assert lintel.ask(request(target="/srv")).body == b"1"
        assert name_of(lintel, "many.test")["addresses"] == 100
        assert name_of(lintel, "_http._tcp.api.test")["type"] == "srv"


def test_check_and_explain_need_no_name_server(tmp_path, dns):
    file = tmp_path / "lintel.yaml"
    file.write_text("listeners: [{name: web, bind: ['127.0.0.1:8080'], pool: api}]\n"
                    f"resolver: {{servers: ['{dns.address}'], timeout: 200ms}}\n"
                    "pools: {api: {servers: [lost.test:80, {srv: _http._tcp.lost.test}]}}\n")
    checked = command("check", file)
    assert (checked.returncode, checked.stderr) == (0, "")
    explained = command("explain", "-c", file, "GET", "http://127.0.0.1:8080/")
    assert explained.returncode == 0 and "lost.test:80" in explained.stdout, explained.stdout
    assert "_http._tcp.lost.test" in explained.stdout
    assert dns.asked == []


def test_check_looks_names_up_when_it_is_told_to(tmp_path, dns):
    dns.zone |= {"good.test": ["127.0.0.2"], "_good._tcp.test": [srv("good.test", 80)],
                 "_half._tcp.test": [srv("good.test", 80), srv("lost.test", 80)], "silent.test": None}
    listed = tmp_path / "servers.list"
    listed.write_text("- good.test:80\n- listed.test:80\n")
    file = tmp_path / "lintel.yaml"
    file.write_text("listeners: [{name: web, bind: ['127.0.0.1:8080'], pool: api}]\n"
                    f"resolver: {{servers: ['{dns.address}'], timeout: 100ms, attempts: 1}}\n"
                    "pools:\n"
                    "  api:\n"
                    "    servers:\n"
                    "    - good.test:80\n"
                    "    - lost.test:80\n"
                    "    - silent.test:80\n"
                    "    - srv: _good._tcp.test\n"
                    "    - srv: _half._tcp.test\n"
                    "    - srv: _lost._tcp.test\n"
                    "    servers_file: servers.list\n")
    assert command("check", file).stderr == ""
    assert dns.asked == []
    checked = command("check", file, "--resolve")
    assert checked.returncode == 0 and checked.stdout.endswith("; 5 warnings\n"), checked.stdout + checked.stderr
    for place, text in [("lintel.yaml:7:", '"lost.test" does not resolve now: there is no such name'),
                        ("lintel.yaml:8:", '"silent.test" does not resolve now: no name server answers in time'),
                        ("lintel.yaml:10:", 'its target "lost.test" does not resolve now: there is no such name'),
                        ("lintel.yaml:11:", '"_lost._tcp.test" does not resolve now: there is no such name'),
                        ("servers.list:2:", '"listed.test" does not resolve now: there is no such name')]:
        assert [line for line in checked.stderr.splitlines() if place in line and "warning: " in line and text in line], \
            checked.stderr
    listed.write_text("- nonsense\n")
    broken = command("check", file)
    assert broken.returncode == 1 and "servers.list:1:3: error: " in broken.stderr, broken.stderr


# --- servers_file


@pytest.fixture
def listed(tmp_path):
    """listed(text): puts it into the list of servers as one should, and returns the file."""
    file = tmp_path / "servers.list"

    def write(text):
        new = tmp_path / "servers.new"
        new.write_text(text)
        os.replace(new, file)
        return file
    return write


def items(port, *numbers):
    return "".join(f"- 127.0.0.{number + 2}:{port}\n" for number in numbers) or "[]\n"


def from_file(file, **top):
    return {"listeners": [{"name": "web", "pool": "site"}], "pools": {"site": {"servers_file": str(file)}}, **top}


def test_a_list_that_is_renamed_over_the_old_one_moves_the_traffic_and_loses_nothing(start, servers, listed):
    port, _ = servers(4)
    lintel = start(from_file(listed(items(port, 0, 1)), workers=2))
    with under_load(lintel) as seen:
        seen_only(seen, {"0", "1"})
        listed(items(port, 1, 2))
        lintel.wait_for_log(f"servers changed, 2 now, added 127.0.0.4:{port}, removed 127.0.0.2:{port}")
        seen_only(seen, {"1", "2"})
        for i in range(load(10, 3)):
            listed(items(port, i % 3, 3))
            eventually(lambda i=i: lintel.stats()["server_changes"] >= i + 2, "another change")
        seen_only(seen, {str(i % 3), "3"})
    assert {reason for reason, count in lintel.stats()["end_reasons"].items() if count} == {"ok"}
    assert lintel.stats()["config"]["generation"] == 1, "without a reload"
    [info] = lintel.stats()["servers_files"]
    assert (info["pool"], info["servers"], info["loads_failed"], info["last_error"]) == ("site", 2, 0, "")


@pytest.mark.parametrize("bad", ["servers: no list\n", "[", "- 127.0.0.3\n", "- {address: '127.0.0.3:80', wieght: 2}\n", "",
                                 None])
def test_a_bad_list_changes_nothing(start, servers, listed, bad):
    port, _ = servers(2)
    file = listed(items(port, 0))
    lintel = start(from_file(file))
    eventually(lambda: lintel.stats()["servers_files"][0]["loads_ok"], "the file is followed")
    if bad is None:
        file.unlink()
    else:
        listed(bad)
    lintel.wait_for_log("the servers stay as they were: ")
    [info] = lintel.stats()["servers_files"]
    assert info["servers"] == 1 and info["loads_failed"] >= 1 and str(file) in info["last_error"]
    assert lintel.metrics().value("lintel_servers_file_last_load_success", pool="site") == 0
    assert bodies(lintel) == {"0": 20}
    assert lintel.stats()["server_changes"] == 0
    lintel.reload(ok=False)
    assert bodies(lintel) == {"0": 20}
    listed(items(port, 1))
    eventually(lambda: lintel.ask().body == b"1", "the mended list")
    assert lintel.stats()["servers_files"][0]["last_error"] == ""
    assert lintel.metrics().value("lintel_servers_file_last_load_success", pool="site") == 1


def test_a_list_behind_a_symbolic_link_that_is_turned(start, servers, tmp_path):
    """As Kubernetes mounts its configuration maps."""
    port, _ = servers(2)
    for number in (0, 1):
        (tmp_path / f"data{number}").mkdir()
        (tmp_path / f"data{number}" / "servers.list").write_text(items(port, number))
    (tmp_path / "..data").symlink_to("data0")
    (tmp_path / "servers.list").symlink_to("..data/servers.list")
    lintel = start(from_file(tmp_path / "servers.list"))
    assert bodies(lintel) == {"0": 20}
    (tmp_path / "turned").symlink_to("data1")
    os.replace(tmp_path / "turned", tmp_path / "..data")
    eventually(lambda: lintel.ask().body == b"1", "the other list")


def test_an_empty_list_is_one_without_servers(start, servers, listed):
    port, _ = servers(1)
    lintel = start(from_file(listed("[]\n")))
    assert lintel.ask().status == 503
    assert lintel.last_record()["end_reason"] == "pool.empty"
    listed(items(port, 0))
    eventually(lambda: lintel.ask().status == 200, "a server comes")
    listed("[]\n")
    eventually(lambda: lintel.ask().status == 503, "it goes")


def test_names_in_a_list_are_looked_up(start, dns, servers, listed):
    port, _ = servers(3)
    dns.zone |= {"a.test": ["127.0.0.2"], "b.test": ["127.0.0.3"]}
    lintel = start(from_file(listed(f"- a.test:{port}\n"), resolver=dns.resolver))
    assert bodies(lintel) == {"0": 20}
    listed(f"- b.test:{port}\n")
    eventually(lambda: lintel.ask().body == b"1", "the name that is listed now")
    dns.zone["b.test"] = ["127.0.0.4"]
    eventually(lambda: lintel.ask().body == b"2", "its new address")
    eventually(lambda: [each["name"] for each in lintel.stats()["resolver"]["names"]] == ["b.test"], "the old name is let go")


def test_servers_that_come_and_go_are_checked(start, servers, listed):
    port, _ = servers(2)
    check = {"type": "tcp", "interval": "100ms"}
    lintel = start({"listeners": [{"name": "web", "pool": "site"}],
                    "pools": {"site": {"servers_file": str(listed(items(port, 0))), "health_check": check}}})
    first, second = f"127.0.0.2:{port}", f"127.0.0.3:{port}"

    def passed(server):
        return lintel.metrics().sum("lintel_server_checks_total", server=server, result="passed")
    count = eventually(lambda: passed(first), "the first is checked")
    listed(items(port, 0, 1))
    eventually(lambda: passed(second), "the second is checked")
    assert passed(first) >= count, "what is known of one that stays is kept"
    listed(items(port, 1))
    eventually(lambda: not passed(first), "the first is not any more")


def test_addresses_of_a_name_are_checked_one_by_one(start, dns, servers):
    port, [_, second] = servers(2)
    dns.zone["api.test"] = ["127.0.0.2", "127.0.0.3"]
    check = {"type": "tcp", "interval": "100ms", "fall": 1}
    lintel = start(proxy_to(f"api.test:{port}", pool={"health_check": check, "panic_threshold": "never"},
                            resolver=dns.resolver))
    assert bodies(lintel) == {"0": 10, "1": 10}
    second.close()
    eventually(lambda: lintel.metrics().value("lintel_server_up", pool="site", server=f"api.test:{port}@127.0.0.3") == 0,
               "one is down")
    assert bodies(lintel) == {"0": 20}
