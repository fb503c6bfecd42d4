// Who waits for a place, and who gets it.

#include "pool/queue.h"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <deque>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "net/net_test.h"
#include "net/scope.h"
#include "pool/pool.h"

using namespace lintel;
using namespace lintel::pool;

namespace {

constexpr Nanos kSecond = 1'000'000'000;

/// One request: what became of its wait, and its place while it has one.
struct Client {
  std::string name;
  std::vector<std::uint32_t> tried{};
  std::optional<std::uint32_t> own{};
  Waiter* waiter = nullptr;
  std::optional<WaitEnd> end{};
  Lease lease{};
};

struct Fixture {
  ManualClock clock;
  net::Loop loop{clock};
  ServerStates states{loop};
  SharedPools shared;
  config::Pool config;
  std::vector<SocketAddress> addresses;
  std::deque<Pool> pools;
  net::Scope scope;
  std::deque<Client> clients;
  std::string order;  ///< Who got a place, in this order.

  Fixture() {
    config.name = "app";
    config.balance.type = config::BalanceType::round_robin;
    config.queue.max = 10;
  }
  ~Fixture() {
    for (Client& client : clients) {
      if (client.waiter) client.waiter->leave();
    }
    settle();
  }
  config::Server& add(std::uint32_t max_connections) {
    std::string why;
    config::Server& server = config.servers.emplace_back();
    server.address = *Endpoint::parse("10.0.0." + std::to_string(config.servers.size()) + ":80", why);
    server.max_connections = max_connections;
    addresses.push_back(*server.address.resolved());
    return server;
  }
  Pool* make() {
    return &pools.emplace_back(
        config, PoolParts{.addresses = addresses, .states = states, .shared = shared, .zone = {}});
  }
  net::Task<void> wait(Pool& pool, Client& client) {
    const PickContext context{.tried = client.tried, .now = loop.now()};
    Waiter waiter(pool, context, client.own);
    client.waiter = &waiter;
    client.end = co_await waiter.wait(loop.now() + kSecond);
    client.waiter = nullptr;
    client.lease = waiter.lease();
    if (client.lease) order += client.name;
  }
  /// A request that does what a proxy does.
  Client& ask(Pool& pool, std::string name, std::vector<std::uint32_t> tried = {},
              std::optional<std::uint32_t> own = {}) {
    Client& client = clients.emplace_back();
    client.name = std::move(name);
    client.tried = std::move(tried);
    client.own = own;
    const PickContext context{.tried = client.tried, .now = loop.now()};
    client.lease = pool.take(context, own);
    if (client.lease) {
      order += client.name;
    } else if (pool.can_wait(context, own)) {
      scope.spawn(wait(pool, client));
    } else {
      client.end = WaitEnd::unavailable;
    }
    return client;
  }
  void settle() { net::settle(loop, 10); }
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "queue: places are given in order of arrival, as they come free") {
  add(1);
  add(1);
  Pool* const pool = make();
  Client& a = ask(*pool, "a");
  Client& b = ask(*pool, "b");
  Client& c = ask(*pool, "c");
  Client& d = ask(*pool, "d");
  settle();
  CHECK(order == "ab");
  CHECK(pool->servers()[0].shared->pool().waiting() == 2);
  b.lease.end();
  // Who comes now must not go before those that wait.
  Client& e = ask(*pool, "e");
  settle();
  CHECK(order == "abc");
  CHECK(c.end == WaitEnd::placed);
  a.lease.end();
  c.lease.end();
  settle();
  CHECK(order == "abcde");
  CHECK(pool->servers()[0].shared->pool().waiting() == 0);
  for (Client* one : {&d, &e}) one->lease.end();
  CHECK(ask(*pool, "f").lease);
}

TEST_CASE_FIXTURE(Fixture, "queue: it is bounded, in number and in time") {
  add(1);
  config.queue.max = 2;
  Pool* const pool = make();
  Pool* const other = make();  // Another worker's: the bound is for all.
  Client& a = ask(*pool, "a");
  Client& b = ask(*pool, "b");
  ask(*other, "c");
  CHECK(ask(*pool, "d").end == WaitEnd::full);
  CHECK(ask(*other, "e").end == WaitEnd::full);
  clock.advance(std::chrono::milliseconds(900));
  settle();
  CHECK_FALSE(b.end);
  clock.advance(std::chrono::milliseconds(200));
  settle();
  CHECK(b.end == WaitEnd::late);
  CHECK(a.lease);
  config.queue.max = 0;
  Pool* const none = make();
  CHECK(ask(*none, "f").end == WaitEnd::full);
}

TEST_CASE_FIXTURE(Fixture, "queue: who leaves gives up its place in the row") {
  add(1);
  Pool* const pool = make();
  Client& a = ask(*pool, "a");
  Client& b = ask(*pool, "b");
  ask(*pool, "c");
  settle();
  b.waiter->leave();
  b.waiter->leave();
  CHECK_FALSE(b.end);  // In the next turn.
  settle();
  CHECK(b.end == WaitEnd::left);
  a.lease.end();
  settle();
  CHECK(order == "ac");
}

TEST_CASE_FIXTURE(Fixture, "queue: a lease that ends in another worker's pool wakes who waits here") {
  add(1);
  Pool* const here = make();
  Pool* const there = make();
  Client& a = ask(*there, "a");
  ask(*here, "b");
  ask(*there, "c");
  settle();
  CHECK(order == "a");
  a.lease.end();
  settle();
  CHECK(order.size() == 2);
  clients[order[1] == 'b' ? 1 : 2].lease.end();
  settle();
  CHECK(order.size() == 3);
}

TEST_CASE_FIXTURE(Fixture, "queue: servers that come and go") {
  config.panic_threshold = 0;
  add(1);
  add(1);
  Pool* const pool = make();
  const auto server = [&](std::size_t i) -> SharedServer& { return *pool->servers()[i].shared; };
  server(1).set_health(Health::down, 1);
  ask(*pool, "a");
  Client& b = ask(*pool, "b");
  settle();
  CHECK_FALSE(b.end);
  server(1).set_health(Health::up, 2);  // There is a place without any lease's having ended.
  settle();
  CHECK(order == "ab");
  Client& c = ask(*pool, "c");
  settle();
  CHECK_FALSE(c.end);
  for (int i : {0, 1}) server(i).set_health(Health::down, 3);
  settle();
  CHECK(c.end == WaitEnd::unavailable);
}

TEST_CASE_FIXTURE(Fixture,
                  "queue: while all wait for their first check so do requests, and then they are served") {
  add(0);
  add(0);
  Pool* const pool = make();
  const auto server = [&](std::size_t i) -> SharedServer& { return *pool->servers()[i].shared; };
  for (int i : {0, 1}) server(i).set_health(Health::unchecked, 1);
  Client& a = ask(*pool, "a");
  Client& b = ask(*pool, "b", {}, 1);
  settle();
  CHECK_FALSE(a.end);
  CHECK_FALSE(b.end);
  CHECK_FALSE(pool->is_only_full({.tried = {}, .now = clock.now()}, std::nullopt));
  server(0).set_health(Health::up, 2);
  settle();
  CHECK(order == "ab");
  CHECK(b.lease.server() == 0);
  Client& c = ask(*pool, "c", {0});  // There is one in use, and it was tried.
  CHECK(c.end == WaitEnd::unavailable);
  server(0).set_admin(AdminState::down, 3);
  Client& d = ask(*pool, "d");
  settle();
  CHECK_FALSE(d.end);
  server(1).set_admin(AdminState::down, 3);
  settle();
  CHECK(d.end == WaitEnd::unavailable);
}

TEST_CASE_FIXTURE(Fixture,
                  "queue: what belongs to a server waits for its max_connections, not for its breaker") {
  config.circuit_breaker.server.emplace().max_in_flight = 2;
  add(1);
  add(0);
  Pool* const pool = make();
  Client& a = ask(*pool, "a", {}, 0);
  Client& b = ask(*pool, "b", {}, 0);
  settle();
  CHECK(order == "a");
  CHECK_FALSE(b.end);
  a.lease.end();
  settle();
  CHECK(order == "ab");
  for (const char* name : {"c", "d"}) CHECK(ask(*pool, name, {}, 1).lease.server() == 1);
  b.lease.end();
  settle();
  CHECK(ask(*pool, "e", {}, 1).lease.server() == 0);
  Client& f = ask(*pool, "f", {}, 1);  // All are full.
  settle();
  CHECK_FALSE(f.end);
  clients[2].lease.end();
  settle();
  CHECK(f.lease.server() == 1);
}

TEST_CASE_FIXTURE(Fixture, "queue: what each may have counts, not who stands first") {
  add(1);
  add(1);
  Pool* const pool = make();
  Client& a = ask(*pool, "a");
  Client& b = ask(*pool, "b");
  REQUIRE(a.lease.server() != b.lease.server());
  Client& c = ask(*pool, "c", {a.lease.server()});
  Client& d = ask(*pool, "d");
  settle();
  a.lease.end();  // Which c has tried.
  settle();
  CHECK(order == "abd");
  CHECK_FALSE(c.end);
  b.lease.end();
  settle();
  CHECK(order == "abdc");
  // What belongs to a server waits for that one alone, and others do not wait for it.
  d.lease.end();
  Client& e = ask(*pool, "e", {}, c.lease.server());
  settle();
  CHECK_FALSE(e.end);
  CHECK(ask(*pool, "f").end == std::nullopt);
  settle();
  CHECK(order == "abdcf");
  c.lease.end();
  settle();
  CHECK(order == "abdcfe");
}

TEST_CASE_FIXTURE(Fixture,
                  "pool: what belongs to a server has it while it is drained, but not when it is gone") {
  add(0);
  add(0);
  Pool* const pool = make();
  SharedServer& b = *pool->servers()[1].shared;
  const auto own = [&](std::vector<std::uint32_t> tried = {}) {
    return pool->take({.tried = tried, .now = clock.now()}, 1).server();
  };
  CHECK(own() == 1);
  b.set_admin(AdminState::drain, 1);
  for (int i = 0; i < 5; ++i) {
    CHECK(own() == 1);
    CHECK(pool->take({.tried = {}, .now = clock.now()}).server() == 0);
  }
  CHECK(own({1}) == 0);
  b.set_admin(AdminState::down, 1);
  CHECK(own() == 0);
  b.set_admin(AdminState::ready, 1);
  b.set_health(Health::down, 1);
  CHECK(own() == 0);
}

TEST_CASE_FIXTURE(Fixture, "pool: servers of the next group help a request that those in use have failed") {
  add(0);
  add(0);
  add(0).priority = 1;
  add(1).backup = true;
  Pool* const pool = make();
  const auto next = [&](std::vector<std::uint32_t> tried) {
    const Lease lease = pool->take({.tried = tried, .now = clock.now()});
    return lease ? static_cast<char>('a' + lease.server()) : '-';
  };
  CHECK(next({0}) == 'b');
  CHECK(next({0, 1}) == 'c');
  CHECK(next({1, 0, 2}) == 'd');
  CHECK(next({1, 0, 2, 3}) == '-');
  CHECK(pool->is_used(0, clock.now()));
  CHECK_FALSE(pool->is_used(2, clock.now()));
  for (int i : {0, 1}) pool->servers()[i].shared->set_health(Health::down, 1);
  CHECK(next({}) == 'c');
  CHECK(pool->is_used(2, clock.now()));
  pool->servers()[1].shared->set_health(Health::up, 1);
  CHECK(next({}) == 'b');
}

TEST_CASE_FIXTURE(Fixture, "pool: a server that is full sends nobody to the backup") {
  add(1);
  add(0).backup = true;
  Pool* const pool = make();
  Client& a = ask(*pool, "a");
  Client& b = ask(*pool, "b");
  settle();
  CHECK_FALSE(b.end);
  a.lease.end();
  settle();
  CHECK(b.lease.server() == 0);
}

namespace {

/// A worker of its own thread whose clients take, hold and give back places until told to stop.
struct Worker {
  net::Loop loop;
  ServerStates states{loop};
  std::unique_ptr<Pool> pool;
  std::uint64_t placed = 0;
  std::uint64_t late = 0;

