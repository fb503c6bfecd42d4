// Single checks, over connections in memory and of real programs.

#include "health/probe.h"

#include <doctest/doctest.h>

#include <cerrno>
#include <chrono>
#include <optional>

#include "net/memory_connector.h"
#include "net/wire.h"

using namespace lintel;
using namespace lintel::health;
using lintel::net::kMs;
using lintel::net::Scope;
using lintel::net::settle;
using lintel::net::Task;
using lintel::net::Wire;

namespace {

struct Fixture {
  ManualClock clock;
  net::Loop loop{clock};
  net::MemoryConnector connector{loop};
  http::Workspace workspace{loop, 1};
  ProbeTools tools{loop, connector, workspace};
  Subject subject;
  std::unique_ptr<Wire> server;
  Scope scope;
  std::optional<Outcome> outcome;
  std::unique_ptr<Probe> probe;

  explicit Fixture(config::HealthCheckType type = config::HealthCheckType::http) {
    subject.pool = "site";
    subject.server = "10.0.0.1:80";
    subject.host = "10.0.0.1";
    subject.address = *SocketAddress::from_ip("10.0.0.1", 80);
    subject.check.type = type;
    subject.check.timeout = std::chrono::milliseconds(2000);
  }
  ~Fixture() {
    if (!outcome && probe) probe->cancel();
    settle(loop);
    CHECK(scope.count() == 0);
    if (server) server->close();
  }
  static Task<void> run(Fixture& fixture) { fixture.outcome = co_await fixture.probe->run(); }
  void begin() {
    outcome.reset();
    probe = std::make_unique<Probe>(tools, subject);
    scope.spawn(run(*this));
    settle(loop);
    if (server) server->close();
    server.reset();
    if (net::StreamPtr end = connector.take()) server = std::make_unique<Wire>(loop, std::move(end));
    settle(loop);
  }
  /// The outcome of one check that the server answers so: "+reason" or "-reason".
  std::string ask(std::string_view answer) {
    begin();
    server->send(answer);
    settle(loop);
    return told();
  }
  std::string told() {
    if (!outcome) return "none yet";
    return (outcome->passed ? '+' : '-') + outcome->reason;
  }
};

constexpr const char* kWell = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Ready: yes\r\n\r\nready";

}  // namespace

TEST_CASE("http: the request is as configured") {
  Fixture plain;
  CHECK(plain.ask(kWell) == "+GET / answered 200");
  CHECK(plain.server->received ==
        "GET / HTTP/1.1\r\nHost: 10.0.0.1:80\r\nUser-Agent: lintel-health-check\r\n\r\n");
  Fixture full;
  full.subject.check.method = "OPTIONS";
  full.subject.check.path = "/x?y=1";
  full.subject.check.host = "a.test";
  full.subject.check.headers = {{"X-A", "b"}, {"user-agent", "me"}};
  CHECK(full.ask(kWell) == "+OPTIONS /x?y=1 answered 200");
  CHECK(full.server->received ==
        "OPTIONS /x?y=1 HTTP/1.1\r\nHost: a.test\r\nX-A: b\r\nuser-agent: me\r\n\r\n");
}

TEST_CASE("http: what is expected of the answer") {
  Fixture fixture;
  config::HealthCheck& check = fixture.subject.check;
  check.path = "/healthz";
  CHECK(fixture.ask("HTTP/1.1 503 Busy\r\n\r\n") == "-GET /healthz answered 503, expected 2xx");
  CHECK(fixture.ask("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 OK\r\n\r\n") == "+GET /healthz answered 204");
  check.expect = {"200-204", "404"};
  CHECK(fixture.ask("HTTP/1.1 404 None\r\n\r\n") == "+GET /healthz answered 404");
  CHECK(fixture.ask("HTTP/1.1 205 Reset\r\n\r\n") == "-GET /healthz answered 205, expected 200-204 or 404");
  check.expect_header = {{"x-ready", "yes"}};
  CHECK(fixture.ask(kWell) == "+GET /healthz answered 200");
  CHECK(fixture.ask("HTTP/1.1 200 OK\r\nX-Ready: no\r\n\r\n") ==
        "-GET /healthz: the answer has \"no\" in header x-ready, expected \"yes\"");
  check.expect_header = {{"x-ready", ""}};
  CHECK(fixture.ask("HTTP/1.1 200 OK\r\nX-Ready: no\r\n\r\n") == "+GET /healthz answered 200");
  CHECK(fixture.ask("HTTP/1.1 200 OK\r\n\r\n") == "-GET /healthz: the answer has no header x-ready");
  check.expect_header.clear();
  check.expect_body = "ready";
  CHECK(fixture.ask(kWell) == "+GET /healthz answered 200");
  CHECK(
      fixture.ask("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nrea\r\n2\r\ndy\r\n0\r\n\r\n") ==
      "+GET /healthz answered 200");
  CHECK(fixture.ask("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nread") ==
        "-GET /healthz: the body does not contain \"ready\"");
}

TEST_CASE("http: answers that are none") {
  Fixture fixture;
  CHECK(fixture.ask("SSH-2.0-x\r\n\r\n").starts_with("-the answer: "));
  std::string interim;
  for (int i = 0; i < 8; ++i) interim += "HTTP/1.1 100 Continue\r\n\r\n";
  CHECK(fixture.ask(interim + kWell) == "-GET / answered nothing but interim responses");
  fixture.begin();
  fixture.server->close();
  settle(fixture.loop);
  CHECK(fixture.told() == "-the answer: the server closed the connection");
  fixture.begin();
  fixture.server->reset();
  settle(fixture.loop);
  CHECK(fixture.told() == "-the answer: the server reset the connection");
}

