// The server side of HTTP/1.1 connections.

#include "http/h1_server.h"

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

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

/// Answers by the request's path; writes down what it saw.
class Script final : public Handler {
 public:
  explicit Script(Loop& loop) : loop_(loop) {}

  const ServerSettings& settings() override { return set; }
  Task<void> serve(ServerTransaction& transaction) override {
    const std::string path(transaction.request.text(transaction.request.path));
    log += path + "\n";
    transaction.set_body_limit(body_limit);
    if (path == "/early") {
      co_await answer(transaction, status, "", true);
    } else if (path == "/abort" || path == "/truncate" || path == "/nothing") {
      if (path != "/nothing") co_await begin(transaction);
      if (path == "/abort") transaction.abort();
    } else if (path == "/continue") {
      ResponseHead interim;
      interim.status = 100;
      static_cast<void>(co_await transaction.write_interim(interim));
      co_await echo(transaction);
    } else if (path == "/big") {
      co_await stream(transaction, 1'000'000);
    } else if (path == "/wait") {
      co_await loop_.yield();
      co_await loop_.yield();
      co_await answer(transaction, 200, "late", true);
    } else {
      co_await echo(transaction);
    }
    closing = transaction.closing_limit();
  }
  Task<void> reject(ServerTransaction& transaction, Rejection rejection) override {
    log += "rejected " + std::to_string(rejection.status) + "\n";
    last_rejection = rejection.code;
    last_limit = rejection.limit;
    if (rejection.status != 0) co_await answer(transaction, rejection.status, "", true);
  }

  ServerSettings set;
  std::uint64_t body_limit = 0;
  int status = 403;
  std::string log;
  ErrorCode last_rejection = ErrorCode::system;
  Limit last_limit = Limit::none;  ///< Of a rejection.
  Limit closing = Limit::none;     ///< Of the last request served.
  std::size_t written = 0;         ///< Bytes that /big has got rid of.

 private:
  /// The whole body back, with the trailers, by length or in pieces.
  Task<void> echo(ServerTransaction& transaction) {
    std::string body;
    BodyChunk chunk = transaction.buffered_body();
    body.append(chunk.bytes);
    while (!chunk.last) {
      const Result<BodyChunk> next = co_await transaction.read_body();
      if (!next) {
        log += "body " + std::string(error_name(next.error().code)) + "\n";
        CHECK(next.error().source == ErrorSource::downstream);
        transaction.abort();
        co_return;
      }
      chunk = *next;
      body.append(chunk.bytes);
    }
    if (const Fields* trailers = transaction.trailers()) {
      for (const Fields::Line& line : trailers->lines())
        if (!line.removed)
          body.append(";").append(trailers->name(line)).append("=").append(trailers->value(line));
    }
    CHECK(transaction.body_bytes() <= body.size());
    co_await answer(transaction, 200, body, true);
  }
  Task<void> answer(ServerTransaction& transaction, int code, std::string_view body, bool last) {
    ResponseHead head;
    head.status = code;
    head.has_body = code != 204 && code != 304;
    head.content_length = body.size();
    const BodyChunk chunk(transaction.request.method == Method::head ? "" : body, last);
    static_cast<void>(co_await transaction.write_head(head, chunk, nullptr));
  }
  static Task<void> begin(ServerTransaction& transaction) {
    const ResponseHead head;
    static_cast<void>(co_await transaction.write_head(head, BodyChunk("part", false), nullptr));
  }
  Task<void> stream(ServerTransaction& transaction, std::size_t size) {
    const std::string piece = net::pattern(10'000);
    const ResponseHead head;
    Result<void> sent = co_await transaction.write_head(head, BodyChunk(), nullptr);
    while (sent && written < size) {
      sent = co_await transaction.write_body(BodyChunk(piece, written + piece.size() == size), nullptr);
      if (sent) written += piece.size();
    }
    if (!sent) log += "write " + std::string(error_name(sent.error().code)) + "\n";
  }

  Loop& loop_;
};

struct Fixture {
  ManualClock clock;
  Loop loop{clock};
  Workspace workspace{loop, 1};
  Script script{loop};
  net::StreamPtr stream;
  std::unique_ptr<Wire> wire;
  std::unique_ptr<H1ServerConnection> connection;
  Scope scope;
  bool done = false;

