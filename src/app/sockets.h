#pragma once

// Listening sockets of the main thread: which ones a configuration needs, which are open, and what to say
// when one cannot be opened.

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>
#include <vector>

#include "base/address.h"
#include "base/result.h"
#include "config/model.h"

namespace lintel::app {

/// A descriptor that is closed with its object.
class OwnedFd {
 public:
  OwnedFd() noexcept = default;
  explicit OwnedFd(int fd) noexcept : fd_(fd) {}
  OwnedFd(OwnedFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  OwnedFd& operator=(OwnedFd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  OwnedFd(const OwnedFd&) = delete;
  OwnedFd& operator=(const OwnedFd&) = delete;
  ~OwnedFd();
  [[nodiscard]] int get() const noexcept { return fd_; }
  [[nodiscard]] int release() noexcept { return std::exchange(fd_, -1); }

 private:
  int fd_ = -1;
};

/// What a bind is known by: its address as the configuration writes it, with "/udp" behind it where datagrams
/// are received. One port may serve both.
[[nodiscard]] std::string bind_key(const Endpoint& endpoint, config::Protocol protocol);

/// One address that a configuration wants to be listened on.
struct WantedBind {
  Endpoint endpoint;
  config::Protocol protocol = config::Protocol::http;
  std::string owner;          ///< For messages: `listener "web"`, "admin".
  std::string setting;        ///< For messages: "listeners.web.bind".
  bool private_file = false;  ///< A Unix socket gets mode 0660.
  [[nodiscard]] std::string key() const { return bind_key(endpoint, protocol); }
};

[[nodiscard]] std::vector<WantedBind> listener_binds(const config::Config& config);
[[nodiscard]] std::vector<WantedBind> admin_binds(const config::Config& config);

/// What the user reads when `wanted` could not be opened.
[[nodiscard]] std::string listen_error_text(const WantedBind& wanted, const Error& error);

/// An open bind. Further sockets for the same address can be had of it.
class BoundAddress {
 public:
  /// Opens it; `alone`: refuses an address on which another socket listens that would share it. Returns an
  /// error for people.
  [[nodiscard]] static tl::expected<BoundAddress, std::string> open(const WantedBind& wanted, bool alone);
  BoundAddress(BoundAddress&&) noexcept = default;
  BoundAddress& operator=(BoundAddress&&) noexcept = default;
  BoundAddress(const BoundAddress&) = delete;
  BoundAddress& operator=(const BoundAddress&) = delete;
  ~BoundAddress() = default;

  /// One more socket that accepts or receives on the address: another queue for TCP and UDP, another
  /// descriptor of the one queue for a Unix socket. Errors for people.
  [[nodiscard]] tl::expected<OwnedFd, std::string> add_socket();
  /// Removes a Unix socket's file.
  void remove_file() const noexcept;
  /// With the port that the kernel chose where the configuration said 0.
  [[nodiscard]] const SocketAddress& address() const noexcept { return address_; }
  [[nodiscard]] const WantedBind& wanted() const noexcept { return wanted_; }

 private:
  BoundAddress(WantedBind wanted, SocketAddress address, int fd)
      : wanted_(std::move(wanted)), address_(address), first_(fd) {}

  WantedBind wanted_;
  SocketAddress address_;
  OwnedFd first_;  ///< TCP, UDP: until the first add_socket. Unix: the socket itself.
};

/// Open binds by bind_key.
using BoundAddresses = std::map<std::string, BoundAddress>;

/// What has to be done to get from one set of binds to another.
struct BindChange {
  std::vector<WantedBind> opened;
  std::vector<std::string> closed;  ///< Keys.
};
[[nodiscard]] BindChange bind_change(const std::vector<std::string>& open,
                                     const std::vector<WantedBind>& wanted);

}  // namespace lintel::app
