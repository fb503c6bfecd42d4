// What goes wrong on either side, in each phase: what the client sees and how the transaction is said to have
// ended.

#include <doctest/doctest.h>

#include <cerrno>

#include "proxy/bench.h"

using namespace lintel;
using namespace lintel::proxy;
using namespace lintel::proxy::test;

namespace {

enum class Fault { close, reset, silence };

void inflict(Bench& bench, Wire& wire, Fault fault, std::chrono::nanoseconds after) {
  if (fault == Fault::close) wire.close();
  if (fault == Fault::reset) wire.reset();
  if (fault == Fault::silence) {
    bench.pass(after - 1s);
    CHECK(bench.ends().empty());
    bench.pass(2s);
  }
  bench.settle();
}

constexpr const char* kHalfPost = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello";
constexpr const char* kHalfAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello";
constexpr const char* kHalfChunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n";

}  // namespace

TEST_CASE("faults: of the server") {
  struct Row {
    std::string name;
    std::string request;
    std::string answer;  ///< Sent before the fault.
    Fault fault;
    std::string first_line;  ///< Of what the client gets.
    std::string reason;
  };
  const std::string bad = "HTTP/1.1 502 Bad Gateway\r\n";
  const std::string late = "HTTP/1.1 504 Gateway Timeout\r\n";
  const Row rows[] = {
      {"closes without a word", kGet, "", Fault::close, "HTTP/1.1 502", "upstream.closed"},
      {"resets without a word", kGet, "", Fault::reset, "HTTP/1.1 502", "upstream.reset"},
      {"says nothing", kGet, "", Fault::silence, "HTTP/1.1 504", "upstream.timeout_first_byte"},
      {"closes within the head", kGet, "HTTP/1.1 200 OK\r\n", Fault::close, "HTTP/1.1 502",
       "upstream.closed"},
      {"resets within the head", kGet, "HTTP/1.1 200 OK\r\n", Fault::reset, "HTTP/1.1 502", "upstream.reset"},
      {"stops within the head", kGet, "HTTP/1.1 200 OK\r\n", Fault::silence, "HTTP/1.1 504",
       "upstream.timeout_first_byte"},
      {"closes within a body of known length", kGet, kHalfAnswer, Fault::close, "HTTP/1.1 200",
       "upstream.truncated"},
      {"resets within a body of known length", kGet, kHalfAnswer, Fault::reset, "HTTP/1.1 200",
       "upstream.truncated"},
      {"stops within a body", kGet, kHalfAnswer, Fault::silence, "HTTP/1.1 200", "upstream.timeout_body"},
      {"closes between chunks", kGet, kHalfChunked, Fault::close, "HTTP/1.1 200", "upstream.truncated"},
      {"resets a body that ends with the connection", kGet, "HTTP/1.1 200 OK\r\n\r\nhello", Fault::reset,
       "HTTP/1.1 200", "upstream.truncated"},
      {"closes while the request comes", kHalfPost, "", Fault::close, "HTTP/1.1 502", "upstream.closed"},
      {"resets while the request comes", kHalfPost, "", Fault::reset, "HTTP/1.1 502", "upstream.reset"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    Bench bench(2);
    bench.listener().timeouts.request_body = 1h;
    Wire& client = bench.client(row.request);
    bench.server().send(row.answer);
    bench.settle();
    inflict(bench, bench.server(), row.fault, 60s);
    CHECK(begins(client.received, row.first_line));
    CHECK(bench.ends() == row.reason);
    CHECK(bench.accepted.size() == 1);
    CHECK(bench.idle() == 0);
    const bool cut = begins(client.received, "HTTP/1.1 200");
    if (cut) {
      CHECK(client.over());  // Without the last byte or chunk: the client can tell.
      CHECK_FALSE(has(client.received, "\r\n0\r\n\r\n"));
      CHECK(has(client.received, "hello"));
    }
  }
}

TEST_CASE("faults: a body that ends with the client's connection is cut by a reset") {
  Bench bench;
  Wire& client = bench.client("GET / HTTP/1.0\r\nHost: a\r\n\r\n");
  bench.server().send("HTTP/1.1 200 OK\r\n\r\nhello");
  bench.settle();
  bench.server().reset();
  bench.settle();
  CHECK(has(client.received, "hello"));
  CHECK(client.error == ErrorCode::reset);
  CHECK(bench.ends() == "upstream.truncated");
}

TEST_CASE("faults: answers that break the rules") {
  struct Row {
    std::string answer;
    std::string reason;
  };
  static const Row rows[] = {
      {"SSH-2.0-OpenSSH\r\n\r\n", "upstream.bad_response"},
      {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", "upstream.bad_response"},
      {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", "upstream.bad_response"},
      {"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
       "upstream.bad_response"},
      {"HTTP/1.1 200 OK\r\nBad Name: x\r\n\r\n", "upstream.bad_response"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.answer);
    Bench bench(2);
    Wire& client = bench.client(kGet);
    bench.server().send(row.answer);
    bench.settle();
    CHECK(begins(client.received, "HTTP/1.1 502 "));
    CHECK(bench.ends() == row.reason);
    CHECK(bench.accepted.size() == 1);
    CHECK(bench.idle() == 0);
    CHECK_FALSE(client.over());
  }
  Bench bench;
  Wire& client = bench.client(kGet);
  bench.server().send("HTTP/1.1 200 OK\r\nX: " + std::string(40'000, 'x') + "\r\n\r\n");
  bench.settle();
  CHECK(begins(client.received, "HTTP/1.1 502 "));
  CHECK(bench.ends() == "upstream.too_large_header");
}

TEST_CASE("faults: a broken chunk in the answer cuts it, at once") {
  for (const char* chunk : {"zz\r\n", "2\r\nabX", "0\r\nbad trailer\r\n"}) {
    CAPTURE(chunk);
    for (const bool together : {false, true}) {
      CAPTURE(together);
      Bench bench;
      Wire& client = bench.client(kGet);
      bench.server().send(kHalfChunked);
      if (!together) bench.settle();
      bench.server().send(chunk);
      bench.settle();
      CHECK(client.over());
      CHECK_FALSE(has(client.received, "0\r\n\r\n"));
      CHECK(bench.ends() == "upstream.bad_response");
      CHECK(bench.idle() == 0);
    }
  }
}

TEST_CASE("faults: connecting") {
  struct Row {
    int error;
    Nanos delay;
    std::string status;
    std::string reason;
  };
  static const Row rows[] = {
      {ECONNREFUSED, 0, "HTTP/1.1 502 ", "upstream.connect_refused"},
      {EHOSTUNREACH, 0, "HTTP/1.1 502 ", "upstream.connect_unreachable"},
      {ECONNRESET, 0, "HTTP/1.1 502 ", "upstream.connect_error"},
      {EMFILE, 0, "HTTP/1.1 503 ", "local.resource"},
      {0, kNever, "HTTP/1.1 504 ", "upstream.connect_timeout"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.error);
    Bench bench;
    bench.connector.plan_next(row.error, row.delay);
    Wire& client = bench.client(kPost);
    if (row.delay != 0) {
      bench.pass(2900ms);
      CHECK(client.received.empty());
      bench.pass(200ms);
    }
    CHECK(begins(client.received, row.status));
    CHECK(bench.ends() == row.reason);
    CHECK(bench.accepted.empty());
  }
}

TEST_CASE("faults: of the client") {
  struct Row {
    std::string name;
    std::string request;
    std::string answer;
    Fault fault;
    std::string reason;
    std::string status;  ///< Of what the client gets; "": nothing.
  };
  const Row rows[] = {
      {"closes within its head", "GET / HT", "", Fault::close, "client.abort_header", ""},
      {"resets within its head", "GET / HT", "", Fault::reset, "client.abort_header", ""},
      {"stops within its head", "GET / HT", "", Fault::silence, "client.timeout_header", "HTTP/1.1 408 "},
      {"closes within its body", kHalfPost, "", Fault::close, "client.abort_body", ""},
      {"resets within its body", kHalfPost, "", Fault::reset, "client.abort_body", ""},
      {"stops within its body", kHalfPost, "", Fault::silence, "client.timeout_body", "HTTP/1.1 408 "},
      {"closes within its body while the answer comes", kHalfPost, kHalfAnswer, Fault::close,
       "client.abort_body", ""},
      {"stops within its body while the answer comes", kHalfPost, kHalfAnswer, Fault::silence,
       "client.timeout_body", "HTTP/1.1 200 "},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    Bench bench;
    bench.listener().timeouts.header = 30s;
    bench.listener().min_rates.request_body = {0};
    Wire& client = bench.client(row.request);
    if (!row.answer.empty()) bench.server().send(row.answer);
    bench.settle();
    if (row.fault != Fault::silence) client.take();
    inflict(bench, client, row.fault, 30s);
    CHECK(bench.ends() == row.reason);
    if (client.open()) {
      CHECK(begins(client.received, row.status));
      CHECK(client.over());
      bench.pass(3s);  // What the client may still send is read for a while.
    }
    CHECK(bench.sessions.count() == 0);
    CHECK(bench.idle() == 0);
    for (auto& server : bench.accepted) CHECK(server.wire->over());
  }
}

TEST_CASE("faults: a broken chunk in the request is told at once, also when it came with the head") {
  const std::string head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (const char* chunk : {"zz\r\n", "2\r\nabX", "0\r\nbad trailer\r\n"}) {
    CAPTURE(chunk);
    for (const bool together : {false, true}) {
      CAPTURE(together);
      Bench bench;
      Wire& client = bench.client(together ? head + chunk : head);
      if (!together) client.send(chunk);
      bench.settle();
      CHECK(begins(client.received, "HTTP/1.1 400 "));
      CHECK(client.ended);
      CHECK(bench.ends() == "client.bad_request");
      CHECK(bench.idle() == 0);
      bench.pass(3s);
      CHECK(bench.sessions.count() == 0);
    }
  }
}

TEST_CASE("faults: the client goes while the answer comes") {
  for (const Fault fault : {Fault::close, Fault::reset}) {
    Bench bench;
    Wire& client = bench.client(kGet);
    bench.server().send(kHalfAnswer);
    bench.settle();
    CHECK(has(client.received, "hello"));
    inflict(bench, client, fault, 0s);
    bench.server().send("6");
    bench.settle();
    CHECK(bench.ends() == "client.abort_response");
    CHECK(bench.totals().servers.at({"app", "10.0.0.1:80"}).errors.empty());  // It did nothing wrong.
    CHECK(bench.server().over());
    CHECK(bench.idle() == 0);
    CHECK(bench.sessions.count() == 0);
  }
}

TEST_CASE("faults: the client does not take the answer") {
  Bench bench;
  net::MemoryOptions small;
  small.second_to_first.capacity = 1000;
  bench.listener().timeouts.write = 20s;
  std::string reason;
  SUBCASE("no rate is asked for") {
    bench.listener().min_rates.response = {0};
    reason = "client.timeout_write";
  }
  SUBCASE("it is below the least rate") {
    bench.listener().min_rates.grace = 19500ms;
    reason = "client.slow_response";
  }
  bench.pool().timeouts.idle = 1h;
  Wire& client = bench.client(small, false);
  client.send(kGet);
  bench.settle();
  bench.server().send("HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + net::pattern(5000));
  bench.settle();
  bench.pass(19s);
  CHECK(bench.ends().empty());
  bench.pass(2s);
  CHECK(bench.ends() == reason);
  CHECK(bench.sessions.count() == 0);
}

TEST_CASE("faults: a request body below the least rate") {
  for (const char* answer : {"", kHalfAnswer}) {
    Bench bench;
    Wire& client = bench.client(kHalfPost);
    bench.server().send(answer);
    bench.pass(9s);
    CHECK(bench.ends().empty());
    bench.pass(2s);
    CHECK(begins(client.received, *answer == '\0' ? "HTTP/1.1 408 " : "HTTP/1.1 200 "));
    CHECK(bench.ends() == "client.slow_body");
    bench.pass(3s);
    CHECK(client.over());
  }
}

TEST_CASE("faults: a slow server costs a client nothing") {
  Bench bench;
  bench.pool().timeouts.idle = 1h;
  bench.pool().timeouts.first_byte = 1h;
  bench.servers_read = false;
  Wire& client = bench.client("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n");
  client.send(net::pattern(1'000'000));
  bench.settle();
  for (int i = 0; i < 20; ++i) bench.pass(60s);  // Back-pressure: nobody waits for the client.
  CHECK(bench.ends().empty());
  bench.server().read_on();
  bench.settle(2000);
  CHECK(body_of(bench.server().received).size() == 1'000'000);
  for (int i = 0; i < 20; ++i) bench.pass(60s);
  bench.server().send(kOk);
  bench.settle();
  CHECK(bench.ends() == "ok");
  CHECK(client.take() == kOk);
}

TEST_CASE("faults: the server does not take the request") {
  net::MemoryOptions small;
  small.first_to_second.capacity = 1000;
  Bench bench(1, small);
  bench.servers_read = false;
  bench.pool().timeouts.idle = 20s;
  bench.listener().timeouts.request_body = 1h;
  std::string request = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5000\r\n\r\n";
  SUBCASE("all of it came with the head") {
    request += net::pattern(5000);
    Wire& client = bench.client(request);
    bench.pass(19s);
    CHECK(client.received.empty());
    bench.pass(2s);
    CHECK(begins(client.received, "HTTP/1.1 504 "));
  }
  SUBCASE("it came later") {
    Wire& client = bench.client(request);
    client.send(net::pattern(2000));
    bench.settle();
    bench.pass(19s);
    CHECK(client.received.empty());
    bench.pass(2s);
    CHECK(begins(client.received, "HTTP/1.1 504 "));
  }
  CHECK(bench.ends() == "upstream.timeout_send");
  bench.pass(3s);
  CHECK(bench.idle() == 0);
}

TEST_CASE("faults: a server that answers and closes without reading the request is heard") {
  Bench bench;
  Wire& client = bench.client("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n");
  bench.server().send("HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig");
  bench.server().finish();
  bench.server().hold();
  client.send(net::pattern(200'000));
  bench.settle();
  CHECK(begins(client.received, "HTTP/1.1 413 "));
  CHECK(body_of(client.received) == "big");
  CHECK(bench.ends() == "ok");
  bench.pass(3s);
  CHECK(bench.idle() == 0);
}

TEST_CASE("faults: a server that answers while the beginning of the request is still being sent is heard") {
  net::MemoryOptions small;
  small.first_to_second.capacity = 1000;
  Bench bench(2, small);
  bench.servers_read = false;
  const std::string body = net::pattern(5000);
  Wire& client = bench.client("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5000\r\n\r\n" + body);
  bench.server().send("HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig");
  SUBCASE("and waits") {}
  SUBCASE("and closes") {
    bench.settle();
    bench.server().close();
  }
  SUBCASE("and resets") {
    bench.server().finish();
    bench.server().reset();
  }
  bench.settle();
  CHECK(begins(client.received, "HTTP/1.1 413 "));
  CHECK(body_of(client.received) == "big");
  CHECK(bench.ends() == "ok");
  CHECK(bench.accepted.size() == 1);
  CHECK(bench.idle() == 0);
}

TEST_CASE("faults: a server that answers well before it has the request is not used again") {
  net::MemoryOptions small;
  small.first_to_second.capacity = 1000;
  Bench bench(1, small);
  bench.servers_read = false;
  Wire& client =
      bench.client("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5000\r\n\r\n" + net::pattern(5000));
  bench.server().send(kOk);
  bench.settle();
  CHECK(client.received == kOk);
  bench.server().read_on();  // It takes the rest after its answer.
  bench.settle();
  CHECK(body_of(bench.server().received).size() == 5000);
  CHECK(bench.ends() == "ok");
  CHECK(bench.idle() == 0);
}

TEST_CASE("faults: a server that says what is wrong before it has any byte of the request is heard") {
  Bench bench(2);
  bench.servers_read = false;
  bench.greeting = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nfull";
  Wire& client = bench.client(kGet);
  CHECK(begins(client.received, "HTTP/1.1 503 "));
  CHECK(body_of(client.received) == "full");
  CHECK(bench.ends() == "ok");
  CHECK(bench.accepted.size() == 1);
  CHECK(bench.idle() == 0);
}

TEST_CASE("faults: an idle client connection is closed without a word") {
  Bench bench;
  Wire& fresh = bench.client();
  bench.settle();
  bench.pass(11s);
  CHECK(fresh.ended);
  CHECK(fresh.received.empty());
  Wire& client = bench.client(kGet);
  bench.server().send(kOk);
  bench.settle();
  client.take();
  bench.pass(74s);
  CHECK_FALSE(client.over());
  bench.pass(2s);
  CHECK(client.ended);
  CHECK(client.received.empty());
  CHECK(bench.ends() == "ok");
}
