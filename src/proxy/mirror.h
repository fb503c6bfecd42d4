#pragma once

// Copies of requests for other pools. Whoever asked gets no later, and no other, answer by it.

#include <cstddef>
#include <memory>
#include <string_view>

#include "http/message.h"
#include "net/scope.h"
#include "net/task.h"

namespace lintel::proxy {

struct Generation;
struct RouteContext;
struct WorkerContext;

/// A request that is to be copied. All of it is the caller's.
struct Original {
  const std::shared_ptr<const Generation>& generation;  ///< The one that its transaction began with,
  const RouteContext& route;                            ///< and its route there, which has a mirror.
  const http::RequestHead& head;                        ///< As the route's own servers get it.
  std::string_view body;                                ///< In full.
  std::string_view client_ip;
};

/// The copies that one worker has under way. Used on its thread.
class Mirrors {
 public:
  /// So many at once; what comes meanwhile is not copied.
  static constexpr std::size_t kMost = 256;

  explicit Mirrors(WorkerContext& worker) noexcept : worker_(worker) {}
  Mirrors(const Mirrors&) = delete;
  Mirrors& operator=(const Mirrors&) = delete;

  /// Sends a copy to the route's mirror, beginning in the loop's next turn, and reads the answer away, within
  /// a minute; then its generation is let go. What becomes of it is counted with the route (Mirrored) and
  /// with the mirror's server, and is not noted for that one's health. Does not suspend; allocates.
  void send(const Original& original);
  /// Ends all copies in the next turn. Join before the worker ends.
  void cut() noexcept;
  [[nodiscard]] auto join() noexcept { return scope_.join(); }
  /// Those under way.
  [[nodiscard]] std::size_t count() const noexcept { return scope_.count(); }

 private:
  struct Copy;
  net::Task<void> run(std::unique_ptr<Copy> copy);

  WorkerContext& worker_;
  Copy* first_ = nullptr;
  net::Scope scope_;
};

}  // namespace lintel::proxy
