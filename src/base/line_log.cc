#include "base/line_log.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/output_file.h"

namespace lintel {

namespace {

using namespace std::chrono_literals;

/// How a producer wakes the log's thread. Shared by all, so that it outlives whoever goes first.
class Bell {
 public:
  /// What the thread waits for: nothing (it runs), the next interval, or the first line after a quiet time.
  enum State : int { kAwake, kNapping, kIdle };

  Bell() noexcept : fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
  ~Bell() { close(fd_); }
  Bell(const Bell&) = delete;
  Bell& operator=(const Bell&) = delete;

  /// A producer's side, after it has published a line.
  void line_pushed(bool urgent) noexcept {
    // Either this sees the thread going to sleep, or the thread sees the line.
    std::atomic_thread_fence(std::memory_order_seq_cst);
    const int state = state_.load(std::memory_order_relaxed);
    if (state == kAwake || (state == kNapping && !urgent)) return;
    if (state_.exchange(kAwake, std::memory_order_relaxed) != kAwake) ring();
  }
  void ring() noexcept {
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t n = write(fd_, &one, sizeof one);
  }
  /// The thread's side: announces sleep; what was pushed before must be looked at again.
  void announce(State state) noexcept {
    state_.store(state, std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_seq_cst);
  }
  /// Waits for a ring or the time; negative: no time.
  void wait(std::chrono::milliseconds time) noexcept {
    pollfd ready{fd_, POLLIN, 0};
    poll(&ready, 1, static_cast<int>(time.count()));
    std::uint64_t rings = 0;
    [[maybe_unused]] const ssize_t n = read(fd_, &rings, sizeof rings);
    state_.store(kAwake, std::memory_order_relaxed);
  }

 private:
  int fd_;
  std::atomic<int> state_{kAwake};
};

}  // namespace

/// Bytes between one producer and the log's thread. Positions only grow; their low bits index `data`.
struct LineLog::Ring {
  Ring(std::size_t wanted, std::shared_ptr<Bell> shared_bell)
      : size(std::bit_ceil(std::max<std::size_t>(wanted, 4096))),
        data(new char[size]),
        bell(std::move(shared_bell)) {}

  const std::size_t size;
  const std::unique_ptr<char[]> data;
  const std::shared_ptr<Bell> bell;
  std::atomic<bool> abandoned{false};  ///< The producer has gone.
  std::atomic<bool> stopped{false};    ///< The log has gone.

  alignas(64) std::atomic<std::uint64_t> head{0};  ///< The producer's: end of what is written.
  std::uint64_t known_tail = 0;                    ///< The producer's copy of `tail`.
  Counter dropped;
  alignas(64) std::atomic<std::uint64_t> tail{0};  ///< The thread's: end of what is read.

  [[nodiscard]] std::size_t waiting() const noexcept {
    return head.load(std::memory_order_acquire) - tail.load(std::memory_order_relaxed);
  }

  /// The producer's question; asks the thread's side only when its own copy says so.
  bool is_half_full(std::uint64_t end) noexcept {
    if (end - known_tail <= size / 2) return false;
    known_tail = tail.load(std::memory_order_acquire);
    return end - known_tail > size / 2;
  }

  bool push(std::string_view line) noexcept {
    const std::uint64_t begin = head.load(std::memory_order_relaxed);
    if (size - (begin - known_tail) < line.size()) known_tail = tail.load(std::memory_order_acquire);
    if (size - (begin - known_tail) < line.size() || stopped.load(std::memory_order_relaxed)) {
      dropped.add();
      return false;
    }
    const std::size_t at = begin & (size - 1);
    const std::size_t first = std::min(line.size(), size - at);
    std::memcpy(data.get() + at, line.data(), first);
    std::memcpy(data.get(), line.data() + first, line.size() - first);
    head.store(begin + line.size(), std::memory_order_release);
    bell->line_pushed(is_half_full(begin + line.size()));
    return true;
  }
};

struct LineLog::Core {
  Core(const Settings& wanted, OutputFile opened) : settings(wanted), file(std::move(opened)) {}

