#include "proxy/exchange.h"

#include "net/scope.h"
#include "proxy/body_mover.h"
#include "proxy/proxy_status.h"
#include "proxy/relay.h"
#include "proxy/route_actions.h"

namespace lintel::proxy {
namespace {

using http::BodyChunk;
using net::Task;

/// After this many pieces without waiting for anything the loop serves its other connections first.
constexpr unsigned kPiecesPerTurn = 16;

/// The exchange's two halves and what they tell each other. Lives in the frame of exchange().
struct Exchange {
  Exchange(WorkerContext& w, const RouteContext& via, const config::PoolTimeouts& t, const ExchangeEnds& ends,
           AnswerGate& g, ActiveAttempt& a, Record& r) noexcept
      : worker(w),
        route(via),
        timeouts(t),
        downstream(ends.downstream),
        body(ends.body),
        upstream(ends.upstream),
        gate(g),
        active(a),
        record(r) {}

  WorkerContext& worker;
  const RouteContext& route;
  const config::PoolTimeouts& timeouts;
  http::ServerTransaction& downstream;
  ReplayBody& body;
  http::ClientTransaction& upstream;
  AnswerGate& gate;
  ActiveAttempt& active;
  Record& record;
  ExchangeResult result;
  bool request_running = false;
  bool response_over = false;  ///< Nobody will read the rest of the request.
  /// Why the request could not be sent in full, where that ends the transaction; else ok.
  EndReason request_failure = EndReason::ok;

  /// The server waits for bytes that will never come.
  void fail_request(EndReason reason) noexcept {
    request_running = false;
    request_failure = reason;
    upstream.cancel_read();
  }
  /// The server did not take all of the request. Only one that takes nothing for too long is given up: else
  /// what it says is still to be read.
  void note_unsent(const Error& error) noexcept {
    const bool stuck = error.code == ErrorCode::timeout && !result.answered;
    if (stuck) fail_request(upstream_reason(error, Phase::request));
  }
  /// An idle connection turned out dead before it took a byte: what it may have to say is no answer to this
  /// request.
  void note_dead(const Error& error) noexcept {
    result.nothing_sent = result.no_answer = true;
    fail_request(upstream_reason(error, Phase::request));
  }
  /// Whether the response is to be given up. To be asked before waiting for the server's bytes: what was
  /// canceled earlier found nobody waiting.
  [[nodiscard]] bool must_end() const noexcept { return active.cut || request_failure != EndReason::ok; }

