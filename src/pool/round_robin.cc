#include "pool/round_robin.h"

#include <cmath>
#include <map>
#include <numeric>

namespace lintel::pool {
namespace {

constexpr double kRound = 4294967296.0;  // 2^32

}  // namespace

/// Where in a round the `number`th moment is.
std::uint32_t RoundRobin::Share::moment(std::uint32_t number) const noexcept {
  const double at = (number + phase) / weight * kRound;
  return at >= kRound ? 0xffffffff : static_cast<std::uint32_t>(at);
}

/// The first moment from `from` on.
RoundRobin::Moment RoundRobin::next(const Share& share, Moment from) noexcept {
  const std::uint64_t round = from.value >> 32;
  const auto rest = static_cast<std::uint32_t>(from.value);
  const double guess = std::floor(rest / kRound * share.weight - share.phase);
  std::uint32_t number = guess > 0 ? static_cast<std::uint32_t>(guess) : 0;
  while (number < share.weight && share.moment(number) < rest) ++number;
  if (number == share.weight) return {(round + 1) << 32 | share.moment(0)};
  return {round << 32 | share.moment(number)};
}

void RoundRobin::update(std::span<const Candidate> candidates) {
  std::uint32_t divisor = 0;
  std::map<std::uint32_t, std::uint32_t> of_weight;
  for (const Candidate& candidate : candidates) {
    divisor = std::gcd(divisor, candidate.weight);
    ++of_weight[candidate.weight];
  }
  std::map<std::uint32_t, std::uint32_t> ranks;
  shares_.assign(candidates.size(), Share());
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    const std::uint32_t weight = candidates[i].weight;
    if (weight == 0) continue;
    // Those of equal weight stand at equal distances between each other's moments.
    shares_[i] = {weight / divisor, (ranks[weight]++ + 0.5) / of_weight[weight]};
  }
  for (Round* round : {&first_, &again_}) {
    round->ranking.build(candidates, [&](std::uint32_t i) { return next(shares_[i], round->now); });
  }
}

std::optional<std::uint32_t> RoundRobin::pick(const PickContext& context) noexcept {
  Round& round = context.tried.empty() ? first_ : again_;
  // Turns that a full server missed are not made up for: that would be a burst.
  const auto rejoin = [&](std::uint32_t i) { return next(shares_[i], round.now); };
  const std::optional<std::uint32_t> found = round.ranking.first(context, rejoin);
  if (!found) return found;
  const Moment at = round.ranking.key(*found);
  if (round.now < at) round.now = at;
  round.ranking.set_key(*found, next(shares_[*found], {round.now.value + 1}));
  return found;
}

}  // namespace lintel::pool
