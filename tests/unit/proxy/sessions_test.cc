// Generations, draining and cutting.

#include <doctest/doctest.h>

#include "proxy/bench.h"

using namespace lintel;
using namespace lintel::proxy;
using namespace lintel::proxy::test;

TEST_CASE("generations: a transaction ends with the one it began with, the next takes the new") {
  Bench bench;
  Wire& client = bench.client(kGet);
  const std::weak_ptr<const Generation> old = bench.worker.generation;
  REQUIRE(bench.accepted.size() == 1);

  bench.config.pools.front().servers.clear();
  Bench::add_server(bench.pool(), "10.9.9.9:80");
  bench.publish();
  CHECK_FALSE(old.expired());
  CHECK(old.lock() != bench.worker.generation);
  bench.server(0).send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nol");
  bench.settle();
  CHECK(has(client.received, "ol"));
  bench.server(0).send("d!");
  bench.settle();
  CHECK(body_of(client.take()) == "old!");
  CHECK(old.expired());
  CHECK(bench.accepted[0].address == "10.0.0.1:80");
  CHECK(bench.server(0).over());  // Its idle connection went with the generation.

  client.send(kGet);
  bench.settle();
  REQUIRE(bench.accepted.size() == 2);
  CHECK(bench.accepted[1].address == "10.9.9.9:80");
  bench.server(1).send(kOk);
  bench.settle();
  CHECK(client.take() == kOk);
  CHECK(bench.ends() == "ok ok");
}

TEST_CASE("generations: idle sessions let go at once, idle connections to servers stay") {
  Bench bench;
  Wire& client = bench.client(kGet);
  bench.server().send(kOk);
  bench.settle();
  const std::weak_ptr<const Generation> old = bench.worker.generation;
  bench.publish();
  CHECK(old.expired());
  CHECK(bench.idle() == 1);
  client.take();
  client.send(kGet);
  bench.settle();
  CHECK(bench.accepted.size() == 1);
  CHECK(count(bench.server().received, "GET /x") == 2);
}

TEST_CASE("generations: swapped within a head and within a body") {
  Bench bench;
  Wire& within_head = bench.client("GET / HTTP/1.1\r\nHo");
  Wire& within_body = bench.client("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nab");
  bench.publish();
  bench.publish();
  within_head.send("st: a\r\n\r\n");
  within_body.send("cd");
  bench.settle();
  REQUIRE(bench.accepted.size() == 2);
  bench.server(0).send(kOk);
  bench.server(1).send(kOk);
  bench.settle();
  CHECK(within_head.received == kOk);
  CHECK(within_body.received == kOk);
  CHECK(bench.ends() == "ok ok");
}

TEST_CASE("drain: idle sessions end, busy ones with the response that is being served") {
  Bench bench;
  Wire& fresh = bench.client();
  Wire& idle = bench.client(kGet);
  bench.server(0).send(kOk);
  bench.settle();
  idle.take();
  Wire& waiting = bench.client(kGet);    // No head yet: its response announces the end.
  Wire& receiving = bench.client(kGet);  // Its head is out already.
  Wire& pipelining = bench.client(kGet + kGet);
  REQUIRE(bench.accepted.size() == 3);
  bench.server(1).send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab");
  bench.settle();
  CHECK(has(receiving.received, "ab"));

  bench.sessions.drain();
  bench.settle();
  CHECK(fresh.ended);
  CHECK(idle.ended);
  CHECK_FALSE(waiting.over());
  bench.server(0).send(kOk);
  bench.server(1).send("cd");
  bench.server(2).send(kOk);
  bench.settle();
  CHECK(has(waiting.received, "\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi"));
  CHECK(waiting.ended);
  CHECK(body_of(receiving.received) == "abcd");
  CHECK(receiving.ended);
  CHECK(has(pipelining.received, "Connection: close"));
  CHECK(pipelining.ended);
  CHECK(count(pipelining.received, "HTTP/1.1 200") == 1);
  bench.pass(3s);
  CHECK(bench.sessions.count() == 0);
}

