#include "pool/balancer.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <numeric>
#include <string>
#include <vector>

using lintel::pool::RoundRobin;

namespace {

using Weights = std::vector<std::uint32_t>;

/// `n` picks as letters: "abc…", "-" for nobody.
std::string picks(RoundRobin& balancer, std::size_t n, std::span<const std::uint32_t> excluded = {}) {
  std::string text;
  for (std::size_t i = 0; i < n; ++i) {
    const auto index = balancer.pick(excluded);
    text += index ? static_cast<char>('a' + *index) : '-';
  }
  return text;
}

}  // namespace

TEST_CASE("round-robin: known sequences") {
  struct Row {
    Weights weights;
    const char* want;
  };
  const Row rows[] = {
      {{1}, "aaaa"},          {{1, 1}, "abababab"},  {{1, 1, 1}, "abcabcabc"}, {{5, 1, 1}, "aabacaaaabacaa"},
      {{4, 2, 1}, "abacaba"}, {{2, 0, 1}, "acaaca"}, {{0, 0}, "----"},         {{}, "--"},
      {{3, 3}, "abab"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.want);
    RoundRobin balancer(row.weights, 0);
    CHECK(picks(balancer, std::string(row.want).size()) == row.want);
  }
}

TEST_CASE("round-robin: exact over any run of the weights' sum, wherever it begins, and evenly spread") {
  const Weights tables[] = {{1},      {3, 1}, {5, 1, 1}, {10, 7, 3, 0, 1}, {100, 1}, {13, 11, 7, 5, 3, 2},
                            {6, 4, 2}};
  for (const Weights& weights : tables) {
    const std::uint32_t sum = std::accumulate(weights.begin(), weights.end(), 0U);
    for (const std::uint64_t start : {0U, 1U, 7U, 12345U}) {
      CAPTURE(start);
      RoundRobin balancer(weights, start);
      const std::string all = picks(balancer, std::size_t{sum} * 3);
      for (std::size_t at = 0; at + sum <= all.size(); ++at) {
        for (std::size_t i = 0; i < weights.size(); ++i) {
          const char letter = static_cast<char>('a' + i);
          const auto run = all.substr(at, sum);
          REQUIRE(std::count(run.begin(), run.end(), letter) == weights[i]);
        }
      }
      for (std::size_t i = 0; i < weights.size(); ++i) {
        if (weights[i] == 0) continue;
        // Between two picks of one server lie at most about twice as many as its share would have it.
        std::size_t gap = 0, longest = 0;
        for (const char c : all) {
          gap = c == static_cast<char>('a' + i) ? 0 : gap + 1;
          longest = std::max(longest, gap);
        }
        CHECK(longest <= 2 * (sum / weights[i] + 1));
      }
    }
  }
}

TEST_CASE("round-robin: workers begin in different places") {
  RoundRobin first(Weights{1, 1, 1}, 0);
  RoundRobin second(Weights{1, 1, 1}, 1);
  RoundRobin third(Weights{1, 1, 1}, 5);
  CHECK(picks(first, 3) == "abc");
  CHECK(picks(second, 3) == "bca");
  CHECK(picks(third, 3) == "cab");
  RoundRobin heavy(Weights{1'000'000, 1'000'000},
                   0xffffffffffffffff);  // Does not spin for millions of picks.
  CHECK(picks(heavy, 2).size() == 2);
}

TEST_CASE("round-robin: exclusion") {
  RoundRobin balancer(Weights{2, 1, 1}, 0);
  const std::uint32_t a[] = {0};
  const std::uint32_t ab[] = {0, 1};
  const std::uint32_t all[] = {2, 1, 0};
  CHECK(picks(balancer, 4, a) == "bcbc");
  CHECK(picks(balancer, 2, ab) == "cc");
  CHECK(picks(balancer, 1, all) == "-");
  // What was excluded for a while does not catch up in a burst.
  const std::string after = picks(balancer, 8);
  CHECK(std::count(after.begin(), after.end(), 'a') == 4);
  CHECK(after.find("aaa") == std::string::npos);
  RoundRobin weightless(Weights{0, 1}, 0);
  const std::uint32_t one[] = {1};
  CHECK(picks(weightless, 1, one) == "-");
}
