#pragma once

#include <cstdint>

#include "base/clock.h"
#include "base/result.h"

namespace lintel::net {

/// How long a peer may still be waited for: an idle timeout and a minimum rate in one figure. It begins at
/// `grace`; the time for which somebody waits is taken off; every byte of progress adds the time that it may
/// take at `rate`; it is never above `most`. So a peer that has been quick has all of `most` at every pause,
/// one that keeps below the rate is given up about `grace` after it began, and time in which nobody waits for
/// it (a slow server, back-pressure) costs it nothing.
///
///     allowance.begin_wait(loop.now());
///     stream.set_read_deadline(allowance.deadline());
///     …wait…
///     allowance.end_wait(loop.now());
///     allowance.earn(bytes);            // or, if it failed: explain(error)
class Allowance {
 public:
  struct Terms {
    Nanos most = kNever;     ///< The longest wait; kNever: no limit.
    Nanos grace = kNever;    ///< What a peer begins with, if that is less.
    std::uint64_t rate = 0;  ///< Bytes per second; 0: any byte gives `most` again.
  };

  Allowance() noexcept = default;
  /// Back to the beginning, also in the middle of a wait, which then counts from `now`.
  void start(const Terms& terms, Nanos now) noexcept;

  void begin_wait(Nanos now) noexcept { since_ = now; }
  /// When the wait that has begun must end; kNever: not at all.
  [[nodiscard]] Nanos deadline() const noexcept { return left_ == kNever ? kNever : since_ + left_; }
  void end_wait(Nanos now) noexcept;
  void earn(std::uint64_t bytes) noexcept;

  [[nodiscard]] Nanos left() const noexcept { return left_; }
  [[nodiscard]] Nanos most() const noexcept { return terms_.most; }
  /// When nothing is left: whether that is for a rate too low, and not for a pause of `most`.
  [[nodiscard]] bool too_slow() const noexcept { return !was_full_; }
  /// `error` of the wait that has ended, a timeout as what it was.
  [[nodiscard]] Error explain(Error error) const noexcept {
    if (error.code == ErrorCode::timeout && too_slow()) error.code = ErrorCode::too_slow;
    return error;
  }

 private:
  Terms terms_;
  Nanos left_ = kNever;
  Nanos since_ = 0;
  bool was_full_ = true;  ///< After the last progress, or at the beginning.
};

}  // namespace lintel::net
