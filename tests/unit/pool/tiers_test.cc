// Priority groups and zones: who is used, and how much each gets.

#include "pool/tiers.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "pool/candidates.h"
#include "pool/random_choice.h"

using namespace lintel;
using namespace lintel::pool;
using namespace lintel::pool::test;

namespace {

struct One {
  std::uint32_t weight = 1;
  std::uint32_t priority = 0;
  bool backup = false;
  std::string zone{};
};

struct Fixture {
  config::Pool config;

  explicit Fixture(const std::vector<One>& servers, std::uint32_t failover_below = 0) {
    config.failover_below = failover_below;
    for (const One& one : servers) {
      config::Server& server = config.servers.emplace_back();
      server.weight = one.weight;
      server.priority = one.priority;
      server.backup = one.backup;
      server.zone = one.zone;
    }
  }
  /// The weights in hundredths that are left where each server may get what `up` says, in percent.
  [[nodiscard]] std::vector<std::uint32_t> weights(const std::vector<std::uint32_t>& up,
                                                   std::string_view zone = {}) const {
    Weights full;
    for (const config::Server& server : config.servers) full.push_back(server.weight);
    Candidates candidates(full);
    for (std::size_t i = 0; i < up.size(); ++i) candidates.all[i].weight = full[i] * up[i];
    Tiers(config, zone).apply(candidates.all);
    std::vector<std::uint32_t> left;
    for (const Candidate& one : candidates.all) left.push_back(one.weight);
    return left;
  }
  /// Which of them get anything, as letters.
  [[nodiscard]] std::string used(const std::vector<std::uint32_t>& up, std::string_view zone = {}) const {
    std::string letters;
    const std::vector<std::uint32_t> left = weights(up, zone);
    for (std::size_t i = 0; i < left.size(); ++i) {
      if (left[i] != 0) letters += static_cast<char>('a' + i);
    }
    return letters;
  }
};

}  // namespace

TEST_CASE("tiers: a backup is used only when nobody else is there") {
  const Fixture pool({{}, {}, {.backup = true}});
  CHECK(Tiers(pool.config, "").any());
  CHECK(pool.used({100, 100, 100}) == "ab");
  CHECK(pool.used({0, 100, 100}) == "b");
  CHECK(pool.used({0, 1, 100}) == "b");  // One that warms up is there.
  CHECK(pool.used({0, 0, 100}) == "c");
  CHECK(pool.used({100, 0, 100}) == "a");
  CHECK(pool.used({100, 100, 0}) == "ab");
  CHECK(pool.used({0, 0, 0}).empty());
  CHECK_FALSE(Tiers(Fixture(std::vector<One>(2)).config, "eu-1").any());
}

TEST_CASE("tiers: groups in the order of their priorities, backups last, wherever they stand") {
  const Fixture pool({{.backup = true}, {.priority = 7}, {.priority = 2}, {.priority = 7}, {}});
  CHECK(pool.used({100, 100, 100, 100, 100}) == "e");
  CHECK(pool.used({100, 100, 100, 100, 0}) == "c");
  CHECK(pool.used({100, 100, 0, 100, 0}) == "bd");
  CHECK(pool.used({100, 0, 0, 0, 0}) == "a");
  const Tiers tiers(pool.config, "");
  CHECK(tiers.group(4) == 0);
  CHECK(tiers.group(1) == tiers.group(3));
  CHECK(tiers.group(0) == 3);
  CHECK(tiers.describe(1) == "the servers of priority 2");
  CHECK(tiers.describe(3) == "the backups");
  CHECK(tiers.describe(Tiers::kEvery) == "all servers that are left");
}

