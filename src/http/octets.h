#pragma once

// Classes of bytes and case folding for HTTP/1 (RFC 9110, 5.6.2), as table look-ups. No allocation, no
// locale.

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace lintel::http {

enum OctetClass : std::uint8_t {
  kTokenOctet = 1,       ///< tchar
  kUnderscoreOctet = 2,  ///< "_", which is a tchar too
  kHexOctet = 4,
  kUnreservedOctet = 8,  ///< RFC 3986, 2.3
};

namespace detail {

constexpr std::array<std::uint8_t, 256> make_octet_classes() {
  std::array<std::uint8_t, 256> table{};
  const auto mark = [&table](std::string_view octets, std::uint8_t bits) {
    for (const char c : octets) table[static_cast<unsigned char>(c)] |= bits;
  };
  mark("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", kTokenOctet | kUnreservedOctet);
  mark("!#$%&'*+-.^_`|~", kTokenOctet);
  mark("-._~", kUnreservedOctet);
  mark("_", kUnderscoreOctet);
  mark("0123456789abcdefABCDEF", kHexOctet);
  return table;
}

inline constexpr std::array<std::uint8_t, 256> kOctetClasses = make_octet_classes();

}  // namespace detail

[[nodiscard]] constexpr std::uint8_t octet_class(char c) noexcept {
  return detail::kOctetClasses[static_cast<unsigned char>(c)];
}
[[nodiscard]] constexpr bool is_token_char(char c) noexcept {
  return (octet_class(c) & kTokenOctet) != 0;
}
[[nodiscard]] constexpr bool is_hex(char c) noexcept {
  return (octet_class(c) & kHexOctet) != 0;
}
[[nodiscard]] constexpr bool is_unreserved(char c) noexcept {
  return (octet_class(c) & kUnreservedOctet) != 0;
}
[[nodiscard]] constexpr bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}
[[nodiscard]] constexpr bool is_blank(char c) noexcept {
  return c == ' ' || c == '\t';
}

[[nodiscard]] constexpr char to_lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
}

/// The value of a hexadecimal digit; `c` must be one.
[[nodiscard]] constexpr unsigned hex_value(char c) noexcept {
  return is_digit(c) ? static_cast<unsigned>(c - '0') : static_cast<unsigned>((c | 0x20) - 'a') + 10;
}

/// True for 1*tchar.
[[nodiscard]] constexpr bool is_token(std::string_view text) noexcept {
  for (const char c : text)
    if (!is_token_char(c)) return false;
  return !text.empty();
}

/// True if `c` may stand in a field value, a reason phrase or a quoted string: no CTL except HTAB.
[[nodiscard]] constexpr bool is_text_char(char c) noexcept {
  const auto u = static_cast<unsigned char>(c);
  return (u >= 0x20 && u != 0x7f) || u == '\t';
}

/// How many bytes are a CTL other than HTAB (so CR, LF, NUL and DEL count). Sixteen bytes at a time, no
/// branches.
[[nodiscard]] inline std::size_t count_controls(std::string_view text) noexcept {
  using Octets = unsigned char __attribute__((vector_size(16)));
  constexpr std::size_t kMostRounds = 255;  // Until a counter of eight bits may overflow.
  const char* p = text.data();
  std::size_t left = text.size(), count = 0;
  while (left >= sizeof(Octets)) {
    Octets counts{};
    for (std::size_t rounds = kMostRounds; rounds != 0 && left >= sizeof(Octets); --rounds) {
      Octets octets;
      std::memcpy(&octets, p, sizeof octets);
      // A comparison gives 0xff, that is -1, where it holds.
      counts -= reinterpret_cast<Octets>(((octets < 0x20) & (octets != '\t')) | (octets == 0x7f));
      p += sizeof octets;
      left -= sizeof octets;
    }
    for (std::size_t i = 0; i < sizeof counts; ++i) count += counts[i];
  }
  for (; left != 0; ++p, --left) count += is_text_char(*p) ? 0 : 1;
  return count;
}

/// True if any byte is a CTL other than HTAB.
[[nodiscard]] inline bool has_control(std::string_view text) noexcept {
  return count_controls(text) != 0;
}

/// `text` without SP and HTAB at both ends.
[[nodiscard]] constexpr std::string_view trim_blanks(std::string_view text) noexcept {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

/// Takes the next element off a comma-separated list (RFC 9110, 5.6.1), trimmed and perhaps empty. The list
/// must not hold quoted strings.
[[nodiscard]] constexpr std::string_view next_element(std::string_view& list) noexcept {
  const std::size_t comma = list.find(',');
  const std::string_view element = trim_blanks(list.substr(0, comma));
  list = comma == std::string_view::npos ? std::string_view{} : list.substr(comma + 1);
  return element;
}

}  // namespace lintel::http
