// Clients that leave while the server is silent: abort_on_close.

#include <doctest/doctest.h>

#include "proxy/bench.h"

using namespace lintel;
using namespace lintel::proxy;
using namespace lintel::proxy::test;

namespace {

enum class Leaving { half_closes, closes, resets };

void leave(Wire& client, Leaving how) {
  if (how == Leaving::half_closes) client.finish();
  if (how == Leaving::closes) client.close();
  if (how == Leaving::resets) client.reset();
}

/// Nothing is left of the exchange, and the server did nothing wrong.
void check_given_up(Bench& bench) {
  CHECK(bench.ends() == "client.abort_response");
  CHECK(bench.totals().servers.at({"app", "10.0.0.1:80"}).errors.empty());
  CHECK(bench.sessions.count() == 0);
  CHECK(bench.idle() == 0);
  for (auto& server : bench.accepted) CHECK(server.wire->over());
}

constexpr const char* kHalfAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello";
constexpr Leaving kEveryWay[] = {Leaving::half_closes, Leaving::closes, Leaving::resets};

}  // namespace

TEST_CASE("client left: a server that is silent for a second is free again") {
  for (const Leaving how : kEveryWay) {
    CAPTURE(static_cast<int>(how));
    for (const bool before : {true, false}) {  // The second has passed.
      CAPTURE(before);
      for (const std::string& request : {kGet, kPost}) {
        Bench bench;
        Wire& client = bench.client(request);
        if (!before) bench.pass(5s);
        leave(client, how);
        bench.settle();
        if (before) {
          CHECK(bench.ends().empty());
          bench.pass(900ms);
          CHECK(bench.ends().empty());
          bench.pass(200ms);
        }
        check_given_up(bench);
      }
    }
  }
}

TEST_CASE("client left: without abort_on_close the answer is waited for") {
  for (const Leaving how : kEveryWay) {
    Bench bench;
    bench.pool().abort_on_close = false;
    Wire& client = bench.client(kGet);
    leave(client, how);
    bench.pass(30s);
    CHECK(bench.ends().empty());
    bench.server().send(kOk);
    bench.settle();
    CHECK(bench.ends() == (how == Leaving::half_closes ? "ok" : "client.abort_response"));
    if (how == Leaving::half_closes) CHECK(client.received == kOk);
  }
}

TEST_CASE("client left: one that only ends its sending gets an answer that comes quickly") {
  Bench bench;
  Wire& client = bench.client(kGet);
  client.finish();
  bench.pass(900ms);
  bench.server().send(kHalfAnswer);
  bench.pass(900ms);  // The server has been silent for less than a second.
  CHECK(bench.ends().empty());
  bench.server().send("67890");
  bench.settle();
  CHECK(body_of(client.received) == "hello67890");
  CHECK(bench.ends() == "ok");
}

TEST_CASE("client left: within the answer") {
  for (const Leaving how : kEveryWay) {
    Bench bench;
    Wire& client = bench.client(kGet);
    bench.server().send(kHalfAnswer);
    bench.settle();
    bench.pass(3s);
    leave(client, how);
    bench.settle();
    check_given_up(bench);
  }
}

TEST_CASE("client left: a client that is still taking the answer has not") {
  net::MemoryOptions small;
  small.second_to_first.capacity = 1000;
  Bench bench;
  Wire& client = bench.client(small, false);
  client.send(kGet);
  client.finish();
  bench.settle();
  bench.server().send("HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + net::pattern(5000));
  bench.settle();
  bench.pass(5s);
  CHECK(bench.ends().empty());
  client.read_on();
  bench.settle();
  CHECK(body_of(client.received) == net::pattern(5000));
  CHECK(bench.ends() == "ok");
}

TEST_CASE("client left: what follows the request says that the client is there") {
  for (const bool early : {true, false}) {  // It came with the request, or while the server is silent.
    CAPTURE(early);
    Bench bench;
    Wire& client = bench.client(early ? kGet + kGet : kGet);
    bench.pass(2s);
    if (!early) client.send(kGet);
    bench.settle();
    client.finish();
    bench.pass(5s);
    CHECK(bench.ends().empty());
    bench.server().send(kOk);
    bench.settle();
    CHECK(bench.ends() == "ok");
    CHECK(client.received == kOk);
    bench.pass(2s);  // Behind the second one there is nothing.
    check_given_up(bench);
  }
}

TEST_CASE("client left: a reset is seen whatever follows the request") {
  Bench bench;
  Wire& client = bench.client(kGet + kGet);
  bench.pass(2s);
  client.reset();
  bench.settle();
  check_given_up(bench);
}

TEST_CASE("client left: while a connection to the server is opened") {
  for (const Leaving how : kEveryWay) {
    Bench bench(2);
    bench.pool().connect_timeout = 60s;
    bench.connector.plan_next(0, kNever);
    Wire& client = bench.client(kGet);
    leave(client, how);
    bench.settle();
    CHECK(bench.sessions.count() == 1);
    bench.pass(1100ms);
    CHECK(bench.ends() == "client.abort_response");
    CHECK(bench.sessions.count() == 0);
    CHECK(bench.connector.attempts() == 1);  // No other server is tried for nobody.
    CHECK(bench.accepted.empty());
  }
}

TEST_CASE("client left: the next request on a connection is watched anew") {
  Bench bench;
  Wire& client = bench.client(kGet);
  bench.pass(3s);
  bench.server().send(kOk);
  bench.settle();
  CHECK(client.take() == kOk);
  bench.pass(10s);  // Idle: that is no silence of a server.
  CHECK_FALSE(client.over());
  client.send(kPost);
  bench.pass(900ms);
  bench.server().send(kOk);
  bench.settle();
  CHECK(client.take() == kOk);
  CHECK(bench.ends() == "ok ok");
  client.send(kGet);
  bench.settle();
  client.close();
  bench.pass(1100ms);
  check_given_up(bench);
}
