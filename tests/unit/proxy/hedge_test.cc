// Hedging: another server is asked while the first one is silent.

#include "proxy/hedge.h"

#include <doctest/doctest.h>

#include <string>

#include "proxy/bench.h"

using namespace lintel;
using namespace lintel::proxy;
using namespace lintel::proxy::test;

namespace {

const std::string k503 = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nbusy";

std::string answer(std::string_view body) {
  return "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Length: " +
         std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
}

/// A pool that asks another server after 50 ms.
struct Hedging : Bench {
  explicit Hedging(std::size_t servers = 2) : Bench(servers) { pool().retry.hedge.after = 50ms; }

  StatsTotal::Pool figures() const { return totals().pools.at("app"); }
  /// What servers did wrong, in the eyes of the statistics.
  std::uint64_t blame() const {
    std::uint64_t n = 0;
    for (const auto& [name, server] : totals().servers) {
      for (const auto& [reason, times] : server.errors) n += times;
    }
    return n;
  }
};

}  // namespace

TEST_CASE("hedge: the first answer wins, whoever gives it, and the other attempt is cut without blame") {
  for (const std::size_t winner : {0, 1}) {
    CAPTURE(winner);
    Hedging bench;
    Wire& client = bench.client(kGet);
    bench.pass(40ms);
    REQUIRE(bench.accepted.size() == 1);
    bench.pass(20ms);
    REQUIRE(bench.accepted.size() == 2);
    CHECK(bench.accepted[0].address != bench.accepted[1].address);
    CHECK(bench.server(1).received == bench.server(0).received);
    bench.server(winner).send(answer("mine"));
    bench.settle();
    CHECK(client.received == answer("mine"));
    CHECK(bench.server(1 - winner).over());
    CHECK_FALSE(bench.server(winner).over());
    CHECK(bench.idle(0) + bench.idle(1) == 1);
    CHECK(bench.ends() == "ok");
    CHECK(bench.figures().hedges == 1);
    CHECK(bench.figures().hedges_won == winner);
    CHECK(bench.figures().retries.empty());
    CHECK(bench.blame() == 0);
  }
}

TEST_CASE("hedge: who answers in time, or has begun to, is left alone") {
  {
    Hedging bench;
    Wire& client = bench.client(kGet);
    bench.pass(40ms);
    bench.server(0).send(kOk.substr(0, kOk.size() - 1));
    bench.pass(1s);
    CHECK(bench.accepted.size() == 1);
    bench.server(0).send("i");
    bench.settle();
    CHECK(client.received == kOk);
    CHECK(bench.figures().hedges == 0);
  }
  Hedging bench;
  Wire& client = bench.client(kGet);
  bench.server(0).send("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n");
  bench.pass(1s);
  CHECK(begins(client.take(), "HTTP/1.1 103 "));
  CHECK(bench.accepted.size() == 1);
  bench.server(0).send(kOk);
  bench.settle();
  CHECK(client.received == kOk);
}

TEST_CASE("hedge: of two under way none says anything to the client before its answer") {
  Hedging bench;
  Wire& client = bench.client(kGet);
  bench.pass(60ms);
  bench.server(0).send("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n");
  bench.settle();
  CHECK(client.received.empty());
  bench.server(1).send(kOk);
  bench.settle();
  CHECK(client.received == kOk);
}

TEST_CASE("hedge: both answer in the same turn") {
  for (const std::string& late : {kOk, k503}) {
    Hedging bench;
    Wire& client = bench.client(kGet);
    bench.pass(60ms);
    bench.server(0).send(kOk);
    bench.server(1).send(late);
    bench.settle();
    CHECK(client.received == kOk);
    CHECK(bench.ends() == "ok");
  }
}

