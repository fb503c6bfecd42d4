"""lintel explain and lintel test: what they say is what happens."""

import concurrent.futures
import json
import random

import pytest
from harness.daemon import command
from harness.environment import load
from harness.wire import request

HOSTS = ["a.test", "b.test", "www.a.test", "x.b.test", "c.test"]
SEGMENTS = ["api", "v1", "users", "42", "a.b", "static", "~me", "x%2Fy"]
NAMES = ["X-Env", "X-Kind", "X-User"]
VALUES = ["prod", "staging", "canary", "42"]
NETWORKS = ["10.0.0.0/8", "10.1.0.0/16", "192.0.2.0/24", "2001:db8::/32"]
CLIENTS = ["10.1.2.3", "10.200.0.1", "192.0.2.9", "198.51.100.7", "2001:db8::1"]


DEAD = "127.0.0.1:1"


class Source:
    """Routes and requests that have a good chance to meet."""

    def __init__(self, seed):
        self.random = random.Random(seed)

    def some(self, of, most=2):
        return self.random.sample(of, self.random.randint(1, most))

    def one(self, of):
        return self.random.choice(of)

    def chance(self, of):
        return self.random.random() < of

    def path(self, least=0, most=3):
        return "/" + "/".join(self.one(SEGMENTS) for _ in range(self.random.randint(least, most)))

    def text_match(self):
        return self.one([self.some(VALUES), {"present": False}, {}, {"prefix": self.one(["pro", "st", "c"])},
                         {"regex": self.one(["^[0-9]+$", "a.*a", "d$"])}, {"contains": "a", "suffix": "y"}])

    def match(self, depth=0):
        match = {}
        if self.chance(0.6):
            match["host"] = self.one([self.some(HOSTS), ["*.a.test"], ["*.test"]])
        kind = self.random.random()
        if kind < 0.2:
            match["path"] = self.path(1)
        elif kind < 0.6:
            match["path_prefix"] = self.path(1, 2)
        elif kind < 0.7:
            match["path_regex"] = self.one(["/[0-9]+$", "^/api/.*/users", "^/(v1|static)/", "%2F"])
        if self.chance(0.3):
            match["method"] = self.some(["GET", "POST", "PUT", "PURGE"])
        if self.chance(0.25):
            match["header"] = {name: self.text_match() for name in self.some(NAMES)}
        if self.chance(0.15):
            match["query"] = {name: self.text_match() for name in self.some(["v", "kind"])}
        if self.chance(0.15):
            match["cookie"] = {"id": self.text_match()}
        if self.chance(0.15):
            match["client_ip"] = self.some(NETWORKS)
        if depth < 2 and self.chance(0.15):
            match[self.one(["all", "any", "not"])] = [self.match(depth + 1) for _ in range(self.random.randint(1, 2))]
        return match

    def action(self, match):
        kind = self.random.random()
        if kind < 0.1:
            return {"respond": {"status": self.one([200, 204, 403, 404]), "body": "x"}}
        if kind < 0.2:
            return {"redirect": self.one([{"scheme": "https"}, {"host": "new.test", "status": 302}, {"path": "/new"}])}
        action = {"pool": self.one(["one", "two", "hashed"])}
        if kind < 0.4:
            action = {"split": [{"pool": "one", "weight": 3}, {"pool": "two", "weight": 1}]}
            if self.chance(0.7):
                action["split_key"] = self.one(["{client_ip}", "{path}", "{client_ip}{header.X-User}"])
        elif kind < 0.55:  # None of these can serve, so the fallback must.
            lost = {"pool": self.one(["dead", "empty"])}
            action = {**self.one([lost, {"split": [{**lost, "weight": 1}, {"pool": "dead", "weight": 2}],
                                         "split_key": "{path}"}]), "fallback": self.one(["one", "two", "hashed"])}
        elif kind < 0.65:
            action["fallback"] = "one"
        rewrites = [{"strip_prefix": self.path(1, 1)}, {"path": "/fixed{path}"}, {"host": "inner.test"},
                    {"regex": {"pattern": "/([0-9]+)", "replace": "/n-{1}"}},
                    {"regex": {"pattern": "^/api", "replace": "/../.."}}]
        if "path_prefix" in match:
            rewrites.append({"path_prefix": self.one(["/", "/new", "/new/"])})
        if self.chance(0.4):
            action["rewrite"] = self.one(rewrites)
        if self.chance(0.3):
            action["headers"] = {"request": {"set": {"X-Path": "{path}", "X-User": "{header.X-Env}"}, "remove": ["X-Kind"]}}
        if self.chance(0.1):
            action["body_size"] = "1KiB"
        return action

    def routes(self, count):
        routes = []
        for number in range(count):
            match = self.match()
            # What takes everything, or nearly so, would leave nothing to those behind it.
            while number < count * 0.9 and not (len(match) > 1 and {"path", "path_prefix", "path_regex"} & set(match)):
                match = self.match()
            routes.append({"name": f"r{number}", "match": match, **self.action(match)})
        return routes

    def question(self, routes):
        """Most of them look like what some route asks for."""
        match = self.one(routes)["match"] if self.chance(0.7) else {}
        fields = []
        for name in self.random.sample(NAMES, self.random.randint(0, 3)):
            fields.append(f"{name}: {self.one(VALUES)}")
        if self.chance(0.3):
            fields.append(f"Cookie: a=b; id={self.one(VALUES)}")
        target = match.get("path") or match.get("path_prefix", "").rstrip("/") + self.path()
        host = [name for name in match.get("host", []) if not name.startswith("*")] or HOSTS
        if self.chance(0.1):
            target = target.replace("a", "%61") + "/./x/.."
        if self.chance(0.4):
            target += "?" + "&".join(f"{self.one(['v', 'kind'])}={self.one(VALUES)}" for _ in range(2))
        methods = match.get("method", ["GET", "GET", "POST", "PUT", "PURGE", "DELETE", "OPTIONS"])
        return {"method": self.one(methods), "host": self.one(host), "target": target, "fields": fields, "client": self.one(CLIENTS)}


