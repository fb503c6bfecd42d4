#include "base/hash.h"

#include <doctest/doctest.h>

#include <bit>
#include <string>

using namespace lintel;

TEST_CASE("hash_bytes: SipHash-2-4's published vectors") {
  const std::uint64_t key0 = 0x0706050403020100;
  const std::uint64_t key1 = 0x0f0e0d0c0b0a0908;
  std::string text;
  for (int i = 0; i < 15; ++i) text += static_cast<char>(i);
  CHECK(hash_bytes("", key0, key1) == 0x726fdb47dd0e0e31);
  CHECK(hash_bytes(text, key0, key1) == 0xa129ca6149be45e5);
  CHECK(hash_bytes(text) != hash_bytes(text, key0, key1));
}

TEST_CASE("mix_bits: one bit changes about half of the others") {
  for (int bit = 0; bit < 64; ++bit) {
    int changed = 0;
    for (std::uint64_t i = 0; i < 100; ++i) {
      changed += std::popcount(mix_bits(i) ^ mix_bits(i ^ std::uint64_t{1} << bit));
    }
    CHECK(changed > 2500);
    CHECK(changed < 3900);
  }
}
