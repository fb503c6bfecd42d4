#include "http/limit.h"

namespace lintel::http {

std::string_view limit_name(Limit limit) noexcept {
  switch (limit) {
    case Limit::none:
      break;
    case Limit::connections:
      return "connections";
    case Limit::connections_per_ip:
      return "connections_per_ip";
    case Limit::header_size:
      return "header_size";
    case Limit::header_field_size:
      return "header_field_size";
    case Limit::header_count:
      return "header_count";
    case Limit::target_size:
      return "target_size";
    case Limit::body_size:
      return "body_size";
    case Limit::pipelined_requests:
      return "pipelined_requests";
    case Limit::requests_per_connection:
      return "requests_per_connection";
    case Limit::connection_age:
      return "connection_age";
    case Limit::proxy_header_timeout:
      return "proxy_header_timeout";
    case Limit::handshake_timeout:
      return "handshake_timeout";
    case Limit::header_timeout:
      return "header_timeout";
    case Limit::request_body_timeout:
      return "request_body_timeout";
    case Limit::write_timeout:
      return "write_timeout";
    case Limit::idle_timeout:
      return "idle_timeout";
    case Limit::min_rate_request_body:
      return "min_rate_request_body";
    case Limit::min_rate_response:
      return "min_rate_response";
    case Limit::udp_sessions:
      return "udp_sessions";
  }
  return "";
}

}  // namespace lintel::http
