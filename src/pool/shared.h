#pragma once

// What the process knows of its servers beyond one worker and one configuration: how much is going on with
// each, whether it may be used, and with which weight. Found by name, so that it outlives reloads.

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "lintel/balancer.h"
#include "pool/breaker.h"
#include "pool/idle_limit.h"
#include "pool/outlier.h"
#include "pool/retry_budget.h"

namespace lintel::pool {

/// What an operator wants of a server.
enum class AdminState : std::uint8_t {
  ready,  ///< Used as far as it is up.
  drain,  ///< Gets nothing new but what belongs to it by cookie; what goes on may end.
  down,   ///< Maintenance: gets nothing at all.
};

/// What health checks found.
enum class Health : std::uint8_t {
  up,
  down,
  unchecked,  ///< A new server before the end of its first check: gets nothing yet, but nothing speaks
              ///< against it.
};

class SharedPool;

/// One server, for all workers. Every member function is for any thread. Setters make every worker look at
/// the pool again at its next pick; what goes on with the server is never touched.
class SharedServer {
 public:
  SharedServer(std::shared_ptr<SharedPool> pool, std::string_view name);
  SharedServer(const SharedServer&) = delete;
  SharedServer& operator=(const SharedServer&) = delete;

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] SharedPool& pool() const noexcept { return *pool_; }
  /// A hash of the name, the same in every process.
  [[nodiscard]] std::uint64_t id() const noexcept { return id_; }

  [[nodiscard]] AdminState admin() const noexcept { return admin_.load(std::memory_order_relaxed); }
  /// Coming back from `down` begins a slow start, if the pool has one.
  void set_admin(AdminState state, Nanos now) noexcept;

  /// Up until somebody says otherwise.
  [[nodiscard]] Health health() const noexcept { return health_.load(std::memory_order_relaxed); }
  /// Coming up begins a slow start.
  void set_health(Health health, Nanos now) noexcept;

  /// The moment up to which outlier ejection keeps it out; in the past, or 0: it does not. When the moment
  /// comes, workers find out by themselves, and a slow start begins.
  [[nodiscard]] Nanos ejected_until() const noexcept {
    return ejected_until_.load(std::memory_order_relaxed);
  }
  void eject(Nanos until) noexcept;
  /// Ends an ejection before its time.
  void readmit(Nanos now) noexcept;
  /// Whether an ejection is over of which nobody has been told. True for one caller.
  [[nodiscard]] bool end_ejection(Nanos now) noexcept;
  /// Begins a slow start.
  void come_back(Nanos now) noexcept;

  /// The weight that an operator set in place of the configuration's.
  [[nodiscard]] std::optional<std::uint32_t> weight() const noexcept;
  void set_weight(std::optional<std::uint32_t> weight) noexcept;

  /// When the server came back last; 0: it was never away.
  [[nodiscard]] Nanos returned_at() const noexcept { return returned_at_.load(std::memory_order_relaxed); }
  /// Whether new requests may go there, as far as what is kept here says.
  [[nodiscard]] bool is_available(Nanos now) const noexcept {
    return admin() == AdminState::ready && is_well(now);
  }
  /// The same but for what an operator wants.
  [[nodiscard]] bool is_well(Nanos now) const noexcept {
    return health() == Health::up && ejected_until() <= now;
  }

  /// Counts one more in flight. With `most` (0: no limit) only if there are fewer, over all workers: else
  /// false.
  [[nodiscard]] bool take(std::uint32_t most = 0) noexcept;
  /// Counts one less. Who waits for a place is told.
  void give() noexcept;

  alignas(64) ServerLoad load;  // In a cache line of its own: the rest is read by all and seldom written.
  alignas(64) Observed seen;    ///< By outlier ejection.
  Breaker breaker;              ///< Its own, if the pool has breakers for servers.
  IdleLimit idle_limit;         ///< Of its connections.

 private:
  static constexpr std::int64_t kNoWeight = -1;

  alignas(64) std::atomic<AdminState> admin_{AdminState::ready};
  std::atomic<Health> health_{Health::up};
  std::atomic<Nanos> ejected_until_{0};
  std::atomic<Nanos> returned_at_{0};
  std::atomic<bool> is_ejected_{false};  ///< Until somebody has noticed that it is over.
  std::atomic<std::int64_t> weight_{kNoWeight};
  const std::shared_ptr<SharedPool> pool_;
  const std::string name_;
  const std::uint64_t id_;
};

