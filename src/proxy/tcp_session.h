#pragma once

#include "proxy/client_connection.h"

namespace lintel::proxy {

/// Serves one connection of a tcp listener: picks a server, connects, trying another one where that fails,
/// and relays until both directions have ended. Nothing is read from the client before a server is connected,
/// so that every attempt may begin anew. `client` must outlive the task. Suspends.
net::Task<void> run_tcp_session(WorkerContext& worker, Sessions& sessions, Client& client);

}  // namespace lintel::proxy
