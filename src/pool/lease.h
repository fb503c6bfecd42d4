#pragma once

#include <cstdint>
#include <utility>

#include "pool/shared.h"

namespace lintel::pool {

/// A place with a server: what it is for counts as in flight there until the lease ends. Must not outlive the
/// pool that gave it.
class Lease {
 public:
  Lease() noexcept = default;
  Lease(SharedServer& server, std::uint32_t index) noexcept : server_(&server), index_(index) {}
  Lease(Lease&& other) noexcept : server_(std::exchange(other.server_, nullptr)), index_(other.index_) {}
  Lease& operator=(Lease&& other) noexcept {
    end();
    server_ = std::exchange(other.server_, nullptr);
    index_ = other.index_;
    return *this;
  }
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;
  ~Lease() { end(); }

  /// False: there is none.
  explicit operator bool() const noexcept { return server_ != nullptr; }
  /// The server's index in its pool.
  [[nodiscard]] std::uint32_t server() const noexcept { return index_; }
  void end() noexcept {
    if (server_) std::exchange(server_, nullptr)->give();
  }

 private:
  SharedServer* server_ = nullptr;
  std::uint32_t index_ = 0;
};

}  // namespace lintel::pool
