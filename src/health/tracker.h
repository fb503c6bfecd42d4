#pragma once

#include <cstdint>

#include "pool/shared.h"

namespace lintel::health {

/// Makes of single results what a server's health is: it changes when enough of them in a row say so.
class Tracker {
 public:
  struct Settings {
    std::uint32_t rise = 2;
    std::uint32_t fall = 3;
    pool::Health begin = pool::Health::down;
    /// Nothing is known of the server: if it does not begin up, one check that passes is enough.
    bool is_new = true;
  };
  explicit Tracker(const Settings& settings) noexcept
      : settings_(settings), health_(settings.begin), is_new_(settings.is_new) {}

  /// Takes in the result of one check. True if the health has changed by it.
  bool note(bool passed) noexcept {
    was_checked_ = true;
    if (!passed && health_ == pool::Health::unchecked) {
      health_ = pool::Health::down;
      return true;
    }
    if (passed == (health_ == pool::Health::up)) {
      row_ = 0;
      if (passed) is_new_ = false;
      return false;
    }
    const std::uint32_t needed = !passed ? settings_.fall : is_new_ ? 1 : settings_.rise;
    if (++row_ < needed) return false;
    row_ = 0;
    is_new_ = false;
    health_ = passed ? pool::Health::up : pool::Health::down;
    return true;
  }

  [[nodiscard]] pool::Health health() const noexcept { return health_; }
  [[nodiscard]] bool was_checked() const noexcept { return was_checked_; }
  /// How many of the last results in a row contradict the health.
  [[nodiscard]] std::uint32_t contradictions() const noexcept { return row_; }

 private:
  Settings settings_;
  pool::Health health_;
  bool is_new_;
  bool was_checked_ = false;
  std::uint32_t row_ = 0;
};

}  // namespace lintel::health