  ~Fixture() {
    if (wire) wire->close();
    if (!done && connection) connection->cut();
    settle(loop, 20);
    CHECK(scope.count() == 0);
  }
  static Task<void> run(Fixture& fixture) {
    co_await fixture.connection->run();
    fixture.done = true;
    fixture.stream.reset();
  }
  Wire& open(const MemoryOptions& options = {}, bool reading = true) {
    auto [mine, theirs] = net::make_memory_pair(loop, options);
    wire = std::make_unique<Wire>(loop, std::move(mine), reading);
    stream = std::move(theirs);
    connection = std::make_unique<H1ServerConnection>(*stream, workspace, script);
    scope.spawn(run(*this));
    return *wire;
  }
  std::string ask(std::string_view text, int turns = 12) {
    if (!wire) open();
    wire->send(text);
    settle(loop, turns);
    return wire->take();
  }
  void pass(Nanos by) { net::pass(loop, clock, by); }
};

const std::string kGet = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
std::string ok(std::string_view body, std::string_view more = "") {
  return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" + std::string(more) +
         "\r\n" + std::string(body);
}
constexpr const char* kClose = "Connection: close\r\n";
std::string post(std::string_view fields, std::string_view body, std::string_view path = "/") {
  return "POST " + std::string(path) + " HTTP/1.1\r\nHost: a\r\n" + std::string(fields) + "\r\n" +
         std::string(body);
}

}  // namespace

TEST_CASE_FIXTURE(Fixture, "h1 server: requests, bodies, keep-alive") {
  CHECK(ask(kGet) == ok(""));
  CHECK(connection->idle());
  CHECK(ask(post("Content-Length: 5\r\n", "hello")) == ok("hello"));
  CHECK(ask(post("Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nX-T: 1\r\n\r\n")) ==
        ok("abcde;X-T=1"));
  CHECK(ask("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n") == ok(""));
  CHECK(ask("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n") == ok("", "Connection: keep-alive\r\n"));
  CHECK(connection->requests() == 5);
  CHECK(ask("GET / HTTP/1.0\r\n\r\n") == ok("", kClose));
  CHECK(done);
  CHECK(wire->ended);
}

TEST_CASE("h1 server: every split of the input gives the same output") {
  const std::string input = post("Content-Length: 3\r\n", "abc") + "\r\n" + kGet +
                            post("Transfer-Encoding: chunked\r\n", "3\r\nxyz\r\n0\r\nT: 1\r\n\r\n") +
                            "GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
  const std::string want = ok("abc") + ok("") + ok("xyz;T=1") + ok("", kClose);
  for (std::size_t at = 0; at <= input.size(); ++at) {
    CAPTURE(at);
    Fixture fixture;
    std::string got = fixture.ask(input.substr(0, at), 3);
    got += fixture.ask(input.substr(at));
    CHECK(got == want);
    CHECK(fixture.done);
  }
  for (const std::size_t piece : {1U, 2U, 3U, 7U}) {
    CAPTURE(piece);
    Fixture fixture;
    MemoryOptions options;
    options.first_to_second.max_read = piece;
    options.second_to_first.max_write = piece;
    options.second_to_first.capacity = 11;
    fixture.open(options);
    CHECK(fixture.ask(input, 2000) == want);
    CHECK(fixture.done);
  }
}

TEST_CASE_FIXTURE(Fixture,
                  "h1 server: pipelined requests are answered in order, and none waits for more input") {
  std::string input, want;
  for (int i = 0; i < 200; ++i) {
    const std::string body = std::to_string(i);
    input += post("Content-Length: " + std::to_string(body.size()) + "\r\n", body);
    want += ok(body);
  }
  CHECK(ask(input, 60) == want);
  CHECK(connection->requests() == 200);
  CHECK(connection->idle());
}

