#pragma once

#include <cstdint>
#include <utility>

#include "pool/shared.h"

namespace lintel::pool {

/// Why there is no place.
enum class Refusal : std::uint8_t {
  no_server,     ///< No server of the pool may take it.
  breaker_open,  ///< The pool's circuit breaker lets nothing through,
  breaker_full,  ///< or as much is in flight as it allows.
};

/// A place with a server: what it is for counts as in flight there until the lease ends. Must not outlive the
/// pool that gave it.
class Lease {
 public:
  Lease() noexcept = default;
  explicit Lease(Refusal refusal) noexcept : refusal_(refusal) {}
  Lease(SharedServer& server, std::uint32_t index) noexcept : server_(&server), index_(index) {}
  Lease(Lease&& other) noexcept
      : server_(std::exchange(other.server_, nullptr)),
        index_(other.index_),
        refusal_(other.refusal_),
        in_pool_(other.in_pool_) {}
  Lease& operator=(Lease&& other) noexcept {
    end();
    server_ = std::exchange(other.server_, nullptr);
    index_ = other.index_;
    refusal_ = other.refusal_;
    in_pool_ = other.in_pool_;
    return *this;
  }
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;
  ~Lease() { end(); }

  /// False: there is none.
  explicit operator bool() const noexcept { return server_ != nullptr; }
  /// Why, where there is none.
  [[nodiscard]] Refusal refusal() const noexcept { return refusal_; }
  /// The server's index in its pool.
  [[nodiscard]] std::uint32_t server() const noexcept { return index_; }
  /// It counts as in flight with the server's pool as well, which the taker has counted.
  void count_in_pool() noexcept { in_pool_ = true; }
  void end() noexcept {
    if (!server_) return;
    SharedServer& server = *std::exchange(server_, nullptr);
    // Before anybody is told of the place.
    if (in_pool_) server.pool().in_flight.fetch_sub(1, std::memory_order_relaxed);
    server.give();
  }

 private:
  SharedServer* server_ = nullptr;
  std::uint32_t index_ = 0;
  Refusal refusal_ = Refusal::no_server;
  bool in_pool_ = false;
};

}  // namespace lintel::pool
