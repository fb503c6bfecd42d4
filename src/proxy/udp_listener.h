#pragma once

// UDP: the first datagram of a client opens a session with one server, further ones follow it there, and the
// server's datagrams go back to that client. A session ends when it has been silent for long enough, or with
// as many answers as the configuration expects.

#include <coroutine>
#include <cstddef>
#include <memory>
#include <optional>
#include <string_view>

#include "base/log.h"
#include "net/datagram.h"
#include "net/task.h"
#include "proxy/connection_count.h"
#include "proxy/generation.h"
#include "proxy/sessions.h"
#include "proxy/udp_table.h"

namespace lintel::proxy {

class UdpSession;

/// One UDP socket of one worker, and the sessions that came in on it.
class UdpListener final : public net::DatagramSocket::Reader {
 public:
  /// Takes ownership of `fd`. `worker` must outlive it.
  UdpListener(WorkerContext& worker, int fd);
  UdpListener(const UdpListener&) = delete;
  UdpListener& operator=(const UdpListener&) = delete;
  /// All sessions must have ended: run() has returned.
  ~UdpListener();

  /// Whose datagrams these are from now on. `listener` is the name of a listener of the generation in force;
  /// it and `sessions` must outlive all sessions opened meanwhile, which go on with what they began with.
  void assign(std::string_view listener, Sessions& sessions, std::shared_ptr<ConnectionCount> count,
              std::shared_ptr<ListenerStats> stats);
  /// Receives from now on. Errors: resource.
  [[nodiscard]] Result<void> start() { return socket_->start(net::Loop::Order::normal); }
  /// Closes the socket, so that new clients are others' (further sockets on this address, a new process).
  /// Sessions that are there go on over sockets of their own.
  void stop();
  /// Suspends until it was stopped and its last session has ended.
  net::Task<void> run();

 private:
  friend class UdpSession;

  void on_datagrams(net::DatagramSocket& socket) override;
  void forward(std::size_t count);
  [[nodiscard]] UdpSession* open_session(const UdpKey& key, const net::Datagram& datagram);
  void remove(UdpSession& session) noexcept;
  void wake_when_done() noexcept;

  /// co_await: until stopped and without sessions.
  struct Done {
    UdpListener& listener;
    explicit Done(UdpListener& l) noexcept : listener(l) {}
    [[nodiscard]] bool await_ready() const noexcept { return listener.is_done(); }
    void await_suspend(std::coroutine_handle<> frame) const noexcept { listener.waiter_ = frame; }
    void await_resume() const noexcept {}
  };
  [[nodiscard]] bool is_done() const noexcept { return !socket_ && table_.size() == 0; }

  WorkerContext& worker_;
  std::optional<net::DatagramSocket> socket_;  ///< Until stopped.
  net::DatagramBatch& batch_;
  UdpTable table_;
  std::string_view name_;
  Sessions* sessions_ = nullptr;
  std::shared_ptr<ConnectionCount> count_;
  std::shared_ptr<ListenerStats> stats_;
  std::coroutine_handle<> waiter_;
  log::RateLimit refusals_{1};
};

}  // namespace lintel::proxy
