#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "lintel/balancer.h"

namespace lintel::pool {

/// Smooth weighted round-robin: over any run of sum(weights) picks each server is chosen exactly `weight`
/// times, spread as evenly as can be (the algorithm nginx introduced in 2012).
class RoundRobin final : public Balancer {
 public:
  /// `start`: how many picks to skip, so that workers do not all begin with the first server.
  RoundRobin(std::span<const std::uint32_t> weights, std::uint64_t start);
  [[nodiscard]] std::optional<std::uint32_t> pick(std::span<const std::uint32_t> excluded) noexcept override;

 private:
  struct Entry {
    std::int64_t weight;
    std::int64_t current;
  };
  std::vector<Entry> entries_;
};

}  // namespace lintel::pool
