// Servers that fail live traffic: who is ejected, for how long, and who never is; panic and slow start.

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <random>
#include <string>
#include <vector>

#include "pool/window.h"
#include "pool_fixture.h"

using namespace lintel;
using namespace lintel::pool;
using namespace std::chrono_literals;
using lintel::pool::test::Fixture;
using lintel::pool::test::kSecond;

namespace {

/// How long a server that was just ejected is out.
Nanos out_for(const Fixture& at, Pool& pool, std::size_t index) {
  return Fixture::server(pool, index).ejected_until() - at.clock.now();
}

std::size_t count(const std::string& text, char letter) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), letter));
}

}  // namespace

TEST_CASE("window: counts what is not older than it, to a bucket") {
  Window window;
  const Nanos length = 10 * kSecond;
  Nanos now = 3'600 * kSecond;
  for (int i = 0; i < 10; ++i, now += kSecond) window.add(now, length, i < 3, i % 2 == 0);
  now -= kSecond;
  Window::Sums sums = window.sums(now, length);
  CHECK(sums.total == 10);
  CHECK(sums.bad == 3);
  CHECK(sums.slow == 5);
  sums = window.sums(now + 2 * kSecond, length);  // The first two are forgotten.
  CHECK(sums.total == 8);
  CHECK(sums.bad == 1);
  window.add(now + 2 * kSecond, length, true, false);
  CHECK(window.sums(now + 2 * kSecond, length).bad == 2);
  CHECK(window.sums(now + 9 * kSecond, length).total == 2);
  CHECK(window.sums(now + 12 * kSecond, length).total == 0);
  window.clear();
  CHECK(window.sums(now + 2 * kSecond, length).total == 0);
}

