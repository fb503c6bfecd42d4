#include "pool/round_robin.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <numeric>
#include <string>
#include <vector>

#include "pool/candidates.h"

using namespace lintel::pool;
using namespace lintel::pool::test;

TEST_CASE("round-robin: known sequences") {
  struct Row {
    Weights weights;
    const char* want;
  };
  const Row rows[] = {
      {{1}, "aaaa"},
      {{1, 1}, "abababab"},
      {{1, 1, 1}, "abcabcabc"},
      {{5, 1, 1}, "abaaacaabaaaca"},
      {{4, 2, 1}, "abacaba"},
      {{2, 0, 1}, "acaaca"},
      {{0, 0}, "----"},
      {{}, "--"},
      {{3, 3}, "abab"},
      {{3, 1, 1, 1}, "abacad"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.want);
    const Candidates servers(row.weights);
    RoundRobin balancer(0);
    balancer.update(servers.all);
    CHECK(picks(balancer, std::string(row.want).size()) == row.want);
  }
}

TEST_CASE("round-robin: exact over any run of the weights' sum, wherever it begins, and evenly spread") {
  const Weights tables[] = {
      {1},       {3, 1},   {5, 1, 1},     {10, 7, 3, 0, 1}, {100, 1}, {13, 11, 7, 5, 3, 2},
      {6, 4, 2}, {997, 3}, {1, 1000, 999}};
  for (const Weights& weights : tables) {
    std::uint32_t sum = std::accumulate(weights.begin(), weights.end(), 0U);
    if (weights == Weights{6, 4, 2}) sum /= 2;  // Even over half of it.
    for (const std::uint32_t start : {0U, 1U, 0x55555555U, 0xffffffffU}) {
      CAPTURE(start);
      const Candidates servers(weights);
      RoundRobin balancer(start);
      balancer.update(servers.all);
      const std::string all = picks(balancer, std::size_t{sum} * 3);
      for (std::size_t i = 0; i < weights.size(); ++i) {
        const std::size_t want = weights == Weights{6, 4, 2} ? weights[i] / 2 : weights[i];
        const char letter = static_cast<char>('a' + i);
        auto count = static_cast<std::size_t>(std::count(all.begin(), all.begin() + sum, letter));
        for (std::size_t at = 0; at + sum < all.size(); ++at) {
          REQUIRE(count == want);
          count += (all[at + sum] == letter) - (all[at] == letter);
        }
        if (weights[i] == 0) continue;
        // Between two picks of one server lie at most about twice as many as its share would have it.
        std::size_t gap = 0, longest = 0;
        for (const char c : all) {
          gap = c == letter ? 0 : gap + 1;
          longest = std::max(longest, gap);
        }
        CHECK(longest <= 2 * (sum / want + 1));
      }
    }
  }
}

TEST_CASE("round-robin: workers begin in different places") {
  const Candidates servers({1, 1, 1});
  const std::uint32_t third = 0x55555555;
  for (const auto& [start, want] : {std::pair(0U, "abcabc"), {third, "bcabca"}, {2 * third, "cabcab"}}) {
    RoundRobin balancer(start);
    balancer.update(servers.all);
    CHECK(picks(balancer, 6) == want);
  }
}

TEST_CASE("round-robin: what was tried is not chosen; second attempts go round, and take nobody's turn") {
  const Candidates servers({2, 1, 1});
  RoundRobin balancer(0);
  balancer.update(servers.all);
  const std::uint32_t a[] = {0};
  const std::uint32_t ab[] = {0, 1};
  const std::uint32_t all[] = {2, 1, 0};
  std::string first;
  std::string second;
  for (int i = 0; i < 8; ++i) {
    first += picks(balancer, 1);
    if (first.back() == 'a') second += picks(balancer, 1, {.tried = a});
  }
  CHECK(first == "abacabac");
  CHECK(second == "bcbc");
  CHECK(picks(balancer, 2, {.tried = ab}) == "cc");
  CHECK(picks(balancer, 1, {.tried = all}) == "-");
  CHECK(picks(balancer, 8) == "abacabac");
  const Candidates weightless({0, 1});
  RoundRobin other(0);
  other.update(weightless.all);
  const std::uint32_t one[] = {1};
  CHECK(picks(other, 1, {.tried = one}) == "-");
}

TEST_CASE("round-robin: a full server is left out until it has room, and then takes its turns only") {
  Candidates servers({1, 1, 1});
  servers.all[0].max_in_flight = 2;
  RoundRobin balancer(0);
  balancer.update(servers.all);
  servers.set_load(0, 2);
  const std::string without = picks(balancer, 30);
  CHECK(std::count(without.begin(), without.end(), 'a') == 0);
  CHECK(std::count(without.begin(), without.end(), 'b') == 15);
  servers.set_load(0, 1);
  const std::string with = picks(balancer, 30);
  CHECK(std::count(with.begin(), with.end(), 'a') == 10);
  CHECK(with.find("aa") == std::string::npos);
  for (Candidate& one : servers.all) one.max_in_flight = 1;
  for (int i = 0; i < 3; ++i) servers.set_load(i, 1);
  balancer.update(servers.all);
  CHECK(picks(balancer, 3) == "---");
  servers.set_load(1, 0);
  CHECK(picks(balancer, 3) == "bbb");
}

TEST_CASE("round-robin: new weights are in force at once and exact from there on") {
  Candidates servers({1, 1, 1});
  RoundRobin balancer(7);
  balancer.update(servers.all);
  picks(balancer, 1000);
  for (const Weights& weights : {Weights{1, 2, 3}, {0, 5, 1}, {7, 0, 0}, {1, 1, 1}}) {
    for (std::size_t i = 0; i < 3; ++i) servers.all[i].weight = weights[i] * 100;
    balancer.update(servers.all);
    const std::size_t sum = weights[0] + weights[1] + weights[2];
    const auto counts = tally(balancer, 3, sum * 100);
    for (std::size_t i = 0; i < 3; ++i) CHECK(counts[i] == weights[i] * 100);
  }
}

TEST_CASE("round-robin: goes on when its rounds wrap") {
  const Candidates servers({2, 1});
  RoundRobin balancer(0);
  balancer.update(servers.all);
  const auto counts = tally(balancer, 2, 3'000'000);
  CHECK(counts[0] == 2'000'000);
}
