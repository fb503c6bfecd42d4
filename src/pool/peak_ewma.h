#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "lintel/balancer.h"
#include "pool/random_choice.h"

namespace lintel::pool {

/// Takes note that a server took so long to begin its answer. A longer time than what is known counts at once
/// (the peak), a shorter one by and by: what is known loses weight with time, by half in about 7 s. Any
/// thread, without locks: of two notes at the same moment one may be lost, which the next makes up for.
void note_latency(ServerLoad& load, double seconds, std::int64_t now) noexcept;

/// What is expected of the server's latency at `now`, in seconds: without news it is forgotten by and by, so
/// that a server that was slow is tried again. 0: nothing is known.
[[nodiscard]] double latency_at(const ServerLoad& load, std::int64_t now) noexcept;

/// Of two servers drawn by weight the one that is expected to answer sooner: its latency of late times what
/// it would then have in flight, for its weight (Finagle's peak EWMA). Servers that are slow, far away or
/// overloaded get less without anybody's having told.
class PeakEwma final : public Balancer {
 public:
  explicit PeakEwma(std::uint64_t seed) noexcept : draw_(seed) {}
  void update(std::span<const Candidate> candidates) override { draw_.build(candidates); }
  [[nodiscard]] std::optional<std::uint32_t> pick(const PickContext& context) noexcept override;

 private:
  WeightedDraw draw_;
};

}  // namespace lintel::pool
