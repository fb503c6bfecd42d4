// Copies of requests for another pool: what goes there, and that clients do not notice.

#include "proxy/mirror.h"

#include <doctest/doctest.h>

#include <cerrno>
#include <memory>
#include <string>
#include <vector>

#include "proxy/bench.h"

using namespace lintel;
using namespace lintel::proxy;
using namespace lintel::proxy::test;

namespace {

/// Pool "app" at 10.0.0.1, and a mirror "next" at 10.9.0.1.
struct Mirroring : Bench {
  Mirroring() {
    config::Pool& next = config.pools.emplace_back();
    next.name = "next";
    add_server(next, "10.9.0.1:80");
    config::Route& route = listener().routes.emplace_back();
    route.name = "r";
    route.pool = "app";
    route.mirror.emplace().pool = "next";
  }
  [[nodiscard]] config::Mirror& mirror() { return *listener().routes.front().mirror; }
  /// The connections that the proxy opened to servers whose address begins so.
  std::vector<Wire*> to(std::string_view address) {
    std::vector<Wire*> found;
    for (ServerWire& server : accepted) {
      if (begins(server.address, address)) found.push_back(server.wire.get());
    }
    return found;
  }
  Wire& copy(std::size_t n = 0) {
    REQUIRE(to("10.9.").size() > n);
    return *to("10.9.")[n];
  }
  Wire& app(std::size_t n = 0) {
    REQUIRE(to("10.0.").size() > n);
    return *to("10.0.")[n];
  }
  std::uint64_t mirrored(Mirrored result) const {
    return totals().routes.at({"web", "r"}).mirrored[static_cast<std::size_t>(result)];
  }
};

}  // namespace

TEST_CASE("mirror: a copy goes there, and the answer is the pool's") {
  for (const std::string& request : {kGet, kPost}) {
    Mirroring bench;
    Wire& client = bench.client(request);
    CHECK(begins(bench.accepted.front().address, "10.0."));  // The request itself goes first.
    CHECK(bench.copy().received == bench.app().received);
    bench.copy().send("HTTP/1.1 500 Oops\r\nContent-Length: 4\r\n\r\noops");
    bench.settle();
    CHECK(client.received.empty());
    CHECK(bench.mirrored(Mirrored::answered) == 1);
    bench.app().send(kOk);
    bench.settle();
    CHECK(client.received == kOk);
    CHECK(bench.ends() == "ok");
    const StatsTotal total = bench.totals();
    CHECK(total.servers.at({"next", "10.9.0.1:80"}).requests.at(500) == 1);
    CHECK(total.servers.at({"app", "10.0.0.1:80"}).requests.at(200) == 1);
    CHECK(total.servers.at({"next", "10.9.0.1:80"}).idle == 1);
  }
}

TEST_CASE("mirror: it is waited for by nobody") {
  Mirroring bench;
  Wire& client = bench.client(kGet);
  bench.app().send(kOk);
  bench.settle();
  CHECK(client.take() == kOk);
  client.send(kGet);  // On the same connections.
  bench.settle();
  bench.app().send(kOk);
  bench.settle();
  CHECK(client.received == kOk);
  CHECK(bench.worker.mirrors.count() == 2);
  bench.copy(0).send(kOk);
  bench.copy(1).send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n");
  bench.settle();
  CHECK(bench.worker.mirrors.count() == 1);
  bench.copy(1).send("0\r\n\r\n");
  bench.settle();
  CHECK(bench.worker.mirrors.count() == 0);
  CHECK(bench.mirrored(Mirrored::answered) == 2);
}

TEST_CASE("mirror: as rewritten and edited for the pool") {
  Mirroring bench;
  config::Route& route = bench.listener().routes.front();
  route.rewrite.emplace().path = "/new{path}";
  route.rewrite->host = "inner.test";
  route.headers.request.set = {{"X-Env", "prod"}};
  bench.client(kGet);
  CHECK(begins(bench.copy().received, "GET /new/x HTTP/1.1\r\nHost: inner.test\r\n"));
  CHECK(has(bench.copy().received, "X-Env: prod\r\n"));
}

