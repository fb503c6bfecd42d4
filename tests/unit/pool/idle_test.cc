// Idle connections to servers.

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

#include "http/workspace.h"
#include "net/memory_stream.h"
#include "net/wire.h"
#include "pool/pool.h"

using namespace lintel;
using namespace lintel::net;
using lintel::http::H1ClientConnection;
using lintel::http::H1ClientPtr;
using lintel::pool::Pool;
using lintel::pool::ServerState;
using lintel::pool::ServerStates;

namespace {

struct Fixture {
  ManualClock clock;
  Loop loop{clock};
  http::Workspace workspace{loop, 1};
  ServerStates states{loop};
  pool::SharedPools shared;
  std::vector<std::unique_ptr<Wire>> servers;
  std::shared_ptr<ServerState> state = states.find("app", *SocketAddress::from_ip("10.0.0.1", 80));

  [[nodiscard]] pool::PoolParts parts(std::span<const SocketAddress> addresses) {
    return {.addresses = addresses, .states = states, .shared = shared};
  }
  /// A connection whose far end is servers.back(); with `answer` it has served one exchange.
  H1ClientPtr connection(std::string_view answer = "") {
    auto [mine, theirs] = make_memory_pair(loop);
    servers.push_back(std::make_unique<Wire>(loop, std::move(theirs)));
    auto made = std::make_unique<H1ClientConnection>(std::move(mine), workspace);
    if (!answer.empty()) {
      made->start({});
      servers.back()->send(answer);
      Scope scope;
      scope.spawn(exchange(*made));
      settle(loop);
      REQUIRE(scope.count() == 0);
    }
    return made;
  }
  static Task<void> exchange(H1ClientConnection& made) {
    http::RequestHead request;
    request.method_text = request.store("GET");
    request.path = request.store("/");
    request.authority = request.store("a");
    http::ResponseHead response;
    static_cast<void>(co_await made.write_head(request, http::BodyChunk({}, true), nullptr));
    static_cast<void>(co_await made.read_head(response));
  }
  void put(H1ClientPtr made, Nanos limit = 30 * kSecond, std::size_t most = 8) {
    state->put_idle(std::move(made), limit, most);
  }
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "idle: the last in is the first out") {
  H1ClientPtr a = connection();
  H1ClientPtr b = connection();
  const H1ClientConnection* const pa = a.get();
  const H1ClientConnection* const pb = b.get();
  CHECK_FALSE(state->take_idle(false));
  put(std::move(a));
  put(std::move(b));
  CHECK(state->idle() == 2);
  H1ClientPtr taken = state->take_idle(true);
  CHECK(taken.get() == pb);
  put(std::move(taken));
  CHECK(state->take_idle(false).get() == pb);
  CHECK(state->take_idle(false).get() == pa);
  CHECK_FALSE(state->take_idle(false));
  CHECK(state->idle() == 0);
}

TEST_CASE_FIXTURE(Fixture, "idle: with enough of them the one unused for longest goes") {
  for (int i = 0; i < 4; ++i) put(connection(), 30 * kSecond, 3);
  settle(loop);
  CHECK(state->idle() == 3);
  CHECK(servers[0]->ended);
  CHECK_FALSE(servers[1]->ended);
  put(connection(), 30 * kSecond, 1);  // A reload lowered the limit.
  settle(loop);
  CHECK(state->idle() == 1);
  CHECK(servers[3]->ended);
  CHECK_FALSE(servers[4]->ended);
  put(connection(), 30 * kSecond, 0);  // None are kept.
  settle(loop);
  CHECK(servers[5]->ended);
  CHECK(state->idle() == 1);
}

TEST_CASE_FIXTURE(Fixture, "idle: each goes when its time is up") {
  put(connection(), 10 * kSecond);
  pass(loop, clock, 5 * kSecond);
  put(connection(), 10 * kSecond);
  pass(loop, clock, 4900 * kMs);
  CHECK(state->idle() == 2);
  pass(loop, clock, 200 * kMs);
  CHECK(state->idle() == 1);
  CHECK(servers[0]->ended);
  pass(loop, clock, 5 * kSecond);
  CHECK(state->idle() == 0);
}

TEST_CASE_FIXTURE(Fixture, "idle: dead ones and talkative ones go, before or after they are asked for") {
  for (const bool turn : {true, false}) {
    for (const bool close : {true, false}) {
      CAPTURE(turn);
      CAPTURE(close);
      put(connection());
      H1ClientPtr live = connection();
      const H1ClientConnection* const kept = live.get();
      put(std::move(live));
      put(connection());
      Wire& dead = *servers.back();
      if (close) {
        dead.close();
      } else {
        dead.send("HTTP/1.1 200 OK\r\n\r\n");
      }
      if (turn) {
        settle(loop);
        CHECK(state->idle() == 2);
      }
      CHECK(state->take_idle(false).get() == kept);
      CHECK(state->take_idle(false));
      CHECK(state->idle() == 0);
    }
  }
}

TEST_CASE_FIXTURE(Fixture, "idle: what has bytes waiting is not kept") {
  H1ClientPtr made = connection();
  servers.back()->send("x");
  put(std::move(made));
  CHECK(state->idle() == 0);
}

TEST_CASE_FIXTURE(Fixture, "idle: a server that closes after a time is left before that time") {
  put(connection());
  pass(loop, clock, 10 * kSecond);
  servers.back()->close();
  settle(loop);
  CHECK(state->idle() == 0);
  put(connection());
  pass(loop, clock, 8900 * kMs);
  CHECK(state->idle() == 1);
  pass(loop, clock, 200 * kMs);
  CHECK(state->idle() == 0);
  CHECK(servers.back()->ended);
  // It is forgotten in time, and what closes at once (a restart) teaches nothing.
  pass(loop, clock, 600 * kSecond);
  put(connection());
  pass(loop, clock, 500 * kMs);
  servers.back()->close();
  settle(loop);
  put(connection());
  pass(loop, clock, 29 * kSecond);
  CHECK(state->idle() == 1);
}

TEST_CASE_FIXTURE(Fixture, "idle: what one worker learns all know, and it goes on over reloads") {
  config::Pool config;
  config.name = "app";
  std::string why;
  config.servers.emplace_back().address = *Endpoint::parse("10.0.0.1:80", why);
  const SocketAddress addresses[] = {*SocketAddress::from_ip("10.0.0.1", 80)};
  const std::string ok = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
  auto first = std::make_unique<Pool>(config, parts(addresses));
  first->checkin(0, connection(ok));
  pass(loop, clock, 5 * kSecond);
  servers.back()->close();
  settle(loop);
  ServerStates others(loop);
  Pool other(config, {.addresses = addresses, .states = others, .shared = shared});
  first.reset();
  other.checkin(0, connection(ok));
  pass(loop, clock, 4400 * kMs);
  CHECK(other.servers()[0].state->idle() == 1);
  pass(loop, clock, 200 * kMs);
  CHECK(other.servers()[0].state->idle() == 0);
}

TEST_CASE_FIXTURE(Fixture,
                  "idle: one that is found dead when it is wanted, or when it was used, teaches too") {
  for (const bool used : {true, false}) {
    CAPTURE(used);
    state = std::make_shared<ServerState>(loop, *SocketAddress::from_ip("10.0.0.1", 80));
    put(connection());
    pass(loop, clock, 10 * kSecond);
    if (used) {
      const H1ClientPtr taken = state->take_idle(true);
      REQUIRE(taken);
      CHECK(taken->idle_time() == 10 * kSecond);
      state->note_dead(*taken);
    } else {
      servers.back()->close();
      CHECK_FALSE(state->take_idle(true));
    }
    put(connection());
    pass(loop, clock, 8900 * kMs);
    CHECK(state->idle() == 1);
    pass(loop, clock, 200 * kMs);
    CHECK(state->idle() == 0);
  }
}

TEST_CASE_FIXTURE(Fixture, "idle: what Keep-Alive announces is kept a little less") {
  struct Row {
    const char* announced;
    Nanos kept;
  };
  const Row rows[] = {{"timeout=5", 4 * kSecond},     {"max=9, timeout=2", kSecond},
                      {"timeout=1", kSecond / 2},     {"timeout=0", 30 * kSecond},
                      {"timeout=3600", 30 * kSecond}, {"timeout=x", 30 * kSecond}};
  for (const Row& row : rows) {
    CAPTURE(row.announced);
    put(connection("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nKeep-Alive: " + std::string(row.announced) +
                   "\r\n\r\n"));
    REQUIRE(state->idle() == 1);
    pass(loop, clock, row.kept - 100 * kMs);
    CHECK(state->idle() == 1);
    pass(loop, clock, 200 * kMs);
    CHECK(state->idle() == 0);
  }
}

TEST_CASE_FIXTURE(Fixture, "idle: pools of the same identity share, others do not") {
  config::Pool config;
  config.name = "app";
  std::string why;
  config.servers.emplace_back().address = *Endpoint::parse("10.0.0.1:80", why);
  const SocketAddress addresses[] = {*SocketAddress::from_ip("10.0.0.1", 80)};
  auto old = std::make_unique<Pool>(config, parts(addresses));
  const std::string ok = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
  old->checkin(0, connection(ok));
  CHECK(state->idle() == 1);
  Pool fresh(config, parts(addresses));
  config::Pool renamed = config;
  renamed.name = "other";
  Pool other(renamed, parts(addresses));
  CHECK_FALSE(other.checkout(0, false));
  old.reset();
  CHECK(fresh.checkout(0, false));
  CHECK_FALSE(fresh.checkout(0, false));

  fresh.checkin(0, connection("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"));
  fresh.checkin(0, connection("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab"));
  fresh.checkin(0, connection("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nabc"));
  fresh.checkin(0, connection("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab"));
  CHECK(state->idle() == 1);
}

TEST_CASE_FIXTURE(Fixture, "idle: connections go with the last pool that uses them") {
  put(connection());
  state.reset();
  settle(loop);
  CHECK(servers[0]->ended);
}
