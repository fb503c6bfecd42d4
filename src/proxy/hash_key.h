#pragma once

// What a balancer by hash tells requests apart by.

#include <cstdint>
#include <string_view>

#include "base/address.h"
#include "config/model.h"
#include "http/message.h"

namespace lintel::proxy {

/// The hash of what `key` names in a request; of the client's address (as text, without port) where the
/// request has no such thing. Allocates nothing.
[[nodiscard]] std::uint64_t hash_key(const config::HashKey& key, const http::RequestHead& request,
                                     std::string_view client_ip) noexcept;

/// The same number for a TCP or UDP client: its address without the port.
[[nodiscard]] std::uint64_t hash_client(const SocketAddress& client) noexcept;

}  // namespace lintel::proxy
