"""Which route takes a request, and what redirects and fixed responses look like."""

import pytest
from harness.wire import request

ROUTES = [
    {"name": "exact-path", "match": {"path": "/exact"}},
    {"name": "api-write", "match": {"host": ["api.example.com", "*.api.example.com"], "path_prefix": "/v1",
                                    "method": ["POST", "PUT"]}},
    {"name": "api", "match": {"host": ["api.example.com", "*.api.example.com"], "path_prefix": "/v1"}},
    {"name": "wild", "match": {"host": "*.example.com"}},
    {"name": "prefix", "match": {"path_prefix": "/static/"}},
    {"name": "shadowed", "match": {"path": "/exact"}},
    {"name": "deletes", "match": {"method": "DELETE"}},
]

CASES = [
    ("GET", "any.host", "/exact", "exact-path"),
    ("GET", "api.example.com", "/exact", "exact-path"),
    ("GET", "any.host", "/exact?query=1", "exact-path"),
    ("GET", "any.host", "/exact/", None),
    ("GET", "any.host", "/EXACT", None),
    ("GET", "any.host", "/x/../exact", "exact-path"),
    ("GET", "any.host", "/%65xact", "exact-path"),
    ("POST", "api.example.com", "/v1", "api-write"),
    ("GET", "api.example.com", "/v1", "api"),
    ("GET", "API.Example.COM", "/v1/x/y", "api"),
    ("GET", "api.example.com:80", "/v1/x", "api"),
    ("GET", "api.example.com:8080", "/v1/x", "api"),
    ("GET", "api.example.com.", "/v1/x", "api"),
    ("GET", "a.api.example.com", "/v1/x", "api"),
    ("GET", "a.b.api.example.com", "/v1/x", "api"),
    ("GET", "api.example.com", "/v1x", "wild"),
    ("GET", "api.example.com", "/v", "wild"),
    ("GET", "www.example.com", "/", "wild"),
    ("GET", "example.com", "/", None),
    ("GET", "notexample.com", "/", None),
    ("GET", "any.host", "/static/a", "prefix"),
    ("GET", "any.host", "/staticky", None),
    ("DELETE", "any.host", "/", "deletes"),
    ("GET", "any.host", "/", None),
]


def test_first_matching_route_wins(start):
    routes = [{**route, "respond": {"body": route["name"]}} for route in ROUTES]
    lintel = start({"listeners": [{"routes": routes}]})
    with lintel.connect() as client:
        for method, host, path, expected in CASES:
            got = client.ask(request(method, path, host=host))
            found = got.body.decode() if got.status == 200 else None
            assert (got.status, found) == (200 if expected else 404, expected), (method, host, path)
    records = lintel.access_log(len(CASES))
    for (_, _, _, expected), record in zip(CASES, records):
        assert record["end_reason"] == ("route.respond" if expected else "route.none")
        if expected:
            assert record["route"] == expected


def test_routes_to_different_pools(start, origin):
    a, b = origin(), origin()
    lintel = start({
        "listeners": [{"routes": [{"match": {"path_prefix": "/a"}, "pool": "a"}, {"pool": "b"}]}],
        "pools": {"a": {"servers": [a.name]}, "b": {"servers": [b.name]}}})
    with lintel.connect() as client:
        for path in ("/a", "/ab", "/a/b", "/"):
            assert client.ask(request("GET", path)).status == 200
    assert [seen.target for seen in a.requests] == ["/a", "/a/b"]
    assert [seen.target for seen in b.requests] == ["/ab", "/"]
    assert [(record["route"], record["pool"], record["server"]) for record in lintel.access_log(4)] == [
        ("web-1", "a", a.name), ("web-2", "b", b.name), ("web-1", "a", a.name), ("web-2", "b", b.name)]


@pytest.mark.parametrize("redirect,target,location,status", [
    ({"scheme": "https"}, "/p?q=1", "https://old.example/p?q=1", 308),
    ({"scheme": "https", "status": 301}, "/", "https://old.example/", 301),
    ({"host": "new.example"}, "/p", "http://new.example/p", 308),
    ({"host": "new.example", "scheme": "https", "port": 8443}, "/p", "https://new.example:8443/p", 308),
    ({"path": "/else"}, "/p?q=1", "http://old.example:8080/else", 308),
    ({"port": 81, "status": 302}, "/p", "http://old.example:81/p", 302),
    ({"path": "/q?fixed=1", "status": 303}, "/p?q=1", "http://old.example:8080/q?fixed=1", 303),
])
def test_redirect(start, redirect, target, location, status):
    lintel = start({"listeners": [{"routes": [{"redirect": redirect}]}]})
    got = lintel.ask(request("GET", target, host="old.example:8080"))
    assert (got.status, got.headers["location"]) == (status, location)
    assert lintel.last_record()["end_reason"] == "route.redirect"


