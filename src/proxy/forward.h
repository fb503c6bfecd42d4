#pragma once

#include "http/transaction.h"
#include "proxy/active_exchange.h"
#include "proxy/client_connection.h"
#include "proxy/generation.h"
#include "proxy/record.h"

namespace lintel::proxy {

/// Sends a request to a server of `pool`, or of the route's fallback where no server could be reached, and
/// its response back to the client. Tries again, on another server or with a new connection, only where that
/// is safe: nothing was sent, or an idle connection turned out dead under a request that may be repeated;
/// never once a head went to the client. Answers 502, 503 or 504 itself where no server does. On return the
/// transaction is answered or aborted, and `record` says how. `record.client_ip` must be there. Suspends.
net::Task<void> forward(WorkerContext& worker, const RouteContext& route, PoolContext& pool,
                        http::ServerTransaction& transaction, ActiveExchange& active, const Client& client,
                        Record& record);

}  // namespace lintel::proxy
