#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/random.h"
#include "lintel/balancer.h"

namespace lintel::pool {

/// Draws candidates by weight: O(1) by Walker's alias method (as Vose builds it, 1991).
class WeightedDraw {
 public:
  explicit WeightedDraw(std::uint64_t seed) noexcept : random_(seed) {}

  /// Allocates.
  void build(std::span<const Candidate> candidates);
  /// One that `context` accepts, by weight; `other_than` excluded. Nothing if there is none. O(1), but O(n)
  /// where few of many are acceptable.
  [[nodiscard]] std::optional<std::uint32_t> draw(
      const PickContext& context, std::optional<std::uint32_t> other_than = std::nullopt) noexcept;
  [[nodiscard]] std::span<const Candidate> candidates() const noexcept { return candidates_; }

 private:
  struct Slot {
    std::uint32_t threshold = 0;  ///< Of 2^32: below it the slot's own candidate, else `alias`.
    std::uint32_t alias = 0;
  };
  std::span<const Candidate> candidates_;
  std::vector<Slot> slots_;  ///< One for each candidate; empty: no candidate has weight.
  Random random_;
};

/// Any server, as likely as its weight says.
class RandomChoice final : public Balancer {
 public:
  explicit RandomChoice(std::uint64_t seed) noexcept : draw_(seed) {}
  void update(std::span<const Candidate> candidates) override { draw_.build(candidates); }
  [[nodiscard]] std::optional<std::uint32_t> pick(const PickContext& context) noexcept override {
    return draw_.draw(context);
  }

 private:
  WeightedDraw draw_;
};

/// The power of two choices (Mitzenmacher 1996): of two servers drawn by weight the one with fewer requests
/// in flight for its weight. Nearly as even as least-conn without looking at every server.
class TwoChoices final : public Balancer {
 public:
  explicit TwoChoices(std::uint64_t seed) noexcept : draw_(seed) {}
  void update(std::span<const Candidate> candidates) override { draw_.build(candidates); }
  [[nodiscard]] std::optional<std::uint32_t> pick(const PickContext& context) noexcept override;

 private:
  WeightedDraw draw_;
};

}  // namespace lintel::pool
