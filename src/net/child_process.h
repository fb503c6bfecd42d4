#pragma once

#include <coroutine>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "net/loop.h"

namespace lintel::net {

/// A program that this process runs, in a process group of its own and without a shell. Its input is empty;
/// the beginning of what it prints, on either output, is kept, the rest is read and dropped.
///
///     ChildProcess child(loop);
///     if (const auto started = child.start({"/bin/check", "-v"}, {"PATH=/bin"}); !started) …
///     co_await child.wait();              // child.kill() ends it early
///
/// Must not be destroyed between start() and the end of the program.
class ChildProcess final : private IoHandler {
 public:
  static constexpr std::size_t kMostOutput = 256;

  explicit ChildProcess(Loop& loop) noexcept : loop_(loop) {}
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;
  ~ChildProcess();

  /// Starts `command`, a program's path and its arguments, with nothing but `environment` ("NAME=value").
  /// Errors: system or resource, with `sys` set. Once per object.
  [[nodiscard]] Result<void> start(const std::vector<std::string>& command,
                                   const std::vector<std::string>& environment);
  /// Ends the program and all that it has started in its group. Nothing where it has ended.
  void kill() noexcept;

  class Awaiter {
   public:
    explicit Awaiter(ChildProcess& child) noexcept : child_(child) {}
    [[nodiscard]] bool await_ready() const noexcept { return child_.pid_ == 0; }
    void await_suspend(std::coroutine_handle<> frame) const noexcept { child_.waiter_ = frame; }
    void await_resume() const noexcept {}

   private:
    ChildProcess& child_;
  };
  /// Suspends until the program has ended. One waiter.
  [[nodiscard]] Awaiter wait() noexcept { return Awaiter(*this); }

  // Afterwards:
  /// What it ended with; of no meaning when a signal ended it.
  [[nodiscard]] std::int64_t exit_status() const noexcept { return exit_status_; }
  /// The signal that ended it; 0: none.
  [[nodiscard]] int signal() const noexcept { return signal_; }
  [[nodiscard]] std::string_view output() const noexcept { return output_; }

 private:
  struct Handle;

  void on_io(std::uint32_t events) override;
  void read_output() noexcept;
  void close_output() noexcept;
  void ended(std::int64_t status, int signal);

  Loop& loop_;
  int pid_ = 0;  ///< 0: does not run.
  int output_fd_ = -1;
  std::string output_;
  std::int64_t exit_status_ = 0;
  int signal_ = 0;
  std::coroutine_handle<> waiter_;
};

}  // namespace lintel::net
