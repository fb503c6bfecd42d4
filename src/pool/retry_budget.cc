#include "pool/retry_budget.h"

#include <algorithm>

namespace lintel::pool {

// Sequentially consistent: of two takes at the same time at least one sees the other's.

std::uint64_t RecentCount::sum(Nanos now) const noexcept {
  const std::uint64_t second = second_of(now);
  std::uint64_t sum = 0;
  for (const std::atomic<std::uint64_t>& slot : slots_) {
    const std::uint64_t word = slot.load();
    if ((word >> kCountBits) + kSeconds > second) sum += static_cast<std::uint32_t>(word);
  }
  return sum;
}

void RecentCount::change(std::uint64_t second, int by) noexcept {
  std::atomic<std::uint64_t>& slot = slots_[second % kSeconds];
  std::uint64_t before = slot.load(std::memory_order_relaxed);
  std::uint64_t after = 0;
  do {
    const bool same = before >> kCountBits == second;
    if (!same && by < 0) return;
    const std::uint64_t count = same ? static_cast<std::uint32_t>(before) : 0;
    after = second << kCountBits | (count + static_cast<std::uint64_t>(by));
  } while (!slot.compare_exchange_weak(before, after));
}

std::size_t RetryBudget::shard() noexcept {
  static std::atomic<std::size_t> threads{0};
  thread_local const std::size_t mine = threads.fetch_add(1) % kShards;
  return mine;
}

bool RetryBudget::take(Nanos now, std::uint32_t percent, std::uint32_t least) noexcept {
  std::uint64_t requests = 0;
  for (const Shard& shard : requests_) requests += shard.recent.sum(now);
  retries_.recent.add(now);
  if (retries_.recent.sum(now) <= std::max<std::uint64_t>(requests * percent / 100, least)) return true;
  retries_.recent.take_back(now);
  return false;
}

}  // namespace lintel::pool
