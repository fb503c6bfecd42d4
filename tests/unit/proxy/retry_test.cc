// What is tried again, and what never is.

#include <doctest/doctest.h>

#include <cerrno>

#include "proxy/bench.h"

using namespace lintel;
using namespace lintel::proxy;
using namespace lintel::proxy::test;

namespace {

/// A bench whose proxy keeps an idle connection, accepted[0].
struct Warm : Bench {
  explicit Warm(std::size_t servers = 1) : Bench(servers) {
    Wire& first = client(kGet);
    server().send(kOk);
    settle();
    REQUIRE(first.take() == kOk);
    REQUIRE(ends() == "ok");
    server().take();
  }
  std::uint64_t retries() const {
    std::uint64_t sum = 0;
    const StatsTotal total = totals();
    for (const auto& [reason, n] : total.pools.at("app").retries) sum += n;
    return sum;
  }
};

}  // namespace

TEST_CASE("retry: a refused connection leads to another server, as often as retry.attempts says") {
  for (const std::uint32_t attempts : {1U, 2U, 3U, 8U}) {
    CAPTURE(attempts);
    Bench bench(4);
    bench.pool().retry.attempts = attempts;
    for (int i = 0; i < 3; ++i) bench.connector.plan_next(ECONNREFUSED);
    Wire& client = bench.client(kPost);
    if (attempts <= 3) {
      CHECK(bench.connector.attempts() == attempts);
      CHECK(begins(client.received, "HTTP/1.1 502 "));
      CHECK(bench.ends() == "upstream.connect_refused");
      CHECK_FALSE(client.over());
    } else {
      CHECK(bench.connector.attempts() == 4);
      CHECK(body_of(bench.server().received) == "hello");
      bench.server().send(kOk);
      bench.settle();
      CHECK(client.received == kOk);
      CHECK(bench.ends() == "ok");
    }
    // Each server was tried once at most.
    const StatsTotal total = bench.totals();
    for (const auto& [name, server] : total.servers) {
      std::uint64_t n = 0;
      for (const auto& [status, requests] : server.requests) n += requests;
      CHECK(n <= 1);
    }
  }
}

TEST_CASE("retry: all servers refuse before the attempts are used up") {
  Bench bench(2);
  bench.pool().retry.attempts = 5;
  for (int i = 0; i < 5; ++i) bench.connector.plan_next(ECONNREFUSED);
  Wire& client = bench.client(kGet);
  CHECK(bench.connector.attempts() == 2);
  CHECK(begins(client.received, "HTTP/1.1 502 "));
  CHECK(bench.ends() == "upstream.connect_refused");
}

TEST_CASE("retry: an unfinished body waits for the server that can be reached") {
  Bench bench(2);
  bench.connector.plan_next(ECONNREFUSED);
  Wire& client = bench.client("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello");
  client.send("67890");
  bench.settle();
  CHECK(body_of(bench.server().received) == "hello67890");
  bench.server().send(kOk);
  bench.settle();
  CHECK(client.received == kOk);
}

TEST_CASE("retry: the server closes an idle connection under a GET: sent once more, on a new connection") {
  for (const int kind : {0, 1, 2, 3}) {
    CAPTURE(kind);
    const bool reset = (kind & 1) != 0;
    const bool answered = (kind & 2) != 0;
    Warm bench;
    Wire& client = bench.client(kGet);
    REQUIRE(begins(bench.server(0).received, "GET /x"));
    if (reset) {
      bench.server(0).reset();
    } else {
      bench.server(0).close();
    }
    bench.settle();
    REQUIRE(bench.accepted.size() == 2);
    CHECK(begins(bench.server(1).received, "GET /x"));
    CHECK(client.received.empty());
    CHECK(bench.retries() == 1);
    if (answered) {
      bench.server(1).send(kOk);
      bench.settle();
      CHECK(client.received == kOk);
      CHECK(bench.ends() == "ok");
    } else {  // Closed again: that is the end.
      bench.server(1).close();
      bench.settle();
      CHECK(bench.accepted.size() == 2);
      CHECK(begins(client.received, "HTTP/1.1 502 "));
      CHECK(bench.ends() == "upstream.closed");
    }
  }
}

