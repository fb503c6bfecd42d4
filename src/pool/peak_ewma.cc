#include "pool/peak_ewma.h"

#include <algorithm>
#include <cmath>

namespace lintel::pool {
namespace {

/// What is known has 1/e of its weight after this long, in nanoseconds.
constexpr double kMemory = 10e9;
/// A server of which nothing is known but that it has something in flight, in seconds: one request to find
/// out how it is, and no rush.
constexpr double kUnknown = 1.0;

/// How much of what was known at `then` still counts at `now`.
double kept(std::int64_t then, std::int64_t now) noexcept {
  return std::exp(-static_cast<double>(std::max<std::int64_t>(now - then, 0)) / kMemory);
}

double cost(const Candidate& candidate, std::int64_t now) noexcept {
  const std::uint32_t in_flight = candidate.in_flight();
  double latency = latency_at(*candidate.load, now);
  if (latency == 0 && in_flight != 0) latency = kUnknown;
  return latency * (in_flight + 1.0) / candidate.weight;
}

}  // namespace

void note_latency(ServerLoad& load, double seconds, std::int64_t now) noexcept {
  const double known = load.latency.load(std::memory_order_relaxed);
  const std::int64_t since = load.latency_at.load(std::memory_order_relaxed);
  double latency = seconds;
  if (known > seconds) {
    const double old = kept(since, now);
    latency = known * old + seconds * (1 - old);
  }
  load.latency_at.store(now, std::memory_order_relaxed);
  load.latency.store(static_cast<float>(latency), std::memory_order_relaxed);
}

double latency_at(const ServerLoad& load, std::int64_t now) noexcept {
  const double known = load.latency.load(std::memory_order_relaxed);
  if (known == 0) return 0;
  return known * kept(load.latency_at.load(std::memory_order_relaxed), now);
}

std::optional<std::uint32_t> PeakEwma::pick(const PickContext& context) noexcept {
  const std::optional<std::uint32_t> one = draw_.draw(context);
  if (!one) return one;
  const std::optional<std::uint32_t> other = draw_.draw(context, one);
  if (!other) return one;
  const std::span<const Candidate> candidates = draw_.candidates();
  return cost(candidates[*other], context.now) < cost(candidates[*one], context.now) ? other : one;
}

}  // namespace lintel::pool
