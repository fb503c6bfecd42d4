#include "pool/idle_limit.h"

#include <algorithm>

namespace lintel::pool {
namespace {

constexpr Nanos kSecond = 1'000'000'000;
constexpr Nanos kShortest = kSecond;
constexpr Nanos kLearnedFor = 600 * kSecond;

}  // namespace

// Of two lessons at the same moment one may be lost: the server will give it again.

void IdleLimit::learn(Nanos age, Nanos now) noexcept {
  if (age < kShortest) return;
  limit_.store(std::min(limit(now), age - age / 10), std::memory_order_relaxed);
  until_.store(now + kLearnedFor, std::memory_order_relaxed);
}

Nanos IdleLimit::limit(Nanos now) const noexcept {
  return now < until_.load(std::memory_order_relaxed) ? limit_.load(std::memory_order_relaxed) : kNever;
}

}  // namespace lintel::pool