TEST_CASE("hedge: only what may be done twice, has no body and is no upgrade") {
  const std::string upgrade =
      "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";
  const std::string put = "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi";
  const std::string empty_post = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n";
  for (const std::string& request : {kPost, put, empty_post, upgrade}) {
    CAPTURE(request);
    Hedging bench;
    bench.client(request);
    bench.pass(1s);
    CHECK(bench.accepted.size() == 1);
  }
  for (const char* method : {"HEAD", "DELETE", "OPTIONS"}) {
    CAPTURE(method);
    Hedging bench;
    bench.client(std::string(method) + " / HTTP/1.1\r\nHost: a\r\n\r\n");
    bench.pass(60ms);
    CHECK(bench.accepted.size() == 2);
  }
}

TEST_CASE("hedge: a client that belongs to a server stays there") {
  Hedging bench;
  bench.pool().sticky.emplace().cookie = "LB";
  Wire& client = bench.client(kGet);
  bench.pass(60ms);
  REQUIRE(bench.accepted.size() == 2);
  bench.server(1).send(kOk);
  bench.settle();
  // The cookie is that of the server that answered.
  const std::size_t at = client.received.find("Set-Cookie: ");
  REQUIRE(at != std::string::npos);
  const std::string pair = client.received.substr(at + 12, client.received.find(';', at) - at - 12);
  client.take();
  client.send("GET / HTTP/1.1\r\nHost: a\r\nCookie: " + pair + "\r\n\r\n");
  bench.settle();
  bench.pass(1s);
  CHECK(bench.accepted.size() == 2);
  CHECK(has(bench.server(1).received, "Cookie: LB="));
}

TEST_CASE("hedge: an answer that tells of a fault is not taken while another may come") {
  for (const bool other_answers : {true, false}) {
    CAPTURE(other_answers);
    Hedging bench;
    Wire& client = bench.client(kGet);
    bench.pass(60ms);
    bench.server(1).send(k503);
    bench.settle();
    CHECK(client.received.empty());
    bench.server(0).send(other_answers ? kOk : k503);
    bench.settle();
    CHECK(body_of(client.received) == (other_answers ? "hi" : "busy"));
    CHECK(bench.ends() == "ok");
    CHECK(bench.figures().hedges_won == 0);
  }
}

TEST_CASE("hedge: one that fails leaves the other to answer") {
  for (const std::size_t bad : {0, 1}) {
    CAPTURE(bad);
    Hedging bench;
    Wire& client = bench.client(kGet);
    bench.pass(60ms);
    bench.server(bad).reset();
    bench.settle();
    CHECK(client.received.empty());
    bench.server(1 - bad).send(kOk);
    bench.settle();
    CHECK(client.received == kOk);
    CHECK(bench.blame() == 1);
  }
}

TEST_CASE("hedge: where all fail the request is tried again, if it may be") {
  Hedging bench(3);
  bench.pool().retry.attempts = 3;
  bench.pool().retry.on = {"reset"};
  Wire& client = bench.client(kGet);
  bench.pass(60ms);
  bench.server(0).reset();
  bench.server(1).reset();
  bench.settle();
  REQUIRE(bench.accepted.size() == 3);
  bench.server(2).send(kOk);
  bench.settle();
  CHECK(client.received == kOk);
  CHECK(bench.figures().hedges == 1);
  CHECK(bench.figures().retries.size() == 1);
}

TEST_CASE("hedge: a failure before its time is followed by a retry and by no hedge") {
  Hedging bench;
  bench.pool().retry.on = {"reset"};
  Wire& client = bench.client(kGet);
  bench.server(0).reset();
  bench.settle();
  REQUIRE(bench.accepted.size() == 2);
  bench.pass(1s);  // No third: there are two attempts.
  bench.server(1).send(kOk);
  bench.settle();
  CHECK(client.received == kOk);
  CHECK(bench.figures().hedges == 0);
}

TEST_CASE("hedge: a server that cannot be reached is silent too") {
  Hedging bench;
  bench.connector.plan_next(0, kNever);
  Wire& client = bench.client(kGet);
  bench.pass(60ms);
  REQUIRE(bench.connector.attempts() == 2);
  REQUIRE_FALSE(bench.accepted.empty());
  bench.accepted.back().wire->send(kOk);
  bench.settle();
  CHECK(client.received == kOk);
  CHECK(bench.figures().hedges_won == 1);
}