  void request_complete() noexcept {
    request_running = false;
    upstream.set_response_deadline(worker.loop.now() + to_nanos(timeouts.first_byte));
    watch_client();
  }
  /// The server is waited for. While the request is read that tells of its client, too.
  void watch_client() noexcept {
    if (request_running || !active.exchange.abort_on_close) return;
    downstream.watch_client(&active.exchange, worker.loop.now() + kWatchAfter);
  }
};

/// Streams the rest of the request body.
Task<void> send_request_body(Exchange& ex) {
  unsigned pieces = 0;
  BodyMover mover(ex.worker.loop, ex.body, ex.upstream);
  for (;;) {
    const MovedPiece piece = co_await mover.move();
    if (piece.failed == MovedPiece::Failed::read && piece.error.code != ErrorCode::canceled) {
      ex.fail_request(downstream_reason(piece.error, Phase::request));
    } else if (piece.failed == MovedPiece::Failed::write) {
      ex.note_unsent(piece.error);
    }
    if (piece.failed != MovedPiece::Failed::no || piece.last) co_return;
    if (++pieces % kPiecesPerTurn == 0) co_await ex.worker.loop.yield();
    if (ex.active.cut || ex.response_over) co_return;
  }
}

/// Sends the head with `first`, and the rest of the body as it comes. A server may answer, and even close,
/// without reading everything: what it says is still to be read then.
Task<void> send_request(Exchange& ex) {
  const BodyChunk first = ex.body.begin();
  const http::Fields* trailers = first.last ? ex.body.trailers() : nullptr;
  const Result<void> sent = co_await ex.upstream.write_head(ex.downstream.request, first, trailers);
  if (!sent && sent.error().retryable && ex.upstream.reused()) {
    ex.note_dead(sent.error());
  } else if (!sent) {
    ex.note_unsent(sent.error());
  } else if (!first.last) {
    co_await send_request_body(ex);
  }
  if (ex.request_failure == EndReason::ok) ex.request_complete();
}

/// Reads heads up to the final one; interim ones go straight on.
Task<Result<BodyChunk>> receive_head(Exchange& ex, http::ResponseHead& head) {
  unsigned interim = 0;
  for (;;) {
    if (ex.must_end()) co_return tl::unexpected<Error>(Error{ErrorCode::canceled});
    Result<BodyChunk> first = co_await ex.upstream.read_head(head);
    if (!first || !head.is_interim()) co_return first;
    if (!ex.gate.takes_interim()) continue;
    const Result<void> written = co_await ex.downstream.write_interim(head);
    if (!written) co_return tl::unexpected<Error>(written.error());
    if (++interim % kPiecesPerTurn == 0) co_await ex.worker.loop.yield();
  }
}

/// Streams the rest of the response body.
Task<EndReason> send_response_body(Exchange& ex) {
  unsigned pieces = 0;
  BodyMover mover(ex.worker.loop, ex.upstream, ex.downstream);
  for (;;) {
    if (ex.must_end()) co_return EndReason::local_shutdown;
    ex.watch_client();
    const MovedPiece piece = co_await mover.move();
    ex.record.bytes_out += piece.bytes;
    if (piece.failed == MovedPiece::Failed::read) co_return upstream_reason(piece.error, Phase::response);
    if (piece.failed == MovedPiece::Failed::write) co_return downstream_reason(piece.error, Phase::response);
    if (piece.last) co_return EndReason::ok;
    if (++pieces % kPiecesPerTurn == 0) co_await ex.worker.loop.yield();
  }
}

/// Both directions of a connection that was switched to another protocol.
Task<EndReason> run_tunnel(Exchange& ex) {
  if (ex.active.exchange.total) ex.active.exchange.total->clear();
  const http::Upgraded client = ex.downstream.upgraded();
  const http::Upgraded server = ex.upstream.upgraded();
  RelayCount in;
  RelayCount out;
  const RelayEnd from_client(client.stream, client.ahead, in);
  const RelayEnd from_server(server.stream, server.ahead, out);
  const RelayOutcome outcome =
      co_await relay(from_client, from_server, to_nanos(ex.timeouts.tunnel_idle), ex.active.cut);
  ex.record.bytes_in += in.bytes;
  ex.record.bytes_out += out.bytes;
  ex.record.detail = outcome.detail;
  co_return outcome.reason;
}

/// The error of the head's receipt as the transaction's end, seen together with what the request's half met.
void note_no_head(Exchange& ex, const Error& error) {
  if (ex.request_failure != EndReason::ok) {
    ex.result.reason = ex.request_failure;
    return;
  }
  const bool from_client = error.source == ErrorSource::local;
  ex.result.reason =
      from_client ? downstream_reason(error, Phase::response) : upstream_reason(error, Phase::response_head);
  ex.result.no_answer = error.retryable;
}

/// What this proxy adds to every final head that it passes on.
void complete_head(const Exchange& ex, http::ResponseHead& head) {
  edit_response(head.fields, ex.route, ex.record, ex.worker.scratch);
  // RFC 9110, 6.6.1: who receives a response without Date adds the time at which it came.
  if (!head.fields.find(http::FieldId::date)) head.fields.add("Date", ex.worker.workspace.http_date());
  if (!ex.record.set_cookie.empty()) head.fields.add("Set-Cookie", ex.record.set_cookie);
  if (ex.record.scheme == "https" && !ex.route.hsts.empty()) {
    head.fields.set("Strict-Transport-Security", ex.route.hsts);
  }
  if (!ex.route.proxy_status.empty()) add_received_status(head.fields, ex.route.proxy_status, head.status);
}

Task<void> receive_response(Exchange& ex, Nanos sent_at) {
  http::Workspace::PooledResponse head(ex.worker.workspace);
  const Result<BodyChunk> first = co_await receive_head(ex, *head);
  if (!first) {
    note_no_head(ex, first.error());
    co_return;
  }
  ex.active.head_came();
  ex.result.status = head->status;
  if (!ex.gate.takes(head->status)) {
    ex.result.reason = ex.active.cut ? ex.active.reason : EndReason::upstream_status;
    co_return;
  }
  ex.record.first_byte = ex.worker.loop.now() - sent_at;
  ex.record.status = ex.record.upstream_status = head->status;
  ex.result.answered = true;
  const BodyChunk begin = *first;
  complete_head(ex, *head);
  const Result<void> written =
      co_await ex.downstream.write_head(*head, begin, begin.last ? ex.upstream.trailers() : nullptr);
  if (!written) {
    ex.result.reason = downstream_reason(written.error(), Phase::response);
    co_return;
  }
  ex.record.bytes_out += begin.bytes.size();
  if (head->status == 101) {
    ex.result.reason = co_await run_tunnel(ex);
  } else if (!begin.last) {
    ex.result.reason = co_await send_response_body(ex);
  }
  // A client that broke off its own request does not get the rest of the answer either.
  if (ex.request_failure != EndReason::ok) ex.result.reason = ex.request_failure;
}

}  // namespace

EndReason downstream_reason(const Error& error, Phase phase) noexcept {
  if (error.code == ErrorCode::canceled) return EndReason::local_shutdown;
  if (phase == Phase::response) {
    if (error.code == ErrorCode::too_slow) return EndReason::client_slow_response;
    return error.code == ErrorCode::timeout ? EndReason::client_timeout_write
                                            : EndReason::client_abort_response;
  }
  switch (error.code) {
    case ErrorCode::timeout:
      return EndReason::client_timeout_body;
    case ErrorCode::too_slow:
      return EndReason::client_slow_body;
    case ErrorCode::too_large:
      return EndReason::client_too_large_body;
    case ErrorCode::protocol:
      return EndReason::client_bad_request;
    default:
      return EndReason::client_abort_body;
  }
}

EndReason upstream_reason(const Error& error, Phase phase) noexcept {
  switch (error.code) {
    case ErrorCode::canceled:
      return EndReason::local_shutdown;
    case ErrorCode::refused:
      return EndReason::upstream_connect_refused;
    case ErrorCode::unreachable:
      return EndReason::upstream_connect_unreachable;
    case ErrorCode::protocol:
      return EndReason::upstream_bad_response;
    case ErrorCode::too_large:
      return EndReason::upstream_too_large_header;
    case ErrorCode::resource:
      return EndReason::local_resource;
    default:
      break;
  }
  if (phase == Phase::connect) {
    return error.code == ErrorCode::timeout ? EndReason::upstream_connect_timeout
                                            : EndReason::upstream_connect_error;
  }
  if (error.code == ErrorCode::timeout) {
    if (phase == Phase::request) return EndReason::upstream_timeout_send;
    return phase == Phase::response ? EndReason::upstream_timeout_body
                                    : EndReason::upstream_timeout_first_byte;
  }
  if (phase == Phase::response) return EndReason::upstream_truncated;
  return error.code == ErrorCode::closed ? EndReason::upstream_closed : EndReason::upstream_reset;
}

Task<ExchangeResult> exchange(WorkerContext& worker, const RouteContext& route,
                              const config::PoolTimeouts& timeouts, ExchangeEnds ends, AnswerGate& gate,
                              ActiveAttempt& active, Record& record) {
  Exchange ex(worker, route, timeouts, ends, gate, active, record);
  const Nanos sent_at = worker.loop.now();
  net::Scope scope;
  ex.request_running = true;
  scope.spawn(send_request(ex));  // Mostly over at once.
  co_await receive_response(ex, sent_at);
  if (ex.request_running && (ex.result.reason != EndReason::ok || record.status >= 400)) {
    ex.response_over = true;
    if (ends.downstream.request.has_body) ends.downstream.cancel_read();
    ends.upstream.cancel_write();
  }
  co_await scope.join();
  if (ex.result.reason == EndReason::local_shutdown) ex.result.reason = active.reason;
  const bool complete = ex.result.reason == EndReason::ok || ex.result.reason == EndReason::tunnel_closed;
  if (ex.result.answered && !complete) ends.downstream.abort();
  co_return ex.result;
}

}  // namespace lintel::proxy
