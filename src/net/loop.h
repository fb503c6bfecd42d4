#pragma once

#include <array>
#include <atomic>
#include <coroutine>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "base/buffer.h"
#include "base/clock.h"
#include "net/deadlines.h"

struct epoll_event;
struct uv_loop_s;

namespace lintel::net {

class PipePool;

/// Something that owns a descriptor and is told of its readiness.
class IoHandler {
 public:
  /// `events` is a mask of EPOLLIN, EPOLLOUT, EPOLLRDHUP, EPOLLHUP and EPOLLERR.
  virtual void on_io(std::uint32_t events) = 0;

 protected:
  ~IoHandler() = default;
};

/// One thread's event loop: readiness of sockets, deadlines, and work posted by other threads.
///
/// Sockets are watched through an epoll set of the loop's own, edge-triggered; the libuv loop (signals,
/// async, the thread pool) hangs in that set by its backend descriptor and runs when it has something to do.
/// Watching sockets through uv_poll costs four more system calls per connection (a probing ADD and DEL, an
/// ioctl, a DEL at the end) and about 1.5 µs per request.
///
/// Everything but post() and stop() belongs to the thread that runs the loop.
class Loop {
 public:
  static constexpr std::size_t kScratchSize = 64 * 1024;

  explicit Loop(const Clock& clock = system_clock());
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;
  /// All handlers, deadlines and tasks must be gone.
  ~Loop();

  /// Runs until stop().
  void run();
  /// One turn: resumes what is ready, waits at most `wait` for events, dispatches them. For run() and for
  /// tests.
  void turn(Nanos wait);
  /// Makes run() return after its turn. Any thread.
  void stop();
  /// Whether nothing is ready: only the kernel, another thread or the clock bring more.
  [[nodiscard]] bool idle() const noexcept {
    return backlog_.empty() && ready_.empty() && simulated_.empty();
  }

  /// The time at the start of this turn's dispatch.
  [[nodiscard]] Nanos now() const noexcept { return now_; }
  /// Nanoseconds since the Unix epoch at the same moment (read when first asked for in a turn).
  [[nodiscard]] Nanos wall() noexcept;
  [[nodiscard]] const Clock& clock() const noexcept { return clock_; }

  void set_deadline(Deadline& deadline, Nanos at) noexcept { deadlines_.set(deadline, at); }

  /// Whose events go first. Connections that this process opened are urgent: work that has begun is finished
  /// before more is taken up. With many busy clients that keeps the number of requests in flight, and so the
  /// memory in use at one time, small: about a third of the cost of a request at 1,000 connections.
  enum class Order : std::uint8_t { normal, urgent };
  /// Watches `fd` for `events`, edge-triggered; `handler` must call forget() before it goes. Returns an
  /// errno, 0 for success.
  [[nodiscard]] int watch(int fd, IoHandler& handler, std::uint32_t events,
                          Order order = Order::normal) noexcept;
  /// Watches it for other events from now on; tells at once of those that are there.
  [[nodiscard]] int rewatch(int fd, IoHandler& handler, std::uint32_t events, Order order) noexcept;
  /// Stops watching without closing.
  void unwatch(int fd, IoHandler& handler) noexcept;
  /// Drops events of this turn that are still to be dispatched to `handler`. Call it when closing a watched
  /// fd.
  void forget(IoHandler& handler) noexcept;

  /// Calls handler.on_io(events) in the next turn, as if the kernel had said so (streams in memory).
  void notify_soon(IoHandler& handler, std::uint32_t events) { simulated_.push_back({&handler, events}); }

  /// Resumes `frame` in the next turn, after events that are already there.
  void resume_soon(std::coroutine_handle<> frame) { ready_.push_back(frame); }
  /// co_await loop.yield(): lets the loop turn once.
  struct YieldAwaiter {
    Loop& loop;
    explicit YieldAwaiter(Loop& l) noexcept : loop(l) {}
    [[nodiscard]] bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> frame) const { loop.resume_soon(frame); }
    void await_resume() const noexcept {}
  };
  [[nodiscard]] YieldAwaiter yield() noexcept { return YieldAwaiter(*this); }

  /// Runs `work` on the loop's thread soon. Any thread; takes a lock and allocates.
  void post(std::function<void()> work);

  /// Memory for one read, shared by all streams of the loop. What it holds is gone at the next suspension.
  [[nodiscard]] std::span<char> scratch() noexcept { return {scratch_.get(), kScratchSize}; }
  /// Cleared memory in which one message is put together for one write. Gone at the next suspension.
  [[nodiscard]] Buffer& staging() noexcept {
    staging_.clear();
    return staging_;
  }

  /// Pipes for net/splice.h.
  [[nodiscard]] PipePool& pipes() noexcept { return *pipes_; }

  /// For net/ only: signals and name look-ups.
  [[nodiscard]] uv_loop_s* uv() noexcept { return uv_.get(); }

 private:
  struct UvDeleter {
    void operator()(uv_loop_s* loop) const noexcept;
  };
  struct Posted;

  struct Event {
    std::uint32_t events;
    IoHandler* handler;  ///< Null once forgotten.
  };

  [[nodiscard]] int control(int operation, int fd, IoHandler& handler, std::uint32_t events,
                            Order order) noexcept;
  [[nodiscard]] int poll_timeout(Nanos wait) const noexcept;
  [[nodiscard]] bool sort_events(std::span<const epoll_event> raw);
  static void run_events(std::vector<Event>& events, std::size_t& next, std::size_t most);
  void run_posted();
  void run_simulated();
  void run_ready();

  const Clock& clock_;
  Nanos now_;
  Nanos wall_ = 0;
  Deadlines deadlines_;
  int epoll_ = -1;
  std::unique_ptr<uv_loop_s, UvDeleter> uv_;
  std::unique_ptr<Posted> posted_;
  std::atomic<bool> stopped_ = false;
  std::vector<std::coroutine_handle<>> ready_;
  std::vector<std::coroutine_handle<>> resuming_;
  struct Simulated {
    IoHandler* handler;
    std::uint32_t events;
  };
  std::vector<Simulated> simulated_;
  std::unique_ptr<char[]> scratch_;
  Buffer staging_;
  std::unique_ptr<PipePool> pipes_;

  std::vector<Event> urgent_;  ///< Of this turn, from urgent_next_ on.
  std::size_t urgent_next_ = 0;
  std::vector<Event> backlog_;  ///< The others, also of earlier turns, from backlog_next_ on.
  std::size_t backlog_next_ = 0;
};

}  // namespace lintel::net
