#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>

#include "base/log.h"
#include "proxy/address_counts.h"

namespace lintel::proxy {

/// Connections of one listener over all workers, or its UDP sessions, for the limits on them. Outlives
/// reloads.
class ConnectionCount {
 public:
  /// Takes a place unless `limit` (0: none) are taken. Any thread.
  [[nodiscard]] bool try_take(std::uint64_t limit) noexcept {
    if (taken_.fetch_add(1, std::memory_order_relaxed) < limit || limit == 0) return true;
    give();
    return false;
  }
  void give() noexcept { taken_.fetch_sub(1, std::memory_order_relaxed); }

  [[nodiscard]] AddressCounts& addresses() noexcept { return addresses_; }
  /// As log::RateLimit, for clients that were turned away because of their address. Any thread.
  [[nodiscard]] std::optional<std::uint64_t> may_log_refusal(std::int64_t now_ns) noexcept {
    const std::lock_guard lock(mutex_);
    return refusals_.pass(now_ns);
  }

 private:
  std::atomic<std::uint64_t> taken_ = 0;
  AddressCounts addresses_;
  std::mutex mutex_;
  log::RateLimit refusals_{1, 10'000'000'000};
};

}  // namespace lintel::proxy
