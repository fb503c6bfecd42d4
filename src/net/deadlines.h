#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/clock.h"

namespace lintel::net {

class Deadlines;

/// One moment at which something is called unless it is moved or cleared before. Moving it later is a plain
/// store: the wheel finds out when the old moment comes. Owned by whoever waits; leaves the wheel when
/// destroyed.
class Deadline {
 public:
  /// `fire` is called on the loop's thread, with the deadline already cleared.
  using Fire = void (*)(Deadline&);
  /// `owner` is for `fire` to find its object by.
  Deadline(Fire fire, void* owner) noexcept : fire_(fire), owner_(owner) {}
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;
  ~Deadline() { unlink(); }

  [[nodiscard]] Nanos at() const noexcept { return at_; }
  [[nodiscard]] void* owner() const noexcept { return owner_; }
  /// Never fires until set again. Cheap: the node stays in the wheel until its slot is looked at.
  void clear() noexcept { at_ = kNever; }

 private:
  friend class Deadlines;
  void unlink() noexcept;

  Deadline** link_ = nullptr;  ///< The pointer that points here; null while not in the wheel.
  Deadline* next_ = nullptr;
  Nanos at_ = kNever;
  Nanos slot_at_ = kNever;  ///< When its slot is looked at; kNever while not in the wheel.
  Fire fire_;
  void* owner_;
};

/// All deadlines of one loop: a wheel of 4,096 slots of 2 ms. What lies further away waits in the last slot
/// and is put off again when that comes round.
class Deadlines {
 public:
  static constexpr Nanos kTick = 2'000'000;

  explicit Deadlines(Nanos now) noexcept;
  Deadlines(const Deadlines&) = delete;
  Deadlines& operator=(const Deadlines&) = delete;
  ~Deadlines();

  /// Sets `deadline` to fire at or up to one tick after `at` (kNever: clears it).
  void set(Deadline& deadline, Nanos at) noexcept;
  /// Fires all that are due at `now`.
  void advance(Nanos now);
  /// The next moment at which advance has something to look at; kNever when the wheel is empty.
  [[nodiscard]] Nanos next() const noexcept;

 private:
  static constexpr std::size_t kSlots = 4096;

  void insert(Deadline& deadline) noexcept;
  void run_slot(std::size_t slot, Nanos now);

  std::array<Deadline*, kSlots> heads_{};
  std::array<std::uint64_t, kSlots / 64> occupied_{};
  std::int64_t tick_;  ///< The last tick that was looked at.
};

}  // namespace lintel::net
