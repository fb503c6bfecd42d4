// What one choice of a server costs, for each balancer and number of servers, in nanoseconds: the best of
// several rounds, in one thread. Compiled with the balancers themselves by tools/balance.

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/hash.h"
#include "base/random.h"
#include "pool/hash_ring.h"
#include "pool/least_conn.h"
#include "pool/maglev.h"
#include "pool/peak_ewma.h"
#include "pool/random_choice.h"
#include "pool/round_robin.h"

namespace {

using namespace lintel;
using namespace lintel::pool;

constexpr int kRounds = 15;
constexpr int kPicks = 20'000;
/// Requests in flight while it is measured, per server.
constexpr std::size_t kInFlight = 4;

struct Servers {
  std::deque<ServerLoad> loads;
  std::vector<Candidate> all;

  explicit Servers(std::size_t count) : loads(count) {
    for (std::size_t i = 0; i < count; ++i) {
      Candidate& one = all.emplace_back();
      one.load = &loads[i];
      one.server = static_cast<std::uint32_t>(i);
      one.weight = one.full_weight = 100 * (1 + i % 3);
      one.id = hash_bytes("10.0.0." + std::to_string(i) + ":80");
      note_latency(loads[i], 0.005 + 0.0001 * static_cast<double>(i % 50), 0);
    }
  }
};

/// Each pick is a request that begins, and for each that begins the oldest ends.
double cost(Balancer& balancer, std::size_t count) {
  Servers servers(count);
  balancer.update(servers.all);
  std::vector<std::uint32_t> running(kInFlight * count);
  Random random(1);
  for (std::uint32_t& one : running) {
    one = *balancer.pick({.tried = {}, .hash = random.next(), .now = 1});
    ++servers.loads[one].in_flight;
  }
  std::size_t oldest = 0;
  double best = 1e9;
  for (int round = 0; round < kRounds; ++round) {
    const auto begin = std::chrono::steady_clock::now();
    for (int i = 0; i < kPicks; ++i) {
      const std::uint32_t picked = *balancer.pick({.tried = {}, .hash = random.next(), .now = 1});
      servers.loads[picked].in_flight.fetch_add(1, std::memory_order_relaxed);
      servers.loads[running[oldest]].in_flight.fetch_sub(1, std::memory_order_relaxed);
      running[oldest] = picked;
      oldest = oldest + 1 == running.size() ? 0 : oldest + 1;
    }
    const std::chrono::duration<double, std::nano> spent = std::chrono::steady_clock::now() - begin;
    best = std::min(best, spent.count() / kPicks);
  }
  return best;
}

}  // namespace

int main() {
  struct Row {
    const char* name;
    std::function<std::unique_ptr<Balancer>()> make;
  };
  const Row rows[] = {
      {"round-robin", [] { return std::make_unique<RoundRobin>(0); }},
      {"least-conn", [] { return std::make_unique<LeastConn>(0); }},
      {"random", [] { return std::make_unique<RandomChoice>(1); }},
      {"two-choices", [] { return std::make_unique<TwoChoices>(1); }},
      {"peak-ewma", [] { return std::make_unique<PeakEwma>(1); }},
      {"consistent-hash", [] { return std::make_unique<HashRing>(0); }},
      {"consistent-hash, max_load 125%", [] { return std::make_unique<HashRing>(125); }},
      {"maglev", [] { return std::make_unique<Maglev>(); }},
  };
  std::printf("| ns per pick | 3 servers | 100 | 1,000 |\n| --- | ---: | ---: | ---: |\n");
  for (const Row& row : rows) {
    std::printf("| %s |", row.name);
    for (const std::size_t count : {3U, 100U, 1000U}) std::printf(" %.0f |", cost(*row.make(), count));
    std::printf("\n");
  }
}
