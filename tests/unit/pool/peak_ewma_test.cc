#include "pool/peak_ewma.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <queue>
#include <string>
#include <vector>

#include "base/random.h"
#include "pool/candidates.h"

using namespace lintel;
using namespace lintel::pool;
using namespace lintel::pool::test;

namespace {

constexpr std::int64_t kMs = 1'000'000;
constexpr std::int64_t kSecond = 1000 * kMs;

/// Servers that each serve one request after the other, and what the balancer learns of them.
struct Simulation {
  struct Event {
    std::int64_t at;
    std::uint32_t server;
    std::int64_t begun;
    bool operator<(const Event& other) const { return at > other.at; }
  };
  Candidates& servers;
  std::vector<std::int64_t> service;  ///< Nanoseconds per request, by server.
  std::vector<std::int64_t> free_at;
  std::priority_queue<Event> running;
  std::vector<std::int64_t> latencies{};
  std::vector<std::size_t> counts;
  std::int64_t now = 0;

  Simulation(Candidates& s, std::vector<std::int64_t> each)
      : servers(s), service(std::move(each)), free_at(service.size()), counts(service.size()) {}

  void end_until(std::int64_t at) {
    for (; !running.empty() && running.top().at <= at; running.pop()) {
      const Event& done = running.top();
      servers.add_load(done.server, -1);
      note_latency(servers.raw(done.server), static_cast<double>(done.at - done.begun) / kSecond, done.at);
      latencies.push_back(done.at - done.begun);
    }
    now = at;
  }
  /// `n` requests, `gap` apart.
  void run(Balancer& balancer, int n, std::int64_t gap) {
    for (int i = 0; i < n; ++i) {
      end_until(now + gap);
      const std::uint32_t server = *balancer.pick({.tried = {}, .now = now});
      servers.add_load(server, 1);
      ++counts[server];
      free_at[server] = std::max(free_at[server], now) + service[server];
      running.push({free_at[server], server, now});
    }
  }
  [[nodiscard]] std::int64_t percentile(int percent) {
    std::sort(latencies.begin(), latencies.end());
    return latencies[latencies.size() * static_cast<std::size_t>(percent) / 100];
  }
};

}  // namespace

TEST_CASE("peak-ewma: a longer time counts at once, a shorter one by and by") {
  ServerLoad load;
  CHECK(latency_at(load, 0) == 0);
  note_latency(load, 0.010, kSecond);
  CHECK(latency_at(load, kSecond) == doctest::Approx(0.010));
  note_latency(load, 0.100, 2 * kSecond);
  CHECK(latency_at(load, 2 * kSecond) == doctest::Approx(0.100));
  note_latency(load, 0.010, 2 * kSecond);
  CHECK(latency_at(load, 2 * kSecond) == doctest::Approx(0.100));
  note_latency(load, 0.010, 9 * kSecond);  // About half of the way back.
  CHECK(latency_at(load, 9 * kSecond) == doctest::Approx(0.055).epsilon(0.02));
  for (int i = 10; i < 80; ++i) note_latency(load, 0.010, i * kSecond);
  CHECK(latency_at(load, 79 * kSecond) == doctest::Approx(0.010).epsilon(0.05));
  CHECK(latency_at(load, 89 * kSecond) == doctest::Approx(0.010 / 2.718).epsilon(0.05));
  CHECK(latency_at(load, 60 * kSecond) <= 0.0101);  // A clock that another worker read earlier.
}

TEST_CASE("peak-ewma: of servers that take unequally long each gets what it can bear") {
  Candidates servers({1, 1, 1, 1});
  PeakEwma balancer(1);
  balancer.update(servers.all);
  Simulation run(servers, {2 * kMs, 2 * kMs, 2 * kMs, 50 * kMs});
  run.run(balancer, 20'000, 1 * kMs);
  // The slow one could serve one of fifty.
  CHECK(run.counts[3] < 20'000 / 40);
  CHECK(run.counts[3] > 0);
  for (int i : {0, 1, 2}) CHECK(run.counts[i] > 20'000 / 4);
  Candidates same({1, 1, 1, 1});
  TwoChoices other(1);
  other.update(same.all);
  Simulation two(same, {2 * kMs, 2 * kMs, 2 * kMs, 50 * kMs});
  two.run(other, 20'000, 1 * kMs);
  CHECK(run.percentile(98) < two.percentile(98));
}

TEST_CASE("peak-ewma: who was slow is found out about again when that is over") {
  Candidates servers({1, 1});
  PeakEwma balancer(2);
  balancer.update(servers.all);
  Simulation run(servers, {5 * kMs, 5 * kMs});
  run.run(balancer, 2000, 5 * kMs);
  run.service[1] = 100 * kMs;
  run.counts = {0, 0};
  run.run(balancer, 2000, 5 * kMs);
  CHECK(run.counts[1] < 100);
  run.service[1] = 5 * kMs;
  run.run(balancer, 24'000, 5 * kMs);  // Two minutes.
  run.counts = {0, 0};
  run.run(balancer, 2000, 5 * kMs);
  CHECK(run.counts[1] > 600);
}

TEST_CASE("peak-ewma: a server that nobody knows gets one request first, weights count, and limits") {
  Candidates servers({1, 1});
  PeakEwma balancer(3);
  note_latency(servers.raw(0), 0.020, 0);
  servers.add_load(0, 1);
  balancer.update(servers.all);
  CHECK(picks(balancer, 1) == "b");
  servers.add_load(1, 1);
  CHECK(picks(balancer, 3) == "aaa");  // Until something is known of the other.
  note_latency(servers.raw(1), 0.001, 0);
  CHECK(picks(balancer, 3) == "bbb");
  const std::uint32_t b[] = {1};
  CHECK(picks(balancer, 2, {.tried = b}) == "aa");
  servers.all[1].max_in_flight = 1;
  CHECK(picks(balancer, 2) == "aa");
  servers.all[0].weight = servers.all[1].weight = 0;
  balancer.update(servers.all);
  CHECK(picks(balancer, 1) == "-");

  Candidates heavy({1, 4});
  for (int i : {0, 1}) note_latency(heavy.raw(i), 0.010, 0);
  PeakEwma other(4);
  other.update(heavy.all);
  for (int i = 0; i < 500; ++i) heavy.add_load(*other.pick({}), 1);
  CHECK(heavy.load(1) >= 396);
  CHECK(heavy.load(1) <= 404);
}
