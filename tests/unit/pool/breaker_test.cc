// Circuit breakers: by themselves, and what a pool does with its own and its servers'.

#include "pool/breaker.h"

#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <vector>

#include "pool_fixture.h"

using namespace lintel;
using namespace lintel::pool;
using namespace std::chrono_literals;
using lintel::pool::test::Fixture;
using lintel::pool::test::kSecond;

namespace {

using State = Breaker::State;
using Admission = Breaker::Admission;
using Change = Breaker::Change;

config::Breaker half() {
  config::Breaker rules;
  rules.failure_ratio = 50;
  rules.min_requests = 10;
  rules.probes = 2;
  return rules;
}

struct Bench {
  config::Breaker rules = half();
  Breaker breaker;
  Nanos now = 3'600 * kSecond;

  Change note(bool good) { return breaker.note(rules, good, now, now); }
  void open() {
    for (int i = 0; i < 5; ++i) CHECK(note(true) == Change::none);
    for (int i = 0; i < 4; ++i) CHECK(note(false) == Change::none);
    CHECK(note(false) == Change::opened);
    CHECK(breaker.state(now) == State::open);
  }
};

}  // namespace

TEST_CASE_FIXTURE(Bench, "breaker: closed, it lets everything through until enough of enough has failed") {
  for (int i = 0; i < 9; ++i) CHECK(note(false) == Change::none);  // Too few to say.
  CHECK(breaker.admit(rules, now) == Admission::passed);
  now += 11 * kSecond;
  for (int i = 0; i < 1000; ++i) CHECK(note(true) == Change::none);
  for (int i = 0; i < 999; ++i) CHECK(note(false) == Change::none);
  CHECK(breaker.state(now) == State::closed);
  CHECK(note(false) == Change::opened);
  CHECK(breaker.opened() == 1);
}

TEST_CASE_FIXTURE(Bench, "breaker: open for its time, then so many probes, and closed when they succeed") {
  open();
  CHECK(breaker.admit(rules, now) == Admission::refused);
  CHECK(breaker.passable_at(now) == now + 10 * kSecond);
  now += 10 * kSecond - 1;
  CHECK(breaker.admit(rules, now) == Admission::refused);
  now += 1;
  CHECK(breaker.state(now) == State::half_open);
  CHECK(breaker.is_passable(now));
  CHECK(breaker.admit(rules, now) == Admission::probing);
  CHECK(breaker.is_passable(now));
  CHECK(breaker.admit(rules, now) == Admission::passed);
  CHECK(breaker.admit(rules, now) == Admission::refused);
  CHECK_FALSE(breaker.is_passable(now));
  CHECK(note(true) == Change::none);
  CHECK(breaker.admit(rules, now) == Admission::refused);
  CHECK(note(true) == Change::closed);
  CHECK(breaker.state(now) == State::closed);
  for (int i = 0; i < 9; ++i) CHECK(note(false) == Change::none);  // Counted from nothing.
  CHECK(note(false) == Change::opened);
}

TEST_CASE_FIXTURE(Bench, "breaker: a probe that fails opens it again") {
  open();
  now += 10 * kSecond;
  CHECK(breaker.admit(rules, now) == Admission::probing);
  CHECK(breaker.admit(rules, now) == Admission::passed);
  const Nanos begun = now;
  now += kSecond;
  CHECK(note(false) == Change::reopened);
  CHECK(breaker.opened() == 2);
  CHECK(breaker.admit(rules, now) == Admission::refused);
  now += 10 * kSecond;
  CHECK(breaker.admit(rules, now) == Admission::probing);
  CHECK(breaker.note(rules, true, begun, now) == Change::none);  // A probe of before.
  CHECK(note(true) == Change::none);
  CHECK(note(true) == Change::closed);
}

TEST_CASE_FIXTURE(Bench, "breaker: what passed before it opened decides nothing") {
  const Nanos begun = now;
  now += kSecond;
  open();
  now += 10 * kSecond;
  CHECK(breaker.admit(rules, now) == Admission::probing);
  CHECK(breaker.note(rules, false, begun, now) == Change::none);
  CHECK(breaker.state(now) == State::half_open);
}

TEST_CASE_FIXTURE(Bench, "breaker: probes that do not come back are followed by others, and still count") {
  open();
  now += 10 * kSecond;
  const Nanos begun = now;
  CHECK(breaker.admit(rules, now) == Admission::probing);
  CHECK(breaker.admit(rules, now) == Admission::passed);
  now += 10 * kSecond - 1;
  CHECK(breaker.admit(rules, now) == Admission::refused);
  now += 1;
  CHECK(breaker.admit(rules, now) == Admission::passed);
  CHECK(breaker.admit(rules, now) == Admission::passed);
  CHECK(breaker.admit(rules, now) == Admission::refused);
  CHECK(breaker.note(rules, true, begun, now) == Change::none);
  CHECK(breaker.note(rules, true, begun, now) == Change::closed);
}

TEST_CASE_FIXTURE(Bench, "breaker: without a ratio it never opens") {
  rules.failure_ratio.reset();
  for (int i = 0; i < 1000; ++i) CHECK(note(false) == Change::none);
  CHECK(breaker.state(now) == State::closed);
}

