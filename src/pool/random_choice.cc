#include "pool/random_choice.h"

namespace lintel::pool {
namespace {

/// Draws that hit nothing acceptable before all candidates are looked through.
constexpr int kDraws = 8;

}  // namespace

void WeightedDraw::build(std::span<const Candidate> candidates) {
  candidates_ = candidates;
  slots_.clear();
  double total = 0;
  for (const Candidate& candidate : candidates) total += candidate.weight;
  if (total == 0) return;
  slots_.resize(candidates.size());
  // Each slot's own share, as a multiple of an even one; what small ones leave of theirs large ones take.
  std::vector<double> share(candidates.size());
  std::vector<std::uint32_t> small;
  std::vector<std::uint32_t> large;
  for (std::uint32_t i = 0; i < candidates.size(); ++i) {
    share[i] = candidates[i].weight / total * static_cast<double>(candidates.size());
    (share[i] < 1 ? small : large).push_back(i);
  }
  for (std::uint32_t i = 0; i < candidates.size(); ++i) slots_[i] = {0xffffffff, i};
  while (!small.empty() && !large.empty()) {
    const std::uint32_t giver = small.back();
    const std::uint32_t taker = large.back();
    small.pop_back();
    slots_[giver] = {static_cast<std::uint32_t>(share[giver] * 4294967296.0), taker};
    share[taker] -= 1 - share[giver];
    if (share[taker] >= 1) continue;
    large.pop_back();
    small.push_back(taker);
  }
}

std::optional<std::uint32_t> WeightedDraw::draw(const PickContext& context,
                                                std::optional<std::uint32_t> other_than) noexcept {
  if (slots_.empty()) return std::nullopt;
  for (int i = 0; i < kDraws; ++i) {
    const auto slot = static_cast<std::uint32_t>(random_.below(slots_.size()));
    const auto fraction = static_cast<std::uint32_t>(random_.next() >> 32);
    const std::uint32_t drawn = fraction < slots_[slot].threshold ? slot : slots_[slot].alias;
    if (drawn != other_than && context.accepts(candidates_[drawn])) return drawn;
  }
  const auto count = static_cast<std::uint32_t>(candidates_.size());
  const auto start = static_cast<std::uint32_t>(random_.below(count));
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::uint32_t index = (start + i) % count;
    if (index != other_than && context.accepts(candidates_[index])) return index;
  }
  return std::nullopt;
}

std::optional<std::uint32_t> TwoChoices::pick(const PickContext& context) noexcept {
  const std::optional<std::uint32_t> one = draw_.draw(context);
  if (!one) return one;
  const std::optional<std::uint32_t> other = draw_.draw(context, one);
  if (!other) return one;
  const Candidate& a = draw_.candidates()[*one];
  const Candidate& b = draw_.candidates()[*other];
  // One more request for each, per weight, without dividing.
  const std::uint64_t load_a = (std::uint64_t{a.in_flight()} + 1) * b.weight;
  const std::uint64_t load_b = (std::uint64_t{b.in_flight()} + 1) * a.weight;
  return load_b < load_a ? other : one;
}

}  // namespace lintel::pool
