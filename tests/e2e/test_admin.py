"""The admin endpoint: health, statistics, metrics."""

import http.client
import json

import pytest
from harness import metrics as prometheus
from harness import wire
from harness.daemon import proxy_to
from harness.environment import eventually
from harness.wire import request, response


def test_health(start, origin):
    lintel = start(proxy_to(origin()))
    assert lintel.get("/healthz")[::2] == (200, "ok\n")
    assert lintel.get("/readyz")[::2] == (200, "ok\n")
    status, _, text = lintel.get("/nothing")
    assert status == 404 and "/metrics" in text
    assert lintel.get("/")[0] == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
@pytest.mark.parametrize("path", ["/healthz", "/metrics", "/v1/stats", "/nothing"])
def test_nothing_can_be_changed(start, origin, method, path):
    lintel = start(proxy_to(origin()))
    with wire.connect(lintel.admin_address) as client:
        got = client.ask(request(method, path, body=b"{}"))
        assert got.status == 405 and got.headers["allow"] == "GET, HEAD"


def test_admin_speaks_http_properly(start, origin):
    lintel = start(proxy_to(origin()))
    with wire.connect(lintel.admin_address) as client:
        for path in ("/healthz", "/metrics", "/v1/stats"):
            full = client.ask(request("GET", path))
            head = client.ask(request("HEAD", path))
            assert (full.status, head.status, head.body) == (200, 200, b"")
            assert int(head.headers["content-length"]) > 0
        client.send(request("GET", "/healthz") * 3)
        assert [client.read_response().status for _ in range(3)] == [200] * 3
    with wire.connect(lintel.admin_address) as client:
        assert client.ask(b"garbage\r\n\r\n").status == 400


def test_admin_on_a_unix_socket(start, origin, tmp_path):
    path = tmp_path / "admin.sock"
    lintel = start(proxy_to(origin()))
    config = proxy_to(origin())
    config["admin"] = {"bind": [f"unix:{path}", "127.0.0.1:%d" % lintel.admin_address[1]]}
    lintel.reload(config)
    assert path.stat().st_mode & 0o777 == 0o660
    with wire.connect(str(path)) as client:
        assert client.ask(request("GET", "/readyz")).status == 200
    lintel.stop()
    assert not path.exists()


def test_statistics_count_what_was_sent(start, origin):
    server = origin(answer=lambda seen: response(404 if seen.target == "/none" else 200, b"12345"))
    lintel = start(proxy_to(server, workers=2, listener={"name": "web"}))
    for _ in range(10):
        with lintel.connect() as client:
            client.ask(request("GET", "/"))
            client.ask(request("POST", "/", body=b"abc"))
            client.ask(request("GET", "/none"))
            client.ask(request("HEAD", "/"))
    lintel.metrics_after(40)
    status, kind, text = lintel.get("/v1/stats")
    assert (status, kind) == (200, "application/json")
    stats = json.loads(text)
    assert stats["schema"] == 1 and stats["process"]["workers"] == 2
    [listener] = stats["listeners"]
    assert listener["name"] == "web" and listener["accepts"] == {"ok": 10, "limit": 0, "error": 0}
    [route] = [one for one in stats["routes"] if one["requests"]]
    assert route["by_status"] == {"200": 30, "404": 10} and route["requests"] == 40
    assert (route["bytes_in"], route["bytes_out"], route["in_flight"]) == (30, 150, 0)
    assert route["duration"]["count"] == 40
    assert sum(bucket["count"] for bucket in route["duration"]["buckets"]) == 40
    [pool] = stats["pools"]
    [one] = pool["servers"]
    assert one["by_status"] == {"200": 30, "404": 10} and one["errors"] == {}
    assert pool["first_byte"]["count"] == 40
    assert pool["connect"]["count"] == len(server.connections)
    assert stats["end_reasons"]["ok"] == 40 and sum(stats["end_reasons"].values()) == 40