TEST_CASE_FIXTURE(Fixture, "pool: a server whose breaker is open gets nothing, then probes decide") {
  add_servers(2);
  config.outlier.enabled = false;
  config.panic_threshold = 0;
  config.circuit_breaker.server = half();
  const auto pool = make();
  const auto other = make();
  CHECK(picks(*other, 4) == "abab");
  fail(*pool, 1, 10);
  CHECK(picks(*pool, 4) == "aaaa");
  CHECK(picks(*other, 4) == "aaaa");
  clock.advance(10s);
  std::string both = picks(*pool, 5) + picks(*other, 5);
  CHECK(std::count(both.begin(), both.end(), 'b') == 2);  // Over both workers.
  CHECK(both.find('-') == std::string::npos);
  succeed(*pool, 1, 2);
  CHECK(picks(*other, 40).find('b') != std::string::npos);
  CHECK(server(*pool, 1).returned_at() == clock.now());
}

TEST_CASE_FIXTURE(Fixture, "pool: breakers are not panicked about") {
  add_servers(2);
  config.outlier.enabled = false;
  config.circuit_breaker.server = half();
  const auto pool = make();
  fail(*pool, 0, 10);
  fail(*pool, 1, 10);
  CHECK(picks(*pool, 2) == "--");
  CHECK(server(*pool, 0).pool().panics());
}

TEST_CASE_FIXTURE(Fixture, "pool: nobody is ejected where the others' breakers are open") {
  add_servers(2);
  config.circuit_breaker.server = half();
  config.circuit_breaker.server->min_requests = 4;
  config.outlier.consecutive_failures = 10;
  const auto pool = make();
  fail(*pool, 0, 4);
  fail(*pool, 1, 20);
  CHECK_FALSE(is_ejected(*pool, 0));
  CHECK_FALSE(is_ejected(*pool, 1));
}

TEST_CASE_FIXTURE(Fixture, "pool: its own breaker refuses, says for how long, and lets probes through") {
  add_servers(3);
  config.outlier.enabled = false;
  config.circuit_breaker.pool = half();
  const auto pool = make();
  const auto other = make();
  SharedPool& shared = server(*pool, 0).pool();
  for (std::uint32_t i = 0; i < 10; ++i) fail(*pool, i % 3);
  CHECK(shared.breaker.opened() == 1);
  for (Pool* each : {pool.get(), other.get()}) {
    const Lease lease = each->take({.tried = {}, .now = clock.now()});
    CHECK_FALSE(lease);
    CHECK(lease.refusal() == Refusal::breaker_open);
  }
  CHECK(shared.refused_open == 2);
  clock.advance(4s);
  CHECK(pool->closed_for(clock.now()) == 6 * kSecond);
  clock.advance(6s);
  CHECK(pool->closed_for(clock.now()) == 0);
  CHECK(picks(*pool, 1) != "-");
  CHECK(picks(*other, 3).substr(1) == "--");
  CHECK(shared.in_flight == 0);
  succeed(*pool, 0);
  succeed(*other, 1);
  CHECK(picks(*pool, 9).find('-') == std::string::npos);
}

TEST_CASE_FIXTURE(Fixture, "pool: no probe is lost where no server can take it") {
  add_servers(1);
  config.outlier.enabled = false;
  config.circuit_breaker.pool = half();
  const auto pool = make();
  fail(*pool, 0, 10);
  clock.advance(10s);
  server(*pool, 0).set_admin(AdminState::down, clock.now());
  CHECK(picks(*pool, 5) == "-----");
  server(*pool, 0).set_admin(AdminState::ready, clock.now());
  CHECK(picks(*pool, 3) == "aa-");
}

TEST_CASE_FIXTURE(Fixture, "pool: as much in flight as its breaker allows, over all workers") {
  add_servers(2);
  config.circuit_breaker.pool.emplace().max_in_flight = 3;
  const auto pool = make();
  const auto other = make();
  std::vector<Lease> leases;
  for (Pool* each : {pool.get(), other.get(), pool.get()}) {
    leases.push_back(each->take({.tried = {}, .now = clock.now()}));
    CHECK(leases.back());
  }
  const Lease fourth = other->take({.tried = {}, .now = clock.now()});
  CHECK(fourth.refusal() == Refusal::breaker_full);
  CHECK(server(*pool, 0).pool().refused_full == 1);
  leases.pop_back();
  CHECK(picks(*other, 2).find('-') == std::string::npos);
  leases.clear();
  CHECK(server(*pool, 0).pool().in_flight == 0);
}

TEST_CASE_FIXTURE(Fixture, "pool: a server has as much in flight as its breaker allows") {
  add_servers(2);
  config.circuit_breaker.server.emplace().max_in_flight = 1;
  const auto pool = make();
  const Lease one = pool->take({.tried = {}, .now = clock.now()});
  const Lease two = pool->take({.tried = {}, .now = clock.now()});
  REQUIRE(one);
  REQUIRE(two);
  CHECK(one.server() != two.server());
  CHECK(picks(*pool, 1) == "-");
}

TEST_CASE_FIXTURE(Fixture, "pool: what belongs to a server that its breaker holds full goes to another") {
  add_servers(3);
  config.circuit_breaker.server.emplace().max_in_flight = 1;
  const auto pool = make();
  const auto other = make();
  const PickContext context{.tried = {}, .now = clock.now()};
  const Lease own = pool->take(context, 1);
  CHECK(own.server() == 1);
  const Lease next = other->take(context, 1);
  REQUIRE(next);
  CHECK(next.server() != 1);
  const Lease last = pool->take(context, 1);
  REQUIRE(last);
  CHECK(last.server() != next.server());
  CHECK_FALSE(pool->take(context, 1));
  CHECK_FALSE(pool->can_wait(context, 1));
}
