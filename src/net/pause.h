#pragma once

#include <coroutine>
#include <utility>

#include "net/loop.h"

namespace lintel::net {

/// A wait that can be ended early. One coroutine at a time waits; nobody may when it is destroyed.
class Pause {
 public:
  explicit Pause(Loop& loop) noexcept : loop_(loop) {}

  class Awaiter {
   public:
    Awaiter(Pause& pause, Nanos length) noexcept : pause_(pause), length_(length) {}
    [[nodiscard]] bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> frame) const noexcept {
      pause_.waiter_ = frame;
      pause_.loop_.set_deadline(pause_.deadline_, pause_.loop_.now() + length_);
    }
    void await_resume() const noexcept {}

   private:
    Pause& pause_;
    Nanos length_;
  };
  /// Suspends for `length`, or until end().
  [[nodiscard]] Awaiter wait(Nanos length) noexcept { return Awaiter(*this, length); }

  /// Ends a wait in the next turn of the loop; nothing where nobody waits.
  void end() noexcept {
    deadline_.clear();
    if (waiter_) loop_.resume_soon(std::exchange(waiter_, nullptr));
  }

 private:
  static void fire(Deadline& deadline) {
    std::exchange(static_cast<Pause*>(deadline.owner())->waiter_, nullptr).resume();
  }

  Loop& loop_;
  Deadline deadline_{fire, this};
  std::coroutine_handle<> waiter_;
};

}  // namespace lintel::net
