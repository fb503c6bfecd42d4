#include "proxy/end_reason.h"

namespace lintel::proxy {

namespace {

constexpr std::array<EndReasonInfo, kEndReasonCount> kReasons = {{
    {EndReason::ok, "ok", "The response was sent in full."},
    {EndReason::client_bad_request, "client.bad_request",
     "The request broke HTTP's rules; answered with 400 and the connection closed."},
    {EndReason::client_too_large_header, "client.too_large_header",
     "The request's header fields passed limits.header_size, header_field_size or header_count; answered "
     "with 431."},
    {EndReason::client_too_large_target, "client.too_large_target",
     "The request target passed limits.target_size; answered with 414."},
    {EndReason::client_too_large_body, "client.too_large_body",
     "The request body passed limits.body_size or the route's body_size; answered with 413."},
    {EndReason::client_timeout_header, "client.timeout_header",
     "The request head was not complete within timeouts.header; answered with 408."},
    {EndReason::client_timeout_body, "client.timeout_body",
     "The client sent nothing of the request body for timeouts.request_body; answered with 408."},
    {EndReason::client_timeout_write, "client.timeout_write",
     "The client took nothing of the response for timeouts.write; the connection was cut."},
    {EndReason::client_slow_body, "client.slow_body",
     "The client sent the request body more slowly than min_rates.request_body; answered with 408."},
    {EndReason::client_slow_response, "client.slow_response",
     "The client took the response more slowly than min_rates.response; the connection was cut."},
    {EndReason::client_abort_header, "client.abort_header",
     "The client closed the connection within a request head."},
    {EndReason::client_abort_body, "client.abort_body",
     "The client closed the connection before the end of the request body."},
    {EndReason::client_abort_response, "client.abort_response",
     "The client closed the connection before the end of the response."},
    {EndReason::client_idle_close, "client.idle_close",
     "A connection without a request was closed, by the client or after timeouts.idle."},
    {EndReason::client_untrusted, "client.untrusted",
     "A connection to a listener with proxy_protocol came from an address that is not trusted; it was "
     "closed."},
    {EndReason::client_proxy_header, "client.proxy_header",
     "A connection did not begin with a proper PROXY header; it was closed."},
    {EndReason::client_timeout_proxy_header, "client.timeout_proxy_header",
     "The PROXY header did not come within proxy_protocol.timeout; the connection was closed."},
    {EndReason::client_hello, "client.hello",
     "A connection to a listener with tls: passthrough did not begin with a proper ClientHello; it was "
     "closed."},
    {EndReason::client_timeout_hello, "client.timeout_hello",
     "The ClientHello did not come within timeouts.handshake; the connection was closed."},
    {EndReason::client_unsupported, "client.unsupported",
     "The request asked for something this program does not do, such as CONNECT; answered with 501 or 405."},
    {EndReason::client_misdirected, "client.misdirected",
     "On a listener with client certificates, the request was for another host than the TLS connection; "
     "answered "
     "with 421."},
    {EndReason::route_none, "route.none",
     "No route matched; answered with 404, or with a TLS alert where TLS is passed through."},
    {EndReason::route_redirect, "route.redirect", "The route answered with its redirect."},
    {EndReason::route_respond, "route.respond", "The route answered with its fixed response."},
    {EndReason::route_method_not_allowed, "route.method_not_allowed",
     "The route does not take this method; answered with 405."},
    {EndReason::route_fault, "route.fault", "The route's fault answered, as it was told to."},
    {EndReason::route_timeout, "route.timeout",
     "The request was not over within timeouts.total; answered with 504, or cut within the answer."},
    {EndReason::pool_no_server, "pool.no_server",
     "The pool has no server that may take a request; answered with 503."},
    {EndReason::pool_empty, "pool.empty",
     "The pool has no server at all: none of its names has been resolved yet, or its servers_file lists "
     "none; "
     "answered with 503."},
    {EndReason::pool_queue_full, "pool.queue_full",
     "Every server had its max_connections, and queue.max waited already; answered with 503."},
    {EndReason::pool_timeout_queue, "pool.timeout_queue",
     "Every server had its max_connections for queue.timeout; answered with 503."},
    {EndReason::pool_breaker_open, "pool.breaker_open",
     "The pool's circuit breaker is open; answered with 503 and Retry-After."},
    {EndReason::pool_breaker_full, "pool.breaker_full",
     "As much was in flight as the pool's circuit breaker allows (max_in_flight); answered with 503 and "
     "Retry-After."},
    {EndReason::upstream_connect_refused, "upstream.connect_refused",
     "The server refused the connection; answered with 502."},
    {EndReason::upstream_connect_timeout, "upstream.connect_timeout",
     "No connection to the server within connect_timeout; answered with 504."},
    {EndReason::upstream_connect_unreachable, "upstream.connect_unreachable",
     "There is no way to the server's host or network; answered with 502."},
    {EndReason::upstream_connect_error, "upstream.connect_error",
     "The connection to the server failed for another reason; answered with 502."},
    {EndReason::upstream_tls_handshake, "upstream.tls_handshake",
     "The server and this program did not come to terms on TLS; answered with 502. The error log says why."},
    {EndReason::upstream_tls_verify, "upstream.tls_verify",
     "The server's certificate is not valid, not for its name or of an unknown issuer; answered with 502. "
     "The "
     "error log says why."},
    {EndReason::upstream_reset, "upstream.reset",
     "The server reset the connection before the end of its answer; answered with 502 if nothing was sent "
     "yet."},
    {EndReason::upstream_closed, "upstream.closed",
     "The server closed the connection before any byte of its answer; answered with 502."},
    {EndReason::upstream_timeout_send, "upstream.timeout_send",
     "The server took nothing of the request for timeouts.idle of the pool; answered with 504."},
    {EndReason::upstream_timeout_first_byte, "upstream.timeout_first_byte",
     "The server sent nothing for timeouts.first_byte after the request; answered with 504."},
    {EndReason::upstream_timeout_body, "upstream.timeout_body",
     "The server sent nothing of its answer's body for timeouts.idle of the pool; the response was cut."},
    {EndReason::upstream_timeout_try, "upstream.timeout_try",
     "An attempt did not come to the head of an answer within retry.per_try_timeout; the last one's is "
     "answered with 504."},
    {EndReason::upstream_bad_response, "upstream.bad_response",
     "The server's answer broke HTTP's rules; answered with 502 if nothing was sent yet."},
    {EndReason::upstream_too_large_header, "upstream.too_large_header",
     "The header fields of the server's answer passed the limit; answered with 502."},
    {EndReason::upstream_truncated, "upstream.truncated",
     "The server closed the connection within its answer; the response was cut, so that the client can "
     "tell."},
    {EndReason::upstream_idle_closed, "upstream.idle_closed",
     "A kept connection turned out to be closed by the server before it took the request; another was used."},
    {EndReason::upstream_status, "upstream.status",
     "An attempt was answered with a status of retry.on and followed by another one."},
    {EndReason::tunnel_closed, "tunnel.closed",
     "A TCP session or an upgraded connection was ended by both its sides."},
    {EndReason::tunnel_timeout, "tunnel.timeout",
     "A TCP session or an upgraded connection was silent, or one of its sides took nothing, for "
     "timeouts.tunnel_idle of the pool."},
    {EndReason::tunnel_reset, "tunnel.reset",
     "A TCP session or an upgraded connection was reset by one of its two sides."},
    {EndReason::local_shutdown, "local.shutdown",
     "The request was cut because it did not end within shutdown.timeout."},
    {EndReason::local_reload, "local.reload", "The request was cut because of a change of configuration."},
    {EndReason::local_hedged, "local.hedged",
     "An attempt was ended because another server, asked beside it (retry.hedge), answered first."},
    {EndReason::local_resource, "local.resource",
     "This process ran out of descriptors, ports or memory; answered with 503."},
    {EndReason::local_error, "local.error", "Something failed in this process; see the error log."},
}};

constexpr bool in_order() {
  for (std::size_t i = 0; i < kReasons.size(); ++i) {
    if (static_cast<std::size_t>(kReasons[i].reason) != i) return false;
  }
  return true;
}
static_assert(in_order(), "kReasons is indexed by EndReason");

}  // namespace

const std::array<EndReasonInfo, kEndReasonCount>& end_reasons() noexcept {
  return kReasons;
}

http::Limit limit_of(EndReason reason) noexcept {
  switch (reason) {
    case EndReason::client_too_large_body:
      return http::Limit::body_size;
    case EndReason::client_timeout_proxy_header:
      return http::Limit::proxy_header_timeout;
    case EndReason::client_timeout_hello:
      return http::Limit::handshake_timeout;
    case EndReason::client_timeout_header:
      return http::Limit::header_timeout;
    case EndReason::client_timeout_body:
      return http::Limit::request_body_timeout;
    case EndReason::client_timeout_write:
      return http::Limit::write_timeout;
    case EndReason::client_slow_body:
      return http::Limit::min_rate_request_body;
    case EndReason::client_slow_response:
      return http::Limit::min_rate_response;
    default:
      return http::Limit::none;
  }
}

bool is_server_failure(EndReason reason) noexcept {
  return end_reason_token(reason).starts_with("upstream.");
}

std::string_view end_reason_token(EndReason reason) noexcept {
  return kReasons[static_cast<std::size_t>(reason)].token;
}

}  // namespace lintel::proxy
