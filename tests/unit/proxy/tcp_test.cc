// TCP sessions.

#include <doctest/doctest.h>

#include "proxy/bench.h"

using namespace lintel;
using namespace lintel::proxy;
using namespace lintel::proxy::test;

namespace {

struct Tcp : Bench {
  explicit Tcp(std::size_t servers = 1, const net::MemoryOptions& upstream = {}) : Bench(servers, upstream) {
    listener().protocol = config::Protocol::tcp;
    pool().timeouts.tunnel_idle = 100s;
  }
  Wire& connected() {
    Wire& wire = client();
    settle();
    return wire;
  }
  StatsTotal::Sessions sessions_total() { return totals().sessions.at({"web", "app"}); }
};

}  // namespace

TEST_CASE("tcp: a server is connected before the client says anything, and bytes go both ways") {
  Tcp bench;
  Wire& client = bench.connected();
  CHECK(bench.accepted.size() == 1);
  bench.server().send("220 ready\r\n");  // As SMTP does.
  bench.settle();
  CHECK(client.take() == "220 ready\r\n");
  client.send(net::pattern(300'000));
  bench.server().send(net::pattern(200'000));
  bench.settle(200);
  CHECK((bench.server().take() == net::pattern(300'000)));
  CHECK((client.take() == net::pattern(200'000)));
  CHECK(bench.sessions_total().open == 1);
  CHECK(bench.sessions_total().bytes_in == 300'000);  // Counted while the session goes on.
  CHECK(bench.sessions_total().bytes_out == 200'011);
  CHECK(bench.totals().servers.at({"app", "10.0.0.1:80"}).active == 1);
}

TEST_CASE("tcp: each direction ends by itself") {
  for (const bool client_first : {true, false}) {
    CAPTURE(client_first);
    Tcp bench;
    Wire& client = bench.connected();
    Wire& one = client_first ? client : bench.server();
    Wire& other = client_first ? bench.server() : client;
    one.send("last words");
    one.finish();
    bench.settle();
    CHECK(other.take() == "last words");
    CHECK(other.ended);
    CHECK(bench.ends().empty());
    other.send(net::pattern(100'000));
    other.finish();
    bench.settle(100);
    CHECK((one.take() == net::pattern(100'000)));
    CHECK(one.ended);
    CHECK_FALSE(one.error);
    CHECK_FALSE(other.error);
    CHECK(bench.ends() == "tunnel.closed");
    CHECK(bench.sessions_total().open == 0);
    CHECK(bench.sessions_total().closed == 1);
    CHECK(bench.totals().servers.at({"app", "10.0.0.1:80"}).sessions == 1);
  }
}

TEST_CASE("tcp: a reset is passed on as a reset") {
  for (const bool client_first : {true, false}) {
    CAPTURE(client_first);
    Tcp bench;
    Wire& client = bench.connected();
    Wire& other = client_first ? bench.server() : client;
    (client_first ? client : bench.server()).reset();
    bench.settle();
    CHECK(other.error == ErrorCode::reset);
    CHECK(bench.ends() == "tunnel.reset");
  }
}

TEST_CASE("tcp: another server where one cannot be reached") {
  Tcp bench(3);
  bench.pool().retry.attempts = 3;
  bench.connector.plan_next(ECONNREFUSED);
  bench.connector.plan_next(ETIMEDOUT, 1'000'000'000);
  Wire& client = bench.connected();
  client.send("hello");
  bench.settle();
  CHECK(bench.accepted.empty());
  bench.pass(2s);
  REQUIRE(bench.accepted.size() == 1);
  CHECK(bench.connector.attempts() == 3);
  CHECK(bench.server().take() == "hello");
  CHECK(bench.totals().pools.at("app").retries.size() == 2);
  client.finish();
  bench.server().finish();
  bench.settle();
  CHECK(bench.ends() == "tunnel.closed");
}

TEST_CASE("tcp: no server to be reached") {
  Tcp bench(2);
  bench.connector.plan_next(ECONNREFUSED);
  bench.connector.plan_next(EHOSTUNREACH);
  Wire& client = bench.connected();
  CHECK(client.error == ErrorCode::reset);
  CHECK(bench.connector.attempts() == 2);
  CHECK(bench.ends() == "upstream.connect_unreachable");
}

TEST_CASE("tcp: idle counts over both directions, once") {
  Tcp bench;
  Wire& client = bench.connected();
  for (int i = 0; i < 5; ++i) {
    bench.pass(90s);
    bench.server().send("tick");
    bench.settle();
  }
  CHECK(client.take() == "tickticktickticktick");
  bench.pass(99s);
  CHECK(bench.ends().empty());
  bench.pass(2s);
  CHECK(bench.ends() == "tunnel.timeout");
  CHECK(client.ended);  // Nothing was lost: no reset.
  CHECK(bench.server().ended);
}

TEST_CASE("tcp: a side that takes nothing ends the session, one that takes slowly does not") {
  for (const bool slow : {false, true}) {
    CAPTURE(slow);
    net::MemoryOptions options;
    options.first_to_second.capacity = 8 * 1024;
    Tcp bench(1, options);
    bench.servers_read = false;
    Wire& client = bench.connected();
    client.send(net::pattern(100'000));
    bench.settle();
    if (!slow) {
      bench.pass(101s);
      bench.settle();
      CHECK(bench.ends() == "tunnel.timeout");
      continue;
    }
    for (int i = 0; i < 6; ++i) {
      bench.pass(60s);
      CHECK(bench.ends().empty());
      bench.server().read_on();
      bench.loop.turn(0);
      bench.server().hold();
    }
    bench.server().read_on();
    bench.settle(200);
    CHECK((bench.server().take() == net::pattern(100'000)));
  }
}

TEST_CASE("tcp: a drain lets sessions be, a cut ends them at any moment") {
  for (int turns = 0; turns < 40; ++turns) {
    CAPTURE(turns);
    Tcp bench;
    Wire& client = bench.connected();
    client.send(net::pattern(10'000'000));
    bench.server().send(net::pattern(10'000'000));
    bench.settle(turns);
    bench.sessions.drain();
    bench.settle(3);
    CHECK(bench.sessions.count() == 1);
    bench.sessions.cut();
    bench.settle(10);
    CHECK(bench.sessions.count() == 0);
    CHECK(bench.ends() == "local.shutdown");
    CHECK(client.error == ErrorCode::reset);
  }
}

TEST_CASE("tcp: cut while it connects") {
  Tcp bench(2);
  bench.connector.plan_next(0, kNever);
  Wire& client = bench.connected();
  bench.sessions.cut();
  bench.settle();
  CHECK(bench.connector.attempts() == 1);
  CHECK(bench.ends() == "local.shutdown");
  CHECK(client.over());
}

TEST_CASE("tcp: a session keeps the generation that it began with") {
  Tcp bench(1);
  Wire& client = bench.connected();
  const std::weak_ptr<const Generation> first = bench.worker.generation;
  Bench::add_server(bench.pool(), "10.0.0.9:80");
  bench.publish();
  CHECK_FALSE(first.expired());
  client.send("still");
  bench.settle();
  CHECK(bench.server().take() == "still");
  client.finish();
  bench.server().finish();
  bench.settle();
  CHECK(first.expired());
}