TEST_CASE("retire: sessions that wait for a request may have one more") {
  Bench bench;
  Wire& fresh = bench.client();
  Wire& idle = bench.client(kGet);
  bench.server(0).send(kOk);
  bench.settle();
  idle.take();
  Wire& silent = bench.client();
  bench.sessions.retire();
  bench.settle();
  for (Wire* client : {&fresh, &idle}) {
    CHECK_FALSE(client->over());
    client->send(kGet + kGet);
    bench.settle();
    bench.server(0).send(kOk);
    bench.settle();
    CHECK(count(client->received, "HTTP/1.1 200") == 1);
    CHECK(has(client->received, "Connection: close"));
    CHECK(client->ended);
  }
  CHECK(bench.ends() == "ok ok ok");
  CHECK_FALSE(silent.over());
  SUBCASE("for as long as they may wait") {
    bench.pass(11s);
    CHECK(silent.ended);
  }
  SUBCASE("unless it is time to drain") {
    bench.sessions.drain();
    bench.settle();
    CHECK(silent.ended);
  }
  bench.pass(3s);
  CHECK(bench.sessions.count() == 0);
}

TEST_CASE("cut: every phase ends at once") {
  struct Row {
    std::string name;
    std::string request;
    std::string answer;
    std::string reason;
    std::string status;
  };
  const Row rows[] = {
      {"idle", "", "", "", ""},
      {"within a request head", "GET /", "", "local.shutdown", ""},
      {"within a request body", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nab", "",
       "local.shutdown", "HTTP/1.1 503 "},
      {"waiting for the answer", kGet, "", "local.shutdown", "HTTP/1.1 503 "},
      {"within the answer", kGet, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab", "local.shutdown",
       "HTTP/1.1 200 "},
      {"lingering", "GET / HTTP/9.9\r\n\r\n", "", "client.bad_request", "HTTP/1.1 505 "},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    Bench bench;
    Wire& client = bench.client(row.request);
    if (!row.answer.empty()) bench.server().send(row.answer);
    bench.settle();
    bench.sessions.cut();
    bench.settle();
    CHECK(bench.sessions.count() == 0);
    CHECK(bench.ends() == row.reason);
    CHECK(begins(client.received, row.status));
    CHECK(client.over());
    CHECK(bench.idle() == 0);
  }
}

TEST_CASE("cut: a connect that is under way ends at once") {
  Bench bench(2);
  bench.connector.plan_next(0, kNever);
  Wire& client = bench.client(kGet);
  bench.sessions.cut();
  bench.settle();
  CHECK(bench.sessions.count() == 0);
  CHECK(bench.ends() == "local.shutdown");
  CHECK(begins(client.received, "HTTP/1.1 503 "));
  CHECK(bench.accepted.empty());
  CHECK(bench.connector.attempts() == 1);
}

TEST_CASE("cut: at any moment of a busy transfer") {
  for (const bool upload : {false, true}) {
    for (int turns = 0; turns < 40; ++turns) {
      CAPTURE(upload);
      CAPTURE(turns);
      Bench bench;
      Wire& client =
          bench.client(upload ? "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n" : kGet);
      if (upload) {
        client.send(net::pattern(10'000'000));
      } else {
        bench.server().send("HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n" +
                            net::pattern(10'000'000));
      }
      bench.settle(turns);
      bench.sessions.cut();
      bench.settle(10);
      CHECK(bench.sessions.count() == 0);
      CHECK(bench.ends() == "local.shutdown");
    }
  }
}

TEST_CASE("limits: the request that reaches max_requests or max_age closes the connection") {
  Bench bench;
  bench.listener().limits.requests_per_connection = 2;
  bench.listener().limits.connection_age = 100s;
  SUBCASE("requests") {
    Wire& client = bench.client(kGet);
    bench.server().send(kOk);
    bench.settle();
    CHECK(client.take() == kOk);
    client.send(kGet);
    bench.settle();
    bench.server().send(kOk);
    bench.settle();
    CHECK(has(client.received, "Connection: close\r\n"));
    CHECK(client.ended);
  }
  SUBCASE("age, give or take a tenth") {
    bench.listener().timeouts.header = 1h;
    Wire& young = bench.client();
    bench.settle();
    bench.pass(89s);
    young.send(kGet);
    bench.settle();
    bench.server().send(kOk);
    bench.settle();
    CHECK(young.take() == kOk);
    bench.pass(22s);
    young.send(kGet);
    bench.settle();
    bench.server().send(kOk);
    bench.settle();
    CHECK(has(young.received, "Connection: close\r\n"));
  }
}
