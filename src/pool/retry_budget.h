#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "base/clock.h"

namespace lintel::pool {

/// How many events there were in the last ten seconds, in steps of one. Any thread, without locks.
class RecentCount {
 public:
  static constexpr std::uint64_t kSeconds = 10;

  void add(Nanos now) noexcept { change(second_of(now), 1); }
  /// Takes back an add() of the same moment.
  void take_back(Nanos now) noexcept { change(second_of(now), -1); }
  [[nodiscard]] std::uint64_t sum(Nanos now) const noexcept;

 private:
  /// Second and count in one word, so that a second's first event replaces what was counted ten before.
  static constexpr unsigned kCountBits = 32;

  static std::uint64_t second_of(Nanos now) noexcept {
    return static_cast<std::uint64_t>(now) / 1'000'000'000 + 1;  // 0 is no second: nothing was counted.
  }
  void change(std::uint64_t second, int by) noexcept;

  std::array<std::atomic<std::uint64_t>, kSeconds> slots_{};
};

/// Bounds how many requests of a pool are sent to servers more than once, so that servers in trouble do not
/// get more to do by it: of the requests of the last ten seconds no more than a share may have been repeated,
/// or a few in any case. Every member function is for any thread; nothing locks.
class RetryBudget {
 public:
  RetryBudget() noexcept = default;
  RetryBudget(const RetryBudget&) = delete;
  RetryBudget& operator=(const RetryBudget&) = delete;

  /// Counts a request of the pool.
  void count_request(Nanos now) noexcept { requests_[shard()].recent.add(now); }
  /// Takes one retry, if no more than `percent` of the requests, or `least`, are taken with it.
  [[nodiscard]] bool take(Nanos now, std::uint32_t percent, std::uint32_t least) noexcept;
  /// Gives back what was taken at the same moment.
  void give_back(Nanos now) noexcept { retries_.recent.take_back(now); }

 private:
  static constexpr std::size_t kShards = 16;
  /// The calling thread's.
  [[nodiscard]] static std::size_t shard() noexcept;

  struct alignas(64) Shard {
    RecentCount recent;
  };
  std::array<Shard, kShards> requests_;  ///< Apart, so that workers do not write to the same memory.
  Shard retries_;
};

}  // namespace lintel::pool
