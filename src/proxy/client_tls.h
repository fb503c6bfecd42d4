#pragma once

#include "proxy/client_connection.h"

namespace lintel::proxy {

/// How TLS handshakes with clients are counted. The labels of metrics.
enum class HandshakeResult : std::uint8_t { ok, resumed, timeout, closed, failed, untrusted, canceled };
inline constexpr std::uint32_t kHandshakeResults = 7;
[[nodiscard]] std::string_view handshake_result_label(HandshakeResult result) noexcept;

/// The key of ListenerStats::handshakes. `minor`: of TLS 1.x; 0 where none was agreed on.
[[nodiscard]] constexpr std::uint32_t handshake_key(std::uint32_t minor, HandshakeResult result) noexcept {
  return minor << 8 | static_cast<std::uint32_t>(result);
}

/// Speaks TLS on `client` from here on, as its listener says. False where no agreement was reached in time:
/// then there is nothing left to do but to close. Counts either. Suspends.
net::Task<bool> begin_tls(WorkerContext& worker, Sessions& sessions, Client& client);

}  // namespace lintel::proxy
