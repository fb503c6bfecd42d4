#include "pool/random_choice.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "pool/candidates.h"

using namespace lintel;
using namespace lintel::pool;
using namespace lintel::pool::test;

TEST_CASE("random: as likely as the weights say") {
  for (const Weights& weights :
       {Weights{1}, {1, 1}, {1, 2, 3}, {0, 5, 1, 0}, {1000, 1, 1}, {7, 7, 7, 7, 7, 7, 1}}) {
    double sum = 0;
    for (const std::uint32_t weight : weights) sum += weight;
    const Candidates servers(weights);
    RandomChoice balancer(42);
    balancer.update(servers.all);
    constexpr double kPicks = 200'000;
    const auto counts = tally(balancer, weights.size(), static_cast<std::size_t>(kPicks));
    for (std::size_t i = 0; i < weights.size(); ++i) {
      const double share = weights[i] / sum;
      // Five standard deviations.
      CHECK(std::abs(static_cast<double>(counts[i]) - kPicks * share) <=
            5 * std::sqrt(kPicks * share * (1 - share)) + 1e-9);
    }
  }
}

TEST_CASE("random, two-choices: tried and full servers are left out; nobody is left, nobody is chosen") {
  Candidates servers(Weights(50, 1));
  RandomChoice random(1);
  TwoChoices two(1);
  for (Balancer* balancer : {static_cast<Balancer*>(&random), static_cast<Balancer*>(&two)}) {
    for (std::size_t i = 0; i < 50; ++i) {
      servers.all[i].max_in_flight = i < 48 ? 1 : 0;
      servers.set_load(i, 1);
    }
    balancer->update(servers.all);
    const std::uint32_t tried[] = {48};
    const std::uint32_t both[] = {49, 48};
    const auto counts = tally(*balancer, 50, 200, {.tried = tried});
    CHECK(counts[49] == 200);
    CHECK_FALSE(balancer->pick({.tried = both}));
    servers.set_load(17, 0);
    CHECK(balancer->pick({.tried = both}) == 17U);
    for (Candidate& one : servers.all) one.weight = 0;
    balancer->update(servers.all);
    CHECK_FALSE(balancer->pick({}));
    balancer->update({});
    CHECK_FALSE(balancer->pick({}));
    for (Candidate& one : servers.all) one.weight = 100;
  }
}

TEST_CASE("two-choices: far more even than random") {
  // A thousand balls into a hundred bins, none of which ends: the fullest one.
  const auto fullest = [](Balancer& balancer) {
    Candidates servers(Weights(100, 1));
    balancer.update(servers.all);
    std::uint32_t most = 0;
    for (int i = 0; i < 10'000; ++i) {
      const std::uint32_t picked = *balancer.pick({});
      servers.add_load(picked, 1);
      most = std::max(most, servers.load(picked));
    }
    return most;
  };
  for (const std::uint64_t seed : {1, 2, 3}) {
    TwoChoices two(seed);
    RandomChoice random(seed);
    CHECK(fullest(two) <= 104);
    CHECK(fullest(random) >= 115);
  }
}

TEST_CASE("two-choices: in flight follows the weights") {
  Candidates servers({3, 1});
  TwoChoices balancer(5);
  balancer.update(servers.all);
  for (int i = 0; i < 4000; ++i) servers.add_load(*balancer.pick({}), 1);
  CHECK(servers.load(0) >= 2990);
  CHECK(servers.load(0) <= 3010);
}
