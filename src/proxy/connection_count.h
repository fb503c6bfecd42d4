#pragma once

#include <atomic>
#include <cstdint>

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

 private:
  std::atomic<std::uint64_t> taken_ = 0;
};

}  // namespace lintel::proxy