  void run();
  void drain(const std::vector<std::shared_ptr<Ring>>& snapshot);
  void write_out(std::string_view text);
  void complain(const Error& error);
  void sleep(bool wrote);
  void forget_abandoned();
  std::uint64_t ask(bool with_reopen);
  void wait_for(std::unique_lock<std::mutex>& lock, std::uint64_t ticket);

  const Settings settings;
  OutputFile file;            ///< The thread's.
  std::uint64_t written = 0;  ///< The thread's.
  bool failing = false;       ///< The thread's: the last write failed.
  log::RateLimit complaints{1, 60'000'000'000};
  const std::shared_ptr<Bell> bell = std::make_shared<Bell>();
  std::thread thread;
  std::atomic<std::uint64_t> lost{0};
  std::atomic<bool> stopping{false};

  std::mutex mutex;  ///< Over everything below.
  std::condition_variable served_changed;
  std::vector<std::shared_ptr<Ring>> rings;
  std::uint64_t dropped_before = 0;  ///< Of rings that are gone.
  std::uint64_t asked = 0;
  std::uint64_t served = 0;
  bool reopen_asked = false;
  bool ended = false;
  Result<void> reopened;
};

/// One line when it begins, because what is lost is counted.
void LineLog::Core::complain(const Error& error) {
  if (std::exchange(failing, true) || !complaints.pass(system_clock().now())) return;
  log::warn({{"file", settings.path}}, "cannot write: {}; lines are lost for as long as this lasts",
            std::strerror(error.sys));
}

void LineLog::Core::write_out(std::string_view text) {
  int refusals = 0;
  while (!text.empty()) {
    const Result<std::size_t> n = file.write_some(text, 100ms);
    if (n && *n > 0) {
      failing = false;
      written += *n;
      text.remove_prefix(*n);
      refusals = 0;
    } else if (!n || (stopping.load(std::memory_order_relaxed) && ++refusals >= 10)) {
      lost.fetch_add(text.size(), std::memory_order_relaxed);
      if (!n) complain(n.error());
      return;
    }
  }
}

void LineLog::Core::drain(const std::vector<std::shared_ptr<Ring>>& snapshot) {
  for (const auto& ring : snapshot) {
    const std::uint64_t begin = ring->tail.load(std::memory_order_relaxed);
    const std::uint64_t end = ring->head.load(std::memory_order_acquire);
    if (begin == end) continue;
    const std::size_t at = begin & (ring->size - 1);
    const std::size_t first = std::min<std::size_t>(end - begin, ring->size - at);
    write_out({ring->data.get() + at, first});
    write_out({ring->data.get(), end - begin - first});
    ring->tail.store(end, std::memory_order_release);
  }
}

void LineLog::Core::forget_abandoned() {
  std::erase_if(rings, [&](const std::shared_ptr<Ring>& ring) {
    // In this order: nothing is pushed after `abandoned`.
    if (!ring->abandoned.load(std::memory_order_acquire) || ring->waiting() != 0) return false;
    dropped_before += ring->dropped.value();
    return true;
  });
}

void LineLog::Core::sleep(bool wrote) {
  bell->announce(wrote ? Bell::kNapping : Bell::kIdle);
  {
    const std::lock_guard lock(mutex);
    const bool work = asked != served || stopping.load(std::memory_order_relaxed) ||
                      std::any_of(rings.begin(), rings.end(), [&](const std::shared_ptr<Ring>& ring) {
                        return ring->waiting() > (wrote ? ring->size / 2 : 0);
                      });
    if (work) return bell->announce(Bell::kAwake);
  }
  bell->wait(wrote ? settings.interval : -1ms);
}

void LineLog::Core::run() {
  std::unique_lock lock(mutex);
  while (true) {
    const std::uint64_t ticket = asked;
    const bool reopen_now = std::exchange(reopen_asked, false);
    const bool last = stopping.load(std::memory_order_relaxed);
    const auto snapshot = rings;
    lock.unlock();

    const std::uint64_t before = written;
    drain(snapshot);
    Result<OutputFile> fresh = reopen_now ? OutputFile::open(settings.path) : OutputFile();

    lock.lock();
    if (reopen_now) {
      reopened = fresh ? Result<void>() : unexpected(fresh.error());
      if (fresh) file = std::move(*fresh);
    }
    forget_abandoned();
    served = ticket;
    ended = last;
    served_changed.notify_all();
    if (last) return;
    lock.unlock();
    sleep(written != before);
    lock.lock();
  }
}

std::uint64_t LineLog::Core::ask(bool with_reopen) {
  reopen_asked = reopen_asked || with_reopen;
  bell->ring();
  return ++asked;
}

void LineLog::Core::wait_for(std::unique_lock<std::mutex>& lock, std::uint64_t ticket) {
  served_changed.wait(lock, [&] { return served >= ticket || ended; });
}

LineLog::LineLog(std::unique_ptr<Core> core) noexcept : core_(std::move(core)) {}

LineLog::~LineLog() {
  stop();
}

Result<std::unique_ptr<LineLog>> LineLog::open(const Settings& settings) {
  auto file = OutputFile::open(settings.path);
  if (!file) return unexpected(file.error());
  std::unique_ptr<LineLog> log(new LineLog(std::make_unique<Core>(settings, std::move(*file))));
  // Signals are the main thread's; a reader that has gone shall be an error, not SIGPIPE.
  sigset_t all;
  sigset_t old;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &old);
  log->core_->thread = std::thread([core = log->core_.get()] { core->run(); });
  pthread_sigmask(SIG_SETMASK, &old, nullptr);
  pthread_setname_np(log->core_->thread.native_handle(), "lintel-log");
  return log;
}

LineLog::Writer LineLog::add_writer() {
  auto ring = std::make_shared<Ring>(core_->settings.ring_size, core_->bell);
  const std::lock_guard lock(core_->mutex);
  ring->stopped.store(core_->ended, std::memory_order_relaxed);
  core_->rings.push_back(ring);
  return Writer(std::move(ring));
}

Result<void> LineLog::reopen() {
  std::unique_lock lock(core_->mutex);
  if (core_->settings.path == "stdout" || core_->settings.path == "stderr") return {};
  core_->wait_for(lock, core_->ask(true));
  return core_->reopened;
}

void LineLog::flush() {
  std::unique_lock lock(core_->mutex);
  core_->wait_for(lock, core_->ask(false));
}

void LineLog::stop() {
  {
    const std::lock_guard lock(core_->mutex);
    if (core_->stopping.exchange(true)) return;
    for (const auto& ring : core_->rings) ring->stopped.store(true, std::memory_order_relaxed);
    core_->bell->ring();
  }
  core_->thread.join();
}

std::uint64_t LineLog::dropped() const noexcept {
  const std::lock_guard lock(core_->mutex);
  std::uint64_t sum = core_->dropped_before;
  for (const auto& ring : core_->rings) sum += ring->dropped.value();
  return sum;
}

std::uint64_t LineLog::lost_bytes() const noexcept {
  return core_->lost.load(std::memory_order_relaxed);
}

LineLog::Writer::Writer(std::shared_ptr<Ring> ring) noexcept : ring_(std::move(ring)) {}

LineLog::Writer& LineLog::Writer::operator=(Writer&& other) noexcept {
  ring_.swap(other.ring_);
  return *this;
}

LineLog::Writer::~Writer() {
  if (ring_ == nullptr) return;
  ring_->abandoned.store(true, std::memory_order_release);
}

bool LineLog::Writer::push(std::string_view line) noexcept {
  return ring_ != nullptr && ring_->push(line);
}

}  // namespace lintel
