#include "pool/least_conn.h"

#include <algorithm>

namespace lintel::pool {
namespace {

/// Distance between the turns of a server of weight 1 (in hundredths).
constexpr std::uint64_t kTurn = std::uint64_t{1} << 32;

}  // namespace

float LeastConn::load_of(std::uint32_t index, std::uint32_t more) const noexcept {
  const Candidate& candidate = candidates_[index];
  return static_cast<float>(candidate.in_flight() + more) / static_cast<float>(candidate.weight);
}

void LeastConn::update(std::span<const Candidate> candidates) {
  candidates_ = candidates;
  next_look_ = 0;
  const std::uint64_t count = std::max<std::size_t>(candidates.size(), 1);
  ranking_.build(candidates, [&](std::uint32_t i) { return Key{load_of(i), turn_ + (i + start_) % count}; });
}

/// Takes note of what is in flight now. False: nothing new.
bool LeastConn::look(std::uint32_t index) noexcept {
  if (candidates_[index].weight == 0) return false;
  const Key& known = ranking_.key(index);
  const float load = load_of(index);
  if (load == known.load) return false;
  ranking_.set_key(index, {load, known.turn});
  return true;
}

std::optional<std::uint32_t> LeastConn::pick(const PickContext& context) noexcept {
  const auto count = static_cast<std::uint32_t>(candidates_.size());
  for (std::size_t looks = std::min<std::size_t>(kLooks, count); looks > 0; --looks) {
    if (next_look_ >= count) next_look_ = 0;
    look(next_look_++);
  }
  const auto rejoin = [this](std::uint32_t i) {
    return Key{load_of(i), std::max(ranking_.key(i).turn, turn_)};
  };
  std::optional<std::uint32_t> found = ranking_.first(context, rejoin);
  // Others may have given it more meanwhile; each look brings one server up to date.
  for (std::uint32_t looks = 0; found && look(*found) && looks < kLooks; ++looks) {
    found = ranking_.first(context, rejoin);
  }
  if (!found) return found;
  turn_ = std::max(turn_, ranking_.key(*found).turn);
  ranking_.set_key(*found, {load_of(*found, 1), turn_ + kTurn / candidates_[*found].weight});
  return found;
}

}  // namespace lintel::pool