TEST_CASE("mirror: a body that comes piece by piece is copied once it is there") {
  const std::string head = "POST /x HTTP/1.1\r\nHost: a\r\n";
  for (const bool chunked : {true, false}) {
    CAPTURE(chunked);
    Mirroring bench;
    Wire& client = bench.client(head + (chunked ? "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"
                                                : "Content-Length: 10\r\n\r\nhello"));
    client.send(chunked ? "5\r\nworld\r\n0\r\n\r\n" : "world");
    bench.settle();
    CHECK(bench.to("10.9.").empty());
    bench.app().send(kOk);
    bench.settle();
    CHECK(client.received == kOk);
    if (chunked) {
      CHECK(has(body_of(bench.copy().received), "helloworld"));
    } else {
      CHECK(body_of(bench.copy().received) == "helloworld");
    }
    bench.copy().send(kOk);
    bench.settle();
    CHECK(bench.mirrored(Mirrored::answered) == 1);
  }
}

TEST_CASE("mirror: a body that is too large, or does not come, is not copied") {
  const std::string piece(50'000, 'x');
  for (const bool told : {true, false}) {
    Mirroring bench;
    const std::string length =
        told ? "Content-Length: 100000\r\n\r\n" : "Transfer-Encoding: chunked\r\n\r\nc350\r\n";
    Wire& client = bench.client("POST / HTTP/1.1\r\nHost: a\r\n" + length + piece);
    client.send(told ? piece : "\r\nc350\r\n" + piece + "\r\n0\r\n\r\n");
    bench.settle();
    bench.app().send(kOk);
    bench.settle();
    CHECK(client.received == kOk);
    CHECK(bench.app().received.size() > 100'000);
    CHECK(bench.mirrored(Mirrored::too_large) == 1);
    CHECK(bench.to("10.9.").empty());
  }
  Mirroring bench;
  Wire& client = bench.client("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello");
  client.close();
  bench.settle();
  CHECK(bench.mirrored(Mirrored::incomplete) == 1);
  CHECK(bench.to("10.9.").empty());
}

TEST_CASE("mirror: what asks for a tunnel is not copied, nor what is answered here") {
  Mirroring bench;
  bench.listener().routes.front().match.path = "/x";
  bench.client("GET /x HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n");
  bench.client("GET /y HTTP/1.1\r\nHost: a\r\n\r\n");
  CHECK(bench.to("10.0.").size() == 2);
  CHECK(bench.to("10.9.").empty());
}

TEST_CASE("mirror: Expect: 100-continue is not asked of it") {
  Mirroring bench;
  Wire& client =
      bench.client("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  bench.app().send("HTTP/1.1 100 Continue\r\n\r\n");
  client.send("hi");
  bench.settle();
  bench.app().send(kOk);
  bench.settle();
  CHECK(has(client.received, kOk));
  CHECK_FALSE(has(bench.copy().received, "Expect"));
  CHECK(body_of(bench.copy().received) == "hi");
}

TEST_CASE("mirror: its share") {
  Mirroring bench;
  bench.mirror().share = 25;
  for (int i = 0; i < 200; ++i) {
    bench.client(kGet).close();
    for (Wire* app : bench.to("10.0.")) {
      if (has(app->take(), "GET")) app->send(kOk);
    }
    bench.settle();
  }
  const std::size_t copies = bench.worker.mirrors.count();
  CHECK(copies > 25);
  CHECK(copies < 80);
}

TEST_CASE("mirror: one that fails in whatever way is noticed by no client, and counts against no server") {
  struct Row {
    const char* what;
    void (*trouble)(Mirroring&);
  };
  static constexpr Row kRows[] = {
      {"reset", [](Mirroring& bench) { bench.copy().reset(); }},
      {"close", [](Mirroring& bench) { bench.copy().close(); }},
      {"garbage", [](Mirroring& bench) { bench.copy().send("garbage\r\n\r\n"); }},
      {"truncated",
       [](Mirroring& bench) {
         bench.copy().send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello");
         bench.settle();
         bench.copy().close();
       }},
      {"silent", [](Mirroring& bench) { bench.pass(61s); }},
  };
  for (const Row& row : kRows) {
    CAPTURE(row.what);
    Mirroring bench;
    bench.config.pools.back().outlier.consecutive_failures = 1;
    Wire& client = bench.client(kGet);
    bench.app().send(kOk);
    bench.settle();
    CHECK(client.received == kOk);
    row.trouble(bench);
    bench.settle();
    CHECK(bench.mirrored(Mirrored::failed) == 1);
    CHECK(bench.worker.mirrors.count() == 0);
    CHECK(bench.ends() == "ok");
    CHECK(bench.worker.generation->pools.back()->pool.is_used(0, bench.loop.now()));
  }
}

TEST_CASE("mirror: without a server for it, or with one that cannot be reached") {
  Mirroring bench;
  bench.connector.plan_next(0);
  bench.connector.plan_next(ECONNREFUSED);
  Wire& client = bench.client(kGet);
  bench.app().send(kOk);
  bench.settle();
  CHECK(client.received == kOk);
  CHECK(bench.mirrored(Mirrored::failed) == 1);
}

TEST_CASE("mirror: an answer that never ends is given up after a minute") {
  Mirroring bench;
  Wire& client = bench.client(kGet);
  bench.app().send(kOk);
  bench.copy().send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
  for (int i = 0; i < 59; ++i) {
    bench.copy().send("1\r\nx\r\n");
    bench.pass(1s);
  }
  CHECK(bench.worker.mirrors.count() == 1);
  bench.pass(2s);
  CHECK(bench.worker.mirrors.count() == 0);
  CHECK(bench.copy().over());
  CHECK(client.received == kOk);
}

TEST_CASE("mirror: no more than so many copies at once") {
  Mirroring bench;
  for (std::size_t i = 0; i < Mirrors::kMost + 3; ++i) {
    bench.client(kGet).close();
    for (Wire* app : bench.to("10.0.")) {
      if (has(app->take(), "GET")) app->send(kOk);
    }
    bench.settle();
  }
  CHECK(bench.worker.mirrors.count() == Mirrors::kMost);
  CHECK(bench.mirrored(Mirrored::busy) == 3);
}

TEST_CASE("mirror: a copy keeps the generation that its request began with, and no longer than it lasts") {
  Mirroring bench;
  Wire& client = bench.client(kGet);
  const std::weak_ptr<const Generation> before = bench.worker.generation;
  bench.listener().routes.front().mirror.reset();
  bench.config.pools.pop_back();
  bench.publish();
  bench.app().send(kOk);
  bench.settle();
  CHECK(client.take() == kOk);
  client.send(kGet);
  bench.settle();
  CHECK(bench.to("10.9.").size() == 1);
  CHECK_FALSE(before.expired());
  bench.copy().send(kOk);
  bench.settle();
  CHECK(before.expired());
  bench.app().send(kOk);
  bench.settle();
  CHECK(client.received == kOk);
}

TEST_CASE("mirror: a request that began before a reload is copied as its generation says") {
  Mirroring bench;
  Wire& client = bench.client("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello");
  bench.listener().routes.front().mirror.reset();
  bench.config.pools.pop_back();
  bench.publish();
  client.send("world");
  bench.settle();
  bench.app().send(kOk);
  bench.settle();
  CHECK(client.received == kOk);
  CHECK(body_of(bench.copy().received) == "helloworld");
}

TEST_CASE("mirror: cut in every state") {
  for (const int state : {0, 1, 2, 3, 4}) {
    CAPTURE(state);
    Mirroring bench;
    bench.connector.plan_next(0);
    if (state == 1) bench.connector.plan_next(0, kNever);
    Wire& client = bench.client();
    client.send(kGet);
    if (state == 0) {
      while (bench.worker.mirrors.count() == 0) bench.loop.turn(0);
    } else {
      bench.settle();
    }
    if (state == 3) bench.copy().send("HTTP/1.1 200 OK\r\nContent-");
    if (state == 4) bench.copy().send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello");
    if (state > 2) bench.settle();
    CHECK(bench.worker.mirrors.count() == 1);
    bench.worker.mirrors.cut();
    bench.settle();
    CHECK(bench.worker.mirrors.count() == 0);
    bench.app().send(kOk);
    bench.settle();
    CHECK(client.received == kOk);
  }
}