@pytest.mark.parametrize("respond", [
    {"status": 200, "body": "pong\n"}, {"status": 503, "body": "{}", "content_type": "application/json"},
    {"status": 204}, {"status": 200, "body": ""}, {"status": 404}])
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_respond(start, respond, method):
    lintel = start({"listeners": [{"routes": [{"respond": respond}]}]})
    with lintel.connect() as client:
        for _ in range(2):
            got = client.ask(request(method, "/", body=b"ignored" if method == "POST" else None))
            assert got.status == respond["status"]
            if method != "HEAD" and "body" in respond:
                assert got.body.decode() == respond["body"]
            if respond.get("body"):
                assert got.headers["content-type"] == respond.get("content_type", "text/plain; charset=utf-8")
                assert got.headers["content-length"] == str(len(respond["body"]))
            assert "date" in got.headers


def test_trace_and_connect_are_not_done(start, origin):
    server = origin()
    lintel = start(proxy_to_everything(server))
    for message in (request("TRACE", "/"), request("CONNECT", "other.example:443", host="other.example:443")):
        got = lintel.ask(message)
        assert got.status == 405 and "GET" in got.headers["allow"]
    assert not server.requests
    assert {record["end_reason"] for record in lintel.access_log(2)} == {"route.method_not_allowed"}


def proxy_to_everything(server):
    return {"listeners": [{"pool": "site"}], "pools": {"site": {"servers": [server.name]}}}


CONDITIONS = [
    {"name": "staff", "match": {"path_prefix": "/admin", "client_ip": "203.0.113.0/24"}},
    {"name": "forbidden", "match": {"path_prefix": "/admin"}},
    {"name": "canary", "match": {"any": [{"cookie": {"canary": "1"}}, {"header": {"X-Canary": {"present": True}}},
                                         {"query": {"v": {"regex": "^2[.]"}}}]}},
    {"name": "user", "match": {"path_regex": "^/users/[0-9]+$", "not": {"method": "POST"}}},
    {"name": "proto", "match": {"header": {"X-Forwarded-Proto": "https"}}},
    {"name": "rest"},
]


def test_conditions_beyond_host_path_and_method(start):
    routes = [{**route, "respond": {"body": route["name"]}} for route in CONDITIONS]
    lintel = start({"listeners": [{"routes": routes, "trusted_proxies": "127.0.0.1"}]})
    cases = [
        ("GET", "/admin/x", "X-Forwarded-For: 203.0.113.9", "staff"),
        ("GET", "/admin/x", "X-Forwarded-For: 198.51.100.1", "forbidden"),
        ("GET", "/admin/x", "", "forbidden"),
        ("GET", "/", "Cookie: a=b; canary=1", "canary"),
        ("GET", "/", "Cookie: a=b; canary=2", "rest"),
        ("GET", "/", "x-canary: ", "canary"),
        ("GET", "/?a&v=2%2E5", "", "canary"),
        ("GET", "/users/42", "", "user"),
        ("GET", "/users/4x", "", "rest"),
        ("POST", "/users/42", "", "rest"),
        ("GET", "/", "X-Forwarded-Proto: https", "proto"),
    ]
    with lintel.connect() as client:
        for method, path, field, expected in cases:
            got = client.ask(request(method, path, *([field] if field else [])))
            assert got.body.decode() == expected, (method, path, field)


def test_a_field_that_servers_would_not_see_matches_no_route(start):
    """Who is not trusted cannot choose a route by a forwarding field, which is replaced on the way (N14)."""
    routes = [{**route, "respond": {"body": route["name"]}} for route in CONDITIONS]
    lintel = start({"listeners": [{"routes": routes}]})
    assert lintel.ask(request("GET", "/", "X-Forwarded-Proto: https")).body == b"rest"
