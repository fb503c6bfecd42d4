#include "proxy/forward.h"

#include <string>
#include <utility>

#include "proxy/attempt.h"
#include "proxy/hedge.h"
#include "proxy/local_reply.h"
#include "proxy/outcome.h"
#include "proxy/placing.h"
#include "proxy/retry.h"
#include "proxy/route_actions.h"

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
    case EndReason::upstream_timeout_try:
    case EndReason::route_timeout:
      return 504;
    default:
      return 502;
  }
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
  if (placement.lease) at.note_taken(placement.lease);
  co_return std::move(placement.lease);
}

/// Ends a request, whatever it waits for, when its time is up.
class TotalDeadline {
 public:
  TotalDeadline(net::Loop& loop, ActiveExchange& active, http::ServerTransaction& transaction,
                Nanos total) noexcept
      : active_(active), transaction_(transaction) {
    if (total == 0) return;
    loop.set_deadline(deadline_, loop.now() + total);
    active.total = &deadline_;
  }
  TotalDeadline(const TotalDeadline&) = delete;
  TotalDeadline& operator=(const TotalDeadline&) = delete;
  ~TotalDeadline() { stop(); }

  /// The connection with the client may go on.
  void stop() noexcept {
    deadline_.clear();
    active_.total = nullptr;
    if (active_.cut && active_.reason == EndReason::route_timeout) active_.cut = false;
  }

 private:
  static void fire(net::Deadline& deadline) {
    auto& self = *static_cast<TotalDeadline*>(deadline.owner());
    self.active_.end(EndReason::route_timeout);
    self.transaction_.cancel_write();
  }

  ActiveExchange& active_;
  http::ServerTransaction& transaction_;
  net::Deadline deadline_{fire, this};
};

/// A place with a server for the next attempt, at once or after a wait. None: where nothing was tried yet,
/// `result` is how it ends.
Task<pool::Lease> find_place(Attempts& at, AttemptResult& result) {
  pool::Lease lease = at.take();
  if (!lease && lease.refusal() != pool::Refusal::no_server) {
    if (at.tried_count == 0) result.reason = refusal_reason(lease.refusal());
    co_return std::move(lease);
  }
  if (!lease) lease = co_await wait_in_queue(at, result);
  co_return std::move(lease);
}

/// An answer that is to be tried again goes no further if it can be.
class Gate final : public AnswerGate {
 public:
  explicit Gate(Attempts& at) noexcept : at_(at) {}
  bool takes(int status) override { return !at_.rules->include_status(status) || !plan_next(at_); }
  bool takes_interim() noexcept override { return true; }

 private:
  Attempts& at_;
};

Task<AttemptResult> try_servers(Attempts& at) {
  AttemptResult result;
  result.reason = at.pool->no_server();
  pool::Lease lease = co_await find_place(at, result);
  for (; lease; lease = std::move(at.next)) {
    if (!at.own && may_hedge(at.transaction.request, *at.rules)) {
      result = co_await race(at, std::move(lease));
    } else {
      ActiveAttempt active(at.active);
      Gate gate(at);
      result = co_await attempt(at, lease.server(), active, gate);
    }
    if (result.answered || at.active.cut) break;
    const RetryCause cause = result.reached ? retry_cause(result.reason) : RetryCause::connect_failure;
    if (!at.next && may_follow(at, cause, result.reached)) {
      at.next = co_await find_place(at, result);
      if (at.next && result.reached && !take_from_budget(at)) at.next.end();
    }
    if (at.next) count_retry(at, result.reason);
  }
  at.next.end();
  if (at.active.cut && !result.answered) result.reason = at.active.reason;
  co_return result;
}

/// Whether the route's fallback gets a request that ended so.
bool falls_back(const Attempts& at, const AttemptResult& result) noexcept {
  if (result.answered || at.active.cut || (result.reached && !has_no_place(result.reason))) return false;
  const PoolContext* fallback = at.route.fallback();
  return fallback && fallback != at.pool && (!at.sent || at.repeatable) && at.body.can_begin();
}

/// What an attempt reads of the body is kept if the next one may need it, or the mirror.
void keep_body(Attempts& at, bool mirrored) noexcept {
  const http::RequestHead& request = at.transaction.request;
  if (!request.has_body || at.body.begin().last) return;
  if ((at.repeatable || mirrored) && request.content_length.value_or(0) <= ReplayBody::kMost) at.body.keep();
}

/// Whether a copy of the request is to go to the route's mirror.
bool is_mirrored(const Attempts& at) noexcept {
  return at.route.mirror() && at.transaction.request.upgrade.size == 0 &&
         falls_in(at.route.config->mirror->share, at.worker.workspace.random);
}

/// Sends the copy if all of the body is there. Returns whether that is still to come.
bool mirror_now(Attempts& at) {
  if (!at.body.is_whole()) return true;
  at.worker.mirrors.send(
      {at.client.generation, at.route, at.transaction.request, at.body.begin().bytes, at.record.client_ip});
  return false;
}

/// The request is over: what there is of its body is all that there will be.
void mirror_late(Attempts& at) {
  if (mirror_now(at)) at.route.stats->count(at.body.can_begin() ? Mirrored::incomplete : Mirrored::too_large);
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
  Attempts at(worker, route, pool, transaction, active, client, record);
  TotalDeadline deadline(worker.loop, active, transaction, to_nanos(at.timeouts.total));
  bool mirrors = is_mirrored(at);
  keep_body(at, mirrors);
  if (mirrors) mirrors = mirror_now(at);
  AttemptResult result = co_await try_servers(at);
  if (falls_back(at, result)) {
    count_retry(at, result.reason);
    at.turn_to(*route.fallback());
    result = co_await try_servers(at);
  }
  deadline.stop();
  if (mirrors) mirror_late(at);
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
