#include "http/date.h"

#include <cstring>

namespace lintel::http {
namespace {

void put_number(char* at, int value, int digits) noexcept {
  for (int i = digits - 1; i >= 0; --i, value /= 10) at[i] = static_cast<char>('0' + value % 10);
}

}  // namespace

std::string_view DateCache::at(std::time_t now) noexcept {
  if (now == second_) return {text_, kSize};
  second_ = now;
  std::tm utc{};
  gmtime_r(&now, &utc);
  std::memcpy(text_, "Sun, 06 Nov 1994 08:49:37 GMT", kSize);
  std::memcpy(text_, &"SunMonTueWedThuFriSat"[utc.tm_wday * 3], 3);
  put_number(text_ + 5, utc.tm_mday, 2);
  std::memcpy(text_ + 8, &"JanFebMarAprMayJunJulAugSepOctNovDec"[utc.tm_mon * 3], 3);
  put_number(text_ + 12, utc.tm_year + 1900, 4);
  put_number(text_ + 17, utc.tm_hour, 2);
  put_number(text_ + 20, utc.tm_min, 2);
  put_number(text_ + 23, utc.tm_sec, 2);
  return {text_, kSize};
}

}  // namespace lintel::http
