#include "pool/least_conn.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <deque>
#include <string>
#include <vector>

#include "base/random.h"
#include "pool/candidates.h"

using namespace lintel;
using namespace lintel::pool;
using namespace lintel::pool::test;

TEST_CASE("least-conn: the fewest in flight for its weight") {
  struct Row {
    Weights weights;
    std::vector<std::uint32_t> loads;
    char want;
  };
  const Row rows[] = {
      {{1, 1, 1}, {2, 1, 3}, 'b'}, {{1, 2}, {2, 3}, 'b'},    {{1, 4}, {1, 5}, 'a'}, {{0, 1}, {0, 100}, 'b'},
      {{1, 0}, {9, 0}, 'a'},       {{1, 1000}, {1, 1}, 'b'}, {{0, 0}, {0, 0}, '-'}, {{}, {}, '-'},
  };
  for (const Row& row : rows) {
    Candidates servers(row.weights);
    LeastConn balancer(0);
    balancer.update(servers.all);
    for (std::size_t i = 0; i < row.loads.size(); ++i) servers.set_load(i, row.loads[i]);
    CHECK(picks(balancer, 1) == std::string(1, row.want));
  }
}

TEST_CASE("least-conn: idle servers in turn, as often as their weights say") {
  const Candidates equal({1, 1, 1});
  LeastConn balancer(1);
  balancer.update(equal.all);
  const std::string text = picks(balancer, 300);
  for (const char c : {'a', 'b', 'c'}) CHECK(std::count(text.begin(), text.end(), c) == 100);
  CHECK(text.find("aa") == std::string::npos);
  const Candidates unequal({3, 1});
  LeastConn other(0);
  other.update(unequal.all);
  const auto counts = tally(other, 2, 400);
  CHECK(counts[0] >= 299);
  CHECK(counts[0] <= 301);
}

TEST_CASE("least-conn: in flight follows the weights, also where other workers take part") {
  // Two workers with balancers of their own over the same loads; requests last at random.
  Random random(1);
  for (const Weights& weights : {Weights{1, 1, 1, 1}, {4, 2, 1, 1}, {10, 1}}) {
    Candidates servers(weights);
    std::deque<LeastConn> workers;
    for (std::uint64_t i = 0; i < 2; ++i) workers.emplace_back(i).update(servers.all);
    std::uint32_t sum = 0;
    for (const std::uint32_t weight : weights) sum += weight;
    std::vector<std::uint32_t> running;
    std::vector<double> seen(weights.size());
    for (int step = 0; step < 20'000; ++step) {
      if (running.size() >= 40 * std::size_t{sum} / 4) {
        const std::size_t ends = random.below(running.size());
        servers.add_load(running[ends], -1);
        running[ends] = running.back();
        running.pop_back();
      }
      const auto picked = workers[random.below(2)].pick({});
      REQUIRE(picked);
      servers.add_load(*picked, 1);
      running.push_back(*picked);
      if (step >= 1000) {
        for (std::size_t i = 0; i < weights.size(); ++i) seen[i] += servers.load(i);
      }
    }
    for (std::size_t i = 0; i < weights.size(); ++i) {
      const double want = 19'000.0 * static_cast<double>(running.size()) * weights[i] / sum;
      CHECK(seen[i] > want * 0.97);
      CHECK(seen[i] < want * 1.03);
    }
  }
}

TEST_CASE("least-conn: of very many servers none gets far ahead") {
  Random random(2);
  Candidates servers(Weights(1000, 1));
  std::deque<LeastConn> workers;
  for (std::uint64_t i = 0; i < 4; ++i) workers.emplace_back(i * 250).update(servers.all);
  std::vector<std::uint32_t> running;
  std::uint32_t most = 0;
  for (int step = 0; step < 200'000; ++step) {
    if (running.size() >= 5000) {
      const std::size_t ends = random.below(running.size());
      servers.add_load(running[ends], -1);
      running[ends] = running.back();
      running.pop_back();
    }
    const auto picked = workers[random.below(4)].pick({});
    REQUIRE(picked);
    servers.add_load(*picked, 1);
    most = std::max(most, servers.load(*picked));
    running.push_back(*picked);
  }
  CHECK(most <= 8);  // 5 each on average; at random it would be about 16.
}

TEST_CASE("least-conn: tried and full servers are left out") {
  Candidates servers({1, 1, 1});
  LeastConn balancer(0);
  servers.set_load(1, 5);
  servers.set_load(2, 9);
  servers.all[0].max_in_flight = 3;
  balancer.update(servers.all);
  const std::uint32_t a[] = {0};
  const std::uint32_t all[] = {0, 1, 2};
  CHECK(picks(balancer, 1, {.tried = a}) == "b");
  CHECK(picks(balancer, 1, {.tried = all}) == "-");
  servers.set_load(0, 3);
  CHECK(picks(balancer, 2) == "bb");
  servers.set_load(0, 2);
  CHECK(picks(balancer, 1) == "a");
}
