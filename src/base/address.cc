#include "base/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstring>

namespace lintel {
namespace {

constexpr std::size_t kMaxUnixPath = sizeof(sockaddr_un::sun_path) - 1;
constexpr std::size_t kMaxName = 253;
constexpr std::size_t kMaxLabel = 63;
constexpr std::array<std::uint8_t, 12> kMappedPrefix = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_alnum(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
char to_lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

std::string quoted(std::string_view text) {
  return '"' + std::string(text) + '"';
}

/// `text` as a terminated string of at most INET6_ADDRSTRLEN - 1 bytes; false when it is longer.
bool terminated(std::string_view text, std::array<char, INET6_ADDRSTRLEN>& out) {
  if (text.size() >= out.size() || text.find('\0') != std::string_view::npos) return false;
  *std::copy(text.begin(), text.end(), out.begin()) = '\0';
  return true;
}

/// The 4 or 16 bytes of an IP literal; 0 when `text` is not one.
std::size_t parse_ip(std::string_view text, std::uint8_t (&bytes)[16]) {
  std::array<char, INET6_ADDRSTRLEN> copy;
  if (!terminated(text, copy)) return 0;
  if (inet_pton(AF_INET, copy.data(), bytes) == 1) return 4;
  if (inet_pton(AF_INET6, copy.data(), bytes) == 1) return 16;
  return 0;
}

/// The IP bytes of a socket address, IPv4-mapped IPv6 as IPv4; empty for anything else.
std::span<const std::uint8_t> ip_bytes(const sockaddr* address) {
  if (address->sa_family == AF_INET) {
    const auto* v4 = reinterpret_cast<const sockaddr_in*>(address);
    return {reinterpret_cast<const std::uint8_t*>(&v4->sin_addr), 4};
  }
  if (address->sa_family != AF_INET6) return {};
  const std::uint8_t* bytes = reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr.s6_addr;
  if (std::equal(kMappedPrefix.begin(), kMappedPrefix.end(), bytes)) return {bytes + 12, 4};
  return {bytes, 16};
}

/// A port in decimal, without sign or leading zero. 0 is allowed: the kernel chooses when binding.
std::optional<std::uint16_t> parse_port(std::string_view text, std::string& why) {
  if (text.empty()) {
    why = "there is no port after the \":\"";
    return std::nullopt;
  }
  if (!std::all_of(text.begin(), text.end(), is_digit)) {
    why = "the port " + quoted(text) + " is not a number";
    return std::nullopt;
  }
  if (text.size() > 1 && text.front() == '0') {
    why = "the port " + quoted(text) + " has a leading zero; write it in decimal without one";
    return std::nullopt;
  }
  const unsigned long port = text.size() > 5 ? 65536 : std::stoul(std::string(text));
  if (port > 65535) {
    why = "the port " + std::string(text) + " is above 65535";
    return std::nullopt;
  }
  return static_cast<std::uint16_t>(port);
}

bool is_host_name(std::string_view name) {
  if (name.empty() || name.size() > kMaxName) return false;
  std::size_t label = 0;
  char previous = '.';
  for (const char c : name) {
    if (c == '.') {
      if (label == 0 || previous == '-') return false;
      label = 0;
    } else if (is_alnum(c) || c == '_' || (c == '-' && label > 0)) {
      if (++label > kMaxLabel) return false;
    } else {
      return false;
    }
    previous = c;
  }
  return label > 0 && previous != '-';
}

/// True for what a person meant as an IPv4 address: only digits and dots.
bool looks_like_ipv4(std::string_view host) {
  return std::all_of(host.begin(), host.end(), [](char c) { return is_digit(c) || c == '.'; });
}

std::optional<Endpoint> parse_unix(std::string_view path, std::string& why) {
  if (path.empty() || (path.front() != '/' && path.front() != '@')) {
    why = "a Unix socket needs an absolute path, for example unix:/run/app.sock";
    return std::nullopt;
  }
  if (!SocketAddress::from_unix_path(path)) {
    why = path.find('\0') != std::string_view::npos
              ? "the path of a Unix socket cannot contain a NUL byte"
              : "the path of a Unix socket is limited to " + std::to_string(kMaxUnixPath) + " bytes";
    return std::nullopt;
  }
  return Endpoint{Endpoint::Kind::unix_socket, std::string(path), 0};
}

std::optional<Endpoint> parse_bracketed(std::string_view text, std::string& why) {
  const std::size_t close = text.find(']');
  if (close == std::string_view::npos) {
    why = "there is no \"]\" after the IPv6 address";
    return std::nullopt;
  }
  const std::string_view host = text.substr(1, close - 1);
  const auto address = SocketAddress::from_ip(host, 0);
  if (!address || address->family() != AF_INET6) {
    why = quoted(host) + " is not an IPv6 address";
    return std::nullopt;
  }
  const std::string_view rest = text.substr(close + 1);
  if (rest.empty() || rest.front() != ':') {
    why = "there is no port; write for example [" + std::string(host) + "]:8080";
    return std::nullopt;
  }
  const auto port = parse_port(rest.substr(1), why);
  if (!port) return std::nullopt;
  std::array<char, INET6_ADDRSTRLEN> canonical;
  const auto* v6 = reinterpret_cast<const sockaddr_in6*>(address->get());
  inet_ntop(AF_INET6, &v6->sin6_addr, canonical.data(), canonical.size());
  return Endpoint{Endpoint::Kind::ip, canonical.data(), *port};
}

/// Says why `text`, which holds no ":", is not an address.
std::string explain_without_port(std::string_view text) {
  if (std::all_of(text.begin(), text.end(), is_digit)) {
    return "a port alone is written \":" + std::string(text) + "\", which means all interfaces";
  }
  if (text.front() == '/') return "a Unix socket is written unix:" + std::string(text);
  return "there is no port; write for example " + std::string(text) + ":8080";
}

}  // namespace

SocketAddress::SocketAddress(const sockaddr* address, socklen_t length) noexcept {
  if (address == nullptr || length < sizeof(sa_family_t) || length > sizeof(storage_)) return;
  const int family = address->sa_family;
  if (family == AF_INET && length < sizeof(sockaddr_in)) return;
  if (family == AF_INET6 && length < sizeof(sockaddr_in6)) return;
  if (family != AF_INET && family != AF_INET6 && family != AF_UNIX) return;
  std::memcpy(&storage_, address, length);
  length_ = length;
}

std::optional<SocketAddress> SocketAddress::from_ip(std::string_view ip, std::uint16_t port) noexcept {
  std::uint8_t bytes[16];
  switch (parse_ip(ip, bytes)) {
    case 4: {
      sockaddr_in v4{};
      v4.sin_family = AF_INET;
      v4.sin_port = htons(port);
      std::memcpy(&v4.sin_addr, bytes, 4);
      return SocketAddress(reinterpret_cast<const sockaddr*>(&v4), sizeof(v4));
    }
    case 16: {
      sockaddr_in6 v6{};
      v6.sin6_family = AF_INET6;
      v6.sin6_port = htons(port);
      std::memcpy(&v6.sin6_addr, bytes, 16);
      return SocketAddress(reinterpret_cast<const sockaddr*>(&v6), sizeof(v6));
    }
    default:
      return std::nullopt;
  }
}

std::optional<SocketAddress> SocketAddress::from_unix_path(std::string_view path) noexcept {
  if (path.empty() || path.size() > kMaxUnixPath || path.find('\0') != std::string_view::npos) {
    return std::nullopt;
  }
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  std::size_t length = offsetof(sockaddr_un, sun_path) + path.size();
  if (path.front() == '@') {
    if (path.size() == 1) return std::nullopt;
    address.sun_path[0] = '\0';  // the abstract namespace: the length, not a NUL, ends the name
  } else {
    ++length;
  }
  return SocketAddress(reinterpret_cast<const sockaddr*>(&address), static_cast<socklen_t>(length));
}

const sockaddr* SocketAddress::get() const noexcept {
  return reinterpret_cast<const sockaddr*>(&storage_);
}

int SocketAddress::family() const noexcept {
  return empty() ? AF_UNSPEC : storage_.ss_family;
}

void SocketAddress::set_port(std::uint16_t port) noexcept {
  if (family() == AF_INET) reinterpret_cast<sockaddr_in*>(&storage_)->sin_port = htons(port);
  if (family() == AF_INET6) reinterpret_cast<sockaddr_in6*>(&storage_)->sin6_port = htons(port);
}

std::uint16_t SocketAddress::port() const noexcept {
  switch (family()) {
    case AF_INET:
      return ntohs(reinterpret_cast<const sockaddr_in*>(&storage_)->sin_port);
    case AF_INET6:
      return ntohs(reinterpret_cast<const sockaddr_in6*>(&storage_)->sin6_port);
    default:
      return 0;
  }
}

bool SocketAddress::is_loopback() const noexcept {
  const auto bytes = ip_bytes(get());
  if (bytes.size() == 4) return bytes[0] == 127;
  return bytes.size() == 16 && bytes[15] == 1 &&
         std::all_of(bytes.begin(), bytes.end() - 1, [](std::uint8_t byte) { return byte == 0; });
}

std::string_view SocketAddress::ip_to(std::span<char> out) const noexcept {
  if (family() == AF_UNIX) {
    const std::string_view word = std::string_view("unix").substr(0, out.size());
    std::copy(word.begin(), word.end(), out.begin());
    return {out.data(), word.size()};
  }
  const auto bytes = ip_bytes(get());
  if (bytes.size() == 4 &&
      out.size() >= INET_ADDRSTRLEN) {  // inet_ntop takes the way over sprintf for these.
    char* at = out.data();
    for (std::size_t i = 0; i < 4; ++i) {
      if (i != 0) *at++ = '.';
      at = std::to_chars(at, out.data() + out.size(), static_cast<unsigned>(bytes[i])).ptr;
    }
    return {out.data(), at};
  }
  const int shown = bytes.size() == 4 ? AF_INET : AF_INET6;
  if (bytes.empty() ||
      inet_ntop(shown, bytes.data(), out.data(), static_cast<socklen_t>(out.size())) == nullptr) {
    return {};
  }
  return {out.data(), std::strlen(out.data())};
}

std::string SocketAddress::to_string() const {
  if (empty()) return {};
  if (family() == AF_UNIX) {
    const auto* address = reinterpret_cast<const sockaddr_un*>(&storage_);
    const std::size_t size = length_ - offsetof(sockaddr_un, sun_path);
    if (size > 0 && address->sun_path[0] == '\0')
      return "unix:@" + std::string(address->sun_path + 1, size - 1);
    return "unix:" + std::string(address->sun_path, strnlen(address->sun_path, size));
  }
  std::array<char, INET6_ADDRSTRLEN> text;
  const std::string ip(ip_to(text));
  const bool brackets = ip.find(':') != std::string::npos;
  return (brackets ? '[' + ip + ']' : ip) + ':' + std::to_string(port());
}

bool operator==(const SocketAddress& a, const SocketAddress& b) noexcept {
  if (a.length_ != b.length_ || a.family() != b.family()) return false;
  if (a.family() == AF_UNIX || a.empty()) return std::memcmp(&a.storage_, &b.storage_, a.length_) == 0;
  if (a.family() == AF_INET6 && reinterpret_cast<const sockaddr_in6*>(&a.storage_)->sin6_scope_id !=
                                    reinterpret_cast<const sockaddr_in6*>(&b.storage_)->sin6_scope_id) {
    return false;
  }
  const auto left = ip_bytes(a.get());
  const auto right = ip_bytes(b.get());
  return a.port() == b.port() && std::equal(left.begin(), left.end(), right.begin(), right.end());
}

std::optional<Endpoint> Endpoint::parse(std::string_view text, std::string& why) {
  if (text.empty()) {
    why = "it is empty";
    return std::nullopt;
  }
  if (text.substr(0, 5) == "unix:") return parse_unix(text.substr(5), why);
  if (text.find("://") != std::string_view::npos) {
    why = "an address has no scheme; write host:port";
    return std::nullopt;
  }
  if (text.front() == '[') return parse_bracketed(text, why);
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) {
    why = explain_without_port(text);
    return std::nullopt;
  }
  const std::string_view host = text.substr(0, colon);
  if (text.find(':', colon + 1) != std::string_view::npos) {
    why = "an IPv6 address is written in brackets, for example [::1]:8080";
    return std::nullopt;
  }
  if (host == "*") {
    why = "all interfaces are written without \"*\": \"" + std::string(text.substr(1)) + '"';
    return std::nullopt;
  }
  const auto port = parse_port(text.substr(colon + 1), why);
  if (!port) return std::nullopt;
  if (host.empty()) return Endpoint{Kind::any, {}, *port};
  if (SocketAddress::from_ip(host, *port)) return Endpoint{Kind::ip, std::string(host), *port};
  if (looks_like_ipv4(host)) {
    why = quoted(host) + " is not an IPv4 address";
    return std::nullopt;
  }
  if (!is_host_name(host)) {
    why = quoted(host) + " is neither an IP address nor a host name";
    return std::nullopt;
  }
  std::string name(host);
  std::transform(name.begin(), name.end(), name.begin(), to_lower);
  return Endpoint{Kind::name, std::move(name), *port};
}

std::string Endpoint::to_string() const {
  if (kind == Kind::unix_socket) return "unix:" + host;
  const bool brackets = kind == Kind::ip && host.find(':') != std::string::npos;
  return (brackets ? '[' + host + ']' : host) + ':' + std::to_string(port) + (ip.empty() ? "" : '@' + ip);
}

std::optional<SocketAddress> Endpoint::resolved() const {
  switch (kind) {
    case Kind::ip:
      return SocketAddress::from_ip(host, port);
    case Kind::any:
      return SocketAddress::from_ip("::", port);
    case Kind::unix_socket:
      return SocketAddress::from_unix_path(host);
    case Kind::name:
      return SocketAddress::from_ip(ip, port);
  }
  return std::nullopt;
}

std::optional<Cidr> Cidr::parse(std::string_view text, std::string& why) {
  const std::size_t slash = text.find('/');
  Cidr cidr;
  const std::size_t size = parse_ip(text.substr(0, slash), cidr.bytes_);
  if (size == 0) {
    why =
        quoted(text.substr(0, slash)) + " is not an IP address; a network is written 10.0.0.0/8 or fd00::/8";
    return std::nullopt;
  }
  std::size_t bits = size * 8;
  if (slash != std::string_view::npos) {
    const std::string_view length = text.substr(slash + 1);
    const bool number = !length.empty() && length.size() <= 3 &&
                        std::all_of(length.begin(), length.end(), is_digit) &&
                        (length.size() == 1 || length.front() != '0');
    if (!number || std::stoul(std::string(length)) > bits) {
      why = "the prefix length " + quoted(length) + " is not a number from 0 to " + std::to_string(bits);
      return std::nullopt;
    }
    bits = std::stoul(std::string(length));
  }
  cidr.v6_ = size == 16;
  if (cidr.v6_ && bits >= 96 && std::equal(kMappedPrefix.begin(), kMappedPrefix.end(), cidr.bytes_)) {
    std::copy(cidr.bytes_ + 12, cidr.bytes_ + 16, cidr.bytes_);
    std::fill(cidr.bytes_ + 4, cidr.bytes_ + 16, std::uint8_t{0});
    cidr.v6_ = false;
    bits -= 96;
  } else if (!cidr.v6_) {
    std::fill(cidr.bytes_ + 4, cidr.bytes_ + 16, std::uint8_t{0});
  }
  cidr.bits_ = static_cast<std::uint8_t>(bits);
  Cidr masked = cidr;
  for (std::size_t bit = bits; bit < 128; ++bit) {
    masked.bytes_[bit / 8] = static_cast<std::uint8_t>(masked.bytes_[bit / 8] & ~(0x80U >> (bit % 8)));
  }
  if (!(masked == cidr)) {
    why = "it has bits set behind the prefix; the network is " + masked.to_string();
    return std::nullopt;
  }
  return cidr;
}

bool Cidr::contains(const SocketAddress& address) const noexcept {
  const auto bytes = ip_bytes(address.get());
  if (address.empty() || bytes.size() != (v6_ ? 16U : 4U)) return false;
  const std::size_t whole = bits_ / 8;
  if (!std::equal(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(whole), bytes_)) return false;
  const unsigned rest = bits_ % 8;
  return rest == 0 || ((bytes[whole] ^ bytes_[whole]) >> (8 - rest)) == 0;
}

bool Cidr::contains(const Cidr& other) const noexcept {
  if (v6_ != other.v6_ || bits_ > other.bits_) return false;
  const std::size_t whole = bits_ / 8;
  if (!std::equal(bytes_, bytes_ + whole, other.bytes_)) return false;
  const unsigned rest = bits_ % 8;
  return rest == 0 || ((other.bytes_[whole] ^ bytes_[whole]) >> (8 - rest)) == 0;
}

std::string Cidr::to_string() const {
  std::array<char, INET6_ADDRSTRLEN> text;
  inet_ntop(v6_ ? AF_INET6 : AF_INET, bytes_, text.data(), text.size());
  return std::string(text.data()) + '/' + std::to_string(bits_);
}

}  // namespace lintel
