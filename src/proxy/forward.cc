#include "proxy/forward.h"

#include <string>

#include "proxy/attempt.h"
#include "proxy/exchange.h"
#include "proxy/hash_key.h"
#include "proxy/local_reply.h"
#include "proxy/outcome.h"
#include "proxy/placing.h"

namespace lintel::proxy {
namespace {

using net::Task;

/// The status for a transaction that ended without an answer from a server; 0: nobody is there to be
/// answered.
int status_for(EndReason reason) noexcept {
  switch (reason) {
    case EndReason::client_timeout_body:
    case EndReason::client_slow_body:
      return 408;
    case EndReason::client_too_large_body:
      return 413;
    case EndReason::client_bad_request:
      return 400;
    case EndReason::client_abort_body:
    case EndReason::client_abort_response:
    case EndReason::client_timeout_write:
    case EndReason::client_slow_response:
      return 0;
    case EndReason::pool_no_server:
    case EndReason::pool_empty:
    case EndReason::pool_queue_full:
    case EndReason::pool_timeout_queue:
    case EndReason::pool_breaker_open:
    case EndReason::pool_breaker_full:
    case EndReason::local_resource:
    case EndReason::local_shutdown:
      return 503;
    case EndReason::upstream_connect_timeout:
    case EndReason::upstream_timeout_send:
    case EndReason::upstream_timeout_first_byte:
      return 504;
    default:
      return 502;
  }
}

void count_retry(Attempts& at, EndReason reason) {
  at.pool->stats->retries.add(static_cast<std::uint32_t>(reason));
}

/// Whether the pool gives no place now but may soon.
bool may_have_place_later(EndReason reason) noexcept {
  return reason == EndReason::pool_queue_full || reason == EndReason::pool_timeout_queue ||
         reason == EndReason::pool_breaker_open || reason == EndReason::pool_breaker_full;
}

/// Whether no server was so much as chosen.
bool has_no_place(EndReason reason) noexcept {
  return reason == EndReason::pool_no_server || reason == EndReason::pool_empty ||
         may_have_place_later(reason);
}

/// Waits for a place with a server. None: `result` is how it ends.
Task<pool::Lease> wait_in_queue(Attempts& at, AttemptResult& result) {
  if (at.active.abort_on_close) at.transaction.watch_client(&at.active, at.worker.loop.now() + kWatchAfter);
  Placement placement =
      co_await wait_for_place(at.worker, *at.pool, at.context(), at.own, at.active.waiting, at.record);
  if (at.active.cut) {
    result.reason = at.active.reason;
    co_return pool::Lease();
  }
  // Where none is left for another attempt it is the last one's failure that counts.
  if (placement.reason != EndReason::ok && placement.reason != EndReason::pool_no_server) {
    result.reason = placement.reason;
  }
  co_return std::move(placement.lease);
}

Task<AttemptResult> try_servers(Attempts& at) {
  AttemptResult result;
  result.reason = at.pool->no_server();
  const std::uint32_t most = at.pool->pool.config().retry.attempts;
  for (std::uint32_t servers = 0; servers < most; ++servers) {
    pool::Lease lease = at.pool->pool.take(at.context(), at.own);
    if (!lease && lease.refusal() != pool::Refusal::no_server) {
      if (servers == 0) result.reason = refusal_reason(lease.refusal());
      co_return result;
    }
    if (!lease) lease = co_await wait_in_queue(at, result);
    if (!lease) co_return result;
    if (servers != 0) count_retry(at, result.reason);
    result = co_await attempt(at, lease.server());
    if (result.retry_same && !at.active.cut) {
      count_retry(at, result.reason);
      at.fresh = true;
      result = co_await attempt(at, lease.server());
    }
    if (!result.retry_other || at.active.cut) co_return result;
    at.exclude(lease.server());
  }
  co_return result;
}

Task<AttemptResult> forward_to(Attempts& at) {
  const pool::Pool& pool = at.pool->pool;
  at.active.abort_on_close = pool.config().abort_on_close;
  at.record.pool = pool.config().name;
  if (pool.hashes())
    at.hash = hash_key(pool.config().balance.on, at.transaction.request, at.record.client_ip);
  at.own = std::nullopt;
  if (at.pool->sticky) at.own = at.pool->sticky->server_of(at.transaction.request.fields);
  co_return co_await try_servers(at);
}

/// With the time after which it may be worth asking again, where that is known.
Task<void> answer_itself(Attempts& at, int status) {
  LocalReply reply;
  reply.status = status;
  std::string seconds;
  if (may_have_place_later(at.record.end_reason)) {
    seconds = std::to_string(retry_after(*at.pool, at.record.end_reason, at.worker.loop.now()));
    reply.field_name = "Retry-After";
    reply.field_value = seconds;
  }
  co_await send_local(at.worker, at.route, at.transaction, reply, at.record);
}

}  // namespace

Task<void> forward(WorkerContext& worker, const RouteContext& route, PoolContext& pool,
                   http::ServerTransaction& transaction, ActiveExchange& active, const Client& client,
                   Record& record) {
  Attempts at(worker, route, pool, transaction, active, client, record, transaction.buffered_body());
  AttemptResult result = co_await forward_to(at);
  // Nothing of the request has been sent, so its body is still there.
  const bool unreached = !result.answered && (has_no_place(result.reason) || result.retry_other);
  if (unreached && route.fallback && route.fallback != &pool && !active.cut) {
    count_retry(at, result.reason);
    at.turn_to(*route.fallback);
    result = co_await forward_to(at);
  }
  transaction.watch_client(nullptr, 0);
  record.end_reason = result.reason;
  if (result.answered) co_return;
  const int status = status_for(result.reason);
  if (status == 0) {
    transaction.abort();
    co_return;
  }
  co_await answer_itself(at, status);
}

}  // namespace lintel::proxy
