#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/model.h"
#include "lintel/balancer.h"

namespace lintel::pool {

/// Which servers of a pool are used now: those of the best priority group that has enough left, and of these
/// those in this process's own zone, as far as they suffice. Knows nothing of health: it is shown what each
/// server could get, and takes it from those that are to get nothing.
///
/// Groups are used one at a time, so that what stands by stays idle (a replica, a farther site). Zones are
/// mixed as far as need be: with half of the share that zone_preference asks for, the own zone keeps half of
/// the requests, so that a zone that fails bit by bit is left bit by bit.
class Tiers {
 public:
  /// `zone`: this process's; empty: not known.
  Tiers(const config::Pool& pool, std::string_view zone);

  /// False: all servers are alike, and apply() changes nothing.
  [[nodiscard]] bool any() const noexcept { return groups_.size() > 1 || prefers_zone_; }
  /// The server's group: 0 for the one that is used first.
  [[nodiscard]] std::uint32_t group(std::uint32_t server) const noexcept { return group_of_[server]; }
  [[nodiscard]] bool is_local(std::uint32_t server) const noexcept { return local_[server]; }

  /// Lowers weights, to 0 for who gets nothing now. `candidates` are the pool's servers in their order, with
  /// the weights that they would have if all were used. Returns the group that is used, or kEvery. Allocates
  /// nothing.
  std::uint32_t apply(std::span<Candidate> candidates) const noexcept;
  /// No group has enough: all are used.
  static constexpr std::uint32_t kEvery = 0xffffffff;
  /// "the servers of priority 1", for the log.
  [[nodiscard]] std::string describe(std::uint32_t group) const;

 private:
  std::uint32_t keep_one_group(std::span<Candidate> candidates) const noexcept;
  void prefer_zone(std::span<Candidate> candidates, std::uint32_t used) const noexcept;

  std::uint32_t enough_;                 ///< Percent of a group's weight.
  std::uint32_t zone_enough_;            ///< Percent of the zone's weight.
  bool prefers_zone_ = false;            ///< And knows which.
  std::vector<std::uint32_t> groups_;    ///< Their priorities, ascending.
  std::vector<std::uint32_t> group_of_;  ///< By server.
  std::vector<bool> local_;              ///< By server.
};

}  // namespace lintel::pool
