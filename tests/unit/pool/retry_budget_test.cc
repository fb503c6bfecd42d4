#include "pool/retry_budget.h"

#include <doctest/doctest.h>

#include <atomic>
#include <thread>
#include <vector>

using namespace lintel;
using namespace lintel::pool;

namespace {
constexpr Nanos kSecond = 1'000'000'000;
}

TEST_CASE("retry budget: a share of the last ten seconds' requests, or the least") {
  RetryBudget budget;
  Nanos now = 5 * kSecond;
  for (int i = 0; i < 3; ++i) CHECK(budget.take(now, 20, 3));
  CHECK_FALSE(budget.take(now, 20, 3));
  for (int i = 0; i < 100; ++i) budget.count_request(now);
  for (int i = 0; i < 17; ++i) CHECK(budget.take(now, 20, 3));
  CHECK_FALSE(budget.take(now, 20, 3));
  CHECK(budget.take(now, 21, 3));
  now += 9 * kSecond;
  CHECK_FALSE(budget.take(now, 20, 3));
  now += kSecond;
  for (int i = 0; i < 3; ++i) CHECK(budget.take(now, 20, 3));
  CHECK_FALSE(budget.take(now, 20, 3));
  CHECK_FALSE(budget.take(now, 20, 0));
}

TEST_CASE("retry budget: never more over the whole of a long run, whenever requests come") {
  RetryBudget budget;
  std::uint64_t requests = 0;
  std::uint64_t retries = 0;
  std::uint64_t state = 7;
  for (Nanos now = 0; now < 300 * kSecond; now += kSecond / 50) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    const std::uint64_t burst = state >> 60 == 0 ? 200 : state >> 62;
    for (std::uint64_t i = 0; i < burst; ++i) {
      budget.count_request(now);
      ++requests;
    }
    for (std::uint64_t i = 0; i < burst; ++i) retries += budget.take(now, 20, 0) ? 1 : 0;
  }
  CHECK(retries <= requests / 5);
  CHECK(retries >= requests / 6);
}

TEST_CASE("retry budget: threads together take no more than there is") {
  RetryBudget budget;
  std::atomic<std::uint64_t> taken{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 5000; ++n) {
        budget.count_request(n % 3 * kSecond);
        if (budget.take(n % 3 * kSecond, 20, 3)) ++taken;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(taken <= 8000);
  CHECK(taken >= 7000);
}
