#include "pool/balancer.h"

#include <algorithm>

namespace lintel::pool {

RoundRobin::RoundRobin(std::span<const std::uint32_t> weights, std::uint64_t start) {
  std::uint64_t total = 0;
  entries_.reserve(weights.size());
  for (const std::uint32_t weight : weights) {
    entries_.push_back({static_cast<std::int64_t>(weight), 0});
    total += weight;
  }
  if (total == 0) return;
  // A cycle may be long (weights up to thousands); where in it a worker begins matters only roughly.
  const std::uint64_t skip = start % std::min<std::uint64_t>(total, 1024);
  for (std::uint64_t i = 0; i < skip; ++i) static_cast<void>(pick({}));
}

std::optional<std::uint32_t> RoundRobin::pick(std::span<const std::uint32_t> excluded) noexcept {
  std::optional<std::uint32_t> best;
  std::int64_t total = 0;
  for (std::uint32_t i = 0; i < entries_.size(); ++i) {
    Entry& entry = entries_[i];
    if (entry.weight == 0 || std::find(excluded.begin(), excluded.end(), i) != excluded.end()) continue;
    entry.current += entry.weight;
    total += entry.weight;
    if (!best || entry.current > entries_[*best].current) best = i;
  }
  if (best) entries_[*best].current -= total;
  return best;
}

}  // namespace lintel::pool
