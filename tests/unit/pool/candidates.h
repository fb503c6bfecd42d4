#pragma once

// Servers as balancers see them, without anything behind them.

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "lintel/balancer.h"

namespace lintel::pool::test {

using Weights = std::vector<std::uint32_t>;

/// Candidates whose weights and loads the test sets.
class Candidates {
 public:
  explicit Candidates(const Weights& weights, std::string_view names = "s") {
    for (const std::uint32_t weight : weights) {
      Candidate& one = all.emplace_back();
      one.load = &loads_.emplace_back();
      one.server = static_cast<std::uint32_t>(all.size() - 1);
      one.weight = one.full_weight = weight * 100;
      one.id = hash_bytes(std::string(names) + std::to_string(one.server));
    }
  }
  void set_load(std::size_t server, std::uint32_t in_flight) { loads_[server].in_flight = in_flight; }
  void add_load(std::size_t server, int more) {
    loads_[server].in_flight += static_cast<std::uint32_t>(more);
  }
  [[nodiscard]] std::uint32_t load(std::size_t server) const { return loads_[server].in_flight; }
  [[nodiscard]] ServerLoad& raw(std::size_t server) { return loads_[server]; }

  std::vector<Candidate> all;

 private:
  std::deque<ServerLoad> loads_;
};

/// `n` picks as letters: "abc…", "-" for nobody.
inline std::string picks(Balancer& balancer, std::size_t n, const PickContext& context = {}) {
  std::string text;
  for (std::size_t i = 0; i < n; ++i) {
    const auto index = balancer.pick(context);
    text += index ? static_cast<char>('a' + *index) : '-';
  }
  return text;
}

/// How often each is chosen in `n` picks.
inline std::vector<std::size_t> tally(Balancer& balancer, std::size_t servers, std::size_t n,
                                      const PickContext& context = {}) {
  std::vector<std::size_t> counts(servers);
  for (std::size_t i = 0; i < n; ++i) {
    if (const auto index = balancer.pick(context)) ++counts[*index];
  }
  return counts;
}

}  // namespace lintel::pool::test
