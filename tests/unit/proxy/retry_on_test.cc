// What is tried again because the configuration asks for it: retry.on, its safety, its times and its budget.

#include <doctest/doctest.h>

#include <string>

#include "proxy/bench.h"

using namespace lintel;
using namespace lintel::proxy;
using namespace lintel::proxy::test;

namespace {

const std::string k503 = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nbusy";
const std::string kPut = "PUT /x HTTP/1.1\r\nHost: a.test\r\nContent-Length: 10\r\n\r\nhello";

/// Two servers or more, and a pool that tries again on `on`.
struct Asking : Bench {
  explicit Asking(std::vector<std::string> on, std::size_t servers = 2) : Bench(servers) {
    pool().retry.on = std::move(on);
  }
  std::uint64_t exhausted() const { return totals().pools.at("app").budget_exhausted; }
};

}  // namespace

TEST_CASE("retry.on: an answer with such a status goes no further while another server can be asked") {
  for (const char* condition : {"503", "5xx"}) {
    CAPTURE(condition);
    Asking bench({condition});
    Wire& client = bench.client(kGet);
    bench.server(0).send(k503);
    bench.settle();
    REQUIRE(bench.accepted.size() == 2);
    CHECK(bench.accepted[0].address != bench.accepted[1].address);
    CHECK(client.received.empty());
    bench.server(1).send(kOk);
    bench.settle();
    CHECK(client.received == kOk);
    CHECK(bench.ends() == "ok");
    CHECK(bench.idle(0) + bench.idle(1) == 2);  // The dropped answer was there in full.
  }
}

TEST_CASE("retry.on: the last attempt's status is the client's") {
  Asking bench({"503"}, 3);
  Wire& client = bench.client(kGet);
  bench.server(0).send(k503);
  bench.settle();
  bench.server(1).send(k503);
  bench.settle();
  CHECK(bench.accepted.size() == 2);
  CHECK(body_of(client.received) == "busy");
  CHECK(bench.ends() == "ok");
}

TEST_CASE("retry.on: with no other server, or another status, the answer goes on") {
  {
    Asking bench({"503"}, 1);
    Wire& client = bench.client(kGet);
    bench.server(0).send(k503);
    bench.settle();
    CHECK(body_of(client.received) == "busy");
    CHECK(bench.exhausted() == 0);
  }
  Asking bench({"502", "reset"});
  Wire& client = bench.client(kGet);
  bench.server(0).send(k503);
  bench.settle();
  CHECK(bench.accepted.size() == 1);
  CHECK(body_of(client.received) == "busy");
}

TEST_CASE("retry.on: a POST is repeated only with an Idempotency-Key, and only if that is allowed") {
  const std::string keyed =
      "POST /x HTTP/1.1\r\nHost: a\r\nIdempotency-Key: \"k1\"\r\nContent-Length: 5\r\n\r\nhello";
  for (const int kind : {0, 1, 2, 3}) {
    CAPTURE(kind);
    const bool allowed = (kind & 1) != 0;
    const bool has_key = (kind & 2) != 0;
    for (const bool by_status : {true, false}) {
      CAPTURE(by_status);
      Asking bench({"5xx", "reset"});
      bench.pool().retry.idempotency_key = allowed;
      Wire& client = bench.client(has_key ? keyed : kPost);
      if (by_status) {
        bench.server(0).send(k503);
      } else {
        bench.server(0).reset();
      }
      bench.settle();
      const bool repeated = allowed && has_key;
      REQUIRE(bench.accepted.size() == (repeated ? 2 : 1));
      CHECK(client.received.empty() == repeated);
      if (repeated) CHECK(body_of(bench.server(1).received) == "hello");
    }
  }
}

