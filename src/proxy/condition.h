#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/clock.h"
#include "config/model.h"
#include "pool/shared.h"

namespace lintel::proxy {

/// A circuit breaker, for the pages that show it.
struct BreakerCondition {
  pool::Breaker::State state = pool::Breaker::State::closed;
  std::uint64_t opened = 0;
};

/// What traffic has shown of a server.
struct TrafficCondition {
  bool ejected = false;
  std::array<std::uint64_t, pool::kCauseCount> ejections{};  ///< By pool::Cause.
  std::optional<BreakerCondition> breaker;                   ///< None: the pool's servers have none.
};

/// How it has found a pool.
struct PoolCondition {
  bool panics = false;
  std::uint64_t panic_count = 0;
  std::uint64_t panic_picks = 0;
  std::optional<BreakerCondition> breaker;
  std::uint64_t refused_open = 0;
  std::uint64_t refused_full = 0;
};

[[nodiscard]] TrafficCondition condition_of(const pool::SharedServer& server, const config::Pool& config,
                                            Nanos now) noexcept;
[[nodiscard]] PoolCondition condition_of(const pool::SharedPool& pool, const config::Pool& config,
                                         Nanos now) noexcept;

/// "closed", "half_open", "open". Static storage.
[[nodiscard]] std::string_view breaker_state_name(pool::Breaker::State state) noexcept;

}  // namespace lintel::proxy
