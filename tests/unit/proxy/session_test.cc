// Requests through a session, streaming, and what becomes of the connections on either side.

#include <doctest/doctest.h>

#include "proxy/bench.h"

using namespace lintel;
using namespace lintel::proxy;
using namespace lintel::proxy::test;

TEST_CASE("session: a GET goes through, and both connections live on") {
  Bench bench;
  Wire& client = bench.client(kGet);
  CHECK(begins(bench.server().received, "GET /x HTTP/1.1\r\nHost: a.test\r\n"));
  CHECK(has(bench.server().received, "X-Forwarded-For: 192.0.2.7\r\n"));
  CHECK(has(bench.server().received, "Via: 1.1 lintel\r\n"));
  bench.server().take();
  bench.server().send(kOk);
  bench.settle();
  CHECK(client.take() == kOk);
  CHECK(bench.ends() == "ok");
  CHECK(bench.idle() == 1);

  client.send(kPost);
  bench.settle();
  CHECK(bench.accepted.size() == 1);
  CHECK(body_of(bench.server().take()) == "hello");
  bench.server().send("HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
  bench.settle();
  bench.server().send("0\r\n\r\n");
  bench.settle();
  CHECK(begins(undated(client.received), "HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n"));
  CHECK(body_of(client.received) == "3\r\nabc\r\n0\r\n\r\n");
  CHECK(bench.ends() == "ok");
  const StatsTotal total = bench.totals();
  const StatsTotal::Route& route = total.routes.at({"web", "app"});
  CHECK(route.request_bytes == 5);
  CHECK(route.response_bytes == 5);
  CHECK(total.servers.at({"app", "10.0.0.1:80"}).errors.empty());
}

TEST_CASE("session: pipelined requests are answered in order, each by the next exchange") {
  Bench bench;
  std::string requests;
  for (int i = 0; i < 40; ++i) requests += "GET /" + std::to_string(i) + " HTTP/1.1\r\nHost: a\r\n\r\n";
  Wire& client = bench.client(requests);
  std::string want;
  for (int i = 0; i < 40; ++i) {
    CHECK(begins(bench.server().take(), "GET /" + std::to_string(i) + " "));
    const std::string body = std::to_string(i);
    const std::string answer =
        "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
    want += answer;
    bench.server().send(answer);
    bench.settle();
  }
  CHECK(undated(client.received) == want);
  CHECK(bench.accepted.size() == 1);
}

TEST_CASE("session: both bodies stream at once through tiny buffers") {
  net::MemoryOptions tiny;
  tiny.first_to_second = {256, 100, 77, 0};
  tiny.second_to_first = {256, 100, 77, 0};
  Bench bench(1, tiny);
  Wire& client = bench.client(tiny);
  const std::string up = net::pattern(50'000);
  const std::string down = net::pattern(60'000);
  client.send("POST /x HTTP/1.1\r\nHost: a.test\r\nContent-Length: 50000\r\n\r\n");
  client.send(up);
  bench.settle();
  // The answer begins while the request still comes.
  CHECK(body_of(bench.server().received).size() < up.size());
  bench.server().send("HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n");
  bench.server().send(down);
  for (int i = 0; i < 100'000 && body_of(client.received).size() < down.size(); ++i) bench.settle(1);
  bench.settle();
  CHECK((body_of(bench.server().received) == up));
  CHECK((body_of(client.received) == down));
  CHECK(bench.ends() == "ok");
  CHECK(bench.idle() == 0);
  CHECK_FALSE(client.over());
}

TEST_CASE("session: a client that does not read holds the server back, in bounded memory") {
  net::MemoryOptions small;
  small.first_to_second.capacity = small.second_to_first.capacity = 16 * 1024;
  Bench bench(1, small);
  Wire& client = bench.client(small, false);
  client.send(kGet);
  bench.settle();
  std::size_t sent = 0;
  bench.server().send("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n");
  bench.server().send(net::pattern(1'000'000));
  bench.settle(400);
  // What lies between the two ends: both pipes and one read.
  client.read_on();
  bench.settle(1);
  client.hold();
  sent = client.received.size();
  CHECK(sent < 200 * 1024);
  client.read_on();
  for (int i = 0; i < 10'000 && body_of(client.received).size() < 1'000'000; ++i) bench.settle(1);
  CHECK((body_of(client.received) == net::pattern(1'000'000)));
  bench.settle();
  CHECK(bench.ends() == "ok");
}

TEST_CASE("session: framing of the answer by request and version") {
  struct Row {
    std::string name;
    std::string request;
    std::string answer;
    bool server_closes;
    std::string want;
    bool client_lives;
    bool server_kept;
  };
  static const Row rows[] = {
      {"HEAD keeps the length and has no body", "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n",
       "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", false, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n",
       true, true},
      {"204", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 204 No Content\r\n\r\n", false,
       "HTTP/1.1 204 No Content\r\n\r\n", true, true},
      {"304 keeps the length", "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
       "HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n", false,
       "HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n", true, true},
      {"until close becomes chunks", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\nabc", true,
       "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", true, false},
      {"chunks become until close for HTTP/1.0", "GET / HTTP/1.0\r\nHost: a\r\n\r\n",
       "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", false,
       "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc", false, true},
      {"HTTP/1.0 with keep-alive", "GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n",
       "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", false,
       "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nhi", true, true},
      {"Connection: close from the client", "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
       "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", false,
       "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi", false, true},
      {"Connection: close from the server is its own affair", "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
       "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi", false,
       "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", true, false},
      {"trailers", "GET / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\n\r\n",
       "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n", false,
       "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n", true, true},
      {"bytes after the answer spoil the connection", "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
       "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhiHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
       false, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", true, false},
      {"a body under HEAD spoils the connection", "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n",
       "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", false,
       "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", true, false},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    Bench bench;
    Wire& client = bench.client(row.request);
    bench.server().send(row.answer);
    if (row.server_closes) bench.server().finish();
    bench.settle();
    CHECK(undated(client.take()) == row.want);
    CHECK(client.over() == !row.client_lives);
    CHECK(bench.idle() == (row.server_kept ? 1 : 0));
    CHECK(bench.ends() == "ok");
  }
}

TEST_CASE("session: an answer without a date gets one, and another keeps its own") {
  Bench bench;
  Wire& client = bench.client(kGet);
  bench.server().send("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  bench.settle();
  CHECK(client.take() ==
        "HTTP/1.1 103 Early Hints\r\n\r\n"
        "HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nContent-Length: 0\r\n\r\n");
  client.send(kGet);
  bench.settle();
  bench.server().send(kOk);
  bench.settle();
  CHECK(client.take() == kOk);
}

TEST_CASE("session: interim answers pass, to HTTP/1.1 only") {
  for (const bool old : {false, true}) {
    CAPTURE(old);
    Bench bench;
    Wire& client = bench.client(old ? "GET / HTTP/1.0\r\nHost: a\r\n\r\n" : kGet);
    bench.server().send("HTTP/1.1 103 Early Hints\r\nLink: </s>\r\n\r\n");
    bench.settle();
    CHECK(client.take() == (old ? "" : "HTTP/1.1 103 Early Hints\r\nLink: </s>\r\n\r\n"));
    bench.server().send("HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
    bench.settle();
    CHECK(has(client.received, "102 Processing") == !old);
    CHECK(has(client.received, "200 OK"));
    CHECK(bench.ends() == "ok");
  }
}

TEST_CASE("session: Expect") {
  const std::string head = "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n";
  Bench bench;
  Wire& client = bench.client(head);
  CHECK(has(bench.server().received, "Expect: 100-continue\r\n"));
  SUBCASE("the server asks for the body") {
    bench.server().send("HTTP/1.1 100 Continue\r\n\r\n");
    bench.settle();
    CHECK(client.take() == "HTTP/1.1 100 Continue\r\n\r\n");
    client.send("hello");
    bench.settle();
    CHECK(body_of(bench.server().received) == "hello");
    bench.server().send(kOk);
    bench.settle();
    CHECK(client.take() == kOk);
    CHECK_FALSE(client.over());
    CHECK(bench.idle() == 1);
  }
  SUBCASE("a final answer instead ends both connections: nobody knows whether the body will come") {
    bench.server().send("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n");
    bench.settle();
    CHECK(undated(client.take()) ==
          "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    CHECK(client.ended);
    CHECK(bench.idle() == 0);
    // What would be taken for the body by one and for a request by the other is neither.
    client.send(kGet);
    bench.settle();
    CHECK(bench.accepted.size() == 1);
    CHECK_FALSE(has(bench.server().received, "GET /x"));
    bench.pass(3s);
  }
  CHECK(bench.ends() == "ok");
}

TEST_CASE("session: an answer before the end of the request") {
  Bench bench;
  SUBCASE("an error with a small rest: the rest is read away, the client's connection lives on") {
    Wire& client = bench.client("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhel");
    bench.server().send("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
    bench.settle();
    CHECK(undated(client.take()) == "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
    CHECK(bench.idle() == 0);
    client.send("lo12345" + kGet);
    bench.settle();
    REQUIRE(bench.accepted.size() == 2);
    CHECK(begins(bench.server(1).received, "GET /x"));
    bench.server(1).send(kOk);
    bench.settle();
    CHECK(client.take() == kOk);
    CHECK(bench.ends() == "ok ok");
  }
  SUBCASE("an error with a large rest: closed after a while of reading") {
    Wire& client = bench.client("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nhel");
    bench.server().send("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
    bench.settle();
    CHECK(has(client.take(), "Connection: close\r\n"));
    CHECK(client.ended);
    client.send(net::pattern(100'000));
    bench.settle();
    CHECK_FALSE(client.refused);
    CHECK(bench.sessions.count() == 1);
    bench.pass(3s);
    CHECK(bench.sessions.count() == 0);
    CHECK(bench.ends() == "ok");
  }
  SUBCASE("success: the rest still goes to the server") {
    Wire& client = bench.client("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhel");
    bench.server().send(kOk);
    bench.settle();
    CHECK(client.take() == kOk);
    client.send("lo12345");
    bench.settle();
    CHECK(body_of(bench.server().received) == "hello12345");
    CHECK(bench.idle() == 0);  // A server that has not waited for it may take it for another request.
    CHECK(bench.ends() == "ok");
  }
}

TEST_CASE("session: answers of its own") {
  Bench bench;
  config::Route& respond = bench.listener().routes.emplace_back();
  respond.name = "hello";
  respond.match.path = "/hello";
  respond.respond = config::Respond{200, "hello\n", "text/plain"};
  config::Route& redirect = bench.listener().routes.emplace_back();
  redirect.name = "old";
  redirect.match.path = "/old";
  redirect.redirect = config::Redirect{"https", "", {}, "", 301};
  bench.listener().pool.clear();

  struct Row {
    std::string request;
    std::string first_line;
    std::string part;
    std::string reason;
  };
  static const Row rows[] = {
      {"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 200 OK", "\r\n\r\nhello\n", "route.respond"},
      {"HEAD /hello HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 200 OK", "Content-Length: 6\r\n\r\n",
       "route.respond"},
      {"GET /old?q HTTP/1.1\r\nHost: a:80\r\n\r\n", "HTTP/1.1 301 Moved Permanently",
       "Location: https://a/old?q\r\n", "route.redirect"},
      {"GET /none HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 404 Not Found", "", "route.none"},
      {"TRACE /hello HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 405 Method Not Allowed",
       "Allow: ", "route.method_not_allowed"},
      {"OPTIONS /none HTTP/1.1\r\nHost: a\r\nMax-Forwards: 0\r\n\r\n", "HTTP/1.1 200 OK",
       "Allow: ", "route.respond"},
      {"OPTIONS /none HTTP/1.1\r\nHost: a\r\nMax-Forwards: x\r\n\r\n", "HTTP/1.1 400 Bad Request", "",
       "client.bad_request"},
      {"OPTIONS /none HTTP/1.1\r\nHost: a\r\nMax-Forwards: 1\r\n\r\n", "HTTP/1.1 404 Not Found", "",
       "route.none"},
  };
  Wire& client = bench.client();
  for (const Row& row : rows) {
    CAPTURE(row.request);
    client.send(row.request);
    bench.settle();
    const std::string got = client.take();
    CHECK(begins(got, row.first_line));
    CHECK(has(got, row.part));
    CHECK(bench.ends() == row.reason);
    CHECK_FALSE(client.over());
  }
}

TEST_CASE("session: what follows a refused CONNECT is no request") {
  Bench bench;
  Wire& client = bench.client("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n" + std::string(kGet));
  CHECK(begins(client.received, "HTTP/1.1 405 "));
  CHECK(has(client.received, "Connection: close\r\n"));
  CHECK(count(client.received, "HTTP/1.1 ") == 1);
  CHECK(bench.accepted.empty());
  bench.pass(3s);
  CHECK(bench.sessions.count() == 0);
}

TEST_CASE("session: the pool has nobody") {
  Bench bench;
  bench.pool().servers.front().weight = 0;
  Wire& client = bench.client(kGet);
  CHECK(begins(client.received, "HTTP/1.1 503 "));
  CHECK(bench.ends() == "pool.no_server");
  CHECK_FALSE(client.over());
}

TEST_CASE("session: body limits") {
  Bench bench;
  bench.listener().limits.body_size = config::Bytes{10};
  SUBCASE("announced: no server is asked") {
    Wire& client = bench.client("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\nhello hello");
    CHECK(begins(client.received, "HTTP/1.1 413 "));
    CHECK(bench.accepted.empty());
    CHECK(bench.ends() == "client.too_large_body");
  }
  SUBCASE("chunked, passed at once, without any further byte from the client") {
    Wire& client =
        bench.client("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nb\r\nhello hello\r\n");
    CHECK(begins(client.received, "HTTP/1.1 413 "));
    CHECK(has(client.received, "Connection: close"));
    CHECK(bench.ends() == "client.too_large_body");
    CHECK(bench.idle() == 0);
    bench.pass(3s);
    CHECK(bench.sessions.count() == 0);
  }
  SUBCASE("chunked, passed later") {
    Wire& client =
        bench.client("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
    CHECK(client.received.empty());
    client.send("6\r\nhello!\r\n");
    bench.settle();
    CHECK(begins(client.received, "HTTP/1.1 413 "));
    CHECK(bench.ends() == "client.too_large_body");
  }
  SUBCASE("just right") {
    Wire& client = bench.client(
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\na\r\n0123456789\r\n0\r\n\r\n");
    bench.server().send(kOk);
    bench.settle();
    CHECK(client.received == kOk);
    CHECK(bench.ends() == "ok");
  }
}
