#pragma once

#include "base/clock.h"
#include "http/transaction.h"
#include "net/loop.h"
#include "proxy/record.h"

namespace lintel::proxy {

/// Passes bytes both ways between two transactions that were switched to another protocol, until both
/// directions have ended. Each direction's end is passed on by itself (half-close). Fails when both are
/// silent for `idle`. Adds to record.bytes_out; what the client sends counts as the body of its request.
/// `cut`: set together with canceling what waits, it ends the tunnel. Suspends. Returns tunnel_closed,
/// tunnel_timeout, tunnel_reset or local_shutdown.
net::Task<EndReason> run_tunnel(net::Loop& loop, http::ServerTransaction& downstream,
                                http::ClientTransaction& upstream, Nanos idle, const bool& cut,
                                Record& record);

}  // namespace lintel::proxy
