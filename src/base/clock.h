#pragma once

#include <chrono>
#include <cstdint>

namespace lintel {

/// Monotonic time in nanoseconds since an arbitrary start. Plain integers, because deadlines are stored and
/// compared many times per request.
using Nanos = std::int64_t;

inline constexpr Nanos kNever = INT64_MAX;

[[nodiscard]] constexpr Nanos to_nanos(std::chrono::nanoseconds d) noexcept {
  return d.count();
}

/// Where time comes from. Production uses system_clock(); tests hand in a ManualClock.
class Clock {
 public:
  virtual ~Clock() = default;
  /// Monotonic nanoseconds (CLOCK_MONOTONIC).
  [[nodiscard]] virtual Nanos now() const noexcept = 0;
  /// Nanoseconds since the Unix epoch (CLOCK_REALTIME), for dates and logs only.
  [[nodiscard]] virtual Nanos wall() const noexcept = 0;
};

/// The operating system's clocks. Static storage.
[[nodiscard]] const Clock& system_clock() noexcept;

/// A clock that moves when told to. Starts at one hour (so that differences to the past stay positive) and at
/// 2026-01-01T00:00:00Z.
class ManualClock final : public Clock {
 public:
  [[nodiscard]] Nanos now() const noexcept override { return now_; }
  [[nodiscard]] Nanos wall() const noexcept override { return now_ - kStart + kWallStart; }
  void advance(std::chrono::nanoseconds by) noexcept { now_ += by.count(); }

 private:
  static constexpr Nanos kStart = 3'600'000'000'000;
  static constexpr Nanos kWallStart = 1'767'225'600'000'000'000;
  Nanos now_ = kStart;
};

}  // namespace lintel
