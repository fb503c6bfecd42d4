#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace lintel::proxy {

/// What became of a request that was to be copied to a mirror.
enum class Mirrored : std::uint8_t {
  answered,    ///< The mirror's server answered it in full, with whatever status.
  failed,      ///< It did not, or there was none. A copy is never tried again.
  too_large,   ///< Not copied: its body was larger than what is kept of one.
  incomplete,  ///< Not copied: its body did not come in full.
  busy,        ///< Not copied: too many copies were under way.
};

/// In words, for metrics.
inline constexpr std::array<std::string_view, 5> kMirroredNames = {"answered", "failed", "too_large",
                                                                   "incomplete", "busy"};
inline constexpr std::size_t kMirroredCount = kMirroredNames.size();

}  // namespace lintel::proxy