TEST_CASE("retry.on: reset, garbage and silence lead to another server, each if it is asked for") {
  struct Row {
    const char* condition;
    void (*trouble)(Bench&);
    const char* reason;
  };
  static constexpr Row kRows[] = {
      {"reset", [](Bench& bench) { bench.server(0).reset(); }, "upstream.reset"},
      {"reset", [](Bench& bench) { bench.server(0).close(); }, "upstream.closed"},
      {"reset",
       [](Bench& bench) {
         bench.server(0).send("HTTP/1.1 200 O");
         bench.settle();
         bench.server(0).close();
       },
       "upstream.closed"},
      {"bad-response", [](Bench& bench) { bench.server(0).send("garbage\r\n\r\n"); },
       "upstream.bad_response"},
      {"timeout", [](Bench& bench) { bench.pass(61s); }, "upstream.timeout_first_byte"},
  };
  for (const Row& row : kRows) {
    CAPTURE(row.reason);
    for (const bool asked : {true, false}) {
      CAPTURE(asked);
      Asking bench({asked ? row.condition : "connect-failure"});
      Wire& client = bench.client(kGet);
      row.trouble(bench);
      bench.settle();
      REQUIRE(bench.accepted.size() == (asked ? 2 : 1));
      if (asked) {
        CHECK(bench.accepted[0].address != bench.accepted[1].address);
        bench.server(1).send(kOk);
        bench.settle();
        CHECK(client.received == kOk);
      } else {
        CHECK(begins(client.received, "HTTP/1.1 50"));
        CHECK(bench.ends() == row.reason);
      }
    }
  }
}

TEST_CASE("retry.on: the body that came piece by piece is sent again") {
  Asking bench({"reset"});
  Wire& client = bench.client(kPut);
  client.send("678");
  bench.settle();
  REQUIRE(body_of(bench.server(0).received) == "hello678");
  bench.server(0).reset();
  bench.settle();
  REQUIRE(bench.accepted.size() == 2);
  CHECK(body_of(bench.server(1).received) == "hello678");
  client.send("90");
  bench.settle();
  CHECK(body_of(bench.server(1).received) == "hello67890");
  bench.server(1).send(kOk);
  bench.settle();
  CHECK(client.received == kOk);
}

