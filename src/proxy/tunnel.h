#pragma once

#include "base/clock.h"
#include "http/transaction.h"
#include "net/loop.h"
#include "proxy/record.h"

namespace lintel::proxy {

/// Passes bytes both ways between two transactions that were switched to another protocol, until both
/// directions have ended. Each direction's end is passed on by itself (half-close). Fails when both are
/// silent for `idle`. Adds to the bytes of `record`. Suspends. Returns tunnel_closed, tunnel_timeout,
/// tunnel_reset or local_shutdown.
net::Task<EndReason> run_tunnel(net::Loop& loop, http::ServerTransaction& downstream,
                                http::ClientTransaction& upstream, Nanos idle, Record& record);

}  // namespace lintel::proxy
