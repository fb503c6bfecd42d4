#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "base/clock.h"

namespace lintel::pool {

/// Counts what happened within the last while, in ten buckets that take turns. Any thread; no lock: a bucket
/// is one word, with the moment that it is for, so that whoever finds an old one begins it anew.
class Window {
 public:
  struct Sums {
    std::uint32_t total = 0;
    std::uint32_t bad = 0;
    std::uint32_t slow = 0;
  };

  /// Counts one more. `length` is the whole window's, the same in each call.
  void add(Nanos now, Nanos length, bool bad, bool slow) noexcept;
  /// What was counted within the window that ends at `now`. A bucket counts up to 32,767 exactly; beyond that
  /// all of its counts are halved, which changes no share.
  [[nodiscard]] Sums sums(Nanos now, Nanos length) const noexcept;
  void clear() noexcept;

 private:
  static constexpr std::size_t kBuckets = 10;

  std::array<std::atomic<std::uint64_t>, kBuckets> buckets_{};
};

}  // namespace lintel::pool