TEST_CASE("tiers: with failover_below a group must have enough of its weight") {
  const Fixture pool({{.weight = 3}, {}, {.weight = 2, .backup = true}, {.weight = 2, .backup = true}}, 50);
  CHECK(pool.used({100, 100, 100, 100}) == "ab");
  CHECK(pool.used({100, 0, 100, 100}) == "a");
  CHECK(pool.used({0, 100, 100, 100}) == "cd");
  CHECK(pool.used({0, 100, 100, 0}) == "c");  // Exactly the half is enough.
  CHECK(pool.used({0, 0, 0, 100}) == "d");
  const Fixture most({{.weight = 3}, {}, {.backup = true}, {.backup = true}}, 90);
  CHECK(most.used({100, 0, 100, 0}) == "ac");  // Nobody has enough: all that there is.
  CHECK(most.used({0, 0, 100, 0}) == "c");
  // A group without any weight is no group.
  CHECK(Fixture({{.weight = 0}, {.priority = 1}}, 50).used({100, 100}) == "b");
}

TEST_CASE("tiers: the own zone alone while enough of it is there") {
  Fixture pool({{.zone = "a"}, {.zone = "a"}, {.zone = "b"}, {.zone = "b"}, {}});
  CHECK(pool.used({100, 100, 100, 100, 100}, "a") == "abcde");  // Nobody asked for it.
  pool.config.zone_preference.emplace();
  pool.config.zone_preference->spill_below = 50;
  CHECK(pool.used({100, 100, 100, 100, 100}, "a") == "ab");
  CHECK(pool.used({100, 0, 100, 100, 100}, "a") == "a");
  CHECK(pool.used({0, 0, 100, 100, 100}, "a") == "cde");
  CHECK(pool.used({100, 100, 100, 100, 100}, "b") == "cd");
  CHECK(pool.used({100, 100, 100, 100, 100}, "") == "abcde");
  CHECK(pool.used({100, 100, 100, 100, 100}, "c") == "abcde");
  CHECK(pool.used({100, 0, 0, 0, 0}, "b") == "a");
}

TEST_CASE("tiers: below the threshold other zones get what the own one is short of") {
  struct Row {
    std::uint32_t spill_below;
    std::vector<std::uint32_t> up;
    double own;  ///< The share that stays in the zone.
  };
  const Row rows[] = {
      {70, {100, 100, 100, 100, 100, 100}, 1},
      {70, {100, 100, 100, 0, 100, 100}, 1},
      {70, {100, 100, 0, 0, 100, 100}, 50.0 / 70},
      {70, {100, 0, 0, 0, 100, 100}, 25.0 / 70},
      {70, {100, 0, 0, 0, 0, 100}, 25.0 / 70},
      {100, {100, 100, 100, 0, 100, 100}, 0.75},
      {70, {0, 0, 0, 0, 100, 100}, 0},
      {70, {100, 0, 0, 0, 0, 0}, 1},
  };
  for (const Row& row : rows) {
    Fixture pool({{.zone = "a"},
                  {.zone = "a"},
                  {.zone = "a"},
                  {.zone = "a"},
                  {.weight = 5, .zone = "b"},
                  {.weight = 5, .zone = "c"}});
    pool.config.zone_preference = config::ZonePreference{row.spill_below, {}};
    Candidates candidates({1, 1, 1, 1, 5, 5});
    for (std::size_t i = 0; i < 6; ++i)
      candidates.all[i].weight = candidates.all[i].full_weight * row.up[i] / 100;
    Tiers(pool.config, "a").apply(candidates.all);
    RandomChoice balancer(3);
    balancer.update(candidates.all);
    const auto counts = tally(balancer, 6, 100'000);
    const double own = static_cast<double>(counts[0] + counts[1] + counts[2] + counts[3]) / 100'000;
    CHECK(own == doctest::Approx(row.own).epsilon(0.02));
  }
}

TEST_CASE("tiers: a zone counts within the group that is used") {
  Fixture pool({{.zone = "a"}, {.zone = "b"}, {.backup = true, .zone = "a"}, {.backup = true, .zone = "b"}});
  pool.config.zone_preference.emplace();
  CHECK(pool.used({100, 100, 100, 100}, "a") == "a");
  CHECK(pool.used({0, 100, 100, 100}, "a") == "b");  // Rather another zone than a backup.
  CHECK(pool.used({0, 0, 100, 100}, "a") == "c");
}
