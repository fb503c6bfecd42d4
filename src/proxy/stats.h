#pragma once

// What a worker counts. A WorkerStats belongs to one worker for the whole life of the process; its objects
// are found by name when a generation is built, so that counts go on over reloads. On the way of a request
// only the worker writes, through plain pointers and without locks; any thread may sum at any time (collect).

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/metrics.h"
#include "http/limit.h"
#include "http/message.h"
#include "proxy/condition.h"
#include "proxy/end_reason.h"
#include "proxy/mirrored.h"

namespace lintel::proxy {

/// Counters by a small key, made when a key is first seen. One writer; any thread may walk them at any time.
/// At most kMaxKeys keys; what comes later is counted under kOtherKey.
class KeyedCounters {
 public:
  static constexpr std::size_t kMaxKeys = 256;
  static constexpr std::uint32_t kOtherKey = 0xffffffff;

  KeyedCounters() noexcept = default;
  ~KeyedCounters();
  KeyedCounters(const KeyedCounters&) = delete;
  KeyedCounters& operator=(const KeyedCounters&) = delete;

  void add(std::uint32_t key, std::uint64_t n = 1) {
    if (last_ == nullptr || last_->key.load(std::memory_order_relaxed) != key) last_ = find(key);
    last_->counter.add(n);
  }
  /// Calls `visit(key, value)` for each.
  template <typename Visit>
  void for_each(Visit&& visit) const {
    for (const Chunk* chunk = first_.load(std::memory_order_acquire); chunk != nullptr;
         chunk = chunk->next.load(std::memory_order_acquire)) {
      const std::size_t used = chunk->used.load(std::memory_order_acquire);
      for (std::size_t i = 0; i < used; ++i) {
        visit(chunk->slots[i].key.load(std::memory_order_relaxed), chunk->slots[i].counter.value());
      }
    }
  }

 private:
  struct Slot {
    std::atomic<std::uint32_t> key{0};
    Counter counter;
  };
  struct Chunk {
    std::array<Slot, 7> slots;
    std::atomic<std::size_t> used{0};
    std::atomic<Chunk*> next{nullptr};
  };
  Slot* find(std::uint32_t key);

  Slot* last_ = nullptr;  ///< The writer's alone.
  std::size_t count_ = 0;
  std::atomic<Chunk*> first_{nullptr};
};

/// The key of RouteStats::requests. `status` 0: no answer was sent.
[[nodiscard]] constexpr std::uint32_t request_key(int status, http::Method method,
                                                  http::Version version) noexcept {
  return static_cast<std::uint32_t>(status) << 8 | static_cast<std::uint32_t>(method) << 2 |
         static_cast<std::uint32_t>(version);
}

struct alignas(64) ListenerStats {
  Gauge connections;
  Counter accepts_ok;
  Counter accepts_limit;      ///< Turned away because of a limit.
  Counter accepts_error;      ///< accept() failed, for lack of descriptors above all.
  Counter datagrams_dropped;  ///< Of UDP clients and servers, for want of a session, a server or room.
  Counter fields_dropped;     ///< Because of underscore_names.
  KeyedCounters handshakes;   ///< TLS; by handshake_key.
  std::array<Counter, http::kLimitCount> limits;

  /// Counts a limit that was reached; nothing for Limit::none.
  void count(http::Limit limit) noexcept {
    if (limit != http::Limit::none) limits[static_cast<std::size_t>(limit)].add();
  }
};

struct alignas(64) RouteStats {
  KeyedCounters requests;  ///< By request_key.
  Gauge in_flight;
  Counter request_bytes;  ///< Body bytes.
  Counter response_bytes;
  DurationHistogram duration;
  std::array<Counter, kMirroredCount> mirrored;