TEST_CASE_FIXTURE(Fixture, "h1 server: refused heads are answered and end the connection") {
  struct Row {
    std::string text;
    int status;
    Limit limit = Limit::none;
  };
  const std::string field = "X: " + std::string(9000, 'x') + "\r\n";
  std::string many;
  for (int i = 0; i < 100; ++i) many += "X: y\r\n";
  const std::string begin = "GET / HTTP/1.1\r\nHost: a\r\n";
  const Row rows[] = {
      {"GET / HTTP/1.1\r\n\r\n", 400},
      {"nonsense\r\n\r\n", 400},
      {begin + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
      {"GET /" + std::string(8192, 'x') + " HTTP/1.1\r\nHost: a\r\n\r\n", 414, Limit::target_size},
      {"GET /" + std::string(9000, 'x') + " HTTP/1.1\r\nHost: a\r\n\r\n", 414, Limit::target_size},
      {begin + "Expect: tea\r\n\r\n", 417},
      {begin + "X: " + std::string(20000, 'x') + "\r\n\r\n", 431, Limit::header_field_size},
      {begin + "X: " + std::string(40000, 'x') + "\r\n\r\n", 431, Limit::header_size},
      {begin + field + field + field + field + "\r\n", 431, Limit::header_size},
      {begin + many + "\r\n", 431, Limit::header_count},
      {"GET / HTTP/3.0\r\nHost: a\r\n\r\n", 505},
  };
  for (const Row& row : rows) {
    CAPTURE(row.status);
    Fixture fixture;
    const std::string got = fixture.ask(row.text + kGet);
    CHECK(got.starts_with("HTTP/1.1 " + std::to_string(row.status)));
    CHECK(fixture.script.last_limit == row.limit);
    CHECK(got.find(kClose) != std::string::npos);
    CHECK(got.find("200 OK") == std::string::npos);
    CHECK(fixture.wire->ended);
    CHECK_FALSE(fixture.done);  // What the client still sends is read for a while.
    fixture.pass(2100 * kMs);
    CHECK(fixture.done);
  }
}

TEST_CASE_FIXTURE(Fixture, "h1 server: a refused HEAD gets no body, however little of it has come") {
  for (const char* text :
       {"HEAD / HTTP/1.1\r\n\r\n", "HEAD / HTTP/1.1\r\nHost: a\r\nX : y\r\n\r\n", "HEAD / HTTP/3.0\r\n\r\n",
        "HEAD /a b HTTP/1.1\r\n\r\n", "HEAD /\n", "HEAD /a\rb"}) {
    CAPTURE(text);
    Fixture fixture;
    const std::string got = fixture.ask(text);
    CHECK(got.starts_with("HTTP/1.1 "));
    CHECK(got.ends_with("\r\n\r\n"));
  }
  open();
  wire->send("HEAD / HTTP/1.1\r\nHo");
  settle(loop);
  pass(10100 * kMs);
  CHECK(wire->received.starts_with("HTTP/1.1 408"));
  CHECK(wire->received.ends_with("\r\n\r\n"));
}

TEST_CASE_FIXTURE(Fixture, "h1 server: times") {
  SUBCASE("no byte at all: closed without a word") {
    open();
    pass(9900 * kMs);
    CHECK_FALSE(done);
    pass(200 * kMs);
    CHECK(done);
    CHECK(script.log.empty());
  }
  SUBCASE("a head that trickles: 408 after header_timeout") {
    CHECK(ask("GET / HTTP/1.1\r\nHost: a\r\nX: ").empty());
    for (int i = 0; i < 9; ++i) {  // A byte now and then makes no difference.
      pass(kSecond);
      CHECK(ask("y").empty());
    }
    pass(1100 * kMs);
    CHECK(wire->take().starts_with("HTTP/1.1 408 "));
    CHECK(script.last_rejection == ErrorCode::timeout);
    CHECK(script.log == "rejected 408\n");
    pass(3 * kSecond);
    CHECK(done);
  }
  SUBCASE("idle between requests: closed without a word") {
    ask(kGet);
    pass(74 * kSecond);
    CHECK_FALSE(done);
    CHECK(ask(kGet) == ok(""));
    pass(74 * kSecond);
    CHECK_FALSE(done);
    pass(2 * kSecond);
    CHECK(done);
    CHECK(wire->take().empty());
  }
  SUBCASE("a body that stops") {
    script.set.request_body.rate = 0;
    ask(post("Content-Length: 5\r\n", "he"));
    pass(29 * kSecond);
    ask("l");
    pass(29 * kSecond);
    CHECK_FALSE(done);
    pass(2 * kSecond);
    CHECK(script.log == "/\nbody timeout\n");
    CHECK(done);
  }
}

TEST_CASE_FIXTURE(Fixture, "h1 server: request bodies that come slowly") {
  const auto trickle = [this](int seconds, std::size_t bytes_per_second) {
    for (int i = 0; i < seconds && !done; ++i) {
      pass(kSecond);
      if (!done) ask(std::string(bytes_per_second, 'x'), 4);
    }
  };
  SUBCASE("a trickle ends soon after the grace") {
    ask(post("Content-Length: 5000\r\n", "he"));
    trickle(9, 1);
    CHECK_FALSE(done);
    trickle(3, 1);
    CHECK(script.log == "/\nbody too_slow\n");
    CHECK(done);
  }
  SUBCASE("nothing at all: the same") {
    ask(post("Content-Length: 5000\r\n", ""));
    pass(9900 * kMs);
    CHECK_FALSE(done);
    pass(200 * kMs);
    CHECK(script.log == "/\nbody too_slow\n");
  }
  SUBCASE("chunks count with their frames, and nothing else is progress") {
    ask(post("Transfer-Encoding: chunked\r\n", "1\r\nx\r\n1;a="));
    trickle(12, 2);  // An extension that never ends.
    CHECK(script.log == "/\nbody too_slow\n");
  }
  SUBCASE("a long upload at a rate above the least completes") {
    ask(post("Content-Length: 3600000\r\n", ""));
    trickle(3599, 1000);
    CHECK_FALSE(done);
    CHECK(script.log == "/\n");
    pass(kSecond);
    CHECK(ask(std::string(1000, 'x'), 400).size() > 3'600'000);
  }
  SUBCASE("a quick client may pause for the whole timeout") {
    ask(post("Content-Length: 100000\r\n", std::string(50'000, 'x')));
    pass(29 * kSecond);
    CHECK_FALSE(done);
    pass(2 * kSecond);
    CHECK(script.log == "/\nbody timeout\n");
  }
  SUBCASE("one that waits for 100 owes nothing yet") {
    ask(post("Content-Length: 5\r\nExpect: 100-continue\r\n", ""));
    pass(29 * kSecond);
    CHECK_FALSE(done);
    pass(2 * kSecond);
    CHECK(script.log == "/\nbody timeout\n");
  }
  SUBCASE("one that has 100 begins anew") {
    CHECK(ask(post("Content-Length: 5\r\nExpect: 100-continue\r\n", "", "/continue"))
              .starts_with("HTTP/1.1 100 "));
    pass(9900 * kMs);
    CHECK_FALSE(done);
    pass(200 * kMs);
    CHECK(script.log == "/continue\nbody too_slow\n");
  }
}

TEST_CASE_FIXTURE(Fixture, "h1 server: endings within a message") {
  SUBCASE("within a head") {
    ask("GET / HTTP/1.1\r\nHo");
    wire->close();
    settle(loop);
    CHECK(script.log == "rejected 0\n");
    CHECK(script.last_rejection == ErrorCode::closed);
  }
  SUBCASE("within a head, by reset") {
    ask("GET / HTTP/1.1\r\nHo");
    wire->reset();
    settle(loop);
    CHECK(script.log == "rejected 0\n");
    CHECK(script.last_rejection == ErrorCode::reset);
  }
  SUBCASE("within a body of known length") {
    ask(post("Content-Length: 5\r\n", "he"));
    wire->close();
    settle(loop);
    CHECK(script.log == "/\nbody closed\n");
  }
  SUBCASE("within chunks, by reset") {
    ask(post("Transfer-Encoding: chunked\r\n", "5\r\nhe"));
    wire->reset();
    settle(loop);
    CHECK(script.log == "/\nbody reset\n");
  }
  SUBCASE("half-closed after the request: still answered") {
    open();
    wire->send(kGet);
    wire->finish();
    settle(loop);
    CHECK(wire->take() == ok(""));
  }
  CHECK(done);
}

TEST_CASE_FIXTURE(Fixture, "h1 server: broken and oversized bodies are told at once") {
  SUBCASE("a bad chunk with the head") {
    ask(post("Transfer-Encoding: chunked\r\n", "zz\r\n"));
    CHECK(script.log == "/\nbody protocol\n");
  }
  SUBCASE("a bad chunk later") {
    ask(post("Transfer-Encoding: chunked\r\n", "2\r\nab\r\n"));
    ask("!");
    CHECK(script.log == "/\nbody protocol\n");
  }
  SUBCASE("a bad trailer, whose every byte was taken") {
    ask(post("Transfer-Encoding: chunked\r\n", "0\r\nbad trailer\r\n"));
    CHECK(script.log == "/\nbody protocol\n");
  }
  SUBCASE("the limit, with the head") {
    script.body_limit = 4;
    ask(post("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n"));
    CHECK(script.log == "/\nbody too_large\n");
  }
  SUBCASE("the limit, later") {
    script.body_limit = 4;
    ask(post("Content-Length: 5\r\n", "hell"));
    CHECK(script.log == "/\n");
    ask("o");
    CHECK(script.log == "/\nbody too_large\n");
  }
  SUBCASE("the limit itself is no error") {
    script.body_limit = 5;
    CHECK(ask(post("Content-Length: 5\r\n", "hello")) == ok("hello"));
    wire->close();
    settle(loop);
  }
  CHECK(done);
}

TEST_CASE_FIXTURE(Fixture, "h1 server: early answers") {
  const std::string answer = "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n";
  const std::string last = "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
  SUBCASE("a small body is read away and the connection lives on") {
    CHECK(ask(post("Content-Length: 65536\r\n", "abc", "/early")) == answer);
    CHECK(ask(net::pattern(65536 - 3) + kGet) == ok(""));
  }
  SUBCASE("a small body that is there already") {
    CHECK(ask(post("Content-Length: 3\r\n", "abc", "/early") + kGet) == answer + ok(""));
    CHECK(ask(post("Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n0\r\n\r\n", "/early") + kGet) == last);
    CHECK(wire->ended);
  }
  SUBCASE("a large one closes, after reading for a while so that the answer arrives") {
    CHECK(ask(post("Content-Length: 65537\r\n", "abc", "/early")) == last);
    CHECK(wire->ended);
    ask(net::pattern(200'000), 40);
    CHECK_FALSE(wire->refused);
    CHECK_FALSE(done);
    pass(2100 * kMs);
    CHECK(done);
  }
  SUBCASE("a client that never stops sending is left all the same") {
    CHECK(ask(post("Content-Length: 999999999\r\n", "abc", "/early")) == last);
    for (int i = 0; i < 30 && !done; ++i) {
      ask(net::pattern(300'000), 2);
      clock.advance(std::chrono::milliseconds(100));
    }
    CHECK(done);
  }
  SUBCASE("408 closes") {
    script.status = 408;
    CHECK(ask(post("Content-Length: 5\r\n", "abc", "/early")).find(kClose) != std::string::npos);
  }
  SUBCASE("Expect without 100 closes: the body may come or not") {
    CHECK(ask(post("Content-Length: 5\r\nExpect: 100-continue\r\n", "", "/early")) == last);
    ask(kGet);
    CHECK(script.log == "/early\n");
  }
  SUBCASE("Expect, and the body comes unasked") {
    CHECK(ask(post("Content-Length: 3\r\nExpect: 100-continue\r\n", "abc", "/early") + kGet) == last);
  }
  SUBCASE("Expect with 100") {
    CHECK(ask(post("Content-Length: 3\r\nExpect: 100-continue\r\n", "", "/continue")) ==
          "HTTP/1.1 100 Continue\r\n\r\n");
    CHECK(ask("abc") == ok("abc"));
    CHECK_FALSE(done);
  }
}

TEST_CASE_FIXTURE(Fixture, "h1 server: a response that is not finished is seen to be cut off") {
  SUBCASE("chunks without the last one") {
    for (const char* path : {"/abort", "/truncate"}) {
      Fixture fixture;
      const std::string got = fixture.ask("GET " + std::string(path) + " HTTP/1.1\r\nHost: a\r\n\r\n");
      CHECK(got == "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n");
      CHECK(fixture.done);
      CHECK(fixture.wire->over());
    }
  }
  SUBCASE("a body that ends with the connection is reset") {
    CHECK(ask("GET /abort HTTP/1.0\r\n\r\n") == "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\npart");
    CHECK(wire->error == ErrorCode::reset);
  }
  SUBCASE("no answer at all") {
    CHECK(ask("GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n").empty());
    CHECK(wire->over());
  }
}

TEST_CASE_FIXTURE(Fixture, "h1 server: draining") {
  SUBCASE("idle ends at once") {
    ask(kGet);
    connection->drain();
    settle(loop, 2);
    CHECK(done);
  }
  SUBCASE("before the head goes out it says so") {
    open();
    wire->send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
    loop.turn(0);
    REQUIRE(script.log == "/wait\n");
    connection->drain();
    settle(loop);
    CHECK(wire->take() == ok("late", kClose));
    CHECK(done);
  }
  SUBCASE("after the head has gone out the connection still ends with that response") {
    MemoryOptions small;
    small.second_to_first.capacity = 1000;
    open(small, false);
    wire->send("GET /big HTTP/1.1\r\nHost: a\r\n\r\n");
    settle(loop);
    connection->drain();
    wire->read_on();
    settle(loop, 3000);
    CHECK(wire->received.ends_with("0\r\n\r\n"));
    CHECK(wire->ended);
    CHECK(done);
  }
  SUBCASE("within a head: served, and then closed") {
    ask("GET / HTTP/1.1\r\n");
    connection->drain();
    CHECK(ask("Host: a\r\n\r\n") == ok("", kClose));
    CHECK(done);
  }
  SUBCASE("what was pipelined is not served") {
    open();
    wire->send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n" + kGet);
    loop.turn(0);
    connection->drain();
    settle(loop);
    CHECK(wire->take() == ok("late", kClose));
    CHECK(script.log == "/wait\n");
  }
}

TEST_CASE_FIXTURE(Fixture, "h1 server: cutting") {
  SUBCASE("idle") {
    ask(kGet);
  }
  SUBCASE("within a head") {
    ask("GET /");
  }
  SUBCASE("within a body") {
    ask(post("Content-Length: 5\r\n", "he"));
  }
  SUBCASE("lingering") {
    ask("nonsense\r\n\r\n");
  }
  SUBCASE("writing") {
    MemoryOptions small;
    small.second_to_first.capacity = 1000;
    open(small, false);
    wire->send("GET /big HTTP/1.1\r\nHost: a\r\n\r\n");
    settle(loop);
  }
  SUBCASE("reading away the rest of a request") {
    ask(post("Content-Length: 500\r\n", "abc", "/early"));
  }
  CHECK_FALSE(done);
  connection->cut();
  settle(loop, 3);
  CHECK(done);
}

TEST_CASE_FIXTURE(Fixture, "h1 server: empty lines before a request") {
  SUBCASE("start no clock and have no answer, but do not keep the connection either") {
    ask(kGet);
    for (int i = 0; i < 4; ++i) {
      pass(15 * kSecond);
      CHECK(ask("\r\n").empty());
      CHECK(connection->idle());
    }
    pass(14 * kSecond);
    CHECK_FALSE(done);
    pass(2 * kSecond);
    CHECK(done);
    CHECK(connection->ended_by() == Limit::idle_timeout);
    CHECK(script.log == "/\n");
  }
  SUBCASE("in whatever pieces, a request follows as if they were not there") {
    CHECK(ask("\r").empty());
    CHECK(ask("\n\r").empty());
    CHECK(ask("\n\r\n" + kGet + "\r\n") == ok(""));
    CHECK(connection->idle());
    CHECK(ask("\r\n" + kGet) == ok(""));
    CHECK(connection->requests() == 2);
  }
  SUBCASE("the clock of a request starts with its own first byte") {
    ask(kGet);
    pass(20 * kSecond);
    ask("\r\n");
    pass(20 * kSecond);
    ask("GET / HT");
    pass(9 * kSecond);
    CHECK(ask("TP/1.1\r\nHost: a\r\n\r\n") == ok(""));
  }
  SUBCASE("a bare CR is refused") {
    CHECK(ask("\r").empty());
    CHECK(ask(kGet).starts_with("HTTP/1.1 400 "));
  }
  SUBCASE("there may be few of them") {
    for (int i = 0; i < 8; ++i) CHECK(ask("\r\n").empty());
    CHECK(ask("\r\n").starts_with("HTTP/1.1 400 "));
  }
  SUBCASE("they do not hold up a drain") {
    ask(kGet);
    wire->send("\r\n");
    settle(loop, 1);
    connection->drain();
    settle(loop, 4);
    CHECK(done);
  }
}

TEST_CASE_FIXTURE(Fixture, "h1 server: which limit ended a connection without a request") {
  SUBCASE("none: the client did") {
    ask(kGet);
    wire->close();
    settle(loop, 4);
    CHECK(connection->ended_by() == Limit::none);
  }
  SUBCASE("it never had one") {
    open();
    pass(11 * kSecond);
    CHECK(connection->ended_by() == Limit::header_timeout);
  }
  CHECK(done);
}

TEST_CASE_FIXTURE(Fixture, "h1 server: limit on pipelined requests") {
  script.set.max_pipelined = 3;
  const auto requests = [](int n) {
    std::string text;
    for (int i = 0; i < n; ++i) text += kGet;
    return text;
  };
  // The first of a row was waited for.
  CHECK(ask(requests(3)) == ok("") + ok("") + ok(""));
  CHECK(ask(requests(3)) == ok("") + ok("") + ok(""));
  CHECK(script.closing == Limit::none);
  CHECK(ask(requests(40), 40) == ok("") + ok("") + ok("") + ok("", kClose));
  CHECK(script.closing == Limit::pipelined_requests);
  CHECK(wire->ended);
}

TEST_CASE_FIXTURE(Fixture, "h1 server: limits on requests and age") {
  script.set.max_requests = 2;
  CHECK(ask(kGet) == ok(""));
  CHECK(ask(kGet + kGet) == ok("", kClose));
  CHECK(script.closing == Limit::requests_per_connection);
  CHECK(wire->ended);
  Fixture aged;
  aged.script.set.max_age = 100 * kSecond;
  aged.script.set.idle_timeout = 1000 * kSecond;
  CHECK(aged.ask(kGet) == ok(""));
  aged.pass(89 * kSecond);
  CHECK(aged.ask(kGet) == ok(""));
  aged.pass(22 * kSecond);
  CHECK(aged.ask(kGet) == ok("", kClose));
  CHECK(aged.script.closing == Limit::connection_age);
  CHECK(aged.done);
}

TEST_CASE_FIXTURE(Fixture, "h1 server: a client that does not read holds the handler back, then times out") {
  MemoryOptions small;
  small.second_to_first.capacity = 5000;
  open(small, false);
  wire->send("GET /big HTTP/1.1\r\nHost: a\r\n\r\n");
  settle(loop);
  CHECK(script.written <= 10'000);
  SUBCASE("nothing was ever taken: after the grace") {
    net::pass_slowly(loop, clock, 9900 * kMs, kSecond);
    CHECK_FALSE(done);
    pass(200 * kMs);
    CHECK(script.log == "/big\nwrite too_slow\n");
    wire->read_on();
    settle(loop);
    CHECK(wire->error == ErrorCode::reset);  // Nothing is kept for it any longer.
  }
  SUBCASE("something was taken: after the timeout") {
    wire->read_on();
    settle(loop, 20);
    wire->hold();
    net::pass_slowly(loop, clock, 65 * kSecond, kSecond);
    CHECK_FALSE(done);
    net::pass_slowly(loop, clock, 15 * kSecond, kSecond);
    CHECK(script.log == "/big\nwrite timeout\n");
  }
  CHECK(done);
}