TEST_CASE("window: more than a bucket can count changes no share") {
  Window window;
  for (int i = 0; i < 100'000; ++i) window.add(kSecond, kSecond, i % 4 == 0, i % 2 == 0);
  const Window::Sums sums = window.sums(kSecond, kSecond);
  CHECK(sums.total >= 16'000);
  CHECK(sums.total <= 32'767);
  CHECK(static_cast<double>(sums.bad) / sums.total == doctest::Approx(0.25).epsilon(0.01));
  CHECK(static_cast<double>(sums.slow) / sums.total == doctest::Approx(0.5).epsilon(0.01));
}

TEST_CASE_FIXTURE(Fixture,
                  "outlier: failures in a row eject a server, for all workers, until its time is over") {
  add_servers(3);
  const auto pool = make();
  const auto other = make();
  CHECK(picks(*other, 3) == "abc");
  fail(*pool, 1, 2);
  fail(*other, 1, 2);
  CHECK_FALSE(is_ejected(*pool, 1));
  fail(*pool, 1);
  CHECK(out_for(*this, *pool, 1) == 10 * kSecond);
  CHECK(server(*pool, 1).seen.ejections[static_cast<std::size_t>(Cause::failures_in_row)] == 1);
  CHECK(count(picks(*pool, 20), 'b') == 0);
  CHECK(count(picks(*other, 20), 'b') == 0);
  clock.advance(10s - 1ns);
  CHECK(count(picks(*other, 20), 'b') == 0);
  clock.advance(1ns);
  CHECK(count(picks(*pool, 30), 'b') == 10);
  CHECK(count(picks(*other, 30), 'b') == 10);
}

TEST_CASE_FIXTURE(Fixture, "outlier: a success begins the row anew") {
  add_servers(2);
  const auto pool = make();
  for (int i = 0; i < 10; ++i) {
    fail(*pool, 0, 4);
    succeed(*pool, 0);
  }
  CHECK_FALSE(is_ejected(*pool, 0));
  fail(*pool, 0, 5);
  CHECK(is_ejected(*pool, 0));
}

TEST_CASE_FIXTURE(Fixture,
                  "outlier: the time grows with each ejection, up to the longest, and shrinks again") {
  add_servers(2);
  config.outlier.max_eject_for = 35s;
  const auto pool = make();
  for (const Nanos seconds : {10, 20, 30, 35, 35}) {
    fail(*pool, 0, 5);
    CHECK(out_for(*this, *pool, 0) == seconds * kSecond);
    clock.advance(std::chrono::nanoseconds(seconds * kSecond));
  }
  clock.advance(20s);  // It has behaved for twice eject_for: of four, two are left.
  fail(*pool, 0, 5);
  CHECK(out_for(*this, *pool, 0) == 30 * kSecond);
  clock.advance(30s + 100s);
  fail(*pool, 0, 5);
  CHECK(out_for(*this, *pool, 0) == 10 * kSecond);
}

TEST_CASE_FIXTURE(Fixture, "outlier: what began before it was away is not held against it") {
  add_servers(2);
  const auto pool = make();
  const Nanos before = clock.now();
  fail(*pool, 0, 5);
  clock.advance(11s);
  for (int i = 0; i < 10; ++i) pool->note(0, {.begun = before, .now = clock.now(), .reason = "test"});
  CHECK_FALSE(is_ejected(*pool, 0));
  fail(*pool, 0, 5);
  CHECK(is_ejected(*pool, 0));
}

TEST_CASE_FIXTURE(Fixture, "outlier: never more than the greatest share, and never the last one") {
  add_servers(5);
  const auto pool = make();
  for (std::uint32_t i = 0; i < 5; ++i) fail(*pool, i, 50);
  CHECK(is_ejected(*pool, 0));
  CHECK(is_ejected(*pool, 1));
  for (std::size_t i : {2, 3, 4}) CHECK_FALSE(is_ejected(*pool, i));  // A third would be 60%.

  config.outlier.max_ejected = 100;
  const auto all = make();
  for (std::uint32_t i = 0; i < 5; ++i) fail(*all, i, 50);
  for (std::size_t i : {2, 3}) CHECK(is_ejected(*pool, i));
  CHECK_FALSE(is_ejected(*pool, 4));
}

TEST_CASE_FIXTURE(Fixture,
                  "outlier: a worker whose clock is late sees no more than the greatest share either") {
  add_servers(3);
  const auto pool = make();
  fail(*pool, 0, 5);
  const Nanos back = server(*pool, 0).ejected_until();
  REQUIRE(back > clock.now());
  clock.advance(std::chrono::nanoseconds(back - clock.now()));
  fail(*pool, 1, 10);
  CHECK_FALSE(is_ejected(*pool, 1));  // Elsewhere the first may not be back yet.
  clock.advance(100ms);
  fail(*pool, 1, 5);
  CHECK(is_ejected(*pool, 1));
}

TEST_CASE_FIXTURE(Fixture, "outlier: the last one is the last that can be used") {
  add_servers(3);
  add("10.0.0.4:80", 0);
  const auto pool = make();
  server(*pool, 1).set_admin(AdminState::drain, clock.now());
  server(*pool, 2).set_health(Health::down, clock.now());
  fail(*pool, 0, 20);
  CHECK_FALSE(is_ejected(*pool, 0));
  server(*pool, 1).set_admin(AdminState::ready, clock.now());
  fail(*pool, 0, 5);
  CHECK(is_ejected(*pool, 0));
}

TEST_CASE_FIXTURE(Fixture, "outlier: off") {
  add_servers(2);
  SUBCASE("all of it") {
    config.outlier.enabled = false;
  }
  SUBCASE("failures in a row") {
    config.outlier.consecutive_failures = 0;
  }
  const auto pool = make();
  fail(*pool, 0, 1000);
  CHECK_FALSE(is_ejected(*pool, 0));
}

TEST_CASE_FIXTURE(Fixture, "outlier: a share of failures in a window") {
  add_servers(2);
  config.outlier.failure_ratio = 30;
  config.outlier.min_requests = 20;
  const auto pool = make();
  const auto mix = [&](std::size_t bad, std::size_t good) {
    while (bad + good > 0) {
      if (bad > 0) fail(*pool, 0), --bad;
      if (good > 0) succeed(*pool, 0), --good;
    }
  };
  mix(5, 14);
  CHECK_FALSE(is_ejected(*pool, 0));
  clock.advance(11s);
  mix(4, 4);  // Too few to say.
  CHECK_FALSE(is_ejected(*pool, 0));
  succeed(*pool, 0, 12);
  fail(*pool, 0);
  CHECK_FALSE(is_ejected(*pool, 0));  // 5 of 21.
  fail(*pool, 0, 2);
  CHECK(is_ejected(*pool, 0));  // 7 of 23.
  CHECK(server(*pool, 0).seen.ejections[static_cast<std::size_t>(Cause::failure_ratio)] == 1);
  clock.advance(10s);
  fail(*pool, 0);  // Counted from nothing.
  CHECK_FALSE(is_ejected(*pool, 0));
}

TEST_CASE_FIXTURE(Fixture, "outlier: more than half of the answers are slow") {
  add_servers(2);
  config.outlier.latency = 2s;
  config.outlier.min_requests = 10;
  const auto pool = make();
  const auto answer = [&](Nanos waited) { pool->note(0, outcome(true, waited)); };
  for (int i = 0; i < 10; ++i) answer(2 * kSecond);  // Not longer than that.
  for (int i = 0; i < 10; ++i) answer(9 * kSecond);
  CHECK_FALSE(is_ejected(*pool, 0));
  answer(9 * kSecond);
  CHECK(is_ejected(*pool, 0));
  CHECK(server(*pool, 0).seen.ejections[static_cast<std::size_t>(Cause::latency)] == 1);
}

TEST_CASE_FIXTURE(Fixture, "outlier: whatever happens, the greatest share holds and somebody is left") {
  for (unsigned seed = 1; seed <= 60; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    const auto below = [&](unsigned n) { return static_cast<std::uint32_t>(random() % n); };
    Fixture at;
    at.config.name = "app" + std::to_string(seed);
    at.config.panic_threshold = 0;
    at.config.outlier.max_ejected = below(101);
    at.config.outlier.consecutive_failures = 1 + below(5);
    if (below(2) == 0) at.config.outlier.failure_ratio = 1 + below(100);
    if (below(2) == 0) at.config.outlier.latency = 1ms;
    at.config.outlier.min_requests = 1 + below(10);
    const std::uint32_t servers = 1 + below(8);
    for (std::uint32_t i = 1; i <= servers; ++i)
      at.add("10.0.0." + std::to_string(i) + ":80", i == 1 ? 1 : below(3));
    const auto weighty = std::count_if(at.config.servers.begin(), at.config.servers.end(),
                                       [](const config::Server& each) { return each.weight != 0; });
    const auto pool = at.make();
    const auto other = at.make();
    std::uint64_t ejections = 0;
    for (int step = 0; step < 3000; ++step) {
      if (below(10) == 0) at.clock.advance(std::chrono::milliseconds(below(4000)));
      Pool& worker = below(2) == 0 ? *pool : *other;
      const Lease lease = worker.take({.tried = {}, .now = at.clock.now()});
      REQUIRE(lease);
      worker.note(lease.server(), at.outcome(below(10) >= 5 + lease.server() % 4, below(3) * 1'000'000));
      std::uint32_t ejected = 0;
      for (std::size_t i = 0; i < servers; ++i) ejected += at.is_ejected(*pool, i) ? 1 : 0;
      REQUIRE(ejected * 100 <= weighty * at.config.outlier.max_ejected);
      REQUIRE(ejected < weighty);
    }
    for (std::size_t i = 0; i < servers; ++i) {
      for (const auto& each : at.server(*pool, i).seen.ejections) ejections += each;
    }
    if (weighty > 1 && weighty * at.config.outlier.max_ejected >= 100) CHECK(ejections > 0);
  }
}

TEST_CASE_FIXTURE(Fixture,
                  "panic: with too few that are well all are used, but for whom an operator took out") {
  add_servers(5);
  add("10.0.0.6:80", 0);
  const auto pool = make();
  for (std::size_t i : {0, 1}) server(*pool, i).set_health(Health::down, clock.now());
  CHECK(count(picks(*pool, 30), 'a') == 0);  // 60% are well.
  CHECK(pool->servers()[0].shared->pool().panic_count() == 0);
  server(*pool, 2).set_health(Health::down, clock.now());
  const std::string all = picks(*pool, 50);
  for (const char letter : {'a', 'b', 'c', 'd', 'e'}) CHECK(count(all, letter) == 10);
  SharedPool& shared = server(*pool, 0).pool();
  CHECK(shared.panics());
  CHECK(shared.panic_count() == 1);
  CHECK(shared.panic_picks == 50);
  for (std::size_t i : {0, 4}) server(*pool, i).set_admin(AdminState::drain, clock.now());
  CHECK(count(picks(*pool, 30), 'a') == 0);
  CHECK(count(picks(*pool, 30), 'e') == 0);
  CHECK(shared.panics());
  server(*pool, 1).set_health(Health::up, clock.now());  // Two of those three that are not drained.
  CHECK(count(picks(*pool, 30), 'c') == 0);
  CHECK_FALSE(shared.panics());
  CHECK(shared.panic_count() == 1);
}

TEST_CASE_FIXTURE(Fixture, "panic: servers that wait for their first check do not count, and are not used") {
  add_servers(4);
  const auto pool = make();
  for (std::size_t i : {0, 1, 2, 3}) server(*pool, i).set_health(Health::unchecked, clock.now());
  CHECK(picks(*pool, 2) == "--");
  SharedPool& shared = server(*pool, 0).pool();
  CHECK_FALSE(shared.panics());
  server(*pool, 1).set_health(Health::up, clock.now());
  CHECK(picks(*pool, 4) == "bbbb");  // A quarter of all, but all of those that are known.
  CHECK_FALSE(shared.panics());
  server(*pool, 2).set_health(Health::down, clock.now());
  CHECK(picks(*pool, 4) == "bbbb");
  server(*pool, 1).set_health(Health::down, clock.now());
  const std::string both = picks(*pool, 20);
  CHECK(count(both, 'b') == 10);
  CHECK(count(both, 'c') == 10);
  CHECK(shared.panics());
  server(*pool, 3).set_health(Health::up, clock.now());  // One of three.
  CHECK(count(picks(*pool, 30), 'a') == 0);
  CHECK(shared.panics());
  server(*pool, 0).set_health(Health::up, clock.now());
  CHECK_FALSE(picks(*pool, 4).empty());
  CHECK_FALSE(shared.panics());
  CHECK(shared.panic_count() == 1);
}

TEST_CASE_FIXTURE(Fixture, "panic: never, and then nobody is used") {
  add_servers(2);
  config.panic_threshold = 0;
  const auto pool = make();
  for (std::size_t i : {0, 1}) server(*pool, i).set_health(Health::down, clock.now());
  const Lease lease = pool->take({.tried = {}, .now = clock.now()});
  CHECK_FALSE(lease);
  CHECK(lease.refusal() == Refusal::no_server);
  CHECK_FALSE(server(*pool, 0).pool().panics());
}

TEST_CASE_FIXTURE(Fixture, "panic: ejections count, and it ends by itself when they do") {
  add_servers(3);
  config.outlier.max_ejected = 100;
  const auto pool = make();
  fail(*pool, 0, 5);
  clock.advance(4s);
  fail(*pool, 1, 5);
  CHECK(picks(*pool, 9).find('a') != std::string::npos);
  CHECK(server(*pool, 0).pool().panics());
  clock.advance(6s);
  CHECK(count(picks(*pool, 8), 'b') == 0);
  CHECK_FALSE(server(*pool, 0).pool().panics());
}

TEST_CASE_FIXTURE(Fixture, "slow start: the share of who is back grows from a twentieth to the whole") {
  config.slow_start = 20s;
  SUBCASE("round-robin") {
    config.balance.type = config::BalanceType::round_robin;
  }
  SUBCASE("random") {
    config.balance.type = config::BalanceType::random;
  }
  SUBCASE("least-conn") {
    config.balance.type = config::BalanceType::least_conn;
  }
  add_servers(3);
  const auto pool = make();
  // By random draws 3,000 times; four standard deviations.
  const double tolerance = config.balance.type == config::BalanceType::random ? 0.035 : 0.01;
  const auto share = [&] { return static_cast<double>(count(picks(*pool, 3000), 'c')) / 3000; };
  CHECK(share() == doctest::Approx(1.0 / 3).epsilon(3 * tolerance));  // Nobody was away.
  fail(*pool, 2, 5);
  CHECK(share() == 0);
  clock.advance(10s);
  for (const double part : {0.05, 0.3, 0.55, 0.8, 1.0, 1.0}) {
    CAPTURE(part);
    CHECK(std::abs(share() - part / (2 + part)) < tolerance);
    clock.advance(5s);
  }
}

TEST_CASE_FIXTURE(Fixture, "slow start: not in panic, and not without the setting") {
  add_servers(2);
  SUBCASE("no setting") {
    const auto pool = make();
    fail(*pool, 1, 5);
    clock.advance(10s);
    CHECK(count(picks(*pool, 20), 'b') == 10);
  }
  SUBCASE("panic") {
    config.slow_start = 20s;
    config.panic_threshold = 100;
    const auto pool = make();
    server(*pool, 1).set_health(Health::down, clock.now());
    CHECK(count(picks(*pool, 20), 'b') == 10);
    server(*pool, 1).set_health(Health::up, clock.now());
    CHECK(count(picks(*pool, 42), 'b') == 2);
  }
}
