#pragma once

#include <cstdint>
#include <string_view>

#include "net/cancel.h"
#include "proxy/client_connection.h"
#include "proxy/end_reason.h"
#include "proxy/record.h"

namespace lintel::proxy {

/// Opens a connection to the `server`th server of `pool` on behalf of `client` (null: of nobody, where the
/// pool asks for no PROXY header): connects, sends the PROXY header that the pool asks for, with `id` as its
/// unique id unless the client brought one, and agrees on TLS if the pool asks for that; all within
/// connect_timeout, and until `cancel` ends it. Puts the times into `times` and counts them in the pool's
/// statistics. Suspends. Errors: as Connector::connect and TlsStream::handshake; see open_reason. Nothing was
/// exchanged then.
net::Task<Result<net::StreamPtr>> open_upstream(WorkerContext& worker, PoolContext& pool,
                                                std::uint32_t server, const Client* client,
                                                std::string_view id, net::CancelToken& cancel,
                                                ConnectTimes& times);

/// The end reason for an error of open_upstream.
[[nodiscard]] EndReason open_reason(const Error& error) noexcept;

}  // namespace lintel::proxy
