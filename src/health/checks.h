#pragma once

// The checks of all servers of the configuration in force.

#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "health/probe.h"
#include "health/tracker.h"
#include "net/pause.h"
#include "net/scope.h"
#include "pool/shared.h"

namespace lintel::health {

/// A server whose health is to be known.
struct Target {
  Subject subject;
  std::shared_ptr<pool::SharedServer> shared;
  bool is_new = true;  ///< The pool did not have it before: it may be held for down until its first check.
};

/// What the checks of one server have found so far.
struct Findings {
  std::uint64_t passed = 0;
  std::uint64_t failed = 0;
  std::uint64_t went_up = 0;
  std::uint64_t went_down = 0;
  Outcome last;             ///< Of the last check; no reason: there was none.
  Nanos last_duration = 0;  ///< How long it took.
  Nanos last_at = 0;        ///< When it ended, by the loop's clock.
};

/// Lets a bounded number of coroutines go on at once, in the order they came.
class Slots {
 public:
  Slots(net::Loop& loop, std::size_t count) noexcept : loop_(loop), free_(count) {}

  class Awaiter {
   public:
    explicit Awaiter(Slots& slots) noexcept : slots_(slots) {}
    [[nodiscard]] bool await_ready() const noexcept {
      if (slots_.free_ == 0) return false;
      --slots_.free_;
      return true;
    }
    void await_suspend(std::coroutine_handle<> frame) const { slots_.waiting_.push_back(frame); }
    void await_resume() const noexcept {}

   private:
    Slots& slots_;
  };
  [[nodiscard]] Awaiter take() noexcept { return Awaiter(*this); }
  void give() noexcept {
    if (waiting_.empty()) {
      ++free_;
      return;
    }
    loop_.resume_soon(waiting_.front());
    waiting_.pop_front();
  }

 private:
  net::Loop& loop_;
  std::size_t free_;
  std::deque<std::coroutine_handle<>> waiting_;
};

/// Checks servers again and again, and tells pool/shared and the log of what changes. Belongs to the main
/// thread. stop() and join() must come before the destructor.
class Checks {
 public:
  using Key = std::pair<std::string, std::string>;  ///< Pool and server.
  /// So many checks go on at once; those whose time has come meanwhile wait.
  static constexpr std::size_t kMostAtOnce = 256;

  Checks(const ProbeTools& tools, std::uint64_t seed)
      : tools_(tools), random_(seed), slots_(tools.loop, kMostAtOnce) {}
  Checks(const Checks&) = delete;
  Checks& operator=(const Checks&) = delete;
  ~Checks();

  /// Has these servers checked, and no others. What is checked in the same way as before goes on
  /// undisturbed. Sets what the health of new ones is until their first check.
  void update(std::vector<Target> targets);
  /// Ends all checks.
  void stop() noexcept;
  [[nodiscard]] net::Scope::JoinAwaiter join() noexcept { return scope_.join(); }

  /// Null: this server is not checked.
  [[nodiscard]] const Findings* findings(const Key& key) const;

 private:
  struct Watch;

  void begin(const Key& key, Target target, const Watch* before);
  static void end(Watch& watch) noexcept;
  net::Task<void> watch(std::shared_ptr<Watch> watch);
  net::Task<void> check(Watch& watch);
  void note(Watch& watch, Outcome outcome);
  [[nodiscard]] Nanos until_next(Watch& watch);
  [[nodiscard]] Nanos some_of(Nanos length);

  const ProbeTools& tools_;
  Random random_;
  Slots slots_;
  std::map<Key, std::shared_ptr<Watch>> watches_;
  net::Scope scope_;
};

}  // namespace lintel::health
