#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

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

/// Smooth weighted round-robin: over any run of sum(weights) picks each server is chosen exactly `weight`
/// times, spread as evenly as can be (the algorithm nginx introduced in 2012).
class RoundRobin final : public Balancer {
 public:
  /// `start`: how many picks to skip, so that workers do not all begin with the first server.
  RoundRobin(std::vector<std::uint32_t> weights, std::uint64_t start);
  [[nodiscard]] std::optional<std::uint32_t> pick(std::span<const std::uint32_t> excluded) noexcept override;

 private:
  struct Entry {
    std::int64_t weight;
    std::int64_t current;
  };
  std::vector<Entry> entries_;
};

}  // namespace lintel::pool