  net::Task<void> client(int rounds, std::atomic<int>& most, std::atomic<int>& now) {
    for (int i = 0; i < rounds; ++i) {
      const PickContext context{.tried = {}, .now = loop.now()};
      Lease lease = pool->take(context);
      if (!lease) {
        Waiter waiter(*pool, context, std::nullopt);
        if (co_await waiter.wait(loop.now() + 20 * kSecond) != WaitEnd::placed) {
          ++late;
          continue;
        }
        lease = waiter.lease();
      }
      ++placed;
      const int together = now.fetch_add(1) + 1;
      int seen = most.load();
      while (together > seen && !most.compare_exchange_weak(seen, together)) {
      }
      co_await loop.yield();
      now.fetch_sub(1);
      lease.end();
      if (i % 3 == 0) co_await loop.yield();
    }
  }
};

}  // namespace

TEST_CASE("queue: over threads no wake-up is lost, and no server has more than it may") {
  constexpr int kWorkers = 4;
  constexpr int kClients = 8;
  constexpr int kRounds = 300;
  SharedPools shared;
  config::Pool config;
  config.name = "app";
  std::string why;
  std::vector<SocketAddress> addresses;
  for (const char* address : {"10.0.0.1:80", "10.0.0.2:80"}) {
    config::Server& server = config.servers.emplace_back();
    server.address = *Endpoint::parse(address, why);
    server.max_connections = 1;
    addresses.push_back(*server.address.resolved());
  }
  std::atomic<int> most{0};
  std::atomic<int> now{0};
  std::atomic<std::uint64_t> placed{0};
  std::atomic<std::uint64_t> late{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < kWorkers; ++i) {
    threads.emplace_back([&, i] {
      Worker worker;
      worker.pool = std::make_unique<Pool>(config, PoolParts{.addresses = addresses,
                                                             .states = worker.states,
                                                             .shared = shared,
                                                             .seed = static_cast<std::uint64_t>(i) << 62});
      net::Scope scope;
      for (int c = 0; c < kClients; ++c) scope.spawn(worker.client(kRounds, most, now));
      while (scope.count() != 0) worker.loop.turn(100'000'000);
      placed += worker.placed;
      late += worker.late;
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(placed == kWorkers * kClients * kRounds);
  CHECK(late == 0);
  CHECK(most <= 2);
}
