#include "pool/tiers.h"

#include <algorithm>
#include <limits>

namespace lintel::pool {
namespace {

/// In place of a priority.
constexpr std::uint32_t kBackups = std::numeric_limits<std::uint32_t>::max();

std::uint32_t priority_of(const config::Server& server) noexcept {
  return server.backup ? kBackups : server.priority;
}

/// What there would be if all were well, and what there is.
struct Sum {
  std::uint64_t full = 0;
  std::uint64_t available = 0;  ///< Of servers that get anything, in full: one that warms up is there.
  std::uint64_t now = 0;        ///< Of the weights that they get.

  void add(const Candidate& one) noexcept {
    full += one.full_weight;
    if (one.weight == 0) return;
    available += one.full_weight;
    now += one.weight;
  }
};

}  // namespace

Tiers::Tiers(const config::Pool& pool, std::string_view zone)
    : enough_(pool.failover_below),
      zone_enough_(pool.zone_preference ? pool.zone_preference->spill_below : 0),
      prefers_zone_(pool.zone_preference && !zone.empty()) {
  for (const config::Server& server : pool.servers) groups_.push_back(priority_of(server));
  std::sort(groups_.begin(), groups_.end());
  groups_.erase(std::unique(groups_.begin(), groups_.end()), groups_.end());
  for (const config::Server& server : pool.servers) {
    const auto found = std::find(groups_.begin(), groups_.end(), priority_of(server));
    group_of_.push_back(static_cast<std::uint32_t>(found - groups_.begin()));
    local_.push_back(!server.zone.empty() && server.zone == zone);
  }
}

std::uint32_t Tiers::apply(std::span<Candidate> candidates) const noexcept {
  const std::uint32_t used = groups_.size() > 1 ? keep_one_group(candidates) : 0;
  if (prefers_zone_) prefer_zone(candidates, used);
  return used;
}

std::string Tiers::describe(std::uint32_t group) const {
  if (group == kEvery) return "all servers that are left";
  return groups_[group] == kBackups ? "the backups"
                                    : "the servers of priority " + std::to_string(groups_[group]);
}

/// Leaves the first group with enough, and says which; where none has, every server.
std::uint32_t Tiers::keep_one_group(std::span<Candidate> candidates) const noexcept {
  std::uint32_t used = kEvery;
  for (std::uint32_t group = 0; group < groups_.size() && used == kEvery; ++group) {
    Sum sum;
    for (std::size_t i = 0; i < candidates.size(); ++i) {
      if (group_of_[i] == group) sum.add(candidates[i]);
    }
    if (sum.available != 0 && sum.available * 100 >= sum.full * enough_) used = group;
  }
  if (used == kEvery) return used;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    if (group_of_[i] != used) candidates[i].weight = 0;
  }
  return used;
}

/// Gives other zones what the own one has too little for, within group `used`.
void Tiers::prefer_zone(std::span<Candidate> candidates, std::uint32_t used) const noexcept {
  Sum own;
  Sum others;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    if (used == kEvery || group_of_[i] == used) (local_[i] ? own : others).add(candidates[i]);
  }
  if (own.available == 0 || others.available == 0) return;
  const double share = static_cast<double>(own.available) * 100 / static_cast<double>(own.full);
  const double kept = std::min(1.0, share / zone_enough_);
  // Own weights stay what they are; the others' sum becomes what makes the parts right.
  const double factor = (1 - kept) / kept * static_cast<double>(own.now) / static_cast<double>(others.now);
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    if (local_[i] || candidates[i].weight == 0) continue;
    const auto part = static_cast<std::uint32_t>(candidates[i].weight * factor + 0.5);
    candidates[i].weight = kept == 1 ? 0 : std::max(1U, part);
  }
}

}  // namespace lintel::pool
