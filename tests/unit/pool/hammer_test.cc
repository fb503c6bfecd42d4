// Many threads at once on what workers share of servers: for ThreadSanitizer, and for what must hold however
// they meet. Each thread has a pool of its own, as each worker has.

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <random>
#include <thread>
#include <vector>

#include "pool_fixture.h"

using namespace lintel;
using namespace lintel::pool;
using namespace std::chrono_literals;
using lintel::pool::test::Fixture;

namespace {

constexpr int kThreads = 4;
constexpr int kRounds = 20'000;

/// The threads' common time: each step is a millisecond.
Nanos tick(std::atomic<Nanos>& clock) {
  return clock.fetch_add(1'000'000, std::memory_order_relaxed) + 1'000'000;
}

}  // namespace

TEST_CASE("hammer: ejections, breakers and weights by many threads keep to their bounds") {
  Fixture at;
  at.add_servers(6);
  at.config.slow_start = 500ms;
  at.config.outlier.consecutive_failures = 3;
  at.config.outlier.failure_ratio = 50;
  at.config.outlier.latency = 1s;
  at.config.outlier.window = 1s;
  at.config.outlier.eject_for = 200ms;
  at.config.outlier.max_eject_for = 1s;
  at.config.circuit_breaker.server.emplace().failure_ratio = 60;
  at.config.circuit_breaker.server->open_for = 100ms;
  at.config.circuit_breaker.pool.emplace().failure_ratio = 80;
  at.config.circuit_breaker.pool->open_for = 50ms;
  at.config.circuit_breaker.pool->max_in_flight = kThreads - 1;
  std::vector<std::unique_ptr<Pool>> pools;
  for (int i = 0; i < kThreads; ++i) pools.push_back(at.make());
  SharedPool& shared = Fixture::server(*pools.front(), 0).pool();
  std::atomic<Nanos> clock{at.clock.now()};
  std::atomic<int> held{0};
  std::atomic<int> too_many{0};
  std::atomic<int> served{0};

  const auto work = [&](int number) {
    Pool& pool = *pools[static_cast<std::size_t>(number)];
    std::mt19937 random(static_cast<unsigned>(number));
    for (int round = 0; round < kRounds; ++round) {
      const Nanos begun = tick(clock);
      const Lease lease = pool.take({.tried = {}, .now = begun});
      if (!lease) continue;
      ++served;
      if (++held > kThreads - 1) ++too_many;
      const bool good = random() % 8 >= lease.server();
      pool.note(lease.server(), {.good = good, .begun = begun, .now = tick(clock), .reason = "test"});
      --held;
      if (random() % 500 != 0) continue;
      SharedServer& one = Fixture::server(pool, random() % 6);
      one.set_health(random() % 2 == 0 ? Health::up : Health::down, begun);
      one.set_health(Health::up, begun);
    }
  };
  std::vector<std::thread> threads;
  threads.reserve(kThreads);
  for (int i = 0; i < kThreads; ++i) threads.emplace_back(work, i);
  for (std::thread& thread : threads) thread.join();
  CHECK(too_many == 0);
  CHECK(served > 0);
  CHECK(shared.in_flight == 0);
  std::uint64_t ejections = 0;
  for (std::size_t i = 0; i < 6; ++i) {
    const SharedServer& one = Fixture::server(*pools.front(), i);
    CHECK(one.load.in_flight == 0);
    for (const auto& each : one.seen.ejections) ejections += each;
  }
  CHECK(ejections > 0);
}

TEST_CASE("hammer: the greatest share holds however many judge at once") {
  for (int round = 0; round < 100; ++round) {
    Fixture at;
    at.add_servers(6);
    std::vector<std::unique_ptr<Pool>> pools;
    for (int i = 0; i < kThreads; ++i) pools.push_back(at.make());
    std::vector<std::thread> threads;
    threads.reserve(kThreads);
    for (int i = 0; i < kThreads; ++i) {
      threads.emplace_back([&at, &pool = *pools[static_cast<std::size_t>(i)]] {
        for (std::uint32_t n = 0; n < 600; ++n) at.fail(pool, n % 6);
      });
    }
    for (std::thread& thread : threads) thread.join();
    int ejected = 0;
    for (std::size_t i = 0; i < 6; ++i) ejected += at.is_ejected(*pools.front(), i) ? 1 : 0;
    REQUIRE(ejected == 3);
  }
}

TEST_CASE("hammer: a window counts each outcome of many threads once") {
  Window window;
  std::vector<std::thread> threads;
  threads.reserve(kThreads);
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&window] {
      for (int n = 0; n < 5000; ++n)
        window.add(1'000'000'000 + n * 10'000, 1'000'000'000, n % 2 == 0, n % 4 == 0);
    });
  }
  for (std::thread& thread : threads) thread.join();
  const Window::Sums sums = window.sums(1'050'000'000, 1'000'000'000);
  CHECK(sums.total == kThreads * 5000);
  CHECK(sums.bad == kThreads * 2500);
  CHECK(sums.slow == kThreads * 1250);
}

TEST_CASE("hammer: no more probes pass than there are, whoever asks") {
  config::Breaker rules;
  rules.failure_ratio = 50;
  rules.min_requests = 1;
  rules.probes = 7;
  Breaker breaker;
  Nanos now = 1'000'000'000'000;
  CHECK(breaker.note(rules, false, now, now) == Breaker::Change::opened);
  for (int round = 0; round < 200; ++round) {
    now += to_nanos(rules.open_for);
    std::atomic<std::uint32_t> passed{0};
    std::atomic<std::uint32_t> firsts{0};
    std::vector<std::thread> threads;
    threads.reserve(kThreads);
    for (int i = 0; i < kThreads; ++i) {
      threads.emplace_back([&] {
        for (int n = 0; n < 20; ++n) {
          const Breaker::Admission admission = breaker.admit(rules, now);
          if (admission != Breaker::Admission::refused) ++passed;
          if (admission == Breaker::Admission::probing) ++firsts;
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    CHECK(passed == rules.probes);
    CHECK(firsts == 1);
    CHECK(breaker.note(rules, false, now, now) == Breaker::Change::reopened);
  }
}
