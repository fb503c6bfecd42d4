// The client side of HTTP/1.1 connections.

#include "http/h1_client.h"

#include <doctest/doctest.h>

#include <memory>
#include <string>

#include "net/memory_stream.h"
#include "net/wire.h"

using namespace lintel;
using namespace lintel::http;
using lintel::net::kMs;
using lintel::net::kSecond;
using lintel::net::Loop;
using lintel::net::MemoryOptions;
using lintel::net::Scope;
using lintel::net::settle;
using lintel::net::Wire;

namespace {

struct Fixture {
  ManualClock clock;
  Loop loop{clock};
  Workspace workspace{loop, 1};
  std::unique_ptr<Wire> server;
  H1ClientPtr connection;
  Scope scope;
  RequestHead request;
  std::string log;  ///< "103;200;body|" …, or the error.
  Error error;

  Fixture() { open(); }
  ~Fixture() {
    connection->cancel_read();
    connection->cancel_write();
    settle(loop);
    CHECK(scope.count() == 0);
    server->close();
  }
  void open(const MemoryOptions& options = {}) {
    auto [mine, theirs] = net::make_memory_pair(loop, options);
    if (server) server->close();
    server = std::make_unique<Wire>(loop, std::move(theirs));
    connection = std::make_unique<H1ClientConnection>(std::move(mine), workspace);
  }
  void set(std::string_view method, std::string_view upgrade = "") {
    request.clear();
    request.method = method_from(method);
    request.method_text = request.store(method);
    request.path = request.store("/");
    request.authority = request.store("a");
    if (!upgrade.empty()) request.upgrade = request.store(upgrade);
  }
  /// One exchange without a request body.
  static Task<void> exchange(Fixture& fixture) {
    H1ClientConnection& connection = *fixture.connection;
    connection.start({});
    connection.set_response_deadline(fixture.loop.now() + 60 * kSecond);
    const Result<void> sent = co_await connection.write_head(fixture.request, BodyChunk({}, true), nullptr);
    if (!sent) co_return fixture.fail(sent.error());
    ResponseHead head;
    BodyChunk chunk;
    do {
      const Result<BodyChunk> first = co_await connection.read_head(head);
      if (!first) co_return fixture.fail(first.error());
      chunk = *first;
      fixture.log += std::to_string(head.status) + ";";
    } while (head.is_interim());
    fixture.log += chunk.bytes;
    while (!chunk.last) {
      const Result<BodyChunk> next = co_await connection.read_body();
      if (!next) co_return fixture.fail(next.error());
      chunk = *next;
      fixture.log += chunk.bytes;
    }
    if (const Fields* trailers = connection.trailers()) fixture.log += "+" + std::string(trailers->get("x"));
    fixture.log += "|";
  }
  void fail(const Error& why) {
    error = why;
    log += "!" + std::string(error_name(why.code)) + (why.retryable ? " retryable" : "");
    CHECK(why.source == ErrorSource::upstream);
  }
  std::string ask(std::string_view answer, std::string_view method = "GET", int turns = 10) {
    set(method);
    log.clear();
    scope.spawn(exchange(*this));
    settle(loop, 4);
    server->take();
    server->send(answer);
    settle(loop, turns);
    return log;
  }
};

}  // namespace

