#pragma once

// Copies of requests for other pools. Whoever asked gets no sooner or later, and no other, answer by it.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "http/message.h"
#include "net/scope.h"

namespace lintel::proxy {

struct Generation;
struct PoolContext;
struct RouteContext;
struct WorkerContext;

/// What became of a request that was to be copied.
enum class Mirrored : std::uint8_t {
  answered,    ///< The mirror's server answered it in full, with whatever status.
  failed,      ///< It did not. A copy is never tried again.
  too_large,   ///< Its body was larger than what is kept of one.
  incomplete,  ///< Its body did not come in full.
  busy,        ///< Too many copies were under way.
};
inline constexpr std::size_t kMirroredCount = 5;

/// The copies that one worker has under way. Used on its thread.
class Mirrors {
 public:
  /// So many at once; what comes meanwhile is not copied.
  static constexpr std::size_t kMost = 256;

  explicit Mirrors(WorkerContext& worker) noexcept : worker_(worker) {}
  Mirrors(const Mirrors&) = delete;
  Mirrors& operator=(const Mirrors&) = delete;

  /// Sends a copy of a request to the route's mirror, and reads its answer away. Does not suspend.
  void send(const RouteContext& route, const http::RequestHead& head, std::string_view body);
  /// Ends all copies in the next turn. Join before the worker ends.
  void cut() noexcept;
  [[nodiscard]] auto join() noexcept { return scope_.join(); }
  [[nodiscard]] std::size_t count() const noexcept { return scope_.count(); }

 private:
  struct Copy;
  net::Task<void> run(std::unique_ptr<Copy> copy);

  WorkerContext& worker_;
  Copy* first_ = nullptr;
  net::Scope scope_;
};

}  // namespace lintel::proxy
