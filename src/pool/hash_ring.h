#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "lintel/balancer.h"

namespace lintel::pool {

/// What both balancers by hash do alike. Where a key belongs depends on the servers' names and full weights
/// only: whoever is away for a while loses its own keys and gets the same ones back, and all workers and
/// processes agree.
class HashBalancer : public Balancer {
 public:
  void update(std::span<const Candidate> candidates) final;

 protected:
  /// Lays out the candidates anew: names or full weights have changed.
  virtual void lay_out() = 0;
  [[nodiscard]] std::span<const Candidate> candidates() const noexcept { return candidates_; }
  /// Whether a request with the context's hash may go there now. A server that comes back slowly takes a
  /// growing part of its keys, always the same ones first.
  [[nodiscard]] bool accepts(const Candidate& candidate, const PickContext& context) const noexcept;

  /// The first that `context` accepts, whoever that is; for when hardly any does. O(n).
  [[nodiscard]] std::optional<std::uint32_t> any(const PickContext& context) const noexcept;

 private:
  std::span<const Candidate> candidates_;
  std::vector<std::uint64_t> laid_out_;  ///< Names and weights, as hashes.
};

/// A ring of hashes on which each server has points, as many as its weight says; a key belongs to the first
/// point that follows it, or to the next one if that server is away (Karger 1997). Shares are even to a few
/// percent, the less so the more servers there are. O(log n).
class HashRing final : public HashBalancer {
 public:
  /// `max_load`: how much more than its fair share of what is in flight a server may have, in percent of that
  /// share, before its keys go on along the ring (Mirrokni 2016); 0: any.
  explicit HashRing(std::uint32_t max_load) noexcept : max_load_(max_load) {}
  [[nodiscard]] std::optional<std::uint32_t> pick(const PickContext& context) noexcept override;

 private:
  struct Point {
    std::uint32_t at;
    std::uint32_t candidate;
  };

  void lay_out() override;
  void count_loads() noexcept;
  [[nodiscard]] bool has_room(std::uint32_t index) const noexcept;

  std::uint32_t max_load_;
  std::vector<Point> points_;
  // With max_load: what is in flight, as far as it was looked at; a few servers are with each pick.
  std::vector<std::uint32_t> loads_;
  std::uint64_t total_load_ = 0;
  std::uint64_t total_weight_ = 0;
  std::uint32_t next_look_ = 0;
};

}  // namespace lintel::pool
