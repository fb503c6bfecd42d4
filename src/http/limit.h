#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace lintel::http {

/// The limits on clients, whoever keeps watch over them: what was reached when something was refused, cut or
/// closed. Named as the settings are.
enum class Limit : std::uint8_t {
  none,
  connections,
  connections_per_ip,
  header_size,
  header_field_size,
  header_count,
  target_size,
  body_size,
  pipelined_requests,
  requests_per_connection,
  connection_age,
  proxy_header_timeout,
  handshake_timeout,
  header_timeout,
  request_body_timeout,
  write_timeout,
  idle_timeout,
  min_rate_request_body,
  min_rate_response,
  udp_sessions,
};

inline constexpr std::size_t kLimitCount = static_cast<std::size_t>(Limit::udp_sessions) + 1;

/// The name in metrics, "" for none. Static storage.
[[nodiscard]] std::string_view limit_name(Limit limit) noexcept;

}  // namespace lintel::http
