#include "net/splice.h"

#include <fcntl.h>
#include <unistd.h>

#include <cassert>
#include <cerrno>
#include <utility>

namespace lintel::net {
namespace {

constexpr int kPipeSize = kSpliceMost;
constexpr int kSmallerPipeSize = 256 * 1024;
/// Below this a pipe saves nothing.
constexpr int kLeastPipeSize = 64 * 1024;
constexpr Nanos kRetryAfter = 1'000'000'000;

/// Makes the pipe as large as the kernel allows; false if that is too small.
bool enlarge(int fd) noexcept {
  if (fcntl(fd, F_SETPIPE_SZ, kPipeSize) > 0 || fcntl(fd, F_SETPIPE_SZ, kSmallerPipeSize) > 0) return true;
  return fcntl(fd, F_GETPIPE_SZ) >= kLeastPipeSize;
}

}  // namespace

// --- PipePool

PipePool::~PipePool() {
  for (const Pipe pipe : idle_) close(pipe);
}

void PipePool::close(Pipe pipe) noexcept {
  ::close(pipe.read_end);
  ::close(pipe.write_end);
}

PipePool::Pipe PipePool::take(Nanos now) noexcept {
  if (taken_ == kMostTaken) return {};
  if (!idle_.empty()) {
    const Pipe pipe = idle_.back();
    idle_.pop_back();
    ++taken_;
    return pipe;
  }
  if (now < retry_at_) return {};
  int ends[2] = {-1, -1};
  if (pipe2(ends, O_NONBLOCK | O_CLOEXEC) == 0) {
    const Pipe pipe{ends[0], ends[1]};
    if (enlarge(pipe.write_end)) {
      ++taken_;
      return pipe;
    }
    close(pipe);
  }
  retry_at_ = now + kRetryAfter;
  return {};
}

void PipePool::give(Pipe pipe, bool is_empty) {
  --taken_;
  if (!is_empty || idle_.size() == kMostIdle) return close(pipe);
  if (idle_.capacity() == 0) idle_.reserve(kMostIdle);
  idle_.push_back(pipe);
}

// --- SplicePipe

bool SplicePipe::acquire() noexcept {
  assert(held_ == 0);
  if (pipe_.read_end < 0) pipe_ = loop_.pipes().take(loop_.now());
  return pipe_.read_end >= 0;
}

void SplicePipe::release() noexcept {
  if (pipe_.read_end < 0) return;
  const PipePool::Pipe pipe = std::exchange(pipe_, {});
  loop_.pipes().give(pipe, std::exchange(held_, 0) == 0);
}

// --- BulkRoom

void BulkRoom::take() noexcept {
  if (taken_ || !receiver_.loop().pipes().take_room()) return;
  taken_ = true;
  receiver_.hold_bulk(true);
}

void BulkRoom::give() noexcept {
  if (!taken_) return;
  taken_ = false;
  receiver_.loop().pipes().give_room();
  receiver_.hold_bulk(false);
}

// --- SpliceInAwaiter

ssize_t SpliceInAwaiter::attempt() noexcept {
  if (!pipe_.acquire()) return -ENOBUFS;
  const ssize_t n = stream_.try_splice_in(pipe_.pipe_.write_end, most_);
  if (n > 0) {
    pipe_.held_ = static_cast<std::size_t>(n);
  } else {
    pipe_.release();
  }
  return n;
}

// --- SpliceOutAwaiter

int SpliceOutAwaiter::attempt() noexcept {
  while (pipe_.held_ != 0) {
    const ssize_t n = stream_.try_splice_out(pipe_.pipe_.read_end, pipe_.held_);
    if (n < 0) return static_cast<int>(-n);
    put(static_cast<std::size_t>(n));
    pipe_.held_ -= static_cast<std::size_t>(n);
  }
  return 0;
}

Result<void> SpliceOutAwaiter::await_resume() const noexcept {
  pipe_.release();
  return outcome("splice");
}

}  // namespace lintel::net
