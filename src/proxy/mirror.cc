#include "proxy/mirror.h"

#include <utility>

#include "proxy/active_exchange.h"
#include "proxy/generation.h"
#include "proxy/hash_key.h"
#include "proxy/upstream.h"

namespace lintel::proxy {

using net::Task;

/// One copy on its way. In the list of its Mirrors while it lives.
struct Mirrors::Copy {
  Copy(Mirrors& owner, const Original& original)
      : generation(original.generation),
        route(original.route),
        pool(*original.route.mirror()),
        timeouts(original.route.timeouts(pool)),
        next(std::exchange(owner.first_, this)),
        link(&owner.first_) {
    if (next) next->link = &next;
    head.copy_from(original.head);
    head.expects_continue = false;  // The body is there.
    body.append(original.body);
    if (pool.pool.hashes()) hash = hash_key(pool.pool.config().balance.on, head, original.client_ip);
  }
  Copy(const Copy&) = delete;
  Copy& operator=(const Copy&) = delete;
  ~Copy() {
    *link = next;
    if (next) next->link = link;
  }

  const std::shared_ptr<const Generation> generation;  ///< Keeps the route and the pool.
  const RouteContext& route;
  PoolContext& pool;
  const config::PoolTimeouts timeouts;
  http::RequestHead head;
  Buffer body;
  std::uint64_t hash = 0;
  ActiveExchange exchange;
  ActiveAttempt active{exchange};
  Copy* next;
  Copy** link;  ///< The pointer that points here.
};

namespace {

/// Nobody waits for the answer, so that its end is not waited for without bounds.
constexpr Nanos kLongest = 60'000'000'000;
/// After this many pieces without waiting for anything the loop serves its other connections first.
constexpr unsigned kPiecesPerTurn = 16;

/// Reads an answer to its end. Returns its status; 0: it did not come to its end.
Task<int> read_away(WorkerContext& worker, http::H1ClientConnection& connection,
                    const ActiveAttempt& active) {
  http::Workspace::PooledResponse head(worker.workspace);
  Result<http::BodyChunk> piece;
  do {
    if (active.cut) co_return 0;
    piece = co_await connection.read_head(*head);
  } while (piece && head->is_interim());
  const int status = piece ? head->status : 0;
  for (unsigned pieces = 1; piece && !piece->last; ++pieces) {
    if (pieces % kPiecesPerTurn == 0) co_await worker.loop.yield();
    if (active.cut) co_return 0;
    piece = co_await connection.read_body();
  }
  co_return piece ? status : 0;
}

Task<int> exchange_copy(WorkerContext& worker, http::H1ClientConnection& connection,
                        const config::PoolTimeouts& timeouts, const http::RequestHead& head,
                        std::string_view body, ActiveAttempt& active) {
  http::H1ClientConnection::Settings settings;
  settings.body_timeout = settings.write_timeout = to_nanos(timeouts.idle);
  connection.start(settings);
  active.upstream = &connection;
  const http::BodyChunk whole(body, true);
  const Result<void> sent = co_await connection.write_head(head, whole, nullptr);
  int status = 0;
  if (sent && !active.cut) {
    connection.set_response_deadline(worker.loop.now() + to_nanos(timeouts.first_byte));
    status = co_await read_away(worker, connection, active);
  }
  active.upstream = nullptr;
  co_return status;
}

/// A kept connection, or a new one; null where there is none.
Task<http::H1ClientPtr> connect(WorkerContext& worker, PoolContext& pool, std::uint32_t server,
                                ActiveAttempt& active) {
  http::H1ClientPtr connection = pool.pool.checkout(server, true);
  if (connection) co_return connection;
  ConnectTimes times;
  Result<net::StreamPtr> opened =
      co_await open_upstream(worker, pool, server, nullptr, {}, active.opening, times);
  if (opened && !active.cut)
    connection = std::make_unique<http::H1ClientConnection>(std::move(*opened), worker.workspace);
  co_return connection;
}

}  // namespace

void Mirrors::send(const Original& original) {
  if (scope_.count() >= kMost) {
    original.route.stats->count(Mirrored::busy);
    return;
  }
  scope_.spawn(run(std::make_unique<Copy>(*this, original)));
}

void Mirrors::cut() noexcept {
  for (Copy* one = first_; one; one = one->next) one->active.end(EndReason::local_shutdown);
}

Task<void> Mirrors::run(std::unique_ptr<Copy> copy) {
  ActiveAttempt& active = copy->active;
  active.end_at(worker_.loop, worker_.loop.now() + kLongest);
  co_await worker_.loop.yield();  // The request itself goes first.
  pool::Pool& pool = copy->pool.pool;
  pool::PickContext context;
  context.hash = copy->hash;
  context.now = worker_.loop.now();
  const pool::Lease lease = active.cut ? pool::Lease() : pool.take(context);
  int status = 0;
  if (lease) {
    ServerStats& stats = *copy->pool.server_stats[lease.server()];
    http::H1ClientPtr connection = co_await connect(worker_, copy->pool, lease.server(), active);
    if (connection) {
      stats.active.add();
      status =
          co_await exchange_copy(worker_, *connection, copy->timeouts, copy->head, copy->body.view(), active);
      stats.active.sub();
      pool.checkin(lease.server(), std::move(connection));
    }
    stats.requests.add(static_cast<std::uint32_t>(status));
  }
  copy->route.stats->count(status == 0 ? Mirrored::failed : Mirrored::answered);
}

}  // namespace lintel::proxy
