#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/address.h"
#include "base/clock.h"
#include "base/metrics.h"
#include "http/h1_client.h"
#include "net/loop.h"
#include "pool/idle_limit.h"
#include "tls/client_context.h"

namespace lintel::pool {

/// What one worker knows of one server: its idle connections. Found by identity (pool
/// name, address, TLS), so that it outlives reloads. Belongs to the worker's thread.
class ServerState {
 public:
  ServerState(net::Loop& loop, const SocketAddress& address) noexcept : loop_(loop), address_(address) {}
  ServerState(const ServerState&) = delete;
  ServerState& operator=(const ServerState&) = delete;
  ~ServerState();

  [[nodiscard]] const SocketAddress& address() const noexcept { return address_; }

  /// The connection used last, or null. Dead ones are dropped on the way; with `probe` the socket itself is
  /// asked as well (one system call), for requests that must not be sent twice.
  [[nodiscard]] http::H1ClientPtr take_idle(bool probe);
  /// Keeps `connection` for at most `limit`, and no longer than the server does, as far as it has announced
  /// that (Keep-Alive: timeout) or shown it. With `most` kept already the one unused for longest goes.
  void put_idle(http::H1ClientPtr connection, Nanos limit, std::size_t most);
  /// Idle connections now.
  [[nodiscard]] std::size_t idle() const noexcept { return count_; }
  /// Its TLS sessions to resume.
  [[nodiscard]] const std::shared_ptr<tls::SessionSlot>& tls_sessions() const noexcept {
    return tls_sessions_;
  }
  /// Notes that the server had ended `connection`, which was taken from here, before it took a request.
  void note_dead(const http::H1ClientConnection& connection) noexcept {
    idle_limit_->learn(connection.idle_time(), loop_.now());
  }
  /// From now on it is learned, with others that share it, for how long the server keeps connections.
  void share(std::shared_ptr<IdleLimit> limit) noexcept { idle_limit_ = std::move(limit); }
  /// From now on `gauge` shows the number of idle connections, until another takes its place.
  void show_idle(std::shared_ptr<Gauge> gauge) noexcept;

 private:
  class Idle;

  void link(Idle& idle) noexcept;
  void unlink(Idle& idle) noexcept;
  void set_count(std::size_t count) noexcept;

  net::Loop& loop_;
  SocketAddress address_;
  std::shared_ptr<tls::SessionSlot> tls_sessions_ = std::make_shared<tls::SessionSlot>();
  Idle* newest_ = nullptr;
  Idle* oldest_ = nullptr;
  std::size_t count_ = 0;
  std::shared_ptr<Gauge> gauge_;  ///< Null: nobody asked.
  std::shared_ptr<IdleLimit> idle_limit_ = std::make_shared<IdleLimit>();
};

/// All server states of a worker that some generation uses.
class ServerStates {
 public:
  explicit ServerStates(net::Loop& loop) noexcept : loop_(loop) {}
  [[nodiscard]] net::Loop& loop() const noexcept { return loop_; }
  /// The state of that identity, made if need be; it lives for as long as somebody holds it.
  [[nodiscard]] std::shared_ptr<ServerState> find(std::string_view pool, const SocketAddress& address,
                                                  std::string_view tls_identity = {});

 private:
  net::Loop& loop_;
  std::map<std::array<std::string, 3>, std::weak_ptr<ServerState>> states_;
};

}  // namespace lintel::pool
