#pragma once

#include <cstdint>
#include <string_view>

#include "proxy/client_connection.h"

namespace lintel::proxy {

/// Opens a connection to the `server`th server of `pool` on behalf of `client`: connects within
/// connect_timeout and sends the PROXY header that the pool asks for, with `id` as its unique id unless the
/// client brought one. Counts the time in the pool's statistics. Suspends. Errors: as Connector::connect;
/// nothing was exchanged then.
net::Task<Result<net::StreamPtr>> open_upstream(WorkerContext& worker, PoolContext& pool,
                                                std::uint32_t server, const Client& client,
                                                std::string_view id);

}  // namespace lintel::proxy