/// One pool, for all workers. Every member function is for any thread.
class SharedPool : public std::enable_shared_from_this<SharedPool> {
 public:
  explicit SharedPool(std::string_view name) : name_(name) {}
  SharedPool(const SharedPool&) = delete;
  SharedPool& operator=(const SharedPool&) = delete;

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  /// Counts the changes of the pool's servers. A worker that sees another number looks at them all again.
  [[nodiscard]] std::uint64_t epoch() const noexcept { return epoch_.load(std::memory_order_acquire); }
  void changed() noexcept;

  /// Notes which of its groups is in use. False: it was already.
  bool use_group(std::uint32_t group) noexcept {
    return group_.exchange(group, std::memory_order_relaxed) != group;
  }

  /// Somebody who wants to know of places that may have come free.
  class Listener {
   public:
    /// Any thread, with the pool's list locked: to be quick, and to call nothing of the pool.
    virtual void notify() = 0;

   protected:
    ~Listener() = default;
  };
  /// Requests and sessions that wait for a place, over all workers.
  [[nodiscard]] std::uint32_t waiting() const noexcept { return waiting_.load(std::memory_order_seq_cst); }
  /// Counts one more that waits, unless `most` do: then false.
  [[nodiscard]] bool begin_wait(std::uint32_t most) noexcept;
  void end_wait() noexcept { waiting_.fetch_sub(1, std::memory_order_seq_cst); }
  /// From now on `listener` is told, until unlisten. Takes a lock; not for what need not wait.
  void listen(Listener& listener);
  void unlisten(Listener& listener) noexcept;
  /// Tells all listeners that there may be places, if anybody waits.
  void tell_waiting() noexcept {
    if (waiting() != 0) tell_listeners();
  }

  /// The server of that name, made if need be; it lives for as long as somebody holds it. Takes a lock: when
  /// a configuration comes into force, not for a request.
  [[nodiscard]] std::shared_ptr<SharedServer> server(std::string_view name);

  RetryBudget retry_budget;  ///< All workers' and all routes'.

  /// Forgets the servers that nobody holds any more.
  void prune();

  /// The right to eject a server of the pool, for one thread at a time: two at once could eject too many.
  /// Nobody waits for it; who does not get it leaves the server as it is. True: end_judging() must follow.
  [[nodiscard]] bool begin_judging() noexcept { return !judging_.exchange(true, std::memory_order_acquire); }
  void end_judging() noexcept { judging_.store(false, std::memory_order_release); }

  /// Whether so few of its servers are well that all are used, as the last look at them has found.
  [[nodiscard]] bool panics() const noexcept { return panics_.load(std::memory_order_relaxed); }
  /// True if that is news.
  bool set_panics(bool panics) noexcept;
  /// How often that has begun.
  [[nodiscard]] std::uint64_t panic_count() const noexcept {
    return panic_count_.load(std::memory_order_relaxed);
  }

  Breaker breaker;                                      ///< Over all servers, if the pool has one.
  std::atomic<std::uint64_t> panic_picks{0};            ///< Choices made while it panics.
  std::atomic<std::uint64_t> refused_open{0};           ///< By the breaker, because it was open,
  std::atomic<std::uint64_t> refused_full{0};           ///< or because of max_in_flight.
  alignas(64) std::atomic<std::uint32_t> in_flight{0};  ///< Counted where the breaker limits it.

 private:
  const std::string name_;
  void tell_listeners() noexcept;

  std::atomic<std::uint64_t> epoch_{1};
  std::atomic<std::uint32_t> waiting_{0};
  std::atomic<std::uint32_t> group_{0};
  std::atomic<bool> judging_{false};
  std::atomic<bool> panics_{false};
  std::atomic<std::uint64_t> panic_count_{0};
  std::mutex mutex_;  ///< Over the map only.
  std::map<std::string, std::weak_ptr<SharedServer>, std::less<>> servers_;
  std::mutex listeners_mutex_;  ///< Over the list only.
  std::vector<Listener*> listeners_;
};

/// All pools of the process that some configuration uses. Any thread.
class SharedPools {
 public:
  /// The pool of that name, made if need be; it lives for as long as somebody holds it or one of its servers.
  [[nodiscard]] std::shared_ptr<SharedPool> pool(std::string_view name);

 private:
  std::mutex mutex_;
  std::map<std::string, std::weak_ptr<SharedPool>, std::less<>> pools_;
};

}  // namespace lintel::pool
