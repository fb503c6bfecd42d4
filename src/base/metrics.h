#pragma once

// Figures that one thread writes and others read at any time: no locks and no locked instructions, because a
// relaxed load and store by the only writer is enough. Each costs the writer one or two nanoseconds.

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace lintel {

/// A count that only grows. One writer; any thread may read.
class Counter {
 public:
  void add(std::uint64_t n = 1) noexcept {
    value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  [[nodiscard]] std::uint64_t value() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

/// A figure that goes up and down. One writer; any thread may read.
class Gauge {
 public:
  void add(std::int64_t n = 1) noexcept {
    value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  void sub(std::int64_t n = 1) noexcept { add(-n); }
  void set(std::int64_t value) noexcept { value_.store(value, std::memory_order_relaxed); }
  [[nodiscard]] std::int64_t value() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::int64_t> value_{0};
};

/// Upper bounds, inclusive, of the buckets that durations are counted in, in nanoseconds: 1 ms to 60 s.
inline constexpr std::array<std::int64_t, 14> kDurationBounds = {
    1'000'000,   2'500'000,   5'000'000,     10'000'000,    25'000'000,     50'000'000,     100'000'000,
    250'000'000, 500'000'000, 1'000'000'000, 5'000'000'000, 10'000'000'000, 30'000'000'000, 60'000'000'000};

/// How many values fell into each of `N` ranges, and one more for those above the last bound. One writer; any
/// thread may read, and may then see a value in its bucket that is not in the sum yet.
template <std::size_t N>
class Histogram {
 public:
  /// `bounds` ascend and must outlive this object.
  explicit Histogram(const std::array<std::int64_t, N>& bounds) noexcept : bounds_(bounds) {}

  void observe(std::int64_t value) noexcept {
    std::size_t bucket = 0;
    while (bucket < N && value > bounds_[bucket]) ++bucket;
    buckets_[bucket].add();
    sum_.add(value > 0 ? static_cast<std::uint64_t>(value) : 0);
  }
  /// Values in bucket `i` alone, not cumulated; bucket N is above the last bound.
  [[nodiscard]] std::uint64_t bucket(std::size_t i) const noexcept { return buckets_[i].value(); }
  [[nodiscard]] std::uint64_t sum() const noexcept { return sum_.value(); }

 private:
  const std::array<std::int64_t, N>& bounds_;
  Counter sum_;
  std::array<Counter, N + 1> buckets_{};
};

/// Durations in nanoseconds over kDurationBounds.
class DurationHistogram : public Histogram<kDurationBounds.size()> {
 public:
  DurationHistogram() noexcept : Histogram(kDurationBounds) {}
};

}  // namespace lintel
