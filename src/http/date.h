#pragma once

#include <cstddef>
#include <ctime>
#include <string_view>

namespace lintel::http {

/// The value of Date (IMF-fixdate, RFC 9110, 5.6.7), made once per second. One object per worker; not
/// thread-safe.
class DateCache {
 public:
  static constexpr std::size_t kSize = 29;

  /// For example "Sun, 06 Nov 1994 08:49:37 GMT". `now`: seconds since 1970, years 1970 to 9999. The view is
  /// valid until the next call.
  [[nodiscard]] std::string_view at(std::time_t now) noexcept;

 private:
  std::time_t second_ = -1;
  char text_[kSize] = {};
};

}  // namespace lintel::http
