// The balancers by hash: ring and Maglev.

#include "base/hash.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <numeric>
#include <vector>

#include "base/random.h"
#include "pool/candidates.h"
#include "pool/hash_ring.h"
#include "pool/maglev.h"

using namespace lintel;
using namespace lintel::pool;
using namespace lintel::pool::test;

namespace {

constexpr std::size_t kKeys = 100'000;

std::unique_ptr<Balancer> make(bool maglev) {
  if (maglev) return std::make_unique<Maglev>();
  return std::make_unique<HashRing>(0);
}

/// Whose each key is, as the server's id; 0: nobody's.
std::vector<std::uint64_t> owners(Balancer& balancer, const std::vector<Candidate>& servers) {
  std::vector<std::uint64_t> result;
  for (std::uint64_t key = 0; key < kKeys; ++key) {
    const auto index = balancer.pick({.tried = {}, .hash = hash_bytes(std::to_string(key))});
    result.push_back(index ? servers[*index].id : 0);
  }
  return result;
}

double share_that_differs(const std::vector<std::uint64_t>& a, const std::vector<std::uint64_t>& b) {
  std::size_t n = 0;
  for (std::size_t i = 0; i < a.size(); ++i) n += a[i] != b[i];
  return static_cast<double>(n) / static_cast<double>(a.size());
}

}  // namespace

TEST_CASE("hash: equal keys go to the same server, whoever asks and in whichever order servers are named") {
  for (const bool maglev : {false, true}) {
    CAPTURE(maglev);
    Candidates servers({1, 2, 1, 3, 1});
    const auto one = make(maglev);
    one->update(servers.all);
    const auto before = owners(*one, servers.all);
    CHECK(share_that_differs(before, owners(*one, servers.all)) == 0);
    std::vector<Candidate> other = servers.all;
    std::reverse(other.begin(), other.end());
    const auto two = make(maglev);
    two->update(other);
    CHECK(share_that_differs(before, owners(*two, other)) == 0);
  }
}

TEST_CASE("hash: shares follow the weights") {
  for (const bool maglev : {false, true}) {
    for (const Weights& weights : {Weights(10, 1), Weights(100, 1), {1, 2, 4}, {10, 1, 0, 1}, {1}}) {
      CAPTURE(maglev);
      const Candidates servers(weights);
      const auto balancer = make(maglev);
      balancer->update(servers.all);
      const auto all = owners(*balancer, servers.all);
      const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
      for (std::size_t i = 0; i < weights.size(); ++i) {
        const auto got = static_cast<double>(std::count(all.begin(), all.end(), servers.all[i].id));
        const double want = kKeys * weights[i] / sum;
        // The ring's points are thrown at random, up to 2,048 for a server; keys are, too.
        const double slack = (maglev ? 0.02 : 0.12) * want + 5 * std::sqrt(want);
        CHECK(std::abs(got - want) <= slack);
      }
    }
  }
}

TEST_CASE("hash: when a server goes away for a while, only its own keys move, and they come back") {
  for (const bool maglev : {false, true}) {
    for (const std::size_t n : {2U, 3U, 10U, 100U}) {
      CAPTURE(maglev);
      CAPTURE(n);
      Candidates servers(Weights(n, 1));
      const auto balancer = make(maglev);
      balancer->update(servers.all);
      const auto before = owners(*balancer, servers.all);
      for (const std::size_t gone : {std::size_t{0}, n / 2, n - 1}) {
        servers.all[gone].weight = 0;
        balancer->update(servers.all);
        const auto after = owners(*balancer, servers.all);
        for (std::size_t i = 0; i < kKeys; ++i) {
          REQUIRE(after[i] != servers.all[gone].id);
          if (before[i] != servers.all[gone].id) REQUIRE(after[i] == before[i]);
        }
        CHECK(share_that_differs(before, after) <= 1.0 / static_cast<double>(n) + 0.02);
        servers.all[gone].weight = 100;
        balancer->update(servers.all);
        CHECK(share_that_differs(before, owners(*balancer, servers.all)) == 0);
      }
    }
  }
}