  /// Counts what became of a request that was to be copied.
  void count(Mirrored result) noexcept { mirrored[static_cast<std::size_t>(result)].add(); }
  /// Counts one finished request. `in_flight` is the caller's.
  void count(int status, http::Method method, http::Version version, std::int64_t duration_ns,
             std::uint64_t bytes_in, std::uint64_t bytes_out) {
    requests.add(request_key(status, method, version));
    duration.observe(duration_ns);
    request_bytes.add(bytes_in);
    response_bytes.add(bytes_out);
  }
};

/// TCP or UDP sessions of one route.
struct alignas(64) SessionStats {
  Gauge open;
  Counter closed;
  DurationHistogram duration;
  Counter bytes_in;  ///< From clients; counts while sessions go on.
  Counter bytes_out;
};

struct alignas(64) PoolStats {
  DurationHistogram connect;
  DurationHistogram first_byte;
  DurationHistogram queue;  ///< Waits for a place with a server, however they ended.
  Gauge waiting;
  KeyedCounters retries;     ///< By EndReason of the attempt that was followed by another.
  Counter budget_exhausted;  ///< Retries and hedges that there were not, for that.
  Counter hedges;            ///< Attempts beside slow ones.
  Counter hedges_won;        ///< Those whose answer was the client's.
};

struct alignas(64) ServerStats {
  KeyedCounters requests;  ///< By status; 0: no answer.
  KeyedCounters errors;    ///< By EndReason of the attempt.
  Counter sessions;        ///< TCP and UDP sessions that reached it.
  Gauge active;            ///< Connections in use.
  Gauge idle;              ///< Connections kept for the next request.
};

/// A pair of names: (listener, route) or (pool, server).
using NamePair = std::pair<std::string, std::string>;

struct StatsTotal;
class WorkerStats;

/// Sums. Any thread, at any time; costs the workers nothing.
[[nodiscard]] StatsTotal collect(std::span<const WorkerStats* const> workers);

class WorkerStats {
 public:
  /// The object of that name, made if need be. Takes a lock: when a generation is built, not for a request.
  /// It stays for as long as somebody holds it or prune() has not run.
  [[nodiscard]] std::shared_ptr<ListenerStats> listener(std::string_view name);
  [[nodiscard]] std::shared_ptr<RouteStats> route(std::string_view listener, std::string_view route);
  [[nodiscard]] std::shared_ptr<SessionStats> sessions(std::string_view listener, std::string_view route);
  [[nodiscard]] std::shared_ptr<PoolStats> pool(std::string_view name);
  [[nodiscard]] std::shared_ptr<ServerStats> server(std::string_view pool, std::string_view server);
  /// Forgets what nobody else holds: the objects of names that the configuration no longer has. Any thread.
  void prune();

  void count_end(EndReason reason) noexcept { end_reasons_[static_cast<std::size_t>(reason)].add(); }

