"""The access log: one line per request, complete and readable, without secrets."""

import datetime
import json
import re

import pytest
from harness.daemon import proxy_to
from harness.environment import eventually, load
from harness.wire import request, response


def test_fields_of_a_json_line(start, origin):
    server = origin(answer=lambda _: response(201, b"12345"))
    lintel = start(proxy_to(server))
    before = datetime.datetime.now(datetime.timezone.utc)
    with lintel.connect() as client:
        port = client.sock.getsockname()[1]
        client.ask(request("POST", "/a/../path?x=1&y=2", "User-Agent: test/1 \"quoted\"",
                           "Referer: http://r.example/?token=x", host="Site.Example:8080", body=b"abc"))
    record = lintel.last_record()
    stamp = datetime.datetime.fromisoformat(record.pop("ts").replace("Z", "+00:00"))
    assert abs((stamp - before).total_seconds()) < 20
    assert re.fullmatch("[0-9a-f]{32}", record.pop("request_id"))
    duration, first_byte, connect = (record.pop(name) for name in ("duration_ms", "t_ttfb_ms", "t_connect_ms"))
    assert duration >= first_byte > 0 and connect > 0
    [attempt] = record.pop("attempts")
    assert attempt.pop("ms") <= duration
    assert attempt == {"server": server.name, "status": 201, "reason": "ok"}
    assert record == {
        "level": "info", "msg": "access", "client_ip": "127.0.0.1", "client_port": port, "peer_ip": "127.0.0.1",
        "listener": "web", "proto": "HTTP/1.1", "method": "POST", "scheme": "http", "host": "site.example:8080",
        "path": "/path", "query": "x=1&y=2", "route": record["route"], "pool": "site", "server": server.name,
        "status": 201, "upstream_status": 201, "bytes_in": 3, "bytes_out": 5, "end_reason": "ok",
        "user_agent": 'test/1 "quoted"', "referer": "http://r.example/?token=***"}


@pytest.mark.parametrize("query,logged", [
    ("token=abc", "token=***"), ("a=1&password=x&b=2", "a=1&password=***&b=2"),
    ("access_token=s&q=1", "access_token=***&q=1"), ("API-Key=s", "API-Key=***"), ("%74oken=s", "%74oken=***"),
    ("X-Amz-Signature=f&X-Amz-Date=d", "X-Amz-Signature=***&X-Amz-Date=d"),
    ("code=s;state=1", "code=***;state=1"), ("q=token", "q=token"), ("monkey=1", "monkey=1"), ("token", "token")])
def test_secrets_of_the_query_are_not_logged(start, origin, query, logged):
    server = origin()
    lintel = start(proxy_to(server))
    lintel.ask(request("GET", "/?" + query))
    assert lintel.last_record()["query"] == logged
    assert server.requests[0].target == "/?" + query, "the server gets what was sent"


def test_credentials_are_not_logged(start, origin):
    lintel = start(proxy_to(origin(answer=lambda _: response(200, b"", "Set-Cookie: sid=verysecret"))))
    lintel.ask(request("GET", "/", "Authorization: Bearer verysecret", "Cookie: sid=verysecret"))
    lintel.access_log(1)
    assert "verysecret" not in lintel.access_log_file.read_text() + lintel.stderr()


def test_nothing_that_clients_send_breaks_a_line(start, origin):
    lintel = start(proxy_to(origin()))
    values = ['"},{"x":"', "\\", "\t", "\xe9\xff\x80", "a" * 8000, "\\u0000", "<script>", "${x}"]
    for value in values:
        lintel.ask(request("GET", "/", f"User-Agent: x{value}x", f"X-Request-Id: {value}"))
        lintel.ask(request("GET", "/%22?" + value.replace("\t", "")))
    records = lintel.access_log(2 * len(values))
    assert len(records) == 2 * len(values)
    assert records[0]["user_agent"] == 'x"},{"x":"x'


