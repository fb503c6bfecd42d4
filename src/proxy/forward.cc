#include "proxy/forward.h"

#include <array>
#include <span>

#include "proxy/exchange.h"
#include "proxy/hash_key.h"
#include "proxy/local_reply.h"
#include "proxy/upstream.h"

namespace lintel::proxy {
namespace {

using net::Task;

/// What the attempts for one request have in common. Lives in the frame of forward().
struct Attempts {
  Attempts(WorkerContext& w, const RouteContext& r, PoolContext& p, http::ServerTransaction& t,
           ActiveExchange& a, const Client& c, Record& rec, bool& f) noexcept
      : worker(w),
        route(r),
        pool(p),
        timeouts(r.timeouts(p)),
        transaction(t),
        active(a),
        client(c),
        record(rec),
        fresh(f) {}

  WorkerContext& worker;
  const RouteContext& route;
  PoolContext& pool;
  const config::PoolTimeouts timeouts;
  http::ServerTransaction& transaction;
  ActiveExchange& active;
  const Client& client;
  Record& record;
  http::BodyChunk first;                                    ///< What is there of the request body.
  std::array<std::uint32_t, Record::kMaxAttempts> tried{};  ///< Servers that failed before anything was sent.
  std::size_t tried_count = 0;
  /// Once an idle connection was found dead only new ones are used, by other servers' turns too: what may
  /// have reached a server goes out once more and no oftener (RFC 9110, 9.2.2).
  bool& fresh;
  std::uint64_t hash = 0;  ///< Of what the pool tells requests apart by, if it does.

