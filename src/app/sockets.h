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

/// A TCP address has a queue of connections for each worker, among which the kernel spreads new ones
/// (SO_REUSEPORT). Closing a queue resets what waits in it, and whatever is about to. So a queue stays open
/// for as long as its address is listened on, and workers that there are fewer of share those that there
/// were.
[[nodiscard]] constexpr std::size_t worker_of_queue(std::size_t queue, std::size_t workers) noexcept {
  return queue % workers;
}

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

  /// True for TCP: further queues are kept here.
  [[nodiscard]] bool has_queues() const noexcept;
  [[nodiscard]] std::size_t queues() const noexcept { return queues_.size(); }
  /// One more queue of a TCP address, to be given to keep_queue(). Errors for people.
  [[nodiscard]] tl::expected<OwnedFd, std::string> open_queue();
  void keep_queue(OwnedFd queue) { queues_.push_back(std::move(queue)); }
  /// Lets go of them: workers that end close the rest.
  void close_queues() noexcept { queues_.clear(); }
  /// Has the kernel put new connections into the first `workers` queues only; else those that are shared
  /// would give their worker more than its part.
  void spread_over(std::size_t workers) noexcept;
  /// Another descriptor of `fd`, a socket of this address. Errors for people.
  [[nodiscard]] tl::expected<OwnedFd, std::string> duplicate(int fd) const;
  /// A descriptor of the `queue`th queue, which is open. Errors for people.
  [[nodiscard]] tl::expected<OwnedFd, std::string> queue_socket(std::size_t queue) const;
  /// Where has_queues() is false: one more socket that accepts or receives on the address: another queue for
  /// UDP, another descriptor of the one queue for a Unix socket. Errors for people.
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
  [[nodiscard]] tl::expected<OwnedFd, std::string> checked(Result<int> fd) const;

  OwnedFd first_;  ///< TCP, UDP: until its first use. Unix: the socket itself.
  std::vector<OwnedFd> queues_;
  bool steered_ = false;  ///< By spread_over.
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
