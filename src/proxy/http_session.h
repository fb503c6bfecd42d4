#pragma once

#include <memory>

#include "proxy/client_connection.h"

namespace lintel::proxy {

/// Serves the requests of one client connection, one after the other. Each finds its listener by name in the
/// generation then in force. All arguments must outlive the session.
[[nodiscard]] std::unique_ptr<ClientSession> make_http_session(WorkerContext& worker, Sessions& sessions,
                                                               Client& client);

}  // namespace lintel::proxy
