#pragma once

// Hedging: another server is asked while the first one is silent (Dean and Barroso, "The Tail at Scale").

#include "proxy/attempt.h"

namespace lintel::proxy {

/// Whether further servers may be asked for a request while the first is silent: that is configured, doing it
/// several times does no harm, it has no body and asks for no tunnel. For one that belongs to a server by its
/// cookie no other is asked all the same.
[[nodiscard]] bool may_hedge(const http::RequestHead& request, const RetryRules& rules) noexcept;

/// An attempt with the server of `first`, and further ones beside it, each when all those under way have been
/// silent for retry.hedge.after, while there are servers that were not tried, attempts left and the pool's
/// retry budget allows it. The first good answer is the client's; the other attempts are ended, which counts
/// against no server, and have ended on return. Once an interim head went to the client no other server is
/// asked. Counts hedges. Suspends.
net::Task<AttemptResult> race(Attempts& at, pool::Lease first);

}  // namespace lintel::proxy
