#include "proxy/proxy_status.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <charconv>
#include <cstddef>

#include "config/model.h"

namespace lintel::proxy {
namespace {

/// A value being put together: the name, the longest error type and the longest end reason fit.
class Value {
 public:
  void put(std::string_view text) noexcept {
    assert(size_ + text.size() <= text_.size());
    std::copy(text.begin(), text.end(), text_.begin() + static_cast<std::ptrdiff_t>(size_));
    size_ += text.size();
  }
  /// An sf-token where it can be one (RFC 8941, 3.3.4: it begins with a letter or "*"), else an sf-string, in
  /// which no character of an HTTP token needs an escape.
  void put_name(std::string_view name) noexcept {
    assert(name.size() <= config::kMostServerName);
    const char c = name.front();
    const bool token = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '*';
    if (!token) put("\"");
    put(name);
    if (!token) put("\"");
  }
  [[nodiscard]] std::string_view view() const noexcept { return {text_.data(), size_}; }

 private:
  std::array<char, config::kMostServerName + 160> text_{};
  std::size_t size_ = 0;
};

}  // namespace

// A table: one case for each reason, and none by default, so that the compiler asks for a new reason's.
std::string_view proxy_error(EndReason reason) noexcept {  // NOLINT(readability-function-size)
  switch (reason) {
    case EndReason::client_bad_request:
    case EndReason::client_too_large_header:
    case EndReason::client_too_large_target:
    case EndReason::client_too_large_body:
    case EndReason::client_timeout_header:
    case EndReason::client_timeout_body:
    case EndReason::client_slow_body:
    case EndReason::client_unsupported:
    case EndReason::client_misdirected:
    case EndReason::route_method_not_allowed:
      return "http_request_error";
    case EndReason::route_none:
      return "destination_not_found";
    case EndReason::route_redirect:
    case EndReason::route_respond:
    case EndReason::route_fault:
      return "proxy_internal_response";
    case EndReason::pool_queue_full:
    case EndReason::pool_timeout_queue:
      return "connection_limit_reached";
    case EndReason::pool_no_server:
    case EndReason::pool_breaker_open:
    case EndReason::upstream_connect_error:
      return "destination_unavailable";
    case EndReason::pool_breaker_full:
      return "connection_limit_reached";
    case EndReason::pool_empty:
      return "dns_error";
    case EndReason::upstream_connect_refused:
      return "connection_refused";
    case EndReason::upstream_connect_timeout:
      return "connection_timeout";
    case EndReason::upstream_connect_unreachable:
      return "destination_ip_unroutable";
    case EndReason::upstream_tls_handshake:
      return "tls_protocol_error";
    case EndReason::upstream_tls_verify:
      return "tls_certificate_error";
    case EndReason::upstream_reset:
    case EndReason::upstream_closed:
      return "connection_terminated";
    case EndReason::upstream_timeout_send:
      return "connection_write_timeout";
    case EndReason::upstream_timeout_first_byte:
    case EndReason::upstream_timeout_try:
    case EndReason::route_timeout:
      return "http_response_timeout";
    case EndReason::upstream_bad_response:
      return "http_protocol_error";
    case EndReason::upstream_too_large_header:
      return "http_response_header_section_size";
    case EndReason::local_shutdown:
    case EndReason::local_reload:
    case EndReason::local_hedged:
    case EndReason::local_resource:
    case EndReason::local_error:
      return "proxy_internal_error";
    // The response was the server's, and its head had gone out.
    case EndReason::ok:
    case EndReason::upstream_timeout_body:
    case EndReason::upstream_truncated:
    case EndReason::tunnel_closed:
    case EndReason::tunnel_timeout:
    case EndReason::tunnel_reset:
    // Nobody is there to be answered.
    case EndReason::client_timeout_write:
    case EndReason::client_slow_response:
    case EndReason::client_untrusted:
    case EndReason::client_proxy_header:
    case EndReason::client_timeout_proxy_header:
    case EndReason::client_hello:
    case EndReason::client_timeout_hello:
    case EndReason::client_abort_header:
    case EndReason::client_abort_body:
    case EndReason::client_abort_response:
    case EndReason::client_idle_close:
    // The request was sent again, and what came of that is the reason.
    case EndReason::upstream_idle_closed:
    case EndReason::upstream_status:
      break;
  }
  return "";
}

void add_received_status(http::Fields& fields, std::string_view name, int status) {
  std::array<char, 12> number{};
  const char* end = std::to_chars(number.data(), number.data() + number.size(), status).ptr;
  Value value;
  value.put_name(name);
  value.put("; received-status=");
  value.put({number.data(), static_cast<std::size_t>(end - number.data())});
  fields.add("Proxy-Status", value.view());
}

void add_own_status(http::Fields& fields, std::string_view name, EndReason reason) {
  Value value;
  value.put_name(name);
  if (const std::string_view error = proxy_error(reason); !error.empty()) {
    value.put("; error=");
    value.put(error);
  }
  value.put("; details=\"");
  value.put(end_reason_token(reason));
  value.put("\"");
  fields.add("Proxy-Status", value.view());
}

}  // namespace lintel::proxy
