#pragma once

#include <atomic>

#include "base/clock.h"

namespace lintel::pool {

/// For how long a server keeps connections that are idle, as far as it has shown that by closing them. Any
/// thread.
class IdleLimit {
 public:
  /// Notes that the server closed a connection that had been idle for `age`. What a restart closes is young,
  /// so that less than a second teaches nothing.
  void learn(Nanos age, Nanos now) noexcept;
  /// For how long a connection is to be kept: a tenth less than the shortest age of late, so that it goes
  /// before its server ends it. kNever: nothing is known, or the last lesson is more than ten minutes old.
  [[nodiscard]] Nanos limit(Nanos now) const noexcept;

 private:
  std::atomic<Nanos> limit_{kNever};
  std::atomic<Nanos> until_{0};  ///< When it is forgotten.
};

}  // namespace lintel::pool