def test_metrics_count_what_was_sent(start, origin):
    server = origin(answer=lambda seen: response(503 if seen.target == "/bad" else 200, b"12345"))
    config = proxy_to(server, workers=2)
    del config["listeners"][0]["pool"]
    config["listeners"][0]["routes"] = [
        {"name": "ping", "match": {"path": "/ping"}, "respond": {"body": "pong"}},
        {"name": "site", "match": {"path_prefix": "/"}, "pool": "site"}]
    lintel = start(config)
    for _ in range(5):
        with lintel.connect() as client:
            client.ask(request("GET", "/ping"))
            client.ask(request("PUT", "/x", body=b"abc"))
            client.ask(request("PROPFIND", "/x"))
            client.ask(request("GET", "/bad"))
            client.ask(request("GET", "/", version="HTTP/1.0"))
    assert lintel.ask(b"broken\r\n\r\n").status == 400
    metrics = lintel.metrics_after(26)

    def requests(**labels):
        return metrics.value("lintel_requests_total", listener="web", **labels)

    assert requests(route="ping", code="200", method="GET", proto="HTTP/1.1") == 5
    assert requests(route="site", code="200", method="PUT", proto="HTTP/1.1") == 5
    assert requests(route="site", code="503", method="GET", proto="HTTP/1.1") == 5
    assert requests(route="site", code="200", method="GET", proto="HTTP/1.0") == 5
    assert metrics.sum("lintel_requests_total", route="site") == 20
    assert metrics.sum("lintel_requests_total", code="400") == 1
    methods = {dict(labels)["method"] for name, labels in metrics if name == "lintel_requests_total"}
    assert methods <= {"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "OTHER"}
    assert metrics.value("lintel_request_bytes_total", listener="web", route="site") == 15
    assert metrics.value("lintel_response_bytes_total", listener="web", route="site") == 100
    assert metrics.value("lintel_request_duration_seconds_count", listener="web", route="site") == 20
    assert metrics.value("lintel_upstream_requests_total", pool="site", server=server.name, code="200") == 15
    assert metrics.value("lintel_end_reason_total", reason="ok") == 20
    assert metrics.value("lintel_end_reason_total", reason="route.respond") == 5
    assert metrics.value("lintel_end_reason_total", reason="client.bad_request") == 1
    assert metrics.value("lintel_listener_accepts_total", listener="web", result="ok") == 6
    assert metrics.value("lintel_server_weight", pool="site", server=server.name) == 1
    for name in ("lintel_build_info", "lintel_config_info", "process_cpu_seconds_total", "process_open_fds",
                 "process_max_fds", "process_resident_memory_bytes", "process_start_time_seconds"):
        assert metrics.sum(name) > 0, name
    buckets = [key for key in metrics if key[0] == "lintel_request_duration_seconds_bucket"
               and ("route", "site") in key[1]]
    assert 12 <= len(buckets) <= 16


def test_gauges_follow(start, origin):
    lintel = start(proxy_to(origin()))
    clients = [lintel.connect() for _ in range(5)]
    for client in clients:
        assert client.ask(request()).status == 200
    assert lintel.metrics().value("lintel_listener_connections", listener="web") == 5
    for client in clients:
        client.close()
    eventually(lambda: lintel.metrics().value("lintel_listener_connections", listener="web") == 0, "all are gone")
    assert lintel.metrics().sum("lintel_requests_in_flight") == 0


def test_content_negotiation(start, origin):
    lintel = start(proxy_to(origin()))
    assert lintel.get("/metrics")[1].startswith("text/plain; version=0.0.4")
    _, kind, text = lintel.get("/metrics", {"Accept": "application/openmetrics-text; version=1.0.0"})
    assert kind.startswith("application/openmetrics-text") and text.endswith("# EOF\n")
    assert "# TYPE lintel_requests counter" in text


def test_names_cannot_break_the_format():
    """The reader itself refuses what Prometheus would."""
    good = "# HELP a b\n# TYPE a gauge\na{x=\"1\"} 1\n"
    assert prometheus.parse(good).value("a", x="1") == 1
    for bad in (good.replace("# TYPE a gauge\n", ""), good.replace('"1"', "1"), good + good, good + 'a{x="1"} 2\n',
                good.replace("} 1", "} one"), good.replace("gauge", "counter"), good.rstrip("\n")):
        with pytest.raises((AssertionError, ValueError)):
            prometheus.parse(bad)


def test_admin_and_traffic_do_not_mix(start, origin):
    server = origin()
    lintel = start(proxy_to(server))
    lintel.ask(request("GET", "/metrics"))
    assert server.requests[0].target == "/metrics"
    before = lintel.metrics_after(1).sum("lintel_requests_total")
    for _ in range(5):
        lintel.get("/v1/stats")
    assert lintel.metrics().sum("lintel_requests_total") == before == 1
    connection = http.client.HTTPConnection(*lintel.admin_address)
    connection.request("GET", "/healthz")
    assert connection.getresponse().status == 200
    connection.close()
