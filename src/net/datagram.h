#pragma once

// Datagrams (UDP) in batches: one system call takes or sends as many as there are.

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "base/address.h"
#include "base/result.h"
#include "net/loop.h"

namespace lintel::net {

/// The address of this machine that a datagram came to. What answers it must leave from there, or the client
/// would not take it for an answer. Only sockets bound to a wildcard tell it; else it is empty.
struct LocalAddress {
  enum class Kind : std::uint8_t { none, v4, v6 };
  Kind kind = Kind::none;
  std::uint32_t interface = 0;        ///< Of link-local addresses; else 0.
  std::array<std::byte, 16> bytes{};  ///< In network order; IPv4 uses the first four.
  friend bool operator==(const LocalAddress&, const LocalAddress&) = default;
};

/// One received datagram. The bytes live in the batch until its next receive().
struct Datagram {
  std::span<char> bytes;
  sockaddr_in6 from{};  ///< Of either IP family: `sin6_family` tells which.
  LocalAddress to;
};

/// Room for a number of datagrams. One per loop is enough: what was received is dealt with at once.
class DatagramBatch {
 public:
  static constexpr std::size_t kMost = 32;
  static constexpr std::size_t kLargest = 65536;  ///< More than any datagram has.

  DatagramBatch();

  /// Takes up to kMost waiting datagrams from a non-blocking socket. Returns their number, 0 when none waits.
  /// Errors: refused and others that an ICMP message told a connected socket; reading on is then possible.
  [[nodiscard]] Result<std::size_t> receive(int fd) noexcept;
  [[nodiscard]] Datagram& operator[](std::size_t i) noexcept { return datagrams_[i]; }

 private:
  static constexpr std::size_t kControl = CMSG_SPACE(sizeof(in6_pktinfo));

  std::unique_ptr<char[]> memory_;  ///< Untouched pages cost nothing.
  std::array<Datagram, kMost> datagrams_;
  std::array<mmsghdr, kMost> headers_{};
  std::array<iovec, kMost> parts_{};
  alignas(cmsghdr) std::array<std::array<std::byte, kControl>, kMost> controls_{};
};

/// Where datagrams are sent to from an unconnected socket.
struct DatagramRoute {
  sockaddr_in6 to{};  ///< Of either IP family.
  LocalAddress from;
};

struct DatagramsSent {
  std::size_t sent = 0;
  int error = 0;  ///< The errno of the datagram behind them; 0: all were taken.
};

/// Sends datagrams `first` to `first + count` (at most kMost) of a batch on a non-blocking socket, in as few
/// calls as possible. `route`: null for a connected socket. What the kernel has no room for is not sent:
/// datagrams may be lost, and their owner must say so.
[[nodiscard]] DatagramsSent send_datagrams(int fd, DatagramBatch& batch, std::size_t first, std::size_t count,
                                           const DatagramRoute* route) noexcept;

/// A datagram socket in a loop. Owns the descriptor.
class DatagramSocket final : private IoHandler {
 public:
  class Reader {
   public:
    /// Datagrams or an error wait. To be read until nothing waits, or continue_soon() called; the socket may
    /// be destroyed.
    virtual void on_datagrams(DatagramSocket& socket) = 0;

   protected:
    ~Reader() = default;
  };

  DatagramSocket(Loop& loop, int fd, Reader& reader) noexcept : loop_(loop), fd_(fd), reader_(reader) {}
  DatagramSocket(const DatagramSocket&) = delete;
  DatagramSocket& operator=(const DatagramSocket&) = delete;
  ~DatagramSocket();

  /// Starts to tell the reader. Errors: resource.
  [[nodiscard]] Result<void> start(Loop::Order order) noexcept;
  /// Tells the reader again in the next turn, so that the loop can serve others first.
  void continue_soon() { loop_.notify_soon(*this, 0); }
  [[nodiscard]] int fd() const noexcept { return fd_; }

 private:
  void on_io(std::uint32_t events) override;

  Loop& loop_;
  int fd_;
  Reader& reader_;
};

/// Opens a socket that receives datagrams for an address. Several may be bound to one address: the kernel
/// gives all datagrams of one client to the same one. An IPv6 wildcard takes IPv4 too. Errors: as
/// open_listener.
[[nodiscard]] Result<int> open_datagram_listener(const SocketAddress& address);
/// Whether nobody receives on an address. Errors: as probe_bind.
[[nodiscard]] Result<void> probe_datagram_bind(const SocketAddress& address);
/// Opens a socket that exchanges datagrams with `address` only. Errors: resource, unreachable, system.
[[nodiscard]] Result<int> connect_datagrams(const SocketAddress& address);
/// Opens a socket for one peer of a listening one: bound to the same address, connected to `route.to`. From
/// then on the kernel gives it that peer's datagrams. Errors: resource, unreachable, system.
[[nodiscard]] Result<int> connect_datagrams_from(int listener, const DatagramRoute& route);

}  // namespace lintel::net
