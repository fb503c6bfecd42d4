// What a route does to what goes to servers and comes back.

#include <doctest/doctest.h>

#include <map>

#include "proxy/bench.h"

namespace lintel::proxy::test {
namespace {

/// A bench whose pool is reached by one route.
struct RouteBench : Bench {
  using Bench::Bench;
  config::Route& route() {
    config::Listener& web = listener();
    if (web.routes.empty()) {
      web.routes.emplace_back().name = "r";
      web.routes.front().pool = "app";
    }
    return web.routes.front();
  }
  config::Pool& second_pool() {
    config::Pool& added = config.pools.emplace_back();
    added.name = "second";
    add_server(added, "10.0.1.1:80");
    return added;
  }
};

}  // namespace

TEST_CASE("route: path, host and fields are changed for the server, the answer's for the client") {
  RouteBench bench;
  config::Route& route = bench.route();
  route.rewrite.emplace().strip_prefix = "/api";
  route.rewrite->host = "inner.test";
  route.headers.request.set = {{"X-Client", "{client_ip}"}, {"X-Was", "{host}{uri}"}};
  route.headers.request.remove = {"X-Debug"};
  route.headers.response.set = {{"X-By", "{route} {pool} {server} {status}"}};
  route.headers.response.remove = {"Server"};
  Wire& client = bench.client("GET /api/x?q=1 HTTP/1.1\r\nHost: a.test\r\nX-Debug: 1\r\n\r\n");
  const std::string sent = bench.server().received;
  CHECK(begins(sent, "GET /x?q=1 HTTP/1.1\r\nHost: inner.test\r\n"));
  CHECK(has(sent, "\r\nX-Client: 192.0.2.7\r\n"));
  CHECK(has(sent, "\r\nX-Was: a.test/api/x?q=1\r\n"));
  CHECK(has(sent, "\r\nX-Forwarded-Host: a.test\r\n"));
  CHECK_FALSE(has(sent, "X-Debug"));
  bench.server().send("HTTP/1.1 200 OK\r\nServer: s\r\nX-By: me\r\nContent-Length: 2\r\n\r\nhi");
  bench.settle();
  CHECK(has(client.received, "\r\nX-By: r app 10.0.0.1:80 200\r\n"));
  CHECK_FALSE(has(client.received, "Server:"));
  CHECK_FALSE(has(client.received, "X-By: me"));
  CHECK(bench.ends() == "ok");
}

TEST_CASE("route: a rewrite that comes to no path is refused") {
  RouteBench bench;
  bench.route().rewrite.emplace().regex = config::RewriteRegex{"^/a", "/../.."};
  Wire& client = bench.client("GET /a/x HTTP/1.1\r\nHost: a.test\r\n\r\n");
  CHECK(begins(client.received, "HTTP/1.1 400 "));
  CHECK(bench.accepted.empty());
  CHECK(bench.ends() == "client.bad_request");
}

TEST_CASE("route: the answers that Lintel gives itself get the route's fields too") {
  RouteBench bench;
  config::Route& route = bench.route();
  route.pool.clear();
  route.respond.emplace();
  route.headers.response.add = {{"X-Id", "{route}-{status}"}};
  CHECK(has(bench.client(kGet).received, "\r\nX-Id: r-200\r\n"));
}

TEST_CASE("route: a split keeps to its weights, and to its key") {
  RouteBench bench;
  config::Route& route = bench.route();
  bench.second_pool();
  route.pool.clear();
  route.split = {{"app", 3}, {"second", 1}};
  const auto ask = [&bench](const std::string& user) {
    const std::size_t before = bench.accepted.size();
    Wire& client =
        bench.client("GET /x HTTP/1.1\r\nHost: a.test\r\nX-User: " + user + "\r\nConnection: close\r\n\r\n");
    REQUIRE(bench.accepted.size() == before + 1);
    bench.server(before).send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    bench.settle();
    client.close();
    return bench.accepted[before].address;
  };
  std::map<std::string, int> chosen;
  for (int i = 0; i < 400; ++i) ++chosen[ask("x")];
  CHECK(chosen["10.0.0.1:80"] > 260);
  CHECK(chosen["10.0.1.1:80"] > 60);
  route.split_key = "{header.X-User}";
  bench.publish();
  std::map<std::string, int> sticky;
  for (int user = 0; user < 40; ++user) {
    const std::string first = ask("user" + std::to_string(user));
    ++sticky[first];
    CHECK(ask("user" + std::to_string(user)) == first);
  }
  CHECK(sticky.size() == 2);
}

TEST_CASE("route: the fallback takes what no server of the pool could") {
  RouteBench bench;
  bench.pool().retry.attempts = 1;
  bench.second_pool();
  bench.route().fallback = "second";
  bench.connector.plan_next(ECONNREFUSED);
  Wire& client = bench.client(kPost);
  REQUIRE(bench.accepted.size() == 1);
  CHECK(bench.accepted[0].address == "10.0.1.1:80");
  CHECK(has(bench.server().received, "\r\n\r\nhello"));
  bench.server().send(kOk);
  bench.settle();
  CHECK(begins(client.received, "HTTP/1.1 200 OK"));
  CHECK(bench.ends() == "ok");
}

TEST_CASE("route: the fallback does not take what a server may have begun with") {
  RouteBench bench;
  bench.second_pool();
  bench.route().fallback = "second";
  Wire& client = bench.client(kPost);
  bench.server().close();
  bench.settle();
  CHECK(begins(client.received, "HTTP/1.1 502 "));
  CHECK(bench.accepted.size() == 1);
}

TEST_CASE("route: a fault delays, and answers in place of the pool, where it is asked for") {
  RouteBench bench;
  config::Fault& fault = bench.route().fault.emplace();
  fault.match.emplace().header.emplace_back().name = "X-Chaos";
  fault.delay = 2s;
  fault.abort = 503;
  bench.client(kGet);
  CHECK(bench.accepted.size() == 1);
  Wire& client = bench.client("GET /x HTTP/1.1\r\nHost: a.test\r\nX-Chaos: 1\r\n\r\n");
  CHECK(client.received.empty());
  bench.pass(3s);
  CHECK(begins(client.received, "HTTP/1.1 503 "));
  CHECK(bench.accepted.size() == 1);
  CHECK(bench.ends() == "route.fault");
}

TEST_CASE("route: shares of a fault are kept to, and a delay can be cut") {
  RouteBench bench;
  config::Fault& fault = bench.route().fault.emplace();
  fault.abort = 500;
  fault.abort_share = 25;
  for (int i = 0; i < 400; ++i) {
    Wire& client = bench.client(kGet);
    client.close();
    bench.settle();
  }
  const StatsTotal total = bench.totals();
  const std::uint64_t faults = total.end_reasons[static_cast<std::size_t>(EndReason::route_fault)];
  CHECK(faults > 60);
  CHECK(faults < 150);
  static_cast<void>(bench.ends());
  fault = {};
  fault.delay = 10s;
  bench.publish();
  bench.client(kGet);
  bench.sessions.cut();
  bench.settle();
  CHECK(has(bench.ends(), "local.shutdown"));
}

TEST_CASE("route: its own timeouts in place of the pool's") {
  RouteBench bench;
  bench.pool().timeouts.first_byte = 60s;
  bench.route().timeouts.first_byte = 2s;
  Wire& client = bench.client(kGet);
  bench.pass(3s);
  CHECK(begins(client.received, "HTTP/1.1 504 "));
  CHECK(bench.ends() == "upstream.timeout_first_byte");
}

}  // namespace lintel::proxy::test
