#include "proxy/attempt.h"

#include <algorithm>

#include "proxy/hash_key.h"
#include "proxy/outcome.h"
#include "proxy/retry.h"
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
      co_await open_upstream(at.worker, *at.pool, index, &at.client, id, active.opening, result.times);
  if (active.cut) {
    result.reason = active.reason;
    co_return nullptr;
  }
  if (!connected) {
    result.reason = open_reason(connected.error());
    co_return nullptr;
  }
  co_return std::make_unique<http::H1ClientConnection>(std::move(*connected), at.worker.workspace);
}

/// Whether a connection that had been idle ended without a word.
bool died_idle(const ExchangeResult& exchanged, const http::H1ClientConnection& connection) noexcept {
  return exchanged.no_answer && connection.reused() && retry_cause(exchanged.reason) == RetryCause::reset;
}

/// Whether it is safe to send the request again then, over a new connection to the same server: the kernel
/// took no byte, or the request may be repeated (RFC 9110, 9.2.2).
bool may_go_again(const Attempts& at, const ExchangeResult& exchanged) noexcept {
  return at.rules->include(RetryCause::dead_connection) && at.body.can_begin() &&
         (exchanged.nothing_sent || at.repeatable);
}

Task<AttemptResult> run_attempt(Attempts& at, std::uint32_t index, ActiveAttempt& active, AnswerGate& gate) {
  AttemptResult result;
  result.server = index;
  if (at.rules->per_try != 0) active.end_at(at.worker.loop, at.worker.loop.now() + at.rules->per_try);
  http::H1ClientPtr connection;
  // A connection that began with a PROXY header speaks for one client.
  const bool shared = at.pool->pool.config().proxy_protocol == config::SendProxy::none;
  if (!at.fresh && shared) connection = at.pool->pool.checkout(index, !at.repeatable);
  if (!connection) connection = co_await open(at, index, active, result);
  if (!connection) co_return result;
  ServerStats& stats = *at.pool->server_stats[index];
  at.speak_for(index);
  connection->start(client_settings(at.timeouts));
  active.upstream = connection.get();
  stats.active.add();
  const ExchangeResult exchanged =
      co_await exchange(at.worker, at.route, at.timeouts, ExchangeEnds{at.transaction, at.body, *connection},
                        gate, active, at.record);
  stats.active.sub();
  active.upstream = nullptr;
  at.sent |= !exchanged.nothing_sent;
  result.reason = exchanged.reason;
  result.answered = exchanged.answered;
  result.status = exchanged.status;
  result.reached = true;
  if (!active.cut && died_idle(exchanged, *connection)) {
    at.pool->pool.note_dead(index, *connection);
    result.retry_same = may_go_again(at, exchanged);
  }
  if (result.retry_same) result.reason = EndReason::upstream_idle_closed;
  if (shared) at.pool->pool.checkin(index, std::move(connection));
  co_return result;
}

/// For balancers by latency. An idle connection's end says nothing of how fast the server is; that another
/// one was faster says that this one takes longer than it was waited for.
void note_latency(Attempts& at, const AttemptResult& result, Nanos took) {
  const Nanos now = at.worker.loop.now();
  if (result.answered && at.record.first_byte >= 0) {
    at.pool->pool.note_latency(result.server, at.record.first_byte, now);
  } else if (is_server_failure(result.reason) && result.reason != EndReason::upstream_idle_closed) {
    at.pool->pool.note_latency(result.server, std::max(took, pool::Pool::kFailed), now);
  } else if (result.reason == EndReason::local_hedged && took >= at.rules->hedge_after) {
    at.pool->pool.note_latency(result.server, took, now);
  }
}

void note_attempt(Attempts& at, const AttemptResult& result, Nanos begun) {
  const pool::Server& server = at.pool->pool.servers()[result.server];
  ServerStats& stats = *at.pool->server_stats[result.server];
  at.record.server = server.name;
  at.record.upstream_status = result.status;
  if (result.times.connect >= 0) static_cast<ConnectTimes&>(at.record) = result.times;
  const Nanos took = at.worker.loop.now() - begun;
  at.record.add_attempt({server.name, result.status, result.reason, took});
  note_latency(at, result, took);
  stats.requests.add(static_cast<std::uint32_t>(result.status));
  if (is_server_failure(result.reason)) stats.errors.add(static_cast<std::uint32_t>(result.reason));
  note_outcome(at.pool->pool, result.server,
               {.reason = result.reason,
                .status = result.status,
                .begun = begun,
                .now = at.worker.loop.now(),
                .first_byte = result.answered ? at.record.first_byte : -1});
  if (at.record.first_byte >= 0 && result.answered) at.pool->stats->first_byte.observe(at.record.first_byte);
}

}  // namespace

void Attempts::turn_to(PoolContext& to) noexcept {
  pool = &to;
  rules = &route.retry_rules(to);
  timeouts = route.timeouts(to);
  tried_count = 0;
  repeatable = is_repeatable(transaction.request, *rules);
  active.abort_on_close = to.pool.config().abort_on_close;
  record.pool = to.pool.config().name;
  own = std::nullopt;
  if (to.sticky) own = to.sticky->server_of(transaction.request.fields);
  if (to.pool.hashes()) hash = hash_key(to.pool.config().balance.on, transaction.request, record.client_ip);
  if (to.uses_budget) to.pool.retry_budget().count_request(worker.loop.now());
}

pool::Lease Attempts::take() noexcept {
  pool::Lease lease = pool->pool.take(context(), own);
  if (lease) note_taken(lease);
  return lease;
}

void count_retry(Attempts& at, EndReason reason) {
  at.pool->stats->retries.add(static_cast<std::uint32_t>(reason));
}

Task<AttemptResult> attempt(Attempts& at, std::uint32_t index, ActiveAttempt& active, AnswerGate& gate) {
  for (;;) {
    const Nanos begun = at.worker.loop.now();
    const AttemptResult result = co_await run_attempt(at, index, active, gate);
    note_attempt(at, result, begun);
    if (!result.retry_same) co_return result;
    count_retry(at, result.reason);
    at.fresh = true;
  }
}

}  // namespace lintel::proxy
