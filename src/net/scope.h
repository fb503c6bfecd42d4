#pragma once

#include <cassert>
#include <coroutine>
#include <cstddef>
#include <exception>

#include "net/task.h"

namespace lintel::net {

/// Owns tasks that run beside each other and can be waited for. Nothing is ever detached: a scope outlives
/// its tasks, and its destructor asserts that none is left.
///
///     Scope scope;
///     scope.spawn(pump(request));     // runs at once, up to its first suspension
///     co_await answer(response);
///     request.cancel();               // makes what it waits for return `canceled`
///     co_await scope.join();
class Scope {
 public:
  Scope() noexcept = default;
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;
  ~Scope() { assert(count_ == 0); }

  /// Starts `task`; returns when it first suspends or ends.
  void spawn(Task<void> task) {
    ++count_;
    run(std::move(task), *this);
  }
  [[nodiscard]] std::size_t count() const noexcept { return count_; }

  class JoinAwaiter {
   public:
    explicit JoinAwaiter(Scope& scope) noexcept : scope_(scope) {}
    [[nodiscard]] bool await_ready() const noexcept { return scope_.count_ == 0; }
    void await_suspend(std::coroutine_handle<> waiter) noexcept {
      assert(!scope_.joiner_);
      scope_.joiner_ = waiter;
    }
    void await_resume() const noexcept {}

   private:
    Scope& scope_;
  };
  /// Suspends until every task has ended. One waiter at a time. Nothing may be spawned meanwhile by others
  /// than the tasks themselves.
  [[nodiscard]] JoinAwaiter join() noexcept { return JoinAwaiter(*this); }

 private:
  struct Root {
    struct promise_type {
      Scope& scope;
      promise_type(const Task<void>&, Scope& s) noexcept : scope(s) {}
      static void* operator new(std::size_t size) { return frame_allocate(size); }
      static void operator delete(void* frame, std::size_t size) noexcept { frame_free(frame, size); }

      struct Finish {
        [[nodiscard]] bool await_ready() const noexcept { return false; }
        std::coroutine_handle<> await_suspend(std::coroutine_handle<promise_type> frame) const noexcept {
          Scope& owner = frame.promise().scope;
          frame.destroy();
          return owner.finished();
        }
        void await_resume() const noexcept {}
      };
      Root get_return_object() const noexcept { return {}; }
      [[nodiscard]] std::suspend_never initial_suspend() const noexcept { return {}; }
      [[nodiscard]] Finish final_suspend() const noexcept { return {}; }
      void return_void() const noexcept {}
      [[noreturn]] void unhandled_exception() const noexcept { std::terminate(); }
    };
  };

  static Root run(Task<void> task, Scope&) { co_await std::move(task); }

  std::coroutine_handle<> finished() noexcept {
    if (--count_ != 0 || !joiner_) return std::noop_coroutine();
    return std::exchange(joiner_, nullptr);
  }

  std::size_t count_ = 0;
  std::coroutine_handle<> joiner_;
};

}  // namespace lintel::net