  [[nodiscard]] pool::PickContext context() const noexcept {
    return {.tried = {tried.data(), tried_count}, .hash = hash, .now = worker.loop.now()};
  }
};

/// How one attempt ended, and what may follow.
struct AttemptResult {
  EndReason reason = EndReason::ok;
  bool answered = false;
  bool retry_same = false;   ///< An idle connection was dead: a new one to the same server is worth the try.
  bool retry_other = false;  ///< The server was never reached.
};

http::H1ClientConnection::Settings client_settings(const config::PoolTimeouts& timeouts) noexcept {
  http::H1ClientConnection::Settings settings;
  settings.body_timeout = to_nanos(timeouts.idle);
  settings.write_timeout = to_nanos(timeouts.idle);
  return settings;
}

Task<AttemptResult> attempt(Attempts& at, std::uint32_t index, bool fresh) {
  AttemptResult result;
  at.active.abort_on_close = at.pool.pool.config().abort_on_close;
  const bool idempotent = http::is_idempotent(at.transaction.request.method);
  http::H1ClientPtr connection;
  // A connection that began with a PROXY header speaks for one client.
  const bool shared = at.pool.pool.config().proxy_protocol == config::SendProxy::none;
  if (!fresh && shared) connection = at.pool.pool.checkout(index, !idempotent);
  if (!connection) {
    const std::string_view id = at.transaction.request.fields.get(http::FieldId::x_request_id);
    if (at.active.abort_on_close) at.transaction.watch_client(&at.active, at.worker.loop.now() + kWatchAfter);
    Result<net::StreamPtr> connected =
        co_await open_upstream(at.worker, at.pool, index, at.client, id, at.active.opening, at.record);
    if (at.active.cut) {
      result.reason = at.active.reason;
      co_return result;
    }
    if (!connected) {
      result.reason = open_reason(connected.error());
      result.retry_other = true;
      co_return result;
    }
    connection = std::make_unique<http::H1ClientConnection>(std::move(*connected), at.worker.workspace);
  }
  ServerStats& stats = *at.pool.server_stats[index];
  at.record.server = at.pool.pool.servers()[index].name;  // For the response's fields.
  connection->start(client_settings(at.timeouts));
  at.active.upstream = connection.get();
  stats.active.add();
  const ExchangeResult exchanged = co_await exchange(at.worker, at.route, at.timeouts, at.transaction,
                                                     *connection, at.first, at.active, at.record);
  stats.active.sub();
  at.active.upstream = nullptr;
  result.reason = exchanged.reason;
  result.answered = exchanged.answered;
  // Safe to send again: the kernel took no byte, or a connection that had been idle ended without a word and
  // the request may be repeated (RFC 9110, 9.2.2). The body must still be there in full.
  const bool dead =
      exchanged.no_answer && connection->reused() &&
      (exchanged.reason == EndReason::upstream_closed || exchanged.reason == EndReason::upstream_reset);
  result.retry_same = !exchanged.answered && at.first.last && dead && (exchanged.nothing_sent || idempotent);
  if (result.retry_same) result.reason = EndReason::upstream_idle_closed;
  if (shared) at.pool.pool.checkin(index, std::move(connection));
  co_return result;
}

void note_attempt(Attempts& at, std::uint32_t index, const AttemptResult& result, Nanos begun) {
  const pool::Server& server = at.pool.pool.servers()[index];
  ServerStats& stats = *at.pool.server_stats[index];
  const int status = result.answered ? at.record.upstream_status : 0;
  at.record.server = server.name;
  at.record.add_attempt({server.name, status, result.reason, at.worker.loop.now() - begun});
  stats.requests.add(static_cast<std::uint32_t>(status));
  if (is_server_failure(result.reason)) stats.errors.add(static_cast<std::uint32_t>(result.reason));
  if (at.record.first_byte >= 0 && result.answered) at.pool.stats->first_byte.observe(at.record.first_byte);
}

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

Task<AttemptResult> try_servers(Attempts& at) {
  AttemptResult result;
  result.reason = EndReason::pool_no_server;
  const std::uint32_t most = at.pool.pool.config().retry.attempts;
  for (std::uint32_t servers = 0; servers < most; ++servers) {
    const pool::Lease lease = at.pool.pool.take(at.context());
    if (!lease) co_return result;
    const std::uint32_t index = lease.server();
    if (servers != 0) at.pool.stats->retries.add(static_cast<std::uint32_t>(result.reason));
    Nanos begun = at.worker.loop.now();
    result = co_await attempt(at, index, at.fresh);
    note_attempt(at, index, result, begun);
    if (result.retry_same && !at.active.cut) {
      at.pool.stats->retries.add(static_cast<std::uint32_t>(result.reason));
      begun = at.worker.loop.now();
      at.fresh = true;
      result = co_await attempt(at, index, at.fresh);
      note_attempt(at, index, result, begun);
    }
    if (!result.retry_other || at.active.cut) co_return result;
    if (at.tried_count < at.tried.size()) at.tried[at.tried_count++] = index;
  }
  co_return result;
}

Task<AttemptResult> forward_to(PoolContext& pool, WorkerContext& worker, const RouteContext& route,
                               http::ServerTransaction& transaction, ActiveExchange& active,
                               const Client& client, http::BodyChunk first, bool& fresh, Record& record) {
  Attempts at(worker, route, pool, transaction, active, client, record, fresh);
  record.pool = pool.pool.config().name;
  at.first = first;
  if (pool.pool.hashes())
    at.hash = hash_key(pool.pool.config().balance.on, transaction.request, record.client_ip);
  co_return co_await try_servers(at);
}

}  // namespace

Task<void> forward(WorkerContext& worker, const RouteContext& route, PoolContext& pool,
                   http::ServerTransaction& transaction, ActiveExchange& active, const Client& client,
                   Record& record) {
  const http::BodyChunk first = transaction.buffered_body();
  bool fresh = false;
  AttemptResult result =
      co_await forward_to(pool, worker, route, transaction, active, client, first, fresh, record);
  // Nothing of the request has been sent, so its body is still there.
  const bool unreached =
      !result.answered && (result.reason == EndReason::pool_no_server || result.retry_other);
  if (unreached && route.fallback && route.fallback != &pool && !active.cut) {
    pool.stats->retries.add(static_cast<std::uint32_t>(result.reason));
    result = co_await forward_to(*route.fallback, worker, route, transaction, active, client, first, fresh,
                                 record);
  }
  transaction.watch_client(nullptr, 0);
  record.end_reason = result.reason;
  if (result.answered) co_return;
  const int status = status_for(result.reason);
  if (status == 0) {
    transaction.abort();
    co_return;
  }
  LocalReply reply;
  reply.status = status;
  co_await send_local(worker, route, transaction, reply, record);
}

}  // namespace lintel::proxy
