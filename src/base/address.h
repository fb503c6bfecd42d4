#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace lintel {

/// A resolved socket address: IPv4, IPv6 or Unix. A value; copies freely.
class SocketAddress {
 public:
  SocketAddress() noexcept = default;
  /// Copies `length` bytes of a kernel-filled address. Unknown families give an empty address.
  SocketAddress(const sockaddr* address, socklen_t length) noexcept;

  /// `ip` is an IPv4 or IPv6 literal without brackets. Nothing when it is not one.
  [[nodiscard]] static std::optional<SocketAddress> from_ip(std::string_view ip, std::uint16_t port) noexcept;
  /// A path of at most 107 bytes; "@name" is Linux's abstract namespace. Nothing when too long or empty.
  [[nodiscard]] static std::optional<SocketAddress> from_unix_path(std::string_view path) noexcept;

  [[nodiscard]] const sockaddr* get() const noexcept;
  [[nodiscard]] socklen_t length() const noexcept { return length_; }
  [[nodiscard]] int family() const noexcept;
  [[nodiscard]] bool empty() const noexcept { return length_ == 0; }
  /// 0 for Unix sockets.
  [[nodiscard]] std::uint16_t port() const noexcept;
  /// Nothing for Unix sockets.
  void set_port(std::uint16_t port) noexcept;
  [[nodiscard]] bool is_loopback() const noexcept;

  /// The IP without port and brackets ("10.0.0.1", "::1", IPv4-mapped shown as IPv4), "unix" for Unix
  /// sockets. Writes into `out` (INET6_ADDRSTRLEN bytes suffice) and returns the written part.
  [[nodiscard]] std::string_view ip_to(std::span<char> out) const noexcept;
  /// "10.0.0.1:80", "[::1]:80", "unix:/run/app.sock".
  [[nodiscard]] std::string to_string() const;

  friend bool operator==(const SocketAddress& a, const SocketAddress& b) noexcept;

 private:
  sockaddr_storage storage_{};
  socklen_t length_ = 0;
};

/// An address as the configuration writes it, before any name is resolved.
struct Endpoint {
  enum class Kind : std::uint8_t { ip, any, name, unix_socket };
  Kind kind = Kind::ip;
  std::string host;  ///< IP literal without brackets, host name, Unix path; empty for `any` (":80").
  std::uint16_t port = 0;
  std::string ip{};  ///< Of a `name` that was looked up, the address that this is about; else empty.

  /// Parses `127.0.0.1:80`, `[::]:443`, `:8080`, `unix:/run/app.sock`, `name.example:8080`.
  /// On failure returns nothing and sets `why` to one sentence for people.
  [[nodiscard]] static std::optional<Endpoint> parse(std::string_view text, std::string& why);
  /// As written; of a name with an address "name.example:8080@10.0.0.1".
  [[nodiscard]] std::string to_string() const;
  /// The address for `ip`, `any` (IPv6 wildcard, to be bound dual-stack), `unix_socket`, and a `name` with
  /// its `ip`; nothing for a name alone.
  [[nodiscard]] std::optional<SocketAddress> resolved() const;

  friend bool operator==(const Endpoint&, const Endpoint&) = default;
};

/// A network in CIDR notation, for example "10.0.0.0/8" or "fd00::/8"; a bare IP is a /32 or /128.
class Cidr {
 public:
  [[nodiscard]] static std::optional<Cidr> parse(std::string_view text, std::string& why);
  /// True if the address (IPv4-mapped IPv6 counts as IPv4) lies in this network. False for Unix sockets.
  [[nodiscard]] bool contains(const SocketAddress& address) const noexcept;
  /// True if all of the other network lies in this one.
  [[nodiscard]] bool contains(const Cidr& other) const noexcept;
  [[nodiscard]] std::string to_string() const;
  friend bool operator==(const Cidr&, const Cidr&) = default;

 private:
  std::uint8_t bytes_[16] = {};
  std::uint8_t bits_ = 0;
  bool v6_ = false;
};

}  // namespace lintel