TEST_CASE("hedge: as many as may be, one after the other") {
  Hedging bench(5);
  bench.pool().retry.attempts = 5;
  bench.pool().retry.hedge.most = 2;
  Wire& client = bench.client(kGet);
  for (const std::size_t expected : {1, 2, 3, 3, 3}) {
    CHECK(bench.accepted.size() == expected);
    bench.pass(55ms);
  }
  bench.server(2).send(kOk);
  bench.settle();
  CHECK(client.received == kOk);
  CHECK(bench.figures().hedges == 2);
  CHECK(bench.figures().hedges_won == 1);
}

TEST_CASE("hedge: without another server there is none, and the budget is not touched") {
  Hedging bench(1);
  bench.pool().retry.min_budget = 1;
  Wire& client = bench.client(kGet);
  bench.pass(1s);
  CHECK(bench.accepted.size() == 1);
  bench.server(0).send(kOk);
  bench.settle();
  CHECK(client.received == kOk);
  CHECK(bench.figures().budget_exhausted == 0);
  CHECK(bench.worker.generation->pools.front()->pool.retry_budget().take(bench.loop.now(), 0, 1));
}

TEST_CASE("hedge: within the retry budget") {
  Hedging bench;
  bench.pool().retry.min_budget = 2;
  for (int i = 0; i < 5; ++i) {
    Wire& client = bench.client(kGet);
    bench.pass(60ms);
    for (ServerWire& server : bench.accepted) {
      if (has(server.wire->take(), "GET /x")) server.wire->send(kOk);
    }
    bench.settle();
    CHECK(client.received == kOk);
  }
  CHECK(bench.figures().hedges == 2);
  CHECK(bench.figures().budget_exhausted == 3);
  CHECK(bench.ends() == "ok ok ok ok ok");
}

TEST_CASE("hedge: a client that leaves ends all attempts") {
  Hedging bench;
  Wire& client = bench.client(kGet);
  bench.pass(60ms);
  REQUIRE(bench.accepted.size() == 2);
  client.close();
  bench.pass(1100ms);
  CHECK(bench.ends() == "client.abort_response");
  for (const ServerWire& server : bench.accepted) CHECK(server.wire->over());
  CHECK(bench.blame() == 0);
}

TEST_CASE("hedge: the total time ends all attempts") {
  Hedging bench;
  bench.pool().timeouts.total = 200ms;
  Wire& client = bench.client(kGet);
  for (int i = 0; i < 5; ++i) bench.pass(50ms);
  CHECK(begins(client.received, "HTTP/1.1 504 "));
  CHECK(bench.ends() == "route.timeout");
  for (const ServerWire& server : bench.accepted) CHECK(server.wire->over());
}

TEST_CASE("hedge: an idle connection that was dead is replaced within an attempt") {
  Hedging bench;
  Wire& first = bench.client(kGet);
  bench.server(0).send(kOk);
  bench.settle();
  REQUIRE(first.take() == kOk);
  Wire& client = bench.client(kGet);  // Goes to the other server.
  bench.pass(60ms);                   // And by a kept connection to the first.
  REQUIRE(bench.accepted.size() == 2);
  bench.server(0).reset();
  bench.settle();
  REQUIRE(bench.accepted.size() == 3);
  CHECK(bench.accepted[2].address == bench.accepted[0].address);
  bench.server(2).send(kOk);
  bench.settle();
  CHECK(client.received == kOk);
  CHECK(bench.figures().hedges_won == 1);
}

TEST_CASE("hedge: a long answer goes on after the others were cut") {
  Hedging bench;
  Wire& client = bench.client(kGet);
  bench.pass(60ms);
  bench.server(1).send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello");
  bench.settle();
  CHECK(bench.server(0).over());
  bench.pass(1s);
  bench.server(1).send("world");
  bench.settle();
  CHECK(body_of(client.received) == "helloworld");
  CHECK(bench.ends() == "ok");
}
