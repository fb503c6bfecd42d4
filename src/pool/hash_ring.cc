#include "pool/hash_ring.h"

#include <algorithm>
#include <utility>

#include "base/hash.h"

namespace lintel::pool {
namespace {

/// Points of the server with the greatest weight. Up to 64 servers it is the same number whatever their
/// number is, or a server more or less would move keys of all others.
std::uint32_t most_points(std::size_t servers) noexcept {
  return static_cast<std::uint32_t>(
      std::clamp<std::size_t>(131072 / std::max<std::size_t>(servers, 1), 64, 2048));
}

/// Servers whose load is looked at with each pick.
constexpr std::uint32_t kLooks = 16;
/// Points that are gone along before every server is looked at.
constexpr std::size_t kSteps = 2048;

}  // namespace

void HashBalancer::update(std::span<const Candidate> candidates) {
  candidates_ = candidates;
  std::vector<std::uint64_t> wanted;
  wanted.reserve(candidates.size());
  for (const Candidate& one : candidates) wanted.push_back(mix_bits(one.id) ^ one.full_weight);
  if (wanted == laid_out_) return;
  laid_out_ = std::move(wanted);
  lay_out();
}

bool HashBalancer::accepts(const Candidate& candidate, const PickContext& context) const noexcept {
  if (!context.accepts(candidate)) return false;
  return candidate.weight >= candidate.full_weight ||
         mix_bits(context.hash ^ candidate.id) % candidate.full_weight < candidate.weight;
}

std::optional<std::uint32_t> HashBalancer::any(const PickContext& context) const noexcept {
  const std::size_t count = candidates_.size();
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t index = (context.hash + i) % count;
    if (context.accepts(candidates_[index])) return static_cast<std::uint32_t>(index);
  }
  return std::nullopt;
}

void HashRing::lay_out() {
  std::uint32_t greatest = 0;
  const std::uint32_t most = most_points(candidates().size());
  std::size_t count = 0;
  for (const Candidate& one : candidates()) greatest = std::max(greatest, one.full_weight);
  const auto points_of = [&](const Candidate& one) -> std::uint32_t {
    if (one.full_weight == 0) return 0;
    const auto points = static_cast<std::uint64_t>(one.full_weight) * most / greatest;
    return std::max<std::uint32_t>(1, static_cast<std::uint32_t>(points));
  };
  for (const Candidate& one : candidates()) count += points_of(one);
  points_.clear();
  points_.reserve(count);
  for (std::uint32_t i = 0; i < candidates().size(); ++i) {
    const Candidate& one = candidates()[i];
    for (std::uint32_t k = points_of(one); k > 0; --k) {
      points_.push_back({static_cast<std::uint32_t>(mix_bits(one.id + k * 0x9e3779b97f4a7c15)), i});
    }
  }
  std::sort(points_.begin(), points_.end(), [&](const Point& a, const Point& b) {
    return a.at != b.at ? a.at < b.at : candidates()[a.candidate].id < candidates()[b.candidate].id;
  });
  loads_.assign(candidates().size(), 0);
  total_load_ = 0;
  next_look_ = 0xffffffff;
}

/// Brings the sums up to date, server by server.
void HashRing::count_loads() noexcept {
  const auto count = static_cast<std::uint32_t>(loads_.size());
  for (std::uint32_t looks = std::min(kLooks, count); looks > 0; --looks) {
    if (next_look_ >= count) {
      next_look_ = 0;
      total_weight_ = 0;
      for (const Candidate& one : candidates()) total_weight_ += one.weight;
    }
    const std::uint32_t load = candidates()[next_look_].in_flight();
    total_load_ += load;
    total_load_ -= std::exchange(loads_[next_look_++], load);
  }
}

bool HashRing::has_room(std::uint32_t index) const noexcept {
  if (max_load_ == 0 || total_weight_ == 0) return true;
  const Candidate& one = candidates()[index];
  // The share of this request too; rounded up, so that each server may always have one.
  const std::uint64_t share = (total_load_ + 1) * one.weight * max_load_;
  const std::uint64_t whole = total_weight_ * 100;
  return one.in_flight() < (share + whole - 1) / whole;
}

std::optional<std::uint32_t> HashRing::pick(const PickContext& context) noexcept {
  if (points_.empty()) return std::nullopt;
  if (max_load_ != 0) count_loads();
  const auto key = static_cast<std::uint32_t>(mix_bits(context.hash));
  const auto after = std::lower_bound(points_.begin(), points_.end(), key,
                                      [](const Point& a, std::uint32_t b) { return a.at < b; });
  const auto begin = static_cast<std::size_t>(after - points_.begin());
  std::optional<std::uint32_t> overloaded;  // The first of those that only have too much already.
  std::optional<std::uint32_t> warming;     // The first of those that only come back slowly.
  std::uint32_t last = 0xffffffff;
  for (std::size_t i = 0; i < std::min(points_.size(), kSteps); ++i) {
    const std::uint32_t index = points_[(begin + i) % points_.size()].candidate;
    if (std::exchange(last, index) == index || !context.accepts(candidates()[index])) continue;
    if (!accepts(candidates()[index], context)) {
      if (!warming) warming = index;
    } else if (has_room(index)) {
      return index;
    } else if (!overloaded) {
      overloaded = index;
    }
  }
  if (!overloaded && !warming) return any(context);
  return overloaded ? overloaded : warming;
}

}  // namespace lintel::pool