COMBINED = re.compile(
    r'(\S+) - - \[(\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d \+0000)\] "((?:[^"\\]|\\x[0-9A-F]{2})*)" (\d{3}) (\d+|-) '
    r'"((?:[^"\\]|\\x[0-9A-F]{2})*)" "((?:[^"\\]|\\x[0-9A-F]{2})*)"')


def test_combined_format(start, origin):
    config = proxy_to(origin())
    lintel = start(config)
    config["access_log"] = {"path": str(lintel.access_log_file), "format": "combined"}
    lintel.reload(config)
    lintel.ask(request("GET", "/p?token=x&a=1", 'User-Agent: Mozilla/5.0 "x" \\', "Referer: http://r/"))
    lintel.ask(request("HEAD", "/"))
    lintel.ask(b"\"broken\"\r\n\r\n")
    lines = eventually(lambda: len(lintel.access_lines()) == 3 and lintel.access_lines(), "3 lines")
    first, second, third = [COMBINED.fullmatch(line) for line in lines]
    assert first, lines
    assert first.groups()[::2] == ("127.0.0.1", "GET /p?token=***&a=1 HTTP/1.1", "6", "Mozilla/5.0 \\x22x\\x22 \\x5C")
    assert (first[4], first[6]) == ("200", "http://r/")
    datetime.datetime.strptime(first[2], "%d/%b/%Y:%H:%M:%S %z")
    assert second and second.groups()[3:] == ("200", "0", "-", "-")
    assert third and third[4] == "400"


def test_log_on_stdout_and_off(start, origin):
    config = proxy_to(origin(), access_log={"path": "stdout"})
    lintel = start(config)
    assert lintel.ask().status == 200
    out = lintel.directory / "stdout"
    eventually(lambda: out.read_text().count("\n") == 1, "the line on stdout")
    assert json.loads(out.read_text())["status"] == 200
    lintel.reload({**config, "access_log": {"enabled": False}})
    assert lintel.ask().status == 200
    lintel.stop()
    assert out.read_text().count("\n") == 1


def test_every_request_has_a_line_also_when_the_process_ends(start, origin):
    lintel = start(proxy_to(origin(), workers=2))
    count = load(2000, 200)
    with lintel.connect() as one, lintel.connect() as two:
        for i in range(count // 2):
            one.send(request("GET", f"/{i}"))
            two.send(request("GET", f"/{i}"))
            assert one.read_response().status == two.read_response().status == 200
    lintel.stop()
    paths = sorted(json.loads(line)["path"] for line in lintel.access_lines())
    assert paths == sorted([f"/{i}" for i in range(count // 2)] * 2)


def test_error_log_as_json(start, origin):
    lintel = start(proxy_to(origin(), log={"format": "json"}))
    lines = [json.loads(line) for line in lintel.stderr().splitlines()]
    assert any("started" in line["msg"] and line["level"] == "info" for line in lines)
    assert all(datetime.datetime.fromisoformat(line["ts"].replace("Z", "+00:00")) for line in lines)


def test_full_disk_stops_no_request(start, origin):
    config = proxy_to(origin(), access_log={"path": "/dev/full"})
    lintel = start(config)
    for _ in range(20):
        assert lintel.ask().status == 200
    lost = eventually(lambda: lintel.metrics().value("lintel_access_log_lost_bytes_total"), "what is lost is counted")
    assert lintel.ask().status == 200
    eventually(lambda: lintel.metrics().value("lintel_access_log_lost_bytes_total") > lost, "also what comes later")
    assert lintel.stats()["process"]["access_log_lost_bytes"] > lost
    complaints = [line for line in lintel.stderr().splitlines() if "lines are lost" in line]
    assert len(complaints) == 1 and "file=/dev/full" in complaints[0] and "No space left" in complaints[0]
    before = lintel.metrics().value("lintel_access_log_lost_bytes_total")
    config["access_log"]["path"] = str(lintel.directory / "elsewhere")
    lintel.reload(config)
    assert lintel.metrics().value("lintel_access_log_lost_bytes_total") >= before, "counters outlive reloads"
    lintel.stop()
