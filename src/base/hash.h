#pragma once

#include <cstdint>
#include <string_view>

namespace lintel {

/// SipHash-2-4 (Aumasson and Bernstein 2012). With the default key equal bytes give equal numbers in every
/// process and on every machine; who must not be able to choose what falls together passes a secret one.
[[nodiscard]] std::uint64_t hash_bytes(std::string_view bytes, std::uint64_t key0 = 0,
                                       std::uint64_t key1 = 0) noexcept;

/// Spreads the bits of `value` over all of the result (the finalizer of MurmurHash3, a bijection).
[[nodiscard]] constexpr std::uint64_t mix_bits(std::uint64_t value) noexcept {
  value = (value ^ (value >> 33)) * 0xff51afd7ed558ccd;
  value = (value ^ (value >> 33)) * 0xc4ceb9fe1a85ec53;
  return value ^ (value >> 33);
}

}  // namespace lintel
