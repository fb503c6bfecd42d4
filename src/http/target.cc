#include "http/target.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "http/octets.h"

namespace lintel::http {
namespace {

/// A byte that may not stand in a request target: CTL, SP, "#", or anything that is not ASCII.
constexpr bool is_bad_target_char(char c) noexcept {
  const auto u = static_cast<unsigned char>(c);
  return u <= 0x20 || u >= 0x7f || c == '#';
}

enum PathOctet : std::uint8_t { kPlain, kSpecial, kForbidden };

constexpr std::array<std::uint8_t, 256> make_path_octets() {
  std::array<std::uint8_t, 256> table{};
  for (unsigned c = 0; c < 256; ++c)
    if (c == '\\' || is_bad_target_char(static_cast<char>(c))) table[c] = kForbidden;
  table['%'] = kSpecial;
  table['.'] = kSpecial;
  return table;
}
constexpr std::array<std::uint8_t, 256> kPathOctets = make_path_octets();

/// Decodes the escapes of `path` to `out`, which has room for as many bytes. Sets `size` to what was written.
const char* decode_escapes(std::string_view path, char* out, std::size_t& size) noexcept {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  char* at = out;
  for (std::size_t i = 0; i < path.size(); ++i) {
    if (path[i] != '%') {
      *at++ = path[i];
      continue;
    }
    if (path.size() - i < 3 || !is_hex(path[i + 1]) || !is_hex(path[i + 2]))
      return "the path has a % that does not begin an escape";
    const unsigned octet = hex_value(path[i + 1]) * 16 + hex_value(path[i + 2]);
    if (octet < 0x20 || octet == 0x7f) return "the path has an escaped control character";
    if (octet == '\\') return "the path has an escaped backslash";
    if (is_unreserved(static_cast<char>(octet))) {
      *at++ = static_cast<char>(octet);
    } else {
      *at++ = '%';
      *at++ = kDigits[octet >> 4];
      *at++ = kDigits[octet & 15];
    }
    i += 2;
  }
  size = static_cast<std::size_t>(at - out);
  return nullptr;
}

/// Removes the segments "." and ".." of the path at `path` in place (RFC 3986, 5.2.4).
const char* remove_dot_segments(char* path, std::size_t& size) noexcept {
  std::size_t to = 0;
  for (std::size_t from = 0; from < size;) {
    std::size_t next = from + 1;
    while (next < size && path[next] != '/') ++next;
    const std::string_view segment(path + from + 1, next - from - 1);
    const bool up = segment == "..";
    if (up) {
      if (to == 0) return "the path leads above the root";
      do --to;
      while (path[to] != '/');
    }
    if (up || segment == ".") {
      if (next == size) path[to++] = '/';
    } else {
      std::memmove(path + to, path + from, next - from);
      to += next - from;
    }
    from = next;
  }
  size = to;
  return nullptr;
}

/// Length of the host at the front of `text`, lower-cased in place; null `reason` if it is valid.
std::size_t fold_host(char* text, std::size_t size, const char*& reason) noexcept {
  std::size_t n = 0;
  for (; n < size && text[n] != ':'; ++n) {
    if (!is_unreserved(text[n])) {
      reason = "the host has a character that no host name has";
      return 0;
    }
    if (text[n] == '.' && (n == 0 || text[n - 1] == '.')) {
      reason = "the host has an empty label";
      return 0;
    }
    text[n] = to_lower(text[n]);
  }
  return n;
}

/// Length of the bracketed IPv6 address at the front of `text`, lower-cased in place.
std::size_t fold_literal(char* text, std::size_t size, const char*& reason) noexcept {
  char address[INET6_ADDRSTRLEN];
  std::size_t n = 1;
  for (; n < size && text[n] != ']' && n < sizeof address; ++n) {
    text[n] = to_lower(text[n]);
    address[n - 1] = text[n];
  }
  address[n - 1] = '\0';
  in6_addr parsed;
  if (n == size || text[n] != ']' || inet_pton(AF_INET6, address, &parsed) != 1) {
    reason = "the host is not a valid address in brackets";
    return 0;
  }
  return n + 1;
}

}  // namespace

const char* canonicalize_path(Buffer& bytes, Slice& path) {
  const std::string_view text = bytes.view(path.begin, path.size);
  if (text.empty() || text.front() != '/') return "the path does not begin with a slash";
  bool plain = true;
  char before = 0;
  for (const char c : text) {
    const std::uint8_t octet = kPathOctets[static_cast<unsigned char>(c)];
    if (octet != kPlain) {
      if (octet == kForbidden) return "the path has a character that must be escaped or is forbidden";
      if (c == '%' || before == '/') plain = false;
    }
    before = c;
  }
  if (plain) return nullptr;

  const auto begin = static_cast<std::uint32_t>(bytes.size());
  char* out = bytes.extend(path.size);
  std::size_t size = 0;
  const char* reason = decode_escapes(bytes.view(path.begin, path.size), out, size);
  if (reason == nullptr) reason = remove_dot_segments(out, size);
  if (reason != nullptr) size = 0;
  bytes.truncate(begin + size);
  path = Slice{begin, static_cast<std::uint32_t>(size)};
  return reason;
}

bool has_disguised_dots(std::string_view path) noexcept {
  for (std::size_t begin = 1; begin <= path.size();) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    const std::string_view segment = path.substr(begin, end - begin);
    const std::string_view name = segment.substr(0, std::min(segment.find(';'), segment.find("%3B")));
    if (name.size() != segment.size() && (name == "." || name == "..")) return true;
    begin = end + 1;
  }
  return false;
}

const char* check_query(std::string_view query) noexcept {
  bool bad = false;
  for (const char c : query) bad |= is_bad_target_char(c);
  return bad ? "the query has a character that must be escaped" : nullptr;
}

const char* canonicalize_authority(Buffer& bytes, Slice& authority, std::uint16_t default_port) noexcept {
  char* text = bytes.data() + authority.begin;
  const std::size_t size = authority.size;
  if (size == 0) return "the host is empty";
  const char* reason = nullptr;
  const std::size_t host = text[0] == '[' ? fold_literal(text, size, reason) : fold_host(text, size, reason);
  if (reason != nullptr) return reason;
  if (host == 0) return "the host is empty";

  std::size_t end = text[host - 1] == '.' ? host - 1 : host;  // Never before "]": fold_literal ends there.
  if (host < size) {
    if (text[host] != ':') return "the host is followed by something that is no port";
    std::string_view port(text + host + 1, size - host - 1);
    const bool given = !port.empty();
    while (!port.empty() && port.front() == '0') port.remove_prefix(1);
    unsigned number = 0;
    for (const char c : port) {
      if (!is_digit(c) || number > 65535) return "the port is not a number";
      number = number * 10 + static_cast<unsigned>(c - '0');
    }
    if (number > 65535 || (given && number == 0)) return "the port is out of range";
    if (given && number != default_port) {
      text[end++] = ':';
      std::memmove(text + end, port.data(), port.size());
      end += port.size();
    }
  }
  authority.size = static_cast<std::uint32_t>(end);
  return nullptr;
}

}  // namespace lintel::http