TEST_CASE("h1 client: answers, and whether the connection can be used again") {
  struct Row {
    std::string method;
    std::string answer;
    std::string want;
    bool reusable;
  };
  const Row rows[] = {
      {"GET", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", "200;hi|", true},
      {"GET",
       "HTTP/1.1 200 OK\r\nConnection: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: 1\r\nY: 2\r\n\r\n",
       "200;+|", true},
      {"GET", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "200;|", true},
      {"GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nX: 1\r\n\r\n",
       "200;hi+1|", true},
      {"HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", "200;|", true},
      {"GET", "HTTP/1.1 204 No Content\r\n\r\n", "204;|", true},
      {"GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", "304;|", true},
      {"GET", "HTTP/1.1 103 X\r\n\r\nHTTP/1.1 100 C\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
       "103;100;200;hi|", true},
      {"GET", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi", "200;hi|", false},
      {"GET", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi", "200;hi|", false},
      {"GET", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nhi", "200;hi|", true},
      {"GET", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi!", "200;hi|", false},
      {"HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", "200;|", false},
      {"GET", "HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\n", "204;|", false},
      {"GET", "HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", "!protocol", false},
      {"GET", "SSH-2.0\r\n\r\n", "!protocol", false},
      {"GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "200;!protocol", false},
      {"GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nbad trailer\r\n", "200;!protocol",
       false},
  };
  for (const Row& row : rows) {
    CAPTURE(row.answer);
    Fixture fixture;
    CHECK(fixture.ask(row.answer, row.method) == row.want);
    CHECK(fixture.connection->reusable() == row.reusable);
    if (!row.reusable) continue;
    CHECK_FALSE(fixture.connection->reused());
    CHECK(fixture.ask("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\ntwo") == "200;two|");
    CHECK(fixture.connection->reused());
    CHECK(fixture.connection->reusable());
  }
}

TEST_CASE("h1 client: every split of an answer gives the same") {
  const std::string answer =
      "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nX: 1\r\n\r\n";
  for (std::size_t at = 0; at <= answer.size(); ++at) {
    CAPTURE(at);
    Fixture fixture;
    fixture.ask(answer.substr(0, at), "GET", 4);
    fixture.server->send(answer.substr(at));
    settle(fixture.loop);
    CHECK(fixture.log == "103;200;abcde+1|");
    CHECK(fixture.connection->reusable());
  }
  Fixture fixture;
  MemoryOptions tiny;
  tiny.second_to_first.max_read = 1;
  tiny.first_to_second.max_write = 3;
  fixture.open(tiny);
  CHECK(fixture.ask(answer, "GET", 400) == "103;200;abcde+1|");
}

TEST_CASE("h1 client: endings, and what is said of trying again") {
  struct Row {
    std::string answer;
    bool reset;
    std::string want;
  };
  const Row rows[] = {
      {"", false, "!closed retryable"},
      {"", true, "!reset retryable"},
      {"H", false, "!closed"},
      {"H", true, "!reset"},
      {"HTTP/1.1 100 Continue\r\n\r\n", false, "100;!closed"},
      {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe", false, "200;he!closed"},
      {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe", true, "200;he!reset"},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n", false, "200;he!closed"},
      {"HTTP/1.1 200 OK\r\n\r\nhello", false, "200;hello|"},
      {"HTTP/1.1 200 OK\r\n\r\nhello", true, "200;hello!reset"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.answer);
    Fixture fixture;
    fixture.ask(row.answer);
    if (row.reset) {
      fixture.server->reset();
    } else {
      fixture.server->close();
    }
    settle(fixture.loop);
    CHECK(fixture.log == row.want);
    CHECK_FALSE(fixture.connection->reusable());
  }
}

TEST_CASE_FIXTURE(Fixture, "h1 client: times") {
  SUBCASE("no answer") {
    ask("");
    net::pass(loop, clock, 61 * kSecond);
    CHECK(log == "!timeout retryable");
  }
  SUBCASE("an answer that trickles does not move the deadline") {
    ask("HTTP/1.1 100 Continue\r\n\r\n");
    net::pass(loop, clock, 59 * kSecond);
    server->send("HTTP/1.1 200 OK\r\n");
    settle(loop);
    net::pass(loop, clock, 2 * kSecond);
    CHECK(log == "100;!timeout");
  }
  SUBCASE("a body that stops") {
    ask("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe");
    net::pass(loop, clock, 59 * kSecond);
    server->send("l");
    settle(loop);
    net::pass(loop, clock, 59 * kSecond);
    CHECK(log == "200;hel");
    net::pass(loop, clock, 2 * kSecond);
    CHECK(log == "200;hel!timeout");
  }
  SUBCASE("canceled") {
    ask("");
    connection->cancel_read();
    settle(loop);
    CHECK(error.code == ErrorCode::canceled);
  }
  CHECK_FALSE(connection->reusable());
}

TEST_CASE_FIXTURE(Fixture, "h1 client: an oversized head") {
  CHECK(ask("HTTP/1.1 200 OK\r\nX: " + std::string(40'000, 'x') + "\r\n\r\n") == "!too_large");
}

TEST_CASE_FIXTURE(Fixture, "h1 client: a response before the end of the request spoils the connection") {
  set("POST");
  request.has_body = true;
  SUBCASE("by length") {
    request.content_length = 5;
  }
  SUBCASE("in chunks") {}
  connection->start({});
  const auto post = [](Fixture& fixture) -> Task<void> {
    static_cast<void>(
        co_await fixture.connection->write_head(fixture.request, BodyChunk("he", false), nullptr));
    ResponseHead head;
    const Result<BodyChunk> first = co_await fixture.connection->read_head(head);
    fixture.log = first && first->last ? "answered" : "failed";
  };
  scope.spawn(post(*this));
  server->send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  settle(loop);
  CHECK(log == "answered");
  CHECK_FALSE(connection->reusable());
  const auto rest = [](Fixture& fixture) -> Task<void> {
    static_cast<void>(co_await fixture.connection->write_body(BodyChunk("llo", true), nullptr));
  };
  scope.spawn(rest(*this));
  settle(loop);
  CHECK_FALSE(connection->reusable());  // Who answers early may take the rest for another request.
  const std::string& got = server->received;
  CHECK(got.substr(got.find("\r\n\r\n") + 4) ==
        (request.content_length ? "hello" : "2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"));
}

TEST_CASE_FIXTURE(Fixture,
                  "h1 client: a write to a server that is gone is retryable when nothing was taken") {
  server->close();
  settle(loop);
  set("GET");
  scope.spawn(exchange(*this));
  settle(loop);
  CHECK(log == "!reset retryable");
}

TEST_CASE("h1 client: 101 must be to the protocol that was asked for") {
  struct Row {
    std::string asked;
    std::string answered;
    std::string want;
  };
  const Row rows[] = {
      {"websocket", "websocket", "101;|"}, {"websocket", "WebSocket", "101;|"},
      {"websocket", "chat", "!protocol"},  {"websocket", "websocket, chat", "!protocol"},
      {"a/1", "a", "!protocol"},           {"", "websocket", "!protocol"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.asked);
    CAPTURE(row.answered);
    Fixture fixture;
    fixture.set("GET", row.asked);
    fixture.scope.spawn(Fixture::exchange(fixture));
    settle(fixture.loop);
    fixture.server->send("HTTP/1.1 101 X\r\nConnection: upgrade\r\nUpgrade: " + row.answered + "\r\n\r\n");
    settle(fixture.loop);
    CHECK(fixture.log == row.want);
    CHECK_FALSE(fixture.connection->reusable());
  }
}

TEST_CASE_FIXTURE(Fixture, "h1 client: upgrade") {
  set("GET", "websocket");
  scope.spawn(exchange(*this));
  settle(loop);
  CHECK(server->received.find("Connection: upgrade\r\nUpgrade: websocket\r\n") != std::string::npos);
  server->send("HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\nearly");
  settle(loop);
  CHECK(log.starts_with("101;"));
  CHECK(connection->upgraded().ahead == "early");
  CHECK(&connection->upgraded().stream == &connection->stream());
  CHECK_FALSE(connection->reusable());
}
