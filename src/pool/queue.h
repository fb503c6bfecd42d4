#pragma once

#include <atomic>
#include <coroutine>
#include <cstdint>
#include <memory>
#include <optional>

#include "lintel/balancer.h"
#include "net/loop.h"
#include "pool/lease.h"
#include "pool/shared.h"

namespace lintel::pool {

class Pool;
class Queue;

/// How a wait for a place ended.
enum class WaitEnd : std::uint8_t {
  placed,       ///< There is a lease.
  unavailable,  ///< Every server that it could have had is gone.
  full,         ///< As many wait as may: it did not begin.
  late,         ///< The time is up.
  left,         ///< leave() was called.
};

/// A request or session that waits for a place with a server of its pool, in order of arrival on its worker.
/// Lives in the frame of the coroutine that waits, allocates nothing, and must not be destroyed while it
/// waits: call leave(), and wait() returns in the next turn.
///
///     Waiter waiter(pool, context, own);
///     if (co_await waiter.wait(now + timeout) == WaitEnd::placed) use(waiter.lease());
class Waiter {
 public:
  /// `context.tried` and the pool must outlive the waiter. `own`: as Pool::take.
  Waiter(Pool& pool, const PickContext& context, std::optional<std::uint32_t> own) noexcept;
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;
  ~Waiter();

  class Awaiter {
   public:
    Awaiter(Waiter& waiter, Nanos until) noexcept : waiter_(waiter), until_(until) {}
    [[nodiscard]] bool await_ready() const noexcept { return false; }
    [[nodiscard]] bool await_suspend(std::coroutine_handle<> frame);
    [[nodiscard]] WaitEnd await_resume() const noexcept { return waiter_.end_; }

   private:
    Waiter& waiter_;
    Nanos until_;
  };
  /// Suspends until there is a place, `until`, or leave(). Once.
  [[nodiscard]] Awaiter wait(Nanos until) noexcept { return {*this, until}; }
  /// Gives the wait up; nothing where it is over.
  void leave() noexcept;
  /// The place that the wait brought.
  [[nodiscard]] Lease lease() noexcept { return std::move(lease_); }

 private:
  friend class Queue;
  static void expire(net::Deadline& deadline);

  Pool& pool_;
  PickContext context_;
  std::optional<std::uint32_t> own_;
  Lease lease_;
  WaitEnd end_ = WaitEnd::left;
  std::coroutine_handle<> frame_;  ///< Null: it does not wait.
  net::Deadline deadline_{expire, this};
  Waiter* prev_ = nullptr;
  Waiter* next_ = nullptr;
};

/// Those who wait for places of one pool, of one worker and generation. What ends a wait happens on the
/// worker's thread; other threads only say that there may be a place (notify).
class Queue final : public SharedPool::Listener, public std::enable_shared_from_this<Queue> {
 public:
  Queue(net::Loop& loop, SharedPool& shared, std::uint32_t most) noexcept
      : loop_(loop), shared_(shared), most_(most) {}
  Queue(const Queue&) = delete;
  Queue& operator=(const Queue&) = delete;
  ~Queue();

  /// Sees soon who can have a place now. Any thread, while somebody waits.
  void notify() override;

 private:
  friend class Waiter;
  [[nodiscard]] bool join(Waiter& waiter, Nanos until);
  void remove(Waiter& waiter, WaitEnd end) noexcept;
  void serve();

  net::Loop& loop_;
  SharedPool& shared_;
  std::uint32_t most_;  ///< Of all workers together.
  Waiter* first_ = nullptr;
  Waiter* last_ = nullptr;
  std::atomic<bool> notified_{false};  ///< serve() will run.
};

}  // namespace lintel::pool
