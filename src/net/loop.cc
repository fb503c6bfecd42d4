#include "net/loop.h"

#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <uv.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cerrno>
#include <limits>
#include <system_error>

#include "net/splice.h"

namespace lintel::net {
namespace {
constexpr int kMaxEvents = 256;
/// Events of normal order that one turn serves before it asks for urgent ones again: these, and a 64th of
/// what waits, so that the backlog stays bounded whatever clients do.
constexpr std::size_t kBacklogPerTurn = 32;
constexpr std::size_t kBacklogShare = 64;
}  // namespace

namespace {

/// Handlers are at least 8-byte aligned: the lowest bit of what epoll keeps for us is free.
constexpr std::uintptr_t kUrgentBit = 1;

/// With many connections each handler is cold: what comes next is fetched while the one before is served.
void prefetch(const void* handler) noexcept {
  if (!handler) return;
  // An IoHandler stands at the end of its stream: the lines before it are the stream's.
  const auto at = reinterpret_cast<std::uintptr_t>(handler);
  for (const std::uintptr_t before : {128U, 64U, 0U})
    __builtin_prefetch(reinterpret_cast<const void*>(at - before));
}

}  // namespace

/// Work from other threads, and the handle that wakes the loop for it.
struct Loop::Posted {
  uv_async_t wake{};
  std::mutex mutex;
  std::vector<std::function<void()>> queue;
};

void Loop::UvDeleter::operator()(uv_loop_s* loop) const noexcept {
  uv_run(loop, UV_RUN_NOWAIT);  // Lets closed handles go.
  [[maybe_unused]] const int busy = uv_loop_close(loop);
  assert(busy == 0);
  delete loop;
}

Loop::Loop(const Clock& clock)
    : clock_(clock),
      now_(clock.now()),
      deadlines_(now_),
      epoll_(epoll_create1(EPOLL_CLOEXEC)),
      posted_(std::make_unique<Posted>()),
      scratch_(new char[kScratchSize]),
      pipes_(std::make_unique<PipePool>()) {
  if (epoll_ < 0) throw std::system_error(errno, std::generic_category(), "epoll_create1");
  auto uv = std::make_unique<uv_loop_t>();
  int err = -uv_loop_init(uv.get());
  if (err == 0) {
    uv_.reset(uv.release());
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = nullptr;  // The libuv loop.
    if (epoll_ctl(epoll_, EPOLL_CTL_ADD, uv_backend_fd(uv_.get()), &event) != 0) err = errno;
  }
  posted_->wake.data = this;
  const auto on_wake = [](uv_async_t* handle) { static_cast<Loop*>(handle->data)->run_posted(); };
  if (err == 0) err = -uv_async_init(uv_.get(), &posted_->wake, on_wake);
  if (err != 0) {
    close(epoll_);
    throw std::system_error(err, std::generic_category(), "event loop");
  }
  uv_run(uv_.get(), UV_RUN_NOWAIT);  // Registers the handles in libuv's own set.
}

Loop::~Loop() {
  assert(ready_.empty());
  uv_close(reinterpret_cast<uv_handle_t*>(&posted_->wake), nullptr);
  uv_.reset();
  close(epoll_);
}

Nanos Loop::wall() noexcept {
  if (wall_ == 0) wall_ = clock_.wall();
  return wall_;
}

void Loop::run() {
  while (!stopped_.load(std::memory_order_relaxed)) turn(kNever);
  stopped_.store(false, std::memory_order_relaxed);
}

void Loop::stop() {
  post([this] { stopped_.store(true, std::memory_order_relaxed); });
}

int Loop::poll_timeout(Nanos wait) const noexcept {
  if (!idle() || uv_backend_timeout(uv_.get()) == 0) return 0;
  Nanos until = wait == kNever ? kNever : now_ + wait;
  until = std::min(until, deadlines_.next());
  if (until == kNever) return -1;
  // Rounded up: waking before the deadline would only mean another turn. Counted from the turn's beginning,
  // which spares asking for the time again: what comes late by the length of a turn is not late.
  const Nanos ms = (until - now_ + 999'999) / 1'000'000;
  return static_cast<int>(std::clamp<Nanos>(ms, 0, std::numeric_limits<int>::max()));
}

void Loop::turn(Nanos wait) {
  std::array<epoll_event, kMaxEvents> raw;
  // Not by way of libc, whose epoll_wait is a cancellation point, which costs; no thread here is canceled.
  const auto count = syscall(SYS_epoll_pwait, epoll_, raw.data(), kMaxEvents, poll_timeout(wait), nullptr, 0);
  now_ = clock_.now();
  wall_ = 0;
  const bool uv_ready =
      sort_events({raw.data(), static_cast<std::size_t>(std::max(count, 0L))});  // -1: EINTR
  run_events(urgent_, urgent_next_, urgent_.size());
  run_events(backlog_, backlog_next_, kBacklogPerTurn + (backlog_.size() - backlog_next_) / kBacklogShare);
  if (uv_ready || uv_backend_timeout(uv_.get()) == 0) uv_run(uv_.get(), UV_RUN_NOWAIT);
  run_simulated();
  deadlines_.advance(now_);
  run_ready();
}

bool Loop::sort_events(std::span<const epoll_event> raw) {
  if (backlog_next_ > kMaxEvents) {  // It may never run empty under load.
    backlog_.erase(backlog_.begin(), backlog_.begin() + static_cast<std::ptrdiff_t>(backlog_next_));
    backlog_next_ = 0;
  }
  bool uv_ready = false;
  for (const epoll_event& event : raw) {
    const auto tagged = reinterpret_cast<std::uintptr_t>(event.data.ptr);
    const Event sorted{event.events, reinterpret_cast<IoHandler*>(tagged & ~kUrgentBit)};
    if (tagged == 0) {
      uv_ready = true;
    } else if ((tagged & kUrgentBit) != 0) {
      urgent_.push_back(sorted);
    } else {
      backlog_.push_back(sorted);
    }
  }
  return uv_ready;
}

void Loop::run_events(std::vector<Event>& events, std::size_t& next, std::size_t most) {
  while (next < events.size() && most-- != 0) {
    const Event event = events[next++];
    if (next + 1 < events.size()) prefetch(events[next + 1].handler);
    if (event.handler) event.handler->on_io(event.events);
  }
  if (next == events.size()) {
    events.clear();
    next = 0;
  }
}

void Loop::run_simulated() {
  // Handlers may notify again: only what is there now is run, the rest waits for the next turn.
  const std::size_t count = simulated_.size();
  for (std::size_t i = 0; i < count; ++i) {
    const Simulated one = simulated_[i];
    simulated_[i].handler = nullptr;
    if (one.handler) one.handler->on_io(one.events);
  }
  simulated_.erase(simulated_.begin(), simulated_.begin() + static_cast<std::ptrdiff_t>(count));
}

void Loop::run_ready() {
  if (ready_.empty()) return;
  resuming_.swap(ready_);
  for (const auto frame : resuming_) frame.resume();
  resuming_.clear();
}

void Loop::run_posted() {
  std::vector<std::function<void()>> queue;
  {
    const std::lock_guard lock(posted_->mutex);
    queue.swap(posted_->queue);
  }
  for (auto& work : queue) work();
}

void Loop::post(std::function<void()> work) {
  {
    const std::lock_guard lock(posted_->mutex);
    posted_->queue.push_back(std::move(work));
  }
  uv_async_send(&posted_->wake);
}

int Loop::control(int operation, int fd, IoHandler& handler, std::uint32_t events, Order order) noexcept {
  epoll_event event{};
  event.events = events | static_cast<std::uint32_t>(EPOLLET);
  const auto tag = order == Order::urgent ? kUrgentBit : 0;
  event.data.ptr = reinterpret_cast<void*>(reinterpret_cast<std::uintptr_t>(&handler) | tag);
  return epoll_ctl(epoll_, operation, fd, &event) == 0 ? 0 : errno;
}

int Loop::watch(int fd, IoHandler& handler, std::uint32_t events, Order order) noexcept {
  return control(EPOLL_CTL_ADD, fd, handler, events, order);
}

int Loop::rewatch(int fd, IoHandler& handler, std::uint32_t events, Order order) noexcept {
  return control(EPOLL_CTL_MOD, fd, handler, events, order);
}

void Loop::unwatch(int fd, IoHandler& handler) noexcept {
  epoll_event event{};
  epoll_ctl(epoll_, EPOLL_CTL_DEL, fd, &event);
  forget(handler);
}

void Loop::forget(IoHandler& handler) noexcept {
  for (std::vector<Event>* events : {&urgent_, &backlog_}) {
    for (Event& event : *events) {
      if (event.handler == &handler) event.handler = nullptr;
    }
  }
  for (Simulated& one : simulated_) {
    if (one.handler == &handler) one.handler = nullptr;
  }
}

}  // namespace lintel::net
