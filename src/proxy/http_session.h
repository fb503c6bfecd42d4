#pragma once

#include "proxy/client_connection.h"

namespace lintel::proxy {

/// Serves the requests of one client connection, one after the other. Each finds its listener by name in the
/// generation then in force. `client` must outlive the task. Suspends.
net::Task<void> run_http_session(WorkerContext& worker, Sessions& sessions, Client& client);

}  // namespace lintel::proxy