 private:
  friend StatsTotal collect(std::span<const WorkerStats* const> workers);
  mutable std::mutex mutex_;  ///< Over the maps only.
  std::map<std::string, std::shared_ptr<ListenerStats>> listeners_;
  std::map<NamePair, std::shared_ptr<RouteStats>> routes_;
  std::map<NamePair, std::shared_ptr<SessionStats>> sessions_;
  std::map<std::string, std::shared_ptr<PoolStats>> pools_;
  std::map<NamePair, std::shared_ptr<ServerStats>> servers_;
  alignas(64) std::array<Counter, kEndReasonCount> end_reasons_{};
};

struct HistogramTotal {
  std::array<std::uint64_t, kDurationBounds.size() + 1> buckets{};  ///< Not cumulated.
  std::uint64_t count = 0;
  std::uint64_t sum_ns = 0;
};

/// The sums over all workers, as plain values sorted by name.
struct StatsTotal {
  struct Listener {
    std::int64_t connections = 0;
    std::uint64_t accepts_ok = 0;
    std::uint64_t accepts_limit = 0;
    std::uint64_t accepts_error = 0;
    std::uint64_t datagrams_dropped = 0;
    std::map<std::uint32_t, std::uint64_t> handshakes;  ///< By handshake_key.
    std::uint64_t fields_dropped = 0;
    std::array<std::uint64_t, http::kLimitCount> limits{};
  };
  struct Route {
    std::map<std::uint32_t, std::uint64_t> requests;  ///< By request_key.
    HistogramTotal duration;
    std::uint64_t request_bytes = 0;
    std::uint64_t response_bytes = 0;
    std::int64_t in_flight = 0;
    std::array<std::uint64_t, kMirroredCount> mirrored{};
  };
  struct Sessions {
    std::int64_t open = 0;
    std::uint64_t closed = 0;
    HistogramTotal duration;
    std::uint64_t bytes_in = 0;
    std::uint64_t bytes_out = 0;
  };
  struct Pool {
    HistogramTotal connect;
    HistogramTotal first_byte;
    HistogramTotal queue;
    std::int64_t waiting = 0;
    std::map<std::uint32_t, std::uint64_t> retries;
    std::uint64_t budget_exhausted = 0;
    std::uint64_t hedges = 0;
    std::uint64_t hedges_won = 0;
  };
  struct Server {
    std::map<std::uint32_t, std::uint64_t> requests;
    std::map<std::uint32_t, std::uint64_t> errors;
    std::uint64_t sessions = 0;
    std::int64_t active = 0;
    std::int64_t idle = 0;
  };
  std::map<std::string, Listener> listeners;
  std::map<NamePair, Route> routes;
  std::map<NamePair, Sessions> sessions;  ///< By (listener, route), of tcp and udp listeners.
  std::map<std::string, Pool> pools;
  std::map<NamePair, Server> servers;
  std::array<std::uint64_t, kEndReasonCount> end_reasons{};
};

/// A certificate in use, for the figure of its expiry.
struct CertificateExpiry {
  std::string listener;
  std::string name;            ///< Its first DNS name, or its subject.
  std::string kind;            ///< Of its key: "rsa", "ecdsa", "other".
  std::int64_t not_after = 0;  ///< Seconds since 1970.
};

/// What is known of a server beside the workers' counts.
struct ServerCondition {
  bool up = true;             ///< By its health check; true without one.
  std::string_view state;     ///< What an operator wants of it: "ready", "drain", "down".
  bool is_checked = false;    ///< The rest is of its health check.
  std::uint64_t went_up = 0;  ///< Times.
  std::uint64_t went_down = 0;
  std::uint64_t checks_passed = 0;
  std::uint64_t checks_failed = 0;
  bool last_passed = false;
  std::string last_reason;  ///< In words; empty: there was no check yet.
  std::int64_t last_duration_ns = 0;
  TrafficCondition traffic;
};

/// What is known of the names of servers.
struct ResolverInfo {
  struct Name {
    std::string name;
    std::string_view type;      ///< "host" or "srv".
    bool resolved = false;      ///< Has been, at least once.
    std::size_t addresses = 0;  ///< That are in use.
    Nanos ttl = 0;
    Nanos age = 0;               ///< Of the answer in use.
    Nanos next = 0;              ///< Until it is looked up again.
    std::uint64_t failures = 0;  ///< Since the last good answer.
    std::string last_error;      ///< Of the last look-up; empty: it was good.
  };
  std::uint64_t lookups_ok = 0;
  std::uint64_t lookups_partial =
      0;  ///< Good but for one family of addresses, or some targets of SRV records.
  std::uint64_t lookups_not_found = 0;
  std::uint64_t lookups_timeout = 0;
  std::uint64_t lookups_failed = 0;
  std::vector<Name> names;
};

/// The servers_file of a pool.
struct ServersFileInfo {
  std::string pool;
  std::string path;
  std::size_t servers = 0;
  std::uint64_t loads_ok = 0;
  std::uint64_t loads_failed = 0;
  std::string last_error;  ///< Why the file as it is now is not in use; empty: it is.
};

/// What the process knows beside the workers' counts, for the pages that show both.
struct ProcessInfo {
  std::string version;
  std::string config_hash;
  double start_time = 0;  ///< Seconds since 1970.
  std::uint32_t workers = 0;
  std::uint64_t generation = 0;
  bool last_reload_success = true;
  std::string last_reload_error;  ///< Why the last reload was refused; empty if it was taken.
  double last_reload_time = 0;    ///< Seconds since 1970 of the last attempt.
  std::uint64_t reloads_ok = 0;
  std::uint64_t reloads_failed = 0;
  std::uint64_t access_log_dropped = 0;     ///< Lines, for want of room.
  std::uint64_t access_log_lost_bytes = 0;  ///< That could not be written.
  std::uint64_t error_log_dropped = 0;      ///< Lines.
  std::vector<CertificateExpiry> certificates;
  /// By (pool, server), of the configuration in force.
  std::map<NamePair, std::uint32_t> server_weights;
  std::map<NamePair, ServerCondition> servers;
  std::map<std::string, PoolCondition> pool_conditions;
  ResolverInfo resolver;
  std::vector<ServersFileInfo> servers_files;
  std::uint64_t server_changes = 0;  ///< Times that names or files have changed the servers.
};

}  // namespace lintel::proxy
