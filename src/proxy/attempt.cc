#include "proxy/attempt.h"

#include <algorithm>

#include "proxy/exchange.h"
#include "proxy/outcome.h"
#include "proxy/upstream.h"

namespace lintel::proxy {
namespace {

using net::Task;

http::H1ClientConnection::Settings client_settings(const config::PoolTimeouts& timeouts) noexcept {
  http::H1ClientConnection::Settings settings;
  settings.body_timeout = to_nanos(timeouts.idle);
  settings.write_timeout = to_nanos(timeouts.idle);
  return settings;
}

/// A new connection to the server, or how the attempt to open one ended. Nothing was sent then.
Task<http::H1ClientPtr> open(Attempts& at, std::uint32_t index, ActiveAttempt& active,
                             AttemptResult& result) {
  const std::string_view id = at.transaction.request.fields.get(http::FieldId::x_request_id);
  if (at.active.abort_on_close) at.transaction.watch_client(&at.active, at.worker.loop.now() + kWatchAfter);
  Result<net::StreamPtr> connected =
      co_await open_upstream(at.worker, *at.pool, index, at.client, id, active.opening, at.record);
  if (active.cut) {
    result.reason = active.reason;
    co_return nullptr;
  }
  if (!connected) {
    result.reason = open_reason(connected.error());
    result.retry_other = true;
    co_return nullptr;
  }
  co_return std::make_unique<http::H1ClientConnection>(std::move(*connected), at.worker.workspace);
}

/// Whether it is safe to send the request again: the kernel took no byte, or a connection that had been idle
/// ended without a word and the request may be repeated (RFC 9110, 9.2.2). The body must still be there in
/// full.
bool died_idle(const Attempts& at, const ExchangeResult& exchanged, bool reused, bool idempotent) noexcept {
  const bool dead =
      exchanged.no_answer && reused &&
      (exchanged.reason == EndReason::upstream_closed || exchanged.reason == EndReason::upstream_reset);
  return !exchanged.answered && at.first.last && dead && (exchanged.nothing_sent || idempotent);
}

Task<AttemptResult> run_attempt(Attempts& at, std::uint32_t index) {
  AttemptResult result;
  ActiveAttempt active(at.active);
  const bool idempotent = http::is_idempotent(at.transaction.request.method);
  http::H1ClientPtr connection;
  // A connection that began with a PROXY header speaks for one client.
  const bool shared = at.pool->pool.config().proxy_protocol == config::SendProxy::none;
  if (!at.fresh && shared) connection = at.pool->pool.checkout(index, !idempotent);
  if (!connection) connection = co_await open(at, index, active, result);
  if (!connection) co_return result;
  ServerStats& stats = *at.pool->server_stats[index];
  at.record.server = at.pool->pool.servers()[index].name;  // For the response's fields.
  at.record.set_cookie = at.set_cookie(index);
  connection->start(client_settings(at.timeouts));
  active.upstream = connection.get();
  stats.active.add();
  const ExchangeResult exchanged = co_await exchange(at.worker, at.route, at.timeouts, at.transaction,
                                                     *connection, at.first, active, at.record);
  stats.active.sub();
  active.upstream = nullptr;
  result.reason = exchanged.reason;
  result.answered = exchanged.answered;
  result.retry_same = died_idle(at, exchanged, connection->reused(), idempotent);
  if (result.retry_same) result.reason = EndReason::upstream_idle_closed;
  if (shared) at.pool->pool.checkin(index, std::move(connection));
  co_return result;
}

/// For balancers by latency. An idle connection's end says nothing of how fast the server is.
void note_latency(Attempts& at, std::uint32_t index, const AttemptResult& result, Nanos took) {
  const Nanos now = at.worker.loop.now();
  if (result.answered && at.record.first_byte >= 0) {
    at.pool->pool.note_latency(index, at.record.first_byte, now);
  } else if (is_server_failure(result.reason) && result.reason != EndReason::upstream_idle_closed) {
    at.pool->pool.note_latency(index, std::max(took, pool::Pool::kFailed), now);
  }
}

void note_attempt(Attempts& at, std::uint32_t index, const AttemptResult& result, Nanos begun) {
  const pool::Server& server = at.pool->pool.servers()[index];
  ServerStats& stats = *at.pool->server_stats[index];
  const int status = result.answered ? at.record.upstream_status : 0;
  at.record.server = server.name;
  const Nanos took = at.worker.loop.now() - begun;
  at.record.add_attempt({server.name, status, result.reason, took});
  note_latency(at, index, result, took);
  stats.requests.add(static_cast<std::uint32_t>(status));
  if (is_server_failure(result.reason)) stats.errors.add(static_cast<std::uint32_t>(result.reason));
  note_outcome(at.pool->pool, index,
               {.reason = result.reason,
                .status = status,
                .begun = begun,
                .now = at.worker.loop.now(),
                .first_byte = result.answered ? at.record.first_byte : -1});
  if (at.record.first_byte >= 0 && result.answered) at.pool->stats->first_byte.observe(at.record.first_byte);
}

}  // namespace

Task<AttemptResult> attempt(Attempts& at, std::uint32_t index) {
  const Nanos begun = at.worker.loop.now();
  const AttemptResult result = co_await run_attempt(at, index);
  note_attempt(at, index, result, begun);
  co_return result;
}

}  // namespace lintel::proxy
