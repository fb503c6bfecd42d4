#pragma once

#include <cstddef>
#include <deque>
#include <functional>

#include "net/loop.h"
#include "net/memory_stream.h"
#include "net/socket.h"

namespace lintel::net {

/// Connects in memory, for unit tests and fuzzers: connect() gives one end of a pair and hands the other to
/// the test. Must outlive pending connects.
class MemoryConnector final : public Connector {
 public:
  /// Receives the server's end of a new connection, before connect() returns.
  using Serve = std::function<void(StreamPtr, const SocketAddress&)>;

  /// `options` are those of every pair: first is the connecting end, and second becomes the address asked
  /// for. Without `serve` the servers' ends wait for take().
  explicit MemoryConnector(Loop& loop, const MemoryOptions& options = {}, Serve serve = nullptr)
      : loop_(loop), options_(options), serve_(std::move(serve)) {}

  /// Makes the next connect that has no outcome yet fail with errno `err` (ECONNREFUSED, ETIMEDOUT, …; 0: it
  /// succeeds) after `delay` nanoseconds by the loop's clock; kNever: only its deadline ends it. Connects
  /// take their outcomes in the order they start; those beyond succeed at once.
  void plan_next(int err, Nanos delay = 0) { plans_.push_back({err, delay}); }

  Task<Result<StreamPtr>> connect(const SocketAddress& address, Nanos deadline, CancelToken& cancel) override;

  /// How many connects were started.
  [[nodiscard]] std::size_t attempts() const noexcept { return attempts_; }
  /// The oldest server's end that was not taken yet; null when there is none.
  [[nodiscard]] StreamPtr take() noexcept;

 private:
  struct Plan {
    int error = 0;
    Nanos delay = 0;
  };

  Loop& loop_;
  MemoryOptions options_;
  Serve serve_;
  std::deque<Plan> plans_;
  std::deque<StreamPtr> waiting_;
  std::size_t attempts_ = 0;
};

}  // namespace lintel::net
