#pragma once

// What happens when a server fails; of pools and of routes.

#include <cstdint>
#include <string>
#include <vector>

#include "config/model_values.h"

namespace lintel::config {

/// Most servers that one request may be sent to.
inline constexpr std::uint32_t kMostAttempts = 10;
/// Most attempts that may go on beside a request's first.
inline constexpr std::uint32_t kMostHedges = 3;

/// Further attempts beside one that is slow.
struct Hedge {
  milliseconds after = 0ms;  ///< How long the attempts under way are silent before; 0: there are none.
  std::uint32_t most = 1;    ///< So many beside the first.
  friend bool operator==(const Hedge&, const Hedge&) = default;
};

/// What happens when a server fails.
struct Retry {
  std::uint32_t attempts = 2;  ///< Servers tried for one request, the first included.
  std::vector<std::string> on = {"connect-failure", "dead-connection"};
  milliseconds per_try_timeout = 0ms;  ///< From an attempt's beginning to its answer's head; 0: none.
  std::uint32_t budget = 20;           ///< Percent of the pool's requests of late.
  std::uint32_t min_budget = 3;        ///< So many retries of late are allowed in any case.
  bool idempotency_key = false;        ///< Idempotency-Key makes every method repeatable.
  Hedge hedge;
  friend bool operator==(const Retry&, const Retry&) = default;
};

/// Copies of a route's requests for another pool.
struct Mirror {
  std::string pool;
  std::uint32_t share = 100;  ///< Percent of the requests.
  friend bool operator==(const Mirror&, const Mirror&) = default;
};

}  // namespace lintel::config
