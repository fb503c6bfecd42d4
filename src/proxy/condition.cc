#include "proxy/condition.h"

namespace lintel::proxy {
namespace {

std::optional<BreakerCondition> condition_of(const pool::Breaker& breaker,
                                             const std::optional<config::Breaker>& rules,
                                             Nanos now) noexcept {
  if (!rules) return std::nullopt;
  return BreakerCondition{breaker.state(now), breaker.opened()};
}

}  // namespace

TrafficCondition condition_of(const pool::SharedServer& server, const config::Pool& config,
                              Nanos now) noexcept {
  TrafficCondition condition;
  condition.ejected = server.ejected_until() > now;
  for (std::size_t i = 0; i < pool::kCauseCount; ++i) {
    condition.ejections[i] = server.seen.ejections[i].load(std::memory_order_relaxed);
  }
  condition.breaker = condition_of(server.breaker, config.circuit_breaker.server, now);
  return condition;
}

PoolCondition condition_of(const pool::SharedPool& pool, const config::Pool& config, Nanos now) noexcept {
  PoolCondition condition;
  condition.panics = pool.panics();
  condition.panic_count = pool.panic_count();
  condition.panic_picks = pool.panic_picks.load(std::memory_order_relaxed);
  condition.breaker = condition_of(pool.breaker, config.circuit_breaker.pool, now);
  condition.refused_open = pool.refused_open.load(std::memory_order_relaxed);
  condition.refused_full = pool.refused_full.load(std::memory_order_relaxed);
  return condition;
}

std::string_view breaker_state_name(pool::Breaker::State state) noexcept {
  switch (state) {
    case pool::Breaker::State::closed:
      return "closed";
    case pool::Breaker::State::half_open:
      return "half_open";
    case pool::Breaker::State::open:
      break;
  }
  return "open";
}

}  // namespace lintel::proxy
