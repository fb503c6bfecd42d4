#pragma once

#include <memory>
#include <string_view>

#include "base/address.h"
#include "http/h1_server.h"
#include "http/transaction.h"
#include "net/scope.h"
#include "net/stream.h"
#include "proxy/generation.h"
#include "proxy/record.h"

namespace lintel::proxy {

class HttpSession;

/// A worker's client connections, for draining and for handing over a new generation. One per worker and
/// listener.
class Sessions {
 public:
  Sessions() noexcept = default;
  Sessions(const Sessions&) = delete;
  Sessions& operator=(const Sessions&) = delete;
  ~Sessions();

  [[nodiscard]] std::size_t count() const noexcept { return count_; }
  /// Idle sessions let go of the generation that they last used; busy ones do when their transaction ends.
  void forget_generation() noexcept;
  /// No session takes a further request; idle ones end.
  void drain() noexcept;
  /// Ends all sessions now.
  void cut() noexcept;

 private:
  friend class HttpSession;
  HttpSession* first_ = nullptr;
  std::size_t count_ = 0;
};

/// Serves one client connection from beginning to end. `worker` and `sessions` must outlive the task;
/// `listener` is the name by which each transaction finds its listener in the generation then in force.
/// Suspends.
net::Task<void> run_http_session(WorkerContext& worker, Sessions& sessions, std::string_view listener,
                                 net::StreamPtr client);

}  // namespace lintel::proxy
