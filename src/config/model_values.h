#pragma once

// What the parts of the model are made of.

#include <chrono>
#include <compare>
#include <cstdint>
#include <string>

namespace lintel::config {

using std::chrono::milliseconds;
using namespace std::chrono_literals;

/// A size in bytes. A type of its own, so that a size is never mistaken for a count.
struct Bytes {
  std::uint64_t value = 0;
  friend auto operator<=>(Bytes, Bytes) = default;
};
constexpr Bytes operator""_KiB(unsigned long long n) {
  return Bytes{n * 1024};
}
constexpr Bytes operator""_MiB(unsigned long long n) {
  return Bytes{n * 1024 * 1024};
}

/// Bytes per second.
struct ByteRate {
  std::uint64_t value = 0;
  friend auto operator<=>(ByteRate, ByteRate) = default;
};

/// Where a value stood in the files, for messages that are found after loading. Line and column count from 1.
/// Two places always compare equal: moving a setting within its file does not change a configuration.
struct Place {
  std::string file;
  int line = 0;
  int column = 0;
  friend bool operator==(const Place&, const Place&) { return true; }
};

/// A header field and its value, in which variables may stand (route/template.h).
struct HeaderValue {
  std::string name;
  std::string value;
  friend bool operator==(const HeaderValue&, const HeaderValue&) = default;
};

enum class TlsVersion : std::uint8_t { tls12, tls13 };

}  // namespace lintel::config
