// Connections that are told apart by their first bytes.

#include <doctest/doctest.h>

#include "proxy/bench.h"

using namespace lintel;
using namespace lintel::proxy;
using namespace lintel::proxy::test;
using namespace std::string_literals;

namespace {

std::string counted(const std::string& text, int bytes) {
  std::string size;
  for (int i = bytes - 1; i >= 0; --i) size += static_cast<char>(text.size() >> (8 * i) & 0xff);
  return size + text;
}

/// A ClientHello that asks for `name`, in one record.
std::string hello(const std::string& name) {
  const std::string names = counted("\0"s + counted(name, 2), 2);
  const std::string extensions = "\0\0"s + counted(names, 2);
  const std::string body = "\x03\x03"s + std::string(32, 'r') + counted("", 1) + counted("\x13\x01"s, 2) +
                           counted("\0"s, 1) + counted(extensions, 2);
  return "\x16\x03\x01"s + counted("\1"s + counted(body, 3), 2);
}

/// Two pools: "app" by default and "special" for special.test.
struct Passing : Bench {
  Passing() {
    listener().protocol = config::Protocol::tcp;
    listener().tls.emplace().mode = config::TlsMode::passthrough;
    config::Route& route = listener().routes.emplace_back();
    route.name = "special";
    route.match.sni = {"special.test"};
    route.pool = "special";
    config::Pool& added = config.pools.emplace_back();
    added.name = "special";
    add_server(added, "10.0.1.1:443");
  }
};

}  // namespace

TEST_CASE("passthrough: the name chooses the pool, and the server gets every byte") {
  Passing bench;
  bench.client(hello("special.test") + "more");
  REQUIRE(bench.accepted.size() == 1);
  CHECK(bench.accepted[0].address == "10.0.1.1:443");
  CHECK(bench.server().take() == hello("special.test") + "more");
  bench.client(hello("other.test"));
  CHECK(bench.accepted.at(1).address == "10.0.0.1:80");
  CHECK(bench.totals().sessions.at({"web", "special"}).open == 1);
}

TEST_CASE("passthrough: nothing is connected before the name is there") {
  Passing bench;
  const std::string text = hello("special.test");
  Wire& client = bench.client();
  for (const char c : text) {
    CHECK(bench.accepted.empty());
    client.send(std::string_view(&c, 1));
    bench.settle(4);
  }
  bench.settle();
  CHECK(bench.server().take() == text);
}

TEST_CASE("passthrough: what is no hello, or does not come") {
  Passing bench;
  Wire& http = bench.client(kGet);
  CHECK(bench.ends() == "client.hello");
  bench.settle();
  CHECK(http.error == ErrorCode::reset);
  Wire& late = bench.client(hello("special.test").substr(0, 20));
  bench.pass(9s);
  CHECK(bench.ends().empty());
  bench.pass(2s);
  CHECK(bench.ends() == "client.timeout_hello");
  CHECK(late.over());
  bench.client(hello("special.test").substr(0, 20));
  bench.sessions.cut();
  bench.settle();
  CHECK(bench.ends() == "local.shutdown");
  CHECK(bench.accepted.empty());
}

TEST_CASE("passthrough: a name without a route is refused in TLS's words") {
  Passing bench;
  bench.listener().pool.clear();
  Wire& client = bench.client(hello("other.test"));
  CHECK(client.received == "\x15\x03\x01\0\2\2\x70"s);
  CHECK(client.ended);
  CHECK(bench.ends() == "route.none");
}

TEST_CASE("plain HTTP on a port that speaks TLS") {
  for (const bool redirect : {false, true}) {
    Bench bench;
    bench.listener().tls.emplace().plain_http =
        redirect ? config::PlainHttp::redirect : config::PlainHttp::serve;
    Wire& client = bench.client(kGet);
    if (!redirect) {
      CHECK(has(bench.server().received, "GET /x"));
      continue;
    }
    CHECK(begins(client.received, "HTTP/1.1 308 "));
    CHECK(has(client.received, "Location: https://a.test/x\r\n"));
    CHECK(bench.accepted.empty());
    CHECK(bench.ends() == "route.redirect");
  }
  Bench silent;
  silent.listener().tls.emplace().plain_http = config::PlainHttp::serve;
  Wire& client = silent.client();
  silent.pass(11s);
  CHECK(client.over());
  CHECK(silent.ends() == "client.idle_close");
}
