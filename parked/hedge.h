#pragma once

#include "proxy/attempt.h"

namespace lintel::proxy {

/// Whether a second server may be asked for this request while the first is silent.
[[nodiscard]] bool hedges(const Attempts& at) noexcept;

/// An attempt with the server of `first`, and others beside it, each when the one before has been silent for
/// the time that the configuration says, if there are further servers and the pool's retry budget allows it.
/// The first good answer is the client's; the other attempts are ended, and have ended on return. Suspends.
net::Task<AttemptResult> race(Attempts& at, pool::Lease first);

}  // namespace lintel::proxy
