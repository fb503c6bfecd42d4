#pragma once

#include <csignal>
#include <functional>
#include <memory>
#include <vector>

#include "net/loop.h"

namespace lintel::net {

/// Calls functions on a loop's thread when the process gets signals. One object per process is meant; the
/// default action of a watched signal does not happen while it lives.
class Signals {
 public:
  using Handler = std::function<void(int signal)>;

  explicit Signals(Loop& loop) noexcept : loop_(loop) {}
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;
  /// The default actions are back afterwards.
  ~Signals();

  /// Calls `handler` whenever `signal` comes; several that come close together may be one call. Throws
  /// std::system_error for signals that cannot be watched (KILL, STOP).
  void watch(int signal, Handler handler);

 private:
  struct Watched;
  Loop& loop_;
  std::vector<Watched*> watched_;
};

/// Signals of no use to a server: PIPE (writes tell by their error), WINCH. For the whole process.
void ignore_signals() noexcept;

}  // namespace lintel::net
