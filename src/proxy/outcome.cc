#include "proxy/outcome.h"

namespace lintel::proxy {

std::optional<bool> speaks_for_server(EndReason reason, int status) noexcept {
  switch (reason) {
    case EndReason::upstream_connect_refused:
    case EndReason::upstream_connect_timeout:
    case EndReason::upstream_connect_unreachable:
    case EndReason::upstream_connect_error:
    case EndReason::upstream_tls_handshake:
    case EndReason::upstream_tls_verify:
    case EndReason::upstream_reset:
    case EndReason::upstream_closed:
    case EndReason::upstream_timeout_send:
    case EndReason::upstream_timeout_first_byte:
    case EndReason::upstream_timeout_try:
    case EndReason::upstream_bad_response:
    case EndReason::upstream_truncated:
      return false;
    // A quiet stream may be meant; a head too large is one path's affair; of an idle connection that was
    // closed another attempt tells more.
    case EndReason::upstream_timeout_body:
    case EndReason::upstream_too_large_header:
    case EndReason::upstream_idle_closed:
      return std::nullopt;
    default:
      break;
  }
  if (status == 502 || status == 503 || status == 504) return false;
  if (status != 0 || reason == EndReason::ok) return true;
  return std::nullopt;
}

void note_outcome(pool::Pool& pool, std::uint32_t server, const AttemptEnd& end) noexcept {
  const std::optional<bool> good = speaks_for_server(end.reason, end.status);
  if (!good) return;
  const bool answered = end.reason == EndReason::ok || end.reason == EndReason::upstream_status;
  const bool failed = !answered && is_server_failure(end.reason);
  pool.note(server, {.good = *good,
                     .begun = end.begun,
                     .now = end.now,
                     .waited = end.first_byte >= 0 ? end.first_byte : end.now - end.begun,
                     .reason = end_reason_token(end.reason),
                     .status = failed ? 0 : end.status});
}

EndReason refusal_reason(pool::Refusal refusal) noexcept {
  switch (refusal) {
    case pool::Refusal::breaker_open:
      return EndReason::pool_breaker_open;
    case pool::Refusal::breaker_full:
      return EndReason::pool_breaker_full;
    case pool::Refusal::no_server:
      break;
  }
  return EndReason::pool_no_server;
}

}  // namespace lintel::proxy
