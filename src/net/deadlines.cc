#include "net/deadlines.h"

#include <algorithm>
#include <bit>
#include <cassert>

namespace lintel::net {

void Deadline::unlink() noexcept {
  if (!link_) return;
  *link_ = next_;
  if (next_) next_->link_ = link_;
  link_ = nullptr;
  next_ = nullptr;
  slot_at_ = kNever;
}

Deadlines::Deadlines(Nanos now) noexcept : tick_(now / kTick) {}

Deadlines::~Deadlines() {
  for (Deadline*& head : heads_) {
    while (head) head->unlink();
  }
}

void Deadlines::set(Deadline& deadline, Nanos at) noexcept {
  deadline.at_ = at;
  if (at >= deadline.slot_at_) return;  // Its slot comes first and puts it off then; kNever is a plain clear.
  deadline.unlink();
  insert(deadline);
}

void Deadlines::insert(Deadline& deadline) noexcept {
  // Rounded up, so that nothing fires early; at least the next tick, at most once round.
  std::int64_t tick = (deadline.at_ - 1) / kTick + 1;
  tick = std::clamp<std::int64_t>(tick, tick_ + 1, tick_ + static_cast<std::int64_t>(kSlots) - 1);
  const auto slot = static_cast<std::size_t>(tick) % kSlots;
  deadline.slot_at_ = tick * kTick;
  deadline.next_ = heads_[slot];
  if (deadline.next_) deadline.next_->link_ = &deadline.next_;
  deadline.link_ = &heads_[slot];
  heads_[slot] = &deadline;
  occupied_[slot / 64] |= std::uint64_t{1} << (slot % 64);
}

void Deadlines::run_slot(std::size_t slot, Nanos now) {
  occupied_[slot / 64] &= ~(std::uint64_t{1} << (slot % 64));
  // The list hangs on a local head, so that callbacks may unlink or set any deadline meanwhile.
  Deadline* pending = heads_[slot];
  heads_[slot] = nullptr;
  if (pending) pending->link_ = &pending;
  while (pending) {
    Deadline& deadline = *pending;
    deadline.unlink();
    if (deadline.at_ == kNever) continue;
    if (deadline.at_ > now) {
      insert(deadline);
      continue;
    }
    deadline.at_ = kNever;
    deadline.fire_(deadline);
  }
}

void Deadlines::advance(Nanos now) {
  const std::int64_t target = now / kTick;
  // After a long sleep every slot is due once; more rounds would look at the same slots again.
  tick_ = std::max(tick_, target - static_cast<std::int64_t>(kSlots));
  while (tick_ < target) {
    ++tick_;
    run_slot(static_cast<std::size_t>(tick_) % kSlots, now);
  }
}

Nanos Deadlines::next() const noexcept {
  const auto start = static_cast<std::size_t>(tick_ + 1) % kSlots;
  // Two passes over the bitmap: from `start` to the end, then from the beginning.
  for (std::size_t i = 0; i <= occupied_.size(); ++i) {
    const std::size_t word = (start / 64 + i) % occupied_.size();
    std::uint64_t bits = occupied_[word];
    if (i == 0) bits &= ~std::uint64_t{0} << (start % 64);
    if (i == occupied_.size()) bits &= ~(~std::uint64_t{0} << (start % 64));
    if (bits == 0) continue;
    const std::size_t slot = word * 64 + static_cast<std::size_t>(std::countr_zero(bits));
    const std::size_t distance = (slot + kSlots - start) % kSlots;
    return (tick_ + 1 + static_cast<std::int64_t>(distance)) * kTick;
  }
  return kNever;
}

}  // namespace lintel::net
