#include "proxy/placing.h"

#include <algorithm>
#include <string>

#include "base/log.h"

namespace lintel::proxy {
namespace {

EndReason reason_of(pool::WaitEnd end) noexcept {
  switch (end) {
    case pool::WaitEnd::placed:
      return EndReason::ok;
    case pool::WaitEnd::unavailable:
      return EndReason::pool_no_server;
    case pool::WaitEnd::full:
      return EndReason::pool_queue_full;
    case pool::WaitEnd::late:
      return EndReason::pool_timeout_queue;
    case pool::WaitEnd::left:
      return EndReason::local_shutdown;
  }
  return EndReason::local_error;
}

void tell(WorkerContext& worker, const PoolContext& pool, EndReason reason) {
  const auto unsaid = worker.queue_warnings.pass(worker.loop.now());
  if (!unsaid) return;
  const std::string more = *unsaid == 0 ? "" : " (" + std::to_string(*unsaid) + " more like this)";
  log::warn({{"pool", pool.pool.config().name}}, "no server has a place for what waits: {}{}",
            reason == EndReason::pool_queue_full ? "no room in the queue" : "no place within queue.timeout",
            more);
}

}  // namespace

net::Task<Placement> wait_for_place(WorkerContext& worker, PoolContext& pool, pool::PickContext context,
                                    std::optional<std::uint32_t> own, pool::Waiter*& waiting,
                                    Record& record) {
  Placement placement;
  if (!pool.pool.can_wait(context, own)) {
    placement.reason = EndReason::pool_no_server;
    co_return placement;
  }
  const Nanos begun = worker.loop.now();
  const Nanos waited = std::max<Nanos>(record.queue, 0);
  const Nanos left = std::max<Nanos>(to_nanos(pool.pool.config().queue.timeout) - waited, 0);
  pool::Waiter waiter(pool.pool, context, own);
  waiting = &waiter;
  pool.stats->waiting.add();
  const pool::WaitEnd end = co_await waiter.wait(begun + left);
  pool.stats->waiting.sub();
  waiting = nullptr;
  record.queue = waited + worker.loop.now() - begun;
  if (end != pool::WaitEnd::full) pool.stats->queue.observe(worker.loop.now() - begun);
  placement.lease = waiter.lease();
  placement.reason = reason_of(end);
  if (end == pool::WaitEnd::full || end == pool::WaitEnd::late) tell(worker, pool, placement.reason);
  co_return placement;
}

std::uint64_t retry_after(const PoolContext& pool, EndReason reason, Nanos now) noexcept {
  constexpr Nanos kSecond = 1'000'000'000;
  const bool queue = reason == EndReason::pool_queue_full || reason == EndReason::pool_timeout_queue;
  const Nanos wait = queue ? to_nanos(pool.pool.config().queue.timeout) : pool.pool.closed_for(now);
  return static_cast<std::uint64_t>(std::max<Nanos>((wait + kSecond - 1) / kSecond, 1));
}

}  // namespace lintel::proxy
