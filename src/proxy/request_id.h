#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include "base/random.h"

namespace lintel::proxy {

/// What a request or a TCP session is called in logs and towards servers: 32 hexadecimal digits.
class RequestId {
 public:
  explicit RequestId(Random& random) noexcept {
    static constexpr char kHex[] = "0123456789abcdef";
    for (std::size_t i = 0; i < digits_.size(); i += 16) {
      std::uint64_t bits = random.next();
      for (std::size_t j = 0; j < 16; ++j, bits >>= 4) digits_[i + j] = kHex[bits & 15];
    }
  }
  [[nodiscard]] std::string_view text() const noexcept { return {digits_.data(), digits_.size()}; }

 private:
  std::array<char, 32> digits_{};
};

}  // namespace lintel::proxy
