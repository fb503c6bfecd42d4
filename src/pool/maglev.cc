#include "pool/maglev.h"

#include <algorithm>

#include "base/hash.h"

namespace lintel::pool {
namespace {

// Primes; at least a hundred slots for each server.
constexpr std::uint32_t kSlots = 65537;
constexpr std::uint32_t kManySlots = 655373;
constexpr std::size_t kFewServers = 655;
constexpr std::uint16_t kFree = 0xffff;
/// Slots that are tried before every server is looked at.
constexpr std::uint64_t kProbes = 32;

/// A server's order of slots, and how far it has come.
struct Filler {
  std::uint32_t candidate;
  std::uint32_t next;
  std::uint32_t step;
  double per_turn;  ///< Slots it gets each time round, at most 1.
  double credit = 0;
};

}  // namespace

void Maglev::lay_out() {
  const std::uint32_t size = candidates().size() <= kFewServers ? kSlots : kManySlots;
  std::uint32_t greatest = 0;
  for (const Candidate& one : candidates()) greatest = std::max(greatest, one.full_weight);
  std::vector<Filler> fillers;
  for (std::uint32_t i = 0; i < std::min<std::size_t>(candidates().size(), kFree); ++i) {
    const Candidate& one = candidates()[i];
    if (one.full_weight == 0) continue;
    fillers.push_back({i, static_cast<std::uint32_t>(one.id % size),
                       static_cast<std::uint32_t>(mix_bits(one.id) % (size - 1) + 1),
                       static_cast<double>(one.full_weight) / greatest});
  }
  slots_.clear();
  if (fillers.empty()) return;
  // Who is named first must not matter.
  std::sort(fillers.begin(), fillers.end(), [&](const Filler& a, const Filler& b) {
    return candidates()[a.candidate].id < candidates()[b.candidate].id;
  });
  slots_.assign(size, kFree);
  for (std::uint32_t filled = 0; filled < size;) {
    for (Filler& one : fillers) {
      one.credit += one.per_turn;
      if (one.credit < 1) continue;
      one.credit -= 1;
      while (slots_[one.next] != kFree) one.next = (one.next + one.step) % size;
      slots_[one.next] = static_cast<std::uint16_t>(one.candidate);
      if (++filled == size) break;
    }
  }
}

std::optional<std::uint32_t> Maglev::pick(const PickContext& context) noexcept {
  if (slots_.empty()) return std::nullopt;
  for (std::uint64_t probe = 0; probe < kProbes; ++probe) {
    const std::uint32_t index = slots_[mix_bits(context.hash + probe * 0x9e3779b97f4a7c15) % slots_.size()];
    if (accepts(candidates()[index], context)) return index;
  }
  return any(context);
}

}  // namespace lintel::pool
