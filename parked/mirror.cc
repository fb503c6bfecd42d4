#include "proxy/mirror.h"

#include <utility>

#include "proxy/active_exchange.h"
#include "proxy/generation.h"
#include "proxy/hash_key.h"
#include "proxy/upstream.h"

namespace lintel::proxy {
namespace {

using net::Task;

/// Nobody waits for the answer, so that its end is not waited for without bounds.
constexpr Nanos kLongest = 60'000'000'000;

}  // namespace

/// One copy on its way. In the list of its Mirrors while it lives.
struct Mirrors::Copy {
  Copy(Mirrors& o, std::shared_ptr<const Generation> g, const RouteContext& r)
      : owner(o),
        generation(std::move(g)),
        route(r),
        pool(*r.mirror),
        timeouts(r.timeouts(pool)),
        next(std::exchange(o.first_, this)) {
    if (next) next->link = &next;
    owner.worker_.loop.set_deadline(deadline, owner.worker_.loop.now() + kLongest);
  }
  Copy(const Copy&) = delete;
  Copy& operator=(const Copy&) = delete;
  ~Copy() {
    *link = next;
    if (next) next->link = link;
  }

  Mirrors& owner;
  const std::shared_ptr<const Generation> generation;  ///< Keeps the route and the pool.
  const RouteContext& route;
  PoolContext& pool;
  const config::PoolTimeouts timeouts;
  http::RequestHead head;
  Buffer body;
  ActiveExchange exchange;
  ActiveAttempt active{exchange};
  Copy* next;
  Copy** link = &owner.first_;
  net::Deadline deadline{
      [](net::Deadline& timer) { static_cast<Copy*>(timer.owner())->active.end(EndReason::route_timeout); },
      this};
};

namespace {

/// Reads an answer to its end. Returns its status; 0: it did not come to one.
Task<int> read_away(WorkerContext& worker, http::H1ClientConnection& connection, ActiveAttempt& active) {
  http::Workspace::PooledResponse head(worker.workspace);
  Result<http::BodyChunk> piece;
  do {
    if (active.cut) co_return 0;
    piece = co_await connection.read_head(*head);
  } while (piece && head->is_interim());
  constexpr unsigned kPiecesPerTurn = 16;
  for (unsigned pieces = 1; piece && !piece->last; ++pieces) {
    if (pieces % kPiecesPerTurn == 0) co_await worker.loop.yield();
    if (active.cut) co_return 0;
    piece = co_await connection.read_body();
  }
  co_return piece ? head->status : 0;
}

http::H1ClientConnection::Settings settings_of(const config::PoolTimeouts& timeouts) noexcept {
  http::H1ClientConnection::Settings settings;
  settings.body_timeout = settings.write_timeout = to_nanos(timeouts.idle);
  return settings;
}

Task<int> exchange_copy(WorkerContext& worker, http::H1ClientConnection& connection,
                        const config::PoolTimeouts& timeouts, const http::RequestHead& head,
                        std::string_view body, ActiveAttempt& active) {
  connection.start(settings_of(timeouts));
  active.upstream = &connection;
  const Result<void> sent = co_await connection.write_head(head, http::BodyChunk(body, true), nullptr);
  int status = 0;
  if (sent && !active.cut) {
    connection.set_response_deadline(worker.loop.now() + to_nanos(timeouts.first_byte));
    status = co_await read_away(worker, connection, active);
  }
  active.upstream = nullptr;
  co_return status;
}

}  // namespace

void Mirrors::send(const RouteContext& route, const http::RequestHead& head, std::string_view body) {
  if (scope_.count() >= kMost) {
    route.stats->count(Mirrored::busy);
    return;
  }
  auto copy = std::make_unique<Copy>(*this, worker_.generation, route);
  copy->head.copy_from(head);
  copy->head.expects_continue = false;
  copy->body.append(body);
  scope_.spawn(run(std::move(copy)));
}

void Mirrors::cut() noexcept {
  for (Copy* one = first_; one; one = one->next) one->active.end(EndReason::local_shutdown);
}

Task<void> Mirrors::run(std::unique_ptr<Copy> copy) {
  pool::Pool& pool = copy->pool.pool;
  pool::PickContext context;
  context.now = worker_.loop.now();
  if (pool.hashes()) context.hash = hash_key(pool.config().balance.on, copy->head, {});
  const pool::Lease lease = pool.take(context);
  int status = 0;
  if (lease) {
    const std::uint32_t index = lease.server();
    http::H1ClientPtr connection = pool.checkout(index, true);
    if (!connection) {
      ConnectTimes times;
      Result<net::StreamPtr> opened =
          co_await open_upstream(worker_, copy->pool, index, nullptr, {}, copy->active.opening, times);
      if (opened)
        connection = std::make_unique<http::H1ClientConnection>(std::move(*opened), worker_.workspace);
    }
    if (connection && !copy->active.cut) {
      status = co_await exchange_copy(worker_, *connection, copy->timeouts, copy->head, copy->body.view(),
                                      copy->active);
      pool.checkin(index, std::move(connection));
    }
    copy->pool.server_stats[index]->requests.add(static_cast<std::uint32_t>(status));
  }
  copy->route.stats->count(status == 0 ? Mirrored::failed : Mirrored::answered);
}

}  // namespace lintel::proxy
