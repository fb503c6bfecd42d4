#pragma once

#include <cstdint>
#include <optional>

#include "net/task.h"
#include "pool/queue.h"
#include "proxy/generation.h"
#include "proxy/record.h"

namespace lintel::proxy {

/// A place with a server, or why there is none.
struct Placement {
  pool::Lease lease;
  EndReason reason = EndReason::ok;
};

/// For what Pool::take gave no place: waits in the pool's queue for one, if a server is only full, up to
/// queue.timeout for all of a request's waits together. `tried` of `context` must outlive the task, `own` is
/// as Pool::take has it. While it waits `waiting` is what waits: leave() ends it, and the reason is then
/// local_shutdown unless the caller knows better. Counts and records the wait. Suspends.
net::Task<Placement> wait_for_place(WorkerContext& worker, PoolContext& pool, pool::PickContext context,
                                    std::optional<std::uint32_t> own, pool::Waiter*& waiting, Record& record);

/// For Retry-After where the queue had no room or no time, or the pool's circuit breaker refused: what will
/// do for another try, in whole seconds.
[[nodiscard]] std::uint64_t retry_after(const PoolContext& pool, EndReason reason, Nanos now) noexcept;

}  // namespace lintel::proxy
