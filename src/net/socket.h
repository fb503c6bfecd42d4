#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "base/address.h"
#include "base/result.h"
#include "net/cancel.h"
#include "net/loop.h"
#include "net/stream.h"
#include "net/task.h"

namespace lintel::net {

/// A connected TCP or Unix socket. Edge-triggered: what was learned from short reads and EAGAIN is
/// remembered, so that no system call is made that is known to find nothing. Joins the loop's epoll set when
/// it first has to wait, so that a connection that is served at once never enters it.
class SocketStream final : public Stream, private IoHandler {
 public:
  /// Takes ownership of `fd`, which must be connected and non-blocking.
  SocketStream(Loop& loop, int fd, const SocketAddress& peer,
               Loop::Order order = Loop::Order::normal) noexcept;
  ~SocketStream() override;

  [[nodiscard]] bool is_readable() const noexcept override { return readable_ && probe_readable(); }
  [[nodiscard]] bool probe_readable() const noexcept override;
  [[nodiscard]] PeerState peer_state() const noexcept override;
  [[nodiscard]] bool is_ending() const noexcept override { return ended_; }
  [[nodiscard]] bool is_writable() const noexcept override { return writable_; }
  [[nodiscard]] std::size_t unacknowledged() const noexcept override;
  void shutdown_write() noexcept override;
  void end_after_write() noexcept override { more_ = MSG_MORE; }
  void set_abortive() noexcept override;
  void enable_keepalive(int idle_seconds, int probes) noexcept override;
  void hold_bulk(bool much) noexcept override;
  [[nodiscard]] bool can_splice() const noexcept override { return true; }
  [[nodiscard]] SocketAddress peer() const noexcept override;
  [[nodiscard]] SocketAddress local() const noexcept override;
  [[nodiscard]] std::optional<PeerProcess> peer_process() const noexcept override;

 private:
  friend class SocketConnector;
  [[nodiscard]] ssize_t try_read(std::span<char> out) noexcept override;
  [[nodiscard]] ssize_t try_peek(std::span<char> out, std::size_t known) noexcept override;
  [[nodiscard]] ssize_t try_write(std::span<const iovec> parts) noexcept override;
  [[nodiscard]] ssize_t try_splice_in(int pipe, std::size_t most) noexcept override;
  [[nodiscard]] ssize_t try_splice_out(int pipe, std::size_t most) noexcept override;
  [[nodiscard]] int arm() noexcept override;
  [[nodiscard]] int hear(std::uint32_t events) noexcept;
  [[nodiscard]] ssize_t refused() noexcept;
  void release_ack() noexcept;
  void on_io(std::uint32_t events) override;
  [[nodiscard]] bool is_unheard(std::uint32_t events) noexcept;

  int fd_;
  Loop::Order order_;
  bool ack_held_ = false;  ///< The peer has not been told yet that the connection stands.
  /// What epoll tells of; 0: not in its set. Without EPOLLIN: of no more bytes, until somebody waits.
  std::uint16_t heard_ = 0;
  bool readable_ = true;  ///< False once a read found nothing more; true again by an event.
  bool writable_ = true;
  /// The peer's end of stream or an error was seen by epoll: short reads prove nothing.
  bool ended_ = false;
  std::uint8_t unheard_ = 0;  ///< Events in a row that told of more bytes where some lay unread already.
  int more_ = 0;              ///< MSG_MORE where the end of the stream is to go out with what is written.
  int broken_ = 0;  ///< The errno of a failed write. The kernel tells it once: reads would see a clean end.
  /// The peer's IP address as the kernel gave it; of a Unix socket only the family. A whole SocketAddress
  /// would be a tenth of what an idle connection costs.
  std::array<std::byte, sizeof(sockaddr_in6)> peer_{};
  std::uint8_t peer_size_ = 0;
};

/// Opens connections. Production uses SocketConnector; tests hand out streams in memory.
class Connector {
 public:
  virtual ~Connector() = default;
  /// Connects to `address`, giving up at `deadline` (kNever: never), or when `cancel` says so, which must
  /// outlive it. Suspends. Errors: refused, unreachable, timeout, resource, canceled, system; all with
  /// retryable set.
  virtual Task<Result<StreamPtr>> connect(const SocketAddress& address, Nanos deadline,
                                          CancelToken& cancel) = 0;
};

/// Connects over the kernel's sockets.
class SocketConnector final : public Connector {
 public:
  explicit SocketConnector(Loop& loop) noexcept : loop_(loop) {}
  Task<Result<StreamPtr>> connect(const SocketAddress& address, Nanos deadline, CancelToken& cancel) override;

 private:
  Loop& loop_;
};

/// Opens a listening socket. With `reuse_port` several may be bound to one TCP address and the kernel spreads
/// new connections over them. An IPv6 wildcard accepts IPv4 too. A stale Unix socket file that nobody serves
/// is replaced. Returns the descriptor. Errors: resource or system with `sys` set (EADDRINUSE, EACCES, …).
[[nodiscard]] Result<int> open_listener(const SocketAddress& address, bool reuse_port);

/// Has the kernel choose among the first `sockets` of those that open_listener has bound to the address of
/// `fd` with `reuse_port`, in the order they were opened, for each new connection; 0: among all of them
/// again. False if it cannot.
bool steer_connections(int fd, std::uint32_t sockets) noexcept;

/// Whether nobody listens on a TCP address, in any way. open_listener with `reuse_port` would share it with
/// another program of the same user that asks for the same. Errors: as open_listener.
[[nodiscard]] Result<void> probe_bind(const SocketAddress& address);

/// Accepts connections on a listening socket. Owns the descriptor.
class Acceptor final : private IoHandler {
 public:
  Acceptor(Loop& loop, int fd) noexcept;
  Acceptor(const Acceptor&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;
  ~Acceptor();

  class AcceptAwaiter {
   public:
    explicit AcceptAwaiter(Acceptor& acceptor) noexcept : acceptor_(acceptor) {}
    [[nodiscard]] bool await_ready() noexcept;
    [[nodiscard]] bool await_suspend(std::coroutine_handle<> frame) noexcept;
    Result<StreamPtr> await_resume();

   private:
    Acceptor& acceptor_;
  };
  /// Waits for the next connection. Suspends; one waiter at a time. Errors: canceled (after stop), resource
  /// (out of descriptors: wait a while before accepting again), system.
  [[nodiscard]] AcceptAwaiter accept() noexcept { return AcceptAwaiter(*this); }
  /// Makes a pending or the next accept return `canceled` once the kernel's queue is empty.
  void stop() noexcept;

 private:
  void on_io(std::uint32_t events) override;
  void try_accept() noexcept;

  Loop& loop_;
  int fd_;
  bool armed_ = false;
  bool ready_ = true;
  bool stopped_ = false;
  int accepted_ = -1;
  int error_ = 0;
  SocketAddress peer_;
  std::coroutine_handle<> waiter_;
};

}  // namespace lintel::net
