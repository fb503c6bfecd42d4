#pragma once

#include <cstdint>

namespace lintel {

/// A small fast generator (xoshiro256**, Blackman and Vigna 2018) for identifiers, jitter and load balancing;
/// not for secrets. One per thread; seeded by the caller, so that tests repeat.
class Random {
 public:
  explicit Random(std::uint64_t seed) noexcept;

  [[nodiscard]] std::uint64_t next() noexcept;
  /// Uniform in [0, bound); `bound` must not be 0.
  [[nodiscard]] std::uint64_t below(std::uint64_t bound) noexcept;

 private:
  std::uint64_t state_[4];
};

/// A seed from the operating system.
[[nodiscard]] std::uint64_t random_seed() noexcept;

}  // namespace lintel