TEST_CASE("http: no more of a body is read than is looked at") {
  Fixture fixture;
  fixture.subject.check.expect_body = "ready";
  fixture.begin();
  fixture.server->send("HTTP/1.1 200 OK\r\n\r\n");
  for (int i = 0; i < 20 && !fixture.outcome; ++i) {
    fixture.server->send(std::string(8192, 'x'));
    settle(fixture.loop);
    CHECK((i < 7) == !fixture.outcome);
  }
  CHECK(fixture.told() == "-GET /: the body does not contain \"ready\"");
}

TEST_CASE("a check that takes too long says where it was") {
  Fixture fixture;
  fixture.begin();
  fixture.server->send("HTTP/1.1 200");
  net::pass_slowly(fixture.loop, fixture.clock, 1900 * kMs);
  CHECK(fixture.told() == "none yet");
  net::pass_slowly(fixture.loop, fixture.clock, 200 * kMs);
  CHECK(fixture.told() == "-the answer took longer than 2s");

  fixture.connector.plan_next(0, kNever);
  fixture.begin();
  net::pass_slowly(fixture.loop, fixture.clock, 2100 * kMs);
  CHECK(fixture.told() == "-connecting took longer than 2s");
}

TEST_CASE("a server that drips cannot hold a check up") {
  Fixture fixture;
  fixture.subject.check.expect_body = "ready";
  fixture.begin();
  fixture.server->send("HTTP/1.1 200 OK\r\n\r\n");
  for (int i = 0; i < 25; ++i) {
    if (!fixture.outcome) fixture.server->send("x");
    net::pass(fixture.loop, fixture.clock, 100 * kMs);
  }
  CHECK(fixture.told() == "-the answer took longer than 2s");
}

TEST_CASE("a server that cannot be reached") {
  Fixture fixture;
  fixture.connector.plan_next(ECONNREFUSED);
  fixture.begin();
  CHECK(fixture.told() == "-the connection is refused");
  fixture.connector.plan_next(EHOSTUNREACH);
  fixture.begin();
  CHECK(fixture.told() == "-connecting: No route to host");
}

TEST_CASE("recipes run over connections") {
  Fixture redis(config::HealthCheckType::redis);
  CHECK(redis.ask("+PONG\r\n") == "+PING answered PONG");
  CHECK(redis.server->received == "PING\r\n");
  Fixture smtp(config::HealthCheckType::smtp);
  CHECK(smtp.ask("220-a\r\n220 b\r\n") == "+greeted with 220");
  CHECK(smtp.server->received == "QUIT\r\n");
  Fixture tcp(config::HealthCheckType::tcp);
  tcp.begin();
  CHECK(tcp.told() == "+connected");
  tcp.subject.check.expect_text = "x";
  CHECK(tcp.ask(std::string(20000, 'y')).starts_with("-it answered \"yyy"));
}

TEST_CASE("pools that speak the PROXY protocol are told that a check is nobody's") {
  Fixture fixture(config::HealthCheckType::redis);
  fixture.subject.proxy_protocol = config::SendProxy::v1;
  CHECK(fixture.ask("+PONG\r\n") == "+PING answered PONG");
  CHECK(fixture.server->received == "PROXY UNKNOWN\r\nPING\r\n");
  fixture.subject.proxy_protocol = config::SendProxy::v2;
  CHECK(fixture.ask("+PONG\r\n") == "+PING answered PONG");
  const std::string local("\r\n\r\n\0\r\nQUIT\n\x20\0\0\0", 16);
  CHECK(fixture.server->received == local + "PING\r\n");
}

TEST_CASE("programs are checks too") {
  net::Loop loop;
  net::MemoryConnector connector(loop);
  http::Workspace workspace(loop, 1);
  const ProbeTools tools{loop, connector, workspace};
  const auto run = [&](std::vector<std::string> command, std::chrono::milliseconds timeout) {
    Subject subject;
    subject.pool = "db";
    subject.address = *SocketAddress::from_ip("::1", 5432);
    subject.check.type = config::HealthCheckType::exec;
    subject.check.command = std::move(command);
    subject.check.timeout = timeout;
    Probe probe(tools, subject);
    std::optional<Outcome> outcome;
    Scope scope;
    const auto wait = [](Probe& one, std::optional<Outcome>& out) -> Task<void> { out = co_await one.run(); };
    scope.spawn(wait(probe, outcome));
    CHECK(net::turn_until(loop, [&] { return outcome.has_value(); }));
    settle(loop);
    return (outcome->passed ? '+' : '-') + outcome->reason;
  };
  using namespace std::chrono_literals;
  CHECK(run({"/bin/true"}, 30s) == "+the command ended with status 0");
  CHECK(run({"/bin/sh", "-c", "echo \"$LINTEL_POOL $LINTEL_SERVER $LINTEL_HOST $LINTEL_PORT\"; exit 3"},
            30s) == "-the command ended with status 3: \"db [::1]:5432 ::1 5432\"");
  CHECK(run({"/bin/sh", "-c", "kill -9 $$"}, 30s) == "-the command was ended by signal 9");
  CHECK(run({"/bin/sh", "-c", "sleep 1000 & sleep 1000"}, 100ms) == "-the command took longer than 100ms");
  CHECK(run({"/nonexistent/check"}, 30s) == "-cannot run \"/nonexistent/check\": No such file or directory");
}