TEST_CASE("hash: when a server is taken out of the list, at most 1/n + 2% of the keys move") {
  for (const bool maglev : {false, true}) {
    for (const std::size_t n : {2U, 5U, 10U, 50U, 200U}) {
      CAPTURE(maglev);
      CAPTURE(n);
      const Candidates servers(Weights(n, 1));
      const auto with = make(maglev);
      with->update(servers.all);
      const auto before = owners(*with, servers.all);
      for (const std::size_t gone : {std::size_t{0}, n / 2, n - 1}) {
        std::vector<Candidate> rest = servers.all;
        rest.erase(rest.begin() + static_cast<std::ptrdiff_t>(gone));
        const auto without = make(maglev);
        without->update(rest);
        CHECK(share_that_differs(before, owners(*without, rest)) <= 1.0 / static_cast<double>(n) + 0.02);
      }
    }
  }
}

TEST_CASE("hash: tried and full servers are passed over; nobody is left, nobody is chosen") {
  for (const bool maglev : {false, true}) {
    CAPTURE(maglev);
    Candidates servers(Weights(20, 1));
    const auto balancer = make(maglev);
    balancer->update(servers.all);
    std::vector<std::uint32_t> tried;
    for (int i = 0; i < 10; ++i) {
      const auto index = balancer->pick({.tried = tried, .hash = 12345});
      REQUIRE(index);
      CHECK(std::find(tried.begin(), tried.end(), *index) == tried.end());
      tried.push_back(*index);
    }
    for (std::size_t i = 0; i < 20; ++i) {
      servers.all[i].max_in_flight = i == 7 ? 0 : 1;
      servers.set_load(i, 1);
    }
    balancer->update(servers.all);
    CHECK(balancer->pick({.tried = {}, .hash = 12345}) == 7U);
    const std::uint32_t seven[] = {7};
    CHECK_FALSE(balancer->pick({.tried = seven, .hash = 12345}));
    for (Candidate& one : servers.all) one.weight = one.full_weight = 0;
    balancer->update(servers.all);
    CHECK_FALSE(balancer->pick({}));
    balancer->update({});
    CHECK_FALSE(balancer->pick({}));
  }
}

TEST_CASE(
    "hash: a server that comes back slowly gets a growing part of its keys, always the same ones first") {
  for (const bool maglev : {false, true}) {
    CAPTURE(maglev);
    Candidates servers(Weights(10, 1));
    const auto balancer = make(maglev);
    balancer->update(servers.all);
    const auto well = owners(*balancer, servers.all);
    const std::uint64_t id = servers.all[3].id;
    const auto own = static_cast<double>(std::count(well.begin(), well.end(), id));
    std::vector<std::uint64_t> before(kKeys);
    for (const std::uint32_t weight : {0U, 10U, 50U, 90U, 100U}) {
      servers.all[3].weight = weight;
      balancer->update(servers.all);
      const auto now = owners(*balancer, servers.all);
      for (std::size_t i = 0; i < kKeys; ++i) {
        if (now[i] == id) REQUIRE(well[i] == id);
        if (before[i] == id) REQUIRE(now[i] == id);
      }
      CHECK(std::abs(static_cast<double>(std::count(now.begin(), now.end(), id)) - own * weight / 100) <=
            own * 0.05);
      before = now;
    }
  }
}

TEST_CASE("ring: with a bound nobody has much more than a fair share, whatever the keys are") {
  for (const std::uint32_t max_load : {110U, 125U, 200U}) {
    CAPTURE(max_load);
    Candidates servers(Weights(10, 1));
    HashRing balancer(max_load);
    balancer.update(servers.all);
    Random random(3);
    // Half of all requests have the same key.
    std::vector<std::uint32_t> running;
    for (int i = 0; i < 20'000; ++i) {
      const std::uint64_t key = random.below(2) == 0 ? 7 : random.next();
      const auto index = balancer.pick({.tried = {}, .hash = key});
      REQUIRE(index);
      servers.add_load(*index, 1);
      running.push_back(*index);
      if (running.size() > 500) {
        const std::size_t ends = random.below(running.size());
        servers.add_load(running[ends], -1);
        running[ends] = running.back();
        running.pop_back();
        REQUIRE(servers.load(*index) <= (501 * max_load + 999) / 1000);
      }
    }
  }
  // Without load each key goes where it belongs.
  Candidates servers(Weights(10, 1));
  HashRing bounded(125);
  HashRing plain(0);
  bounded.update(servers.all);
  plain.update(servers.all);
  CHECK(owners(bounded, servers.all) == owners(plain, servers.all));
}
