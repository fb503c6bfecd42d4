#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "lintel/balancer.h"
#include "pool/ranking.h"

namespace lintel::pool {

/// The server with the fewest requests in flight for its weight, over all workers; of equal ones each in
/// turn, as often as its weight says.
///
/// What this worker gives out it sees at once. What others give out and what ends is seen when a server is
/// looked at: the one to be picked always, and kLooks others with each pick, so that up to kLooks servers the
/// choice is exact and with more of them it is never far off. O(log n).
class LeastConn final : public Balancer {
 public:
  static constexpr std::size_t kLooks = 16;

  /// `start`: which of equal servers to begin with, so that workers do not all begin with the first.
  explicit LeastConn(std::uint64_t start) noexcept : start_(start) {}

  void update(std::span<const Candidate> candidates) override;
  [[nodiscard]] std::optional<std::uint32_t> pick(const PickContext& context) noexcept override;

 private:
  struct Key {
    float load = 0;          ///< In flight per weight.
    std::uint64_t turn = 0;  ///< Among equals the least comes first.
    friend bool operator<(const Key& a, const Key& b) noexcept {
      return a.load < b.load || (a.load == b.load && a.turn < b.turn);
    }
  };

  [[nodiscard]] float load_of(std::uint32_t index, std::uint32_t more = 0) const noexcept;
  bool look(std::uint32_t index) noexcept;

  std::span<const Candidate> candidates_;
  Ranking<Key> ranking_;
  std::uint64_t start_;
  std::uint64_t turn_ = 0;  ///< Of the server picked last.
  std::uint32_t next_look_ = 0;
};

}  // namespace lintel::pool
