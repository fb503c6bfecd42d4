#include "pool/window.h"

namespace lintel::pool {
namespace {

constexpr unsigned kCountBits = 15;
constexpr std::uint64_t kMost = (1U << kCountBits) - 1;
constexpr unsigned kStampBits = 64 - 3 * kCountBits;

/// A bucket in parts. It is told from one so many turns later that nobody waits for it.
struct Bucket {
  explicit Bucket(std::uint64_t word) noexcept
      : stamp(word >> (3 * kCountBits)),
        total(word >> (2 * kCountBits) & kMost),
        bad(word >> kCountBits & kMost),
        slow(word & kMost) {}
  [[nodiscard]] std::uint64_t word() const noexcept {
    return stamp << (3 * kCountBits) | total << (2 * kCountBits) | bad << kCountBits | slow;
  }

  std::uint64_t stamp;
  std::uint64_t total;
  std::uint64_t bad;
  std::uint64_t slow;
};

std::uint64_t stamp_of(std::uint64_t tick) noexcept {
  return tick & ((1U << kStampBits) - 1);
}

std::uint64_t tick_at(Nanos now, Nanos length, std::size_t buckets) noexcept {
  return static_cast<std::uint64_t>(now / (length / static_cast<Nanos>(buckets)));
}

}  // namespace

void Window::add(Nanos now, Nanos length, bool bad, bool slow) noexcept {
  const std::uint64_t tick = tick_at(now, length, kBuckets);
  std::atomic<std::uint64_t>& place = buckets_[tick % kBuckets];
  std::uint64_t before = place.load(std::memory_order_relaxed);
  std::uint64_t after = 0;
  do {
    Bucket bucket(before);
    if (bucket.stamp != stamp_of(tick)) bucket = Bucket(0);
    bucket.stamp = stamp_of(tick);
    if (bucket.total == kMost) {
      bucket.total /= 2;
      bucket.bad /= 2;
      bucket.slow /= 2;
    }
    ++bucket.total;
    bucket.bad += bad ? 1 : 0;
    bucket.slow += slow ? 1 : 0;
    after = bucket.word();
  } while (!place.compare_exchange_weak(before, after, std::memory_order_relaxed));
}

Window::Sums Window::sums(Nanos now, Nanos length) const noexcept {
  Sums sums;
  std::uint64_t tick = tick_at(now, length, kBuckets);
  for (std::size_t i = 0; i < kBuckets; ++i, --tick) {
    const Bucket bucket(buckets_[tick % kBuckets].load(std::memory_order_relaxed));
    if (bucket.stamp != stamp_of(tick)) continue;
    sums.total += static_cast<std::uint32_t>(bucket.total);
    sums.bad += static_cast<std::uint32_t>(bucket.bad);
    sums.slow += static_cast<std::uint32_t>(bucket.slow);
  }
  return sums;
}

void Window::clear() noexcept {
  for (std::atomic<std::uint64_t>& bucket : buckets_) bucket.store(0, std::memory_order_relaxed);
}

}  // namespace lintel::pool
