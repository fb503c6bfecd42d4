#pragma once

#include <cstddef>
#include <cstdint>

#include "base/clock.h"
#include "net/allowance.h"

namespace lintel::net {

class Stream;

/// How quickly a peer takes what is written to it, over as many writes as its owner likes. Only time in which
/// a write waits counts, and progress is what the peer has acknowledged, not what the kernel has taken: that
/// may be megabytes which nobody reads. Asks the kernel once when a write first waits and then when the
/// deadline of one passes, so a peer that keeps up costs nothing.
class WritePace {
 public:
  /// A new beginning; no write may be pending.
  void start(const Allowance::Terms& terms, Nanos now) noexcept {
    allowance_.start(terms, now);
    queued_ = 0;
    looked_ = false;
  }
  /// Whether a write timed out.
  [[nodiscard]] bool given_up() const noexcept { return allowance_.left() == 0; }
  /// After a timeout: whether it was for a rate too low, and not for a pause.
  [[nodiscard]] bool too_slow() const noexcept { return allowance_.too_slow(); }

 private:
  friend class OutputAwaiter;
  void wrote(std::size_t bytes) noexcept { queued_ += bytes; }
  /// Both return when to look again.
  [[nodiscard]] Nanos begin_wait(const Stream& stream, Nanos now) noexcept;
  [[nodiscard]] Nanos look(const Stream& stream, Nanos now) noexcept;
  void end_wait(Nanos now) noexcept { allowance_.end_wait(now); }
  [[nodiscard]] Nanos next_look(Nanos now) const noexcept;
  void credit(const Stream& stream) noexcept;

  Allowance allowance_;
  /// Unacknowledged bytes, if none was acknowledged since the last look. Before the first one what was queued
  /// earlier is missing.
  std::uint64_t queued_ = 0;
  bool looked_ = false;
};

}  // namespace lintel::net
