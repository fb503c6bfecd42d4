#pragma once

#include <atomic>
#include <cstdint>

#include "base/clock.h"
#include "config/model.h"
#include "pool/window.h"

namespace lintel::pool {

/// A circuit breaker: closed, it counts failures; open, it lets nothing through for a while; then, half open,
/// a few probes decide what follows. Knows neither requests nor servers. Any thread, no lock: its state is
/// one word. While it is closed, letting through costs one load, and noting an outcome one count in the
/// window.
class Breaker {
 public:
  enum class State : std::uint8_t { closed, half_open, open };
  enum class Admission : std::uint8_t {
    refused,
    passed,
    probing,  ///< Passed, and it has become half open with it.
  };
  enum class Change : std::uint8_t {
    none,
    opened,    ///< For failures in the window.
    reopened,  ///< For a probe that failed.
    closed,    ///< For probes that succeeded.
  };

  /// Half open from the moment at which it would let a probe through.
  [[nodiscard]] State state(Nanos now) const noexcept;
  /// Whether it would let one through now.
  [[nodiscard]] bool is_passable(Nanos now) const noexcept;
  /// When time alone makes it passable again; kNever: it is.
  [[nodiscard]] Nanos passable_at(Nanos now) const noexcept;

  /// Asks to let one through. Half open, each that passes is a probe; where they do not come back for
  /// `open_for`, there are as many new ones.
  [[nodiscard]] Admission admit(const config::Breaker& rules, Nanos now) noexcept;
  /// Notes what became of one that passed at `begun`. What passed before it opened last decides nothing any
  /// more.
  Change note(const config::Breaker& rules, bool good, Nanos begun, Nanos now) noexcept;

  /// What the window holds, for the log.
  [[nodiscard]] Window::Sums sums(const config::Breaker& rules, Nanos now) const noexcept {
    return window_.sums(now, to_nanos(rules.window));
  }
  /// How often it has opened.
  [[nodiscard]] std::uint64_t opened() const noexcept { return opened_.load(std::memory_order_relaxed); }

 private:
  struct Word;

  Change note_closed(const config::Breaker& rules, bool good, Nanos now, std::uint64_t word) noexcept;
  Change note_probe(const config::Breaker& rules, bool good, Nanos now, std::uint64_t word) noexcept;
  [[nodiscard]] bool open(const config::Breaker& rules, Nanos now, std::uint64_t& word) noexcept;

  std::atomic<std::uint64_t> word_{0};  ///< 0: closed.
  std::atomic<Nanos> opened_at_{0};
  std::atomic<std::uint64_t> opened_{0};
  Window window_;
};

}  // namespace lintel::pool
