// Which servers of a pool are chosen from, and what all its workers know together.

#include <doctest/doctest.h>

#include <memory>
#include <string>

#include "pool_fixture.h"

using namespace lintel;
using namespace lintel::pool;
using lintel::pool::test::Fixture;
using lintel::pool::test::kSecond;

TEST_CASE_FIXTURE(Fixture, "pool: servers without weight get nothing") {
  add("10.0.0.1:80");
  add("10.0.0.3:80", 0);
  const auto pool = make();
  CHECK(picks(*pool, 5) == "aaaaa");
  const std::uint32_t tried[] = {0};
  CHECK(picks(*pool, 1, tried) == "-");
}

TEST_CASE_FIXTURE(Fixture, "pool: a lease counts as in flight for as long as it lasts, for all workers") {
  add("10.0.0.1:80");
  add("10.0.0.2:80");
  config.balance.type = config::BalanceType::least_conn;
  const auto one = make();
  const auto other = make();
  {
    Lease first = one->take({.tried = {}, .now = clock.now()});
    Lease second = other->take({.tried = {}, .now = clock.now()});
    REQUIRE(first);
    REQUIRE(second);
    CHECK(first.server() != second.server());
    for (int i : {0, 1}) CHECK(server(*one, i).load.in_flight == 1);
    Lease third = std::move(first);
    CHECK_FALSE(first);  // NOLINT(bugprone-use-after-move)
    CHECK(server(*one, third.server()).load.in_flight == 1);
    second = std::move(third);
    CHECK(server(*one, 0).load.in_flight + server(*one, 1).load.in_flight == 1);
    second.end();
    second.end();
    CHECK(server(*one, 0).load.in_flight + server(*one, 1).load.in_flight == 0);
  }
  CHECK(server(*one, 0).load.in_flight + server(*one, 1).load.in_flight == 0);
}

TEST_CASE_FIXTURE(Fixture, "pool: who is down, drained or ejected gets nothing until that is over") {
  config.panic_threshold = 0;
  add("10.0.0.1:80");
  add("10.0.0.2:80");
  const auto pool = make();
  const auto other = make();
  SharedServer& b = server(*pool, 1);
  CHECK(picks(*pool, 4) == "abab");
  CHECK(picks(*other, 4) == "abab");
  for (const AdminState state : {AdminState::drain, AdminState::down}) {
    b.set_admin(state, clock.now());
    CHECK(picks(*pool, 4) == "aaaa");
    CHECK(picks(*other, 4) == "aaaa");
    b.set_admin(AdminState::ready, clock.now());
    CHECK(picks(*pool, 40).find('b') != std::string::npos);
  }
  b.set_health(Health::down, clock.now());
  CHECK(picks(*pool, 4) == "aaaa");
  b.set_health(Health::up, clock.now());
  CHECK(picks(*pool, 40).find('b') != std::string::npos);
  b.eject(clock.now() + 5 * kSecond);
  CHECK(picks(*pool, 4) == "aaaa");
  clock.advance(std::chrono::seconds(4));
  CHECK(picks(*pool, 4) == "aaaa");
  clock.advance(std::chrono::seconds(1));  // Nobody says that it is over.
  CHECK(picks(*pool, 40).find('b') != std::string::npos);
  b.eject(clock.now() + 5 * kSecond);
  CHECK(picks(*pool, 4) == "aaaa");
  b.readmit(clock.now());
  CHECK(picks(*pool, 40).find('b') != std::string::npos);
  server(*pool, 0).set_health(Health::down, clock.now());
  b.set_health(Health::down, clock.now());
  CHECK(picks(*pool, 2) == "--");
}

TEST_CASE_FIXTURE(Fixture, "pool: a weight that an operator set is in force at once, and outlives reloads") {
  add("10.0.0.1:80");
  add("10.0.0.2:80", 3);
  auto pool = make();
  const auto share = [&] {
    const std::string text = picks(*pool, 400);
    return std::count(text.begin(), text.end(), 'b');
  };
  CHECK(share() == 300);
  server(*pool, 1).set_weight(7);
  CHECK(share() == 350);
  auto next = make();
  pool = std::move(next);
  CHECK(share() == 350);
  server(*pool, 1).set_weight(0);
  CHECK(share() == 0);
  server(*pool, 1).set_weight(std::nullopt);
  CHECK(share() == 300);
}

TEST_CASE("shared: found by name, gone with the last who holds it") {
  SharedPools pools;
  auto server = pools.pool("app")->server("10.0.0.1:80");
  server->set_weight(5);
  CHECK(pools.pool("app")->server("10.0.0.1:80") == server);
  CHECK(pools.pool("other")->server("10.0.0.1:80") != server);
  CHECK(pools.pool("other")->server("10.0.0.1:80")->id() == server->id());
  CHECK(&server->pool() == pools.pool("app").get());
  server.reset();
  CHECK_FALSE(pools.pool("app")->server("10.0.0.1:80")->weight());
}

TEST_CASE("shared: when it came back") {
  const auto server = SharedPools().pool("app")->server("a");
  CHECK(server->returned_at() == 0);
  CHECK(server->is_available(1));
  server->set_health(Health::up, 5);  // It was.
  CHECK(server->returned_at() == 0);
  server->set_health(Health::down, 10);
  CHECK_FALSE(server->is_available(11));
  server->set_health(Health::up, 20);
  CHECK(server->returned_at() == 20);
  server->set_admin(AdminState::drain, 30);
  CHECK(server->is_well(31));
  CHECK_FALSE(server->is_available(31));
  server->set_admin(AdminState::ready, 40);
  CHECK(server->returned_at() == 20);
  server->set_admin(AdminState::down, 50);
  server->set_admin(AdminState::ready, 60);
  CHECK(server->returned_at() == 60);
  server->eject(90);
  CHECK_FALSE(server->is_available(89));
  CHECK(server->is_available(90));
  CHECK(server->returned_at() == 90);
}
