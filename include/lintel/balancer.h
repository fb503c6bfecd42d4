#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <optional>
#include <span>

namespace lintel::pool {

/// What all workers together have going on with one server. Written on the way of every request.
struct ServerLoad {
  std::atomic<std::uint32_t> in_flight{0};  ///< Requests and sessions that go on.
  std::atomic<float> latency{0};            ///< Of late, in seconds; 0: nothing is known.
  std::atomic<std::int64_t> latency_at{0};  ///< When it was last noted: monotonic nanoseconds.
};

/// One server as a balancer sees it.
struct Candidate {
  const ServerLoad* load = nullptr;
  std::uint32_t server = 0;  ///< Its index in the pool, as in PickContext::tried.
  /// Its share now, in hundredths of what the configuration calls a weight of 1. 0: gets nothing now, because
  /// it is down, drained, ejected, or has no weight. A server that has just come back begins with little.
  std::uint32_t weight = 0;
  std::uint32_t full_weight = 0;    ///< Its share when it is well, for what must not move meanwhile.
  std::uint32_t max_in_flight = 0;  ///< 0: no limit.
  std::uint64_t id = 0;             ///< A hash of its name: the same in every worker and every process.

  [[nodiscard]] std::uint32_t in_flight() const noexcept {
    return load->in_flight.load(std::memory_order_relaxed);
  }
  [[nodiscard]] bool is_full() const noexcept { return max_in_flight != 0 && in_flight() >= max_in_flight; }
};

/// What a choice is made for.
struct PickContext {
  std::span<const std::uint32_t> tried;  ///< Servers not to choose: they have failed this request.
  std::uint64_t hash = 0;                ///< Of the key that equal requests share; balancers by hash use it.
  std::int64_t now = 0;                  ///< Monotonic nanoseconds.

  [[nodiscard]] bool excludes(const Candidate& candidate) const noexcept {
    return !tried.empty() && std::find(tried.begin(), tried.end(), candidate.server) != tried.end();
  }
  /// Whether this request may go there now.
  [[nodiscard]] bool accepts(const Candidate& candidate) const noexcept {
    return candidate.weight != 0 && !excludes(candidate) && !candidate.is_full();
  }
};

/// Chooses one of several servers. One object per worker and generation; not thread-safe.
class Balancer {
 public:
  virtual ~Balancer() = default;
  /// The servers to choose from, before the first pick and whenever a weight has changed; they stay where
  /// they are until the next call. May allocate.
  virtual void update(std::span<const Candidate> candidates) = 0;
  /// The position of a candidate that `context` accepts, or nothing if there is none. Allocates nothing.
  [[nodiscard]] virtual std::optional<std::uint32_t> pick(const PickContext& context) noexcept = 0;
};

}  // namespace lintel::pool