TEST_CASE("retry: what an idle connection's end left open goes out once more only, on a new connection") {
  Bench bench(2);
  bench.client(kGet);
  bench.client(kGet);
  REQUIRE(bench.accepted.size() == 2);
  REQUIRE(bench.accepted[0].address != bench.accepted[1].address);
  for (std::size_t i : {0U, 1U}) {
    bench.server(i).send(kOk);
    bench.settle();
    bench.server(i).take();
  }
  REQUIRE(bench.idle(0) + bench.idle(1) == 2);
  Wire& client = bench.client(kGet);
  const std::size_t first = bench.server(0).received.empty() ? 1 : 0;
  REQUIRE(begins(bench.server(first).received, "GET /x"));
  bench.connector.plan_next(ECONNREFUSED);
  bench.server(first).close();
  bench.settle();
  // It is the other server's turn, but not its idle connection's, which might be dead as well.
  CHECK(bench.server(1 - first).received.empty());
  REQUIRE(bench.accepted.size() == 3);
  CHECK(bench.accepted[2].address == bench.accepted[1 - first].address);
  CHECK(begins(bench.server(2).received, "GET /x"));
  bench.server(2).close();
  bench.settle();
  CHECK(bench.accepted.size() == 3);
  CHECK(bench.server(1 - first).received.empty());
  CHECK(begins(client.received, "HTTP/1.1 502 "));
}

TEST_CASE("retry: the server closes an idle connection under a POST: never delivered twice") {
  Warm bench;
  Wire& client = bench.client(kPost);
  REQUIRE(body_of(bench.server(0).received) == "hello");
  bench.server(0).close();
  bench.settle();
  CHECK(bench.accepted.size() == 1);
  CHECK(begins(client.received, "HTTP/1.1 502 "));
  CHECK(bench.ends() == "upstream.closed");
  CHECK(bench.retries() == 0);
  CHECK_FALSE(client.over());
}

TEST_CASE("retry: a connection known to be dead is not used at all") {
  Warm bench;
  bench.server(0).close();
  bench.settle();
  CHECK(bench.idle() == 0);
  bench.client(kPost);
  REQUIRE(bench.accepted.size() == 2);
  CHECK(body_of(bench.server(1).received) == "hello");
  CHECK(bench.retries() == 0);
}

TEST_CASE("retry: unasked bytes on an idle connection end it") {
  Warm bench;
  bench.server(0).send(kOk);  // A second answer, meant for whoever comes next.
  bench.settle();
  CHECK(bench.idle() == 0);
  Wire& client = bench.client(kGet);
  REQUIRE(bench.accepted.size() == 2);
  CHECK(client.received.empty());
}

TEST_CASE("retry: nothing once a byte of the answer has come") {
  for (const char* part :
       {"H", "HTTP/1.1 2", "HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 200 OK\r\nX: y\r\n"}) {
    CAPTURE(part);
    Warm bench;
    Wire& client = bench.client(kGet);
    bench.server(0).send(part);
    bench.settle();
    bench.server(0).close();
    bench.settle();
    CHECK(bench.accepted.size() == 1);
    CHECK(has(client.received, "HTTP/1.1 502 "));
    CHECK(bench.ends() == "upstream.closed");
  }
}

TEST_CASE("retry: a PUT whose body is still coming is sent again with what there is of it") {
  Warm bench;
  Wire& client = bench.client("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello");
  bench.server(0).close();
  bench.settle();
  REQUIRE(bench.accepted.size() == 2);
  client.send("67890");
  bench.settle();
  CHECK(body_of(bench.server(1).received) == "hello67890");
  bench.server(1).send(kOk);
  bench.settle();
  CHECK(client.received == kOk);
}

TEST_CASE("retry: a fresh connection that is closed without an answer is not tried again") {
  Bench bench(2);
  Wire& client = bench.client(kGet);
  bench.server(0).close();
  bench.settle();
  CHECK(bench.accepted.size() == 1);
  CHECK(begins(client.received, "HTTP/1.1 502 "));
  CHECK(bench.ends() == "upstream.closed");
}
