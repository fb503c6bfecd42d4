#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "lintel/balancer.h"
#include "pool/ranking.h"

namespace lintel::pool {

/// Smooth weighted round-robin: over any run of sum(weights) picks each server is chosen exactly `weight`
/// times, spread as evenly as can be.
///
/// Time goes round once per sum(weights) picks. A server of weight w has w moments in each round, at equal
/// distances, and servers of equal weight stand between each other's; the server whose moment is next is
/// picked. That is found in O(log n), where the usual way (nginx, 2012) looks at every server.
///
/// Second attempts go round by themselves: they take no server's turn, or the one that fails would be the
/// first choice of every request.
class RoundRobin final : public Balancer {
 public:
  /// `start`: where in the round to begin, as a fraction of 2^32, so that workers do not all begin with the
  /// first server.
  explicit RoundRobin(std::uint32_t start) noexcept : first_(start), again_(start) {}

  void update(std::span<const Candidate> candidates) override;
  [[nodiscard]] std::optional<std::uint32_t> pick(const PickContext& context) noexcept override;

 private:
  /// The round in the upper half, the fraction of it in the lower. Rounds wrap; moments that are compared are
  /// always less than half of all rounds apart.
  struct Moment {
    std::uint64_t value = 0;
    friend bool operator<(Moment a, Moment b) noexcept {
      return static_cast<std::int64_t>(a.value - b.value) < 0;
    }
  };
  /// How often a server's turn comes in a round.
  struct Share {
    std::uint32_t weight = 0;
    double phase = 0;  ///< Of its moments, as a fraction of their distance.
    [[nodiscard]] std::uint32_t moment(std::uint32_t number) const noexcept;
  };

  /// Who is next.
  struct Round {
    explicit Round(std::uint32_t start) noexcept : now{start} {}
    Ranking<Moment> ranking;
    Moment now;
  };

  [[nodiscard]] static Moment next(const Share& share, Moment from) noexcept;

  std::vector<Share> shares_;
  Round first_;
  Round again_;
};

}  // namespace lintel::pool
