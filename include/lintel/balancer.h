#pragma once

#include <cstdint>
#include <optional>
#include <span>

namespace lintel::pool {

/// Chooses one of a pool's servers for a request. One object per worker and generation; not thread-safe.
class Balancer {
 public:
  virtual ~Balancer() = default;
  /// The index of a server, or nothing if all are excluded or have weight 0. `excluded`: indices not to
  /// choose. Allocates nothing.
  [[nodiscard]] virtual std::optional<std::uint32_t> pick(
      std::span<const std::uint32_t> excluded) noexcept = 0;
};

}  // namespace lintel::pool
