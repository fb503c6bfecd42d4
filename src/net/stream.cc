#include "net/stream.h"

#include <cassert>
#include <cerrno>
#include <cstring>
#include <utility>

namespace lintel::net {

int errno_for(Ready why) noexcept {
  return why == Ready::timeout ? ETIMEDOUT : ECANCELED;
}

void resume_waiter(Loop& loop, std::coroutine_handle<> frame, Ready why) {
  if (why == Ready::canceled) {
    loop.resume_soon(frame);
  } else {
    frame.resume();
  }
}

void WriteSpans::drop(std::size_t n) noexcept {
  while (n != 0) {
    iovec& part = parts_[first_];
    if (n < part.iov_len) {
      part.iov_base = static_cast<char*>(part.iov_base) + n;
      part.iov_len -= n;
      return;
    }
    n -= part.iov_len;
    ++first_;
  }
}

std::size_t WriteSpans::size() const noexcept {
  std::size_t total = 0;
  for (const iovec& part : parts()) total += part.iov_len;
  return total;
}

// --- InputAwaiter

bool InputAwaiter::await_ready() noexcept {
  result_ = attempt();
  return result_ != -EAGAIN;
}

bool InputAwaiter::await_suspend(std::coroutine_handle<> frame) noexcept {
  assert(!stream_.reader_);
  if (const int err = stream_.arm(); err != 0) {
    result_ = -err;
    return false;
  }
  frame_ = frame;
  stream_.set_reader(this, true);
  return true;
}

void InputAwaiter::on_ready(Ready why) {
  if (why == Ready::io) {
    result_ = attempt();
    if (result_ == -EAGAIN) {
      stream_.reader_ = this;
      return;
    }
  } else {
    result_ = -errno_for(why);
  }
  resume_waiter(stream_.loop_, frame_, why);
}

Result<std::size_t> InputAwaiter::await_resume() const noexcept {
  if (result_ < 0) return unexpected(make_system_error(static_cast<int>(-result_), "read"));
  return static_cast<std::size_t>(result_);
}

ssize_t ReadAwaiter::attempt() noexcept {
  return stream_.try_read(out_);
}

ssize_t PeekAwaiter::attempt() noexcept {
  return stream_.try_peek(out_, known_);
}

// --- ReadyAwaiter

ReadyAwaiter::ReadyAwaiter(Stream& stream, For what) noexcept
    : stream_(stream), for_(what), deadline_(&Stream::expire_write, &stream) {}

bool ReadyAwaiter::await_ready() const noexcept {
  return for_ == For::read ? stream_.is_readable() : stream_.is_writable();
}

bool ReadyAwaiter::await_suspend(std::coroutine_handle<> frame) noexcept {
  assert(for_ == For::read ? !stream_.reader_ : !stream_.writer_);
  error_ = stream_.arm();
  if (error_ != 0) return false;
  frame_ = frame;
  if (for_ == For::read) {
    stream_.set_reader(this, false);
  } else {
    stream_.writer_ = this;
    stream_.restart(deadline_);
  }
  return true;
}

void ReadyAwaiter::on_ready(Ready why) {
  if (why != Ready::io) error_ = errno_for(why);
  deadline_.clear();
  resume_waiter(stream_.loop_, frame_, why);
}

Result<void> ReadyAwaiter::await_resume() const noexcept {
  if (error_ != 0) return unexpected(make_system_error(error_, "wait for readiness"));
  return {};
}

// --- OutputAwaiter

OutputAwaiter::OutputAwaiter(Stream& stream) noexcept
    : stream_(stream),
      deadline_(&Stream::expire_write, &stream),
      pace_(stream.write_pace_ ? *stream.write_pace_ : own_pace_) {}

bool OutputAwaiter::await_ready() noexcept {
  error_ = attempt();
  return error_ != EAGAIN;
}

bool OutputAwaiter::await_suspend(std::coroutine_handle<> frame) {
  assert(!stream_.writer_);
  if (const int err = stream_.arm(); err != 0) {
    error_ = err;
    return false;
  }
  keep();
  frame_ = frame;
  stream_.writer_ = this;
  const Nanos now = stream_.loop_.now();
  if (&pace_ == &own_pace_) own_pace_.start({.most = stream_.write_timeout_}, now);
  stream_.loop_.set_deadline(deadline_, pace_.begin_wait(stream_, now));
  return true;
}

bool OutputAwaiter::goes_on(Ready why, Nanos now) noexcept {
  if (why == Ready::io) {
    error_ = attempt();
    return error_ == EAGAIN;
  }
  if (why == Ready::canceled) {
    error_ = ECANCELED;
    return false;
  }
  const Nanos again = pace_.look(stream_, now);
  if (again > now) stream_.loop_.set_deadline(deadline_, again);
  error_ = pace_.too_slow() ? ETIME : ETIMEDOUT;
  return again > now;
}

void OutputAwaiter::on_ready(Ready why) {
  const Nanos now = stream_.loop_.now();
  if (goes_on(why, now)) {
    stream_.writer_ = this;
    return;
  }
  pace_.end_wait(now);
  deadline_.clear();
  resume_waiter(stream_.loop_, frame_, why);
}

Result<void> OutputAwaiter::outcome(const char* what) const noexcept {
  if (error_ == 0) return {};
  Error error = make_system_error(error_, what);
  error.retryable = !taken_;
  return unexpected(error);
}

// --- WriteAwaiter

int WriteAwaiter::attempt() noexcept {
  while (!spans_.empty()) {
    const ssize_t n = stream_.try_write(spans_.parts());
    if (n < 0) return static_cast<int>(-n);
    put(static_cast<std::size_t>(n));
    spans_.drop(static_cast<std::size_t>(n));
  }
  return 0;
}

void WriteAwaiter::keep() {
  rest_.reserve(spans_.size());
  for (const iovec& part : spans_.parts()) {
    rest_.append(std::string_view(static_cast<const char*>(part.iov_base), part.iov_len));
  }
  spans_ = WriteSpans(rest_.view());
}

// --- Stream

Stream::Stream(Loop& loop) noexcept
    : loop_(loop),
      read_deadline_([](Deadline& d) { static_cast<Stream*>(d.owner())->expire_read(); }, this) {}

Stream::~Stream() {
  assert(!reader_ && !writer_);
  if (destroyed_) *destroyed_ = true;
}

ssize_t Stream::try_peek(std::span<char> /*out*/, std::size_t /*known*/) noexcept {
  return -EOPNOTSUPP;
}

ssize_t Stream::try_splice_in(int /*pipe*/, std::size_t /*most*/) noexcept {
  return -EOPNOTSUPP;
}

ssize_t Stream::try_splice_out(int /*pipe*/, std::size_t /*most*/) noexcept {
  return -EOPNOTSUPP;
}

void Stream::notify(bool readable, bool writable) {
  if (writable && writer_) {
    bool destroyed = false;
    destroyed_ = &destroyed;
    std::exchange(writer_, nullptr)->on_ready(Ready::io);
    if (destroyed) return;
    destroyed_ = nullptr;
  }
  if (readable && reader_) std::exchange(reader_, nullptr)->on_ready(Ready::io);
}

void Stream::set_reader(Waiter* waiter, bool tries) noexcept {
  reader_ = waiter;
  reader_tries_ = tries;
  if (read_expired_) loop_.set_deadline(read_deadline_, loop_.now());
}

void Stream::expire_read() {
  read_expired_ = true;
  if (reader_) std::exchange(reader_, nullptr)->on_ready(Ready::timeout);
}

void Stream::expire_write(Deadline& deadline) {
  Waiter*& writer = static_cast<Stream*>(deadline.owner())->writer_;
  if (writer) std::exchange(writer, nullptr)->on_ready(Ready::timeout);
}

void Stream::restart(Deadline& write_deadline) noexcept {
  if (write_timeout_ != kNever) loop_.set_deadline(write_deadline, loop_.now() + write_timeout_);
}

void Stream::cancel_read() noexcept {
  if (Waiter* waiter = std::exchange(reader_, nullptr)) waiter->on_ready(Ready::canceled);
}

void Stream::cancel_write() noexcept {
  if (Waiter* waiter = std::exchange(writer_, nullptr)) waiter->on_ready(Ready::canceled);
}

void Stream::set_idle_waiter(Waiter* waiter) noexcept {
  assert(!waiter || !reader_);
  set_reader(waiter, false);
  if (waiter && arm() != 0) loop_.set_deadline(read_deadline_, loop_.now());
}

}  // namespace lintel::net