def explain(lintel, question):
    fields = [word for field in question["fields"] for word in ("-H", field)]
    done = command("explain", "-c", lintel.file, "--json", *fields, "-H", f"X-Forwarded-For: {question['client']}",
                   question["method"], f"http://{question['host']}:{lintel.port}{question['target']}", timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def agree(told, record, seen):
    """What is said of a request is what the log says became of it, and what the server saw."""
    assert told["route"] == record["route"], (told, record)
    if "status" in told:
        assert (told["status"], told["end_reason"]) == (record["status"], record["end_reason"]), (told, record)
        return False
    assert record["end_reason"] == "ok", (told, record)
    assert told["path"] == record["path"]
    pool = told["pool"]
    if not told["pool_is_certain"]:
        pool = record["pool"]
        assert pool in [part.split(" (")[0] for part in told["pools"]], (told, record)
    elif pool in ("dead", "empty"):
        assert told["server"] == ("" if pool == "empty" else DEAD)
        pool = told["fallback"]
    assert record["pool"] == pool, (told, record)
    if pool != told["pool"]:
        assert record["server"], (told, record)
    elif told["server_is_certain"]:
        assert told["server"] == record["server"], (told, record)
    else:
        assert record["server"] in told["servers"]
    assert (told["forwarded_target"], told["forwarded_host"]) == (seen.target, seen.headers["host"]), told
    for field in told["changed_fields"]:
        name, _, value = field.partition(": ")
        assert seen.headers.get(name.lower().lstrip("-")) == (None if name.startswith("-") else value), (told, field)
    return True


@pytest.mark.long
def test_explain_agrees_with_the_access_log(start, origin, tmp_path):
    seed = random.randrange(1 << 32)
    print("seed", seed)
    source = Source(seed)
    routes = source.routes(200)
    servers = [origin() for _ in range(6)]
    names = [server.name for server in servers]
    nobody = tmp_path / "nobody.list"
    nobody.write_text("[]\n")
    lintel = start({
        "listeners": [{"routes": routes, "pool": "two", "trusted_proxies": "127.0.0.1"}],
        "pools": {"one": {"servers": names[:1]}, "two": {"servers": names[1:3]}, "dead": {"servers": [DEAD]},
                  "empty": {"servers_file": str(nobody)},
                  "hashed": {"servers": names[3:], "balance": {"type": "consistent-hash", "on": {"header": "X-User"}}}}})
    count = load(1000, 100)
    questions = [source.question(routes) for _ in range(count)]
    with concurrent.futures.ThreadPoolExecutor(2) as workers:
        explained = list(workers.map(lambda question: explain(lintel, question), questions))
    for number, question in enumerate(questions):
        lintel.ask(request(question["method"], question["target"], *question["fields"], f"X-Number: {number}",
                           f"X-Forwarded-For: {question['client']}", "Connection: close",
                           host=f"{question['host']}:{lintel.port}"))
    records = lintel.access_log(count)
    seen = {int(each.headers["x-number"]): each for server in servers for each in server.requests}
    forwarded = sum(agree(told, record, seen.get(number))
                    for number, (told, record) in enumerate(zip(explained, records)))
    assert len(records) == count and forwarded == len(seen)
    taken = {told["route"] for told in explained}
    assert len(taken) > min(30, count // 10), "the routes were not tried"
    for feature in ["rewrite", "split", "fallback"]:
        assert any(feature in route for route in routes if route["name"] in taken), feature


CONFIG = {
    "listeners": [{"routes": [
        {"name": "write", "match": {"path_prefix": "/api", "method": ["POST", "PUT"]}, "pool": "site"},
        {"name": "staff", "match": {"path_prefix": "/admin", "client_ip": "10.0.0.0/8"}, "pool": "site",
         "rewrite": {"strip_prefix": "/admin"}, "headers": {"request": {"set": {"X-Staff": "yes"}}}},
        {"name": "old", "match": {"path": "/old"}, "redirect": {"path": "/new"}},
        {"name": "canary", "match": {"path_prefix": "/c"}, "split": [{"pool": "site", "weight": 95},
                                                                  {"pool": "next", "weight": 5}]}]}],
    "pools": {"site": {"servers": ["127.0.0.1:9"]}, "next": {"servers": ["127.0.0.1:10"]}}}


def test_explain_says_why_in_words(start):
    lintel = start(CONFIG)
    done = command("explain", "-c", lintel.file, "http://a.test/admin/x?y=1", "--client-ip", "10.2.3.4")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert 'not     write: the path "/admin/x" is not below /api' in done.stdout
    assert lines[1].startswith("route     staff (")
    assert "asks for  /x?y=1 of a.test" in lines
    assert "field     X-Staff: yes" in lines
    assert "pool      site" in lines and "server    127.0.0.1:9" in lines
    done = command("explain", "-c", lintel.file, "http://a.test/admin/x", "--client-ip", "192.0.2.1")
    assert 'staff: the client "192.0.2.1" is not in 10.0.0.0/8' in done.stdout
    assert "answer    404 (route.none)" in done.stdout
    done = command("explain", "-c", lintel.file, "/c/x")
    assert "pool      " in done.stdout and "of site (95 of 100), next (5 of 100), by chance" in done.stdout
    done = command("explain", "-c", lintel.file, "GET", "/a\\b")
    assert "answer    400 (client.bad_request)" in done.stdout


RETRIES = {
    "listeners": [{"routes": [
        {"name": "search", "match": {"path": "/search"}, "pool": "site", "mirror": {"pool": "next", "share": "10%"},
         "retry": {"attempts": 3, "on": ["connect-failure", "503"], "budget": "10%", "per_try_timeout": "2s",
                   "hedge": {"after": "50ms", "most": 2}}},
        {"name": "once", "match": {"path": "/once"}, "pool": "site", "retry": {"attempts": 1, "on": ["503"]}},
        {"name": "rest", "pool": "site"}]}],
    "pools": {"site": {"servers": ["127.0.0.1:9", "127.0.0.1:10"]}, "next": {"servers": ["127.0.0.1:11"]}}}


@pytest.mark.parametrize("method,target,retry,hedge,mirror", [
    ("GET", "/search", "3 attempts, on connect-failure, 503; 2s each; budget 10%",
     "another server after 50ms, up to 2", "next (10%)"),
    ("POST", "/search",
     "3 attempts, on connect-failure, 503; 2s each; budget 10%; only if no server can have begun with it",
     None, "next (10%)"),
    ("GET", "/once", "none", None, None),
    ("GET", "/", "2 attempts, on connect-failure, dead-connection", None, None),
])
def test_explain_says_what_is_tried_again_and_copied(start, method, target, retry, hedge, mirror):
    lintel = start(RETRIES)
    done = command("explain", "-c", lintel.file, method, target)
    assert done.returncode == 0, done.stderr
    told = {line[:10].strip(): line[10:] for line in done.stdout.splitlines()}
    assert (told["retry"], told.get("hedge"), told.get("mirror")) == (retry, hedge, mirror)
    told = json.loads(command("explain", "-c", lintel.file, "--json", method, target).stdout)
    assert (told["retry"], told["hedge"], told["mirror"]) == (retry, hedge or "", mirror or "")


@pytest.mark.parametrize("arguments,says", [
    (["ftp://a.test/"], "is no URL"),
    (["/", "-H", "nothing"], "is no header"),
    (["/", "--client-ip", "me"], "is no IP address"),
    (["/", "--listener", "wep"], 'did you mean "web"'),
    (["https://a.test/"], "no listener is bound to port 443"),
])
def test_explain_refuses_nonsense(start, arguments, says):
    lintel = start(CONFIG)
    done = command("explain", "-c", lintel.file, *arguments)
    assert done.returncode in (1, 2) and says in done.stderr and not done.stdout


SUITE = """\
config: lintel.yaml
tests:
  - request: POST http://a.test/api/x
    expect: {route: write, pool: site, path: /api/x}
  - name: staff
    request: GET http://a.test/admin/x
    client_ip: 10.0.0.1
    expect: {route: staff, path: /x, headers: {X-Staff: "yes"}, host: a.test}
  - request: http://a.test/old
    expect: {status: 308, location: "http://a.test/new"}
  - request: http://a.test/c
    expect: {pool: next}
"""


def test_a_suite_holds_and_fails_when_routes_are_reordered(start):
    lintel = start(CONFIG)
    suite = lintel.directory / "routes.test.yaml"
    suite.write_text(SUITE)
    done = command("test", suite)
    assert (done.returncode, done.stdout) == (0, "ok: 4 of 4 tests hold\n"), done.stdout + done.stderr
    routes = CONFIG["listeners"][0]["routes"]
    lintel.write({**CONFIG, "listeners": [{"routes": [{"name": "all", "match": {"path_prefix": "/admin"}, "pool": "next"},
                                                      *routes]}]})
    done = command("test", suite)
    assert done.returncode == 1
    assert f'{suite}:5:5: ' not in done.stdout  # A line is enough.
    assert f'{suite}:5: staff: the route is "all", expected "staff"' in done.stdout
    assert done.stdout.endswith("failed: 3 of 4 tests hold\n")
    results = json.loads(command("test", suite, "--json").stdout)
    assert [each["ok"] for each in results] == [True, False, True, True]


@pytest.mark.parametrize("text,says", [
    ("tests: []\n", "names no configuration"),
    ("config: lintel.yaml\ntests: [{request: /, expcet: {}}]\n", 'did you mean "expect"'),
    ("config: nothing.yaml\ntests: []\n", "cannot read"),
])
def test_a_suite_that_is_none_says_why(start, text, says):
    lintel = start(CONFIG)
    suite = lintel.directory / "bad.yaml"
    suite.write_text(text)
    done = command("test", suite)
    assert done.returncode == 1 and says in done.stderr
