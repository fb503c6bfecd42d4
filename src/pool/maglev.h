#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "pool/hash_ring.h"

namespace lintel::pool {

/// A table that says for each of a prime number of slots whose it is, filled by the servers in turn, each in
/// an order of its own (Eisenbud 2016). Shares are even to about a percent, and a pick is one look into the
/// table; when the list of servers changes, a few more keys move than on a ring. A key whose server is away
/// tries another slot, so that no other key moves then.
class Maglev final : public HashBalancer {
 public:
  [[nodiscard]] std::optional<std::uint32_t> pick(const PickContext& context) noexcept override;

 private:
  void lay_out() override;

  std::vector<std::uint16_t> slots_;  ///< Candidates; empty: none has weight.
};

}  // namespace lintel::pool
