#pragma once

// How a request or tunnel ended, as one token "phase.cause". The same token stands in the access log, in the
// metric lintel_end_reason_total and in the manual; tokens are never renamed.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "http/limit.h"

namespace lintel::proxy {

enum class EndReason : std::uint8_t {
  ok,
  client_bad_request,
  client_too_large_header,
  client_too_large_target,
  client_too_large_body,
  client_timeout_header,
  client_timeout_body,
  client_timeout_write,
  client_slow_body,
  client_slow_response,
  client_abort_header,
  client_abort_body,
  client_abort_response,
  client_idle_close,
  client_untrusted,
  client_proxy_header,
  client_timeout_proxy_header,
  client_hello,
  client_timeout_hello,
  client_unsupported,
  client_misdirected,
  route_none,
  route_redirect,
  route_respond,
  route_method_not_allowed,
  route_fault,
  route_timeout,
  pool_no_server,
  pool_empty,
  pool_queue_full,
  pool_timeout_queue,
  pool_breaker_open,
  pool_breaker_full,
  upstream_connect_refused,
  upstream_connect_timeout,
  upstream_connect_unreachable,
  upstream_connect_error,
  upstream_tls_handshake,
  upstream_tls_verify,
  upstream_reset,
  upstream_closed,
  upstream_timeout_send,
  upstream_timeout_first_byte,
  upstream_timeout_body,
  upstream_timeout_try,
  upstream_bad_response,
  upstream_too_large_header,
  upstream_truncated,
  upstream_idle_closed,
  upstream_status,
  tunnel_closed,
  tunnel_timeout,
  tunnel_reset,
  local_shutdown,
  local_reload,
  local_hedged,
  local_resource,
  local_error,
};

struct EndReasonInfo {
  EndReason reason;
  std::string_view token;  ///< "upstream.connect_refused".
  std::string_view doc;    ///< One sentence for the manual.
};

inline constexpr std::size_t kEndReasonCount = static_cast<std::size_t>(EndReason::local_error) + 1;

/// Every reason in the order of the enumeration. Static storage.
[[nodiscard]] const std::array<EndReasonInfo, kEndReasonCount>& end_reasons() noexcept;
/// The limit that a reason of itself says was reached; none where it says none, or not which.
[[nodiscard]] http::Limit limit_of(EndReason reason) noexcept;
/// True for what a server did wrong, or failed to do; false for what its clients or this process did.
[[nodiscard]] bool is_server_failure(EndReason reason) noexcept;
/// The token for logs and metrics. Static storage.
[[nodiscard]] std::string_view end_reason_token(EndReason reason) noexcept;

}  // namespace lintel::proxy
