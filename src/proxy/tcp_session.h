#pragma once

#include <memory>

#include "proxy/client_connection.h"

namespace lintel::proxy {

/// Serves one connection of a tcp listener: picks a server, connects, trying another one where that fails,
/// and relays until both directions have ended. Nothing is read from the client before a server is connected,
/// so that every attempt may begin anew. All arguments must outlive the session.
[[nodiscard]] std::unique_ptr<ClientSession> make_tcp_session(WorkerContext& worker, Sessions& sessions,
                                                              Client& client);

}  // namespace lintel::proxy