TEST_CASE("retry.on: a chunked body is sent again, its trailers too") {
  Asking bench({"reset"});
  Wire& client = bench.client(
      "PUT / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
  client.send("3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n");
  bench.settle();
  bench.server(0).reset();
  bench.settle();
  REQUIRE(bench.accepted.size() == 2);
  CHECK(has(bench.server(1).received, "helloabc"));
  CHECK(has(bench.server(1).received, "X-Sum: 1\r\n"));
  bench.server(1).send(kOk);
  bench.settle();
  CHECK(client.received == kOk);
}

TEST_CASE("retry.on: a body that is too large to be kept is not sent again") {
  for (const bool told : {true, false}) {
    CAPTURE(told);
    Asking bench({"reset"});
    const std::string piece(50'000, 'x');
    const std::string length =
        told ? "Content-Length: 100000\r\n\r\n" : "Transfer-Encoding: chunked\r\n\r\nc350\r\n";
    Wire& client = bench.client("PUT / HTTP/1.1\r\nHost: a\r\n" + length + piece);
    client.send(told ? piece : "\r\nc350\r\n" + piece + "\r\n0\r\n\r\n");
    bench.settle();
    REQUIRE(bench.server(0).received.size() > 100'000);
    bench.server(0).reset();
    bench.settle();
    CHECK(bench.accepted.size() == 1);
    CHECK(begins(client.received, "HTTP/1.1 502 "));
  }
}

TEST_CASE("retry.on: an attempt has its own time within the total") {
  Asking bench({"timeout"}, 3);
  bench.pool().retry.attempts = 3;
  bench.pool().retry.per_try_timeout = 100ms;
  Wire& client = bench.client(kGet);
  bench.pass(120ms);
  REQUIRE(bench.accepted.size() == 2);
  bench.pass(120ms);
  REQUIRE(bench.accepted.size() == 3);
  CHECK(client.received.empty());
  bench.pass(120ms);
  CHECK(begins(client.received, "HTTP/1.1 504 "));
  CHECK(bench.ends() == "upstream.timeout_try");
  CHECK_FALSE(client.over());
}

TEST_CASE("retry.on: an attempt's time ends with the head of its answer") {
  Asking bench({"timeout"});
  bench.pool().retry.per_try_timeout = 100ms;
  Wire& client = bench.client(kGet);
  bench.server(0).send(kOk.substr(0, kOk.size() - 1));
  bench.settle();
  bench.pass(1s);
  bench.server(0).send("i");
  bench.settle();
  CHECK(client.received == kOk);
  CHECK(bench.ends() == "ok");
}

TEST_CASE("timeouts.total: no attempt goes beyond it, and the connection goes on") {
  Asking bench({"timeout"}, 8);
  bench.pool().retry.attempts = 8;
  bench.pool().retry.per_try_timeout = 100ms;
  bench.pool().timeouts.total = 250ms;
  Wire& client = bench.client(kGet);
  for (int i = 0; i < 10; ++i) bench.pass(50ms);
  CHECK(bench.accepted.size() == 3);
  CHECK(begins(client.received, "HTTP/1.1 504 "));
  CHECK(bench.ends() == "route.timeout");
  REQUIRE_FALSE(client.over());
  client.take();
  client.send(kGet);
  bench.settle();
  REQUIRE(bench.accepted.size() == 4);
  bench.server(3).send(kOk);
  bench.settle();
  CHECK(client.received == kOk);
}

TEST_CASE("timeouts.total: an answer that goes on is cut; a route's own counts") {
  Bench bench;
  config::Route& route = bench.listener().routes.emplace_back();
  route.name = "short";
  route.pool = "app";
  route.timeouts.total = 250ms;
  Wire& client = bench.client(kGet);
  bench.server(0).send(kOk.substr(0, kOk.size() - 1));
  bench.settle();
  CHECK_FALSE(client.received.empty());
  bench.pass(300ms);
  CHECK(client.over());
  CHECK(bench.ends() == "route.timeout");
}

TEST_CASE("timeouts.total: nothing follows an interim response that the client has not taken in full") {
  net::MemoryOptions small;
  small.second_to_first.capacity = 1000;
  Bench bench;
  bench.pool().timeouts.total = 250ms;
  Wire& client = bench.client(small, false);
  client.send(kGet);
  bench.settle();
  bench.server(0).send("HTTP/1.1 103 Early Hints\r\nX: " + net::pattern(2000) + "\r\n\r\n");
  bench.settle();
  bench.pass(300ms);
  client.read_on();
  bench.settle();
  CHECK(client.over());
  CHECK(begins(client.received, "HTTP/1.1 103 "));
  CHECK_FALSE(has(client.received, "504"));
  CHECK(bench.ends() == "route.timeout");
}

TEST_CASE("timeouts.total: a request whose body does not come is answered") {
  Bench bench;
  bench.pool().timeouts.total = 250ms;
  Wire& client = bench.client(kPut);
  bench.pass(300ms);
  CHECK(begins(client.received, "HTTP/1.1 504 "));
  CHECK(bench.ends() == "route.timeout");
}

TEST_CASE("retry budget: servers that fail get no more than a fifth on top") {
  Asking bench({"503"}, 4);
  bench.servers_read = true;
  std::size_t sent = 0;
  const auto ask = [&] {
    bench.client(kGet);
    ++sent;
    for (int i = 0; i < 3; ++i) {
      for (ServerWire& server : bench.accepted) {
        if (server.wire->received.empty()) continue;
        server.wire->take();
        server.wire->send(k503);
      }
      bench.settle();
    }
  };
  const auto attempts = [&] {
    std::uint64_t n = 0;
    for (const auto& [name, server] : bench.totals().servers) {
      for (const auto& [status, requests] : server.requests) n += requests;
    }
    return n;
  };
  for (int i = 0; i < 3; ++i) ask();
  CHECK(attempts() == 6);  // The minimum.
  for (int i = 0; i < 97; ++i) ask();
  CHECK(attempts() == 120);
  CHECK(bench.exhausted() == 80);
  bench.pass(11s);
  ask();
  CHECK(attempts() == 122);  // What was is forgotten, and the minimum there again.
}

TEST_CASE("retry budget: what no server has seen costs nothing") {
  Asking bench({"connect-failure"}, 2);
  bench.pool().retry.min_budget = 0;
  for (int i = 0; i < 10; ++i) {
    bench.connector.plan_next(ECONNREFUSED);
    Wire& client = bench.client(kGet);
    bench.accepted.back().wire->send(kOk);
    bench.settle();
    CHECK(client.received == kOk);
    bench.accepted.back().wire->close();
    bench.settle();
  }
  CHECK(bench.exhausted() == 0);
}

TEST_CASE("retry: a route's own settings come in place of the pool's") {
  Asking bench({"connect-failure"}, 2);
  config::Route& route = bench.listener().routes.emplace_back();
  route.name = "again";
  route.pool = "app";
  route.retry.emplace().on = {"503"};
  Wire& client = bench.client(kGet);
  bench.server(0).send(k503);
  bench.settle();
  REQUIRE(bench.accepted.size() == 2);
  bench.server(1).send(kOk);
  bench.settle();
  CHECK(client.received == kOk);
}
