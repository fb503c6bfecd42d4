#pragma once

#include <sys/types.h>
#include <sys/uio.h>

#include <array>
#include <cassert>
#include <coroutine>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "base/address.h"
#include "base/buffer.h"
#include "base/result.h"
#include "net/deadlines.h"
#include "net/frame_pool.h"
#include "net/loop.h"
#include "net/write_pace.h"

namespace lintel::net {

class Stream;
class SpliceInAwaiter;
class SpliceOutAwaiter;

/// Why a waiter is called.
enum class Ready : std::uint8_t { io, timeout, canceled };

/// How much of the connection the peer has ended.
enum class PeerState : std::uint8_t {
  open,
  ended,   ///< It sends no more, and all that it sent was read. It may still receive.
  broken,  ///< It was reset, or failed: nothing reaches it any more.
};

/// What a waiter's operation fails with when it did not end by io.
[[nodiscard]] int errno_for(Ready why) noexcept;
/// Resumes `frame`: at once from the loop, a turn later when it is canceled from some other coroutine's
/// middle.
void resume_waiter(Loop& loop, std::coroutine_handle<> frame, Ready why);

/// Who is at the other end of a Unix socket, as the kernel knows it.
struct PeerProcess {
  std::uint32_t uid = 0;
  std::int32_t pid = 0;
};

/// Something that waits for a stream: an awaiter, or the keeper of an idle connection.
class Waiter {
 public:
  virtual void on_ready(Ready why) = 0;

 protected:
  ~Waiter() = default;
};

/// Up to four runs of bytes for one write.
class WriteSpans {
 public:
  explicit WriteSpans(std::string_view a, std::string_view b = {}, std::string_view c = {},
                      std::string_view d = {}) noexcept {
    for (const std::string_view part : {a, b, c, d}) {
      if (!part.empty()) parts_[count_++] = {const_cast<char*>(part.data()), part.size()};
    }
  }
  /// Takes the first `n` bytes away.
  void drop(std::size_t n) noexcept;
  [[nodiscard]] bool empty() const noexcept { return first_ == count_; }
  [[nodiscard]] std::size_t size() const noexcept;
  [[nodiscard]] std::span<const iovec> parts() const noexcept { return {&parts_[first_], count_ - first_}; }

 private:
  std::array<iovec, 4> parts_{};
  std::uint32_t first_ = 0;
  std::uint32_t count_ = 0;
};

/// What the awaiters of incoming bytes share: an attempt, and another at every event until one is not
/// refused.
class [[nodiscard]] InputAwaiter : private Waiter {
 public:
  [[nodiscard]] bool await_ready() noexcept;
  [[nodiscard]] bool await_suspend(std::coroutine_handle<> frame) noexcept;
  Result<std::size_t> await_resume() const noexcept;
  /// Whether it had to wait: false where what was asked for was there.
  [[nodiscard]] bool waited() const noexcept { return frame_ != nullptr; }

 protected:
  explicit InputAwaiter(Stream& stream) noexcept : stream_(stream) {}
  ~InputAwaiter() = default;
  /// Bytes, 0 at the end, or a negative errno; -EAGAIN to wait.
  [[nodiscard]] virtual ssize_t attempt() noexcept = 0;
  Stream& stream_;

 private:
  void on_ready(Ready why) override;
  ssize_t result_ = 0;
  std::coroutine_handle<> frame_;
};

/// Reads at least one byte into `out`, which must outlive the await. Suspends; one reader at a time.
/// Returns the bytes read, 0 at the end of the stream. Errors: timeout, reset, canceled, system.
class [[nodiscard]] ReadAwaiter final : public InputAwaiter {
 public:
  ReadAwaiter(Stream& stream, std::span<char> out) noexcept : InputAwaiter(stream), out_(out) {}

 private:
  [[nodiscard]] ssize_t attempt() noexcept override;
  std::span<char> out_;
};

/// Copies what has come, and leaves it there for a read: waits until there are more than `known` bytes.
/// Returns how many are in `out` (which must outlive the await) from the first one on; `known` or fewer mean
/// that no more will come. Suspends as a reader. Errors: as a read; system (EOPNOTSUPP) on streams that
/// cannot.
class [[nodiscard]] PeekAwaiter final : public InputAwaiter {
 public:
  PeekAwaiter(Stream& stream, std::span<char> out, std::size_t known) noexcept
      : InputAwaiter(stream), out_(out), known_(known) {}

 private:
  [[nodiscard]] ssize_t attempt() noexcept override;
  std::span<char> out_;
  std::size_t known_;
};

/// Waits until a read (or a write) would not block: progress, the end of the stream or an error is there.
/// Moves no bytes. Errors: timeout, canceled, system.
class [[nodiscard]] ReadyAwaiter final : private Waiter {
 public:
  enum class For : std::uint8_t { read, write };
  ReadyAwaiter(Stream& stream, For what) noexcept;
  [[nodiscard]] bool await_ready() const noexcept;
  [[nodiscard]] bool await_suspend(std::coroutine_handle<> frame) noexcept;
  Result<void> await_resume() const noexcept;

 private:
  void on_ready(Ready why) override;
  Stream& stream_;
  For for_;
  int error_ = 0;
  std::coroutine_handle<> frame_;
  Deadline deadline_;  ///< Of a wait for writing.
};

/// What the awaiters of outgoing bytes share: an attempt, and another at every event until all is out, for as
/// long as the stream's pace (or its write timeout) allows.
class [[nodiscard]] OutputAwaiter : private Waiter {
 public:
  [[nodiscard]] bool await_ready() noexcept;
  [[nodiscard]] bool await_suspend(std::coroutine_handle<> frame);

 protected:
  explicit OutputAwaiter(Stream& stream) noexcept;
  ~OutputAwaiter() = default;
  /// Puts out what the stream takes and tells `put`. 0 when all is out, or an errno; EAGAIN to wait.
  [[nodiscard]] virtual int attempt() noexcept = 0;
  /// Before the first wait: what is left must be kept until the next attempt.
  virtual void keep() {}
  void put(std::size_t bytes) noexcept {
    taken_ = true;
    pace_.wrote(bytes);
  }
  /// The outcome. `what` was being done; a string literal.
  [[nodiscard]] Result<void> outcome(const char* what) const noexcept;
  Stream& stream_;

 private:
  void on_ready(Ready why) override;
  [[nodiscard]] bool goes_on(Ready why, Nanos now) noexcept;
  int error_ = 0;
  bool taken_ = false;
  std::coroutine_handle<> frame_;
  Deadline deadline_;
  WritePace& pace_;
  WritePace own_pace_;  ///< Of this wait alone, where the stream has no other.
};

/// Writes every byte. What the kernel does not take at once is copied, so that the caller's memory (the
/// loop's scratch, say) only has to live until the first suspension. One writer at a time. Errors: timeout
/// (the peer took nothing for that long), too_slow, reset, canceled, system.
class [[nodiscard]] WriteAwaiter final : public OutputAwaiter {
 public:
  WriteAwaiter(Stream& stream, const WriteSpans& spans) noexcept : OutputAwaiter(stream), spans_(spans) {}
  Result<void> await_resume() const noexcept { return outcome("write"); }

 private:
  [[nodiscard]] int attempt() noexcept override;
  void keep() override;
  WriteSpans spans_;
  Buffer rest_;
};

/// Bytes both ways: a TCP or Unix socket, TLS over one, or memory. Belongs to one loop and is used on its
/// thread only. Its owner must not destroy it while something waits on it: cancel, join, then destroy.
class Stream : public Pooled {
 public:
  explicit Stream(Loop& loop) noexcept;
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  virtual ~Stream();

  [[nodiscard]] Loop& loop() const noexcept { return loop_; }

  ReadAwaiter read(std::span<char> out) noexcept { return ReadAwaiter(*this, out); }
  /// `known` must be less than out.size().
  PeekAwaiter peek(std::span<char> out, std::size_t known = 0) noexcept {
    return PeekAwaiter(*this, out, known);
  }
  ReadyAwaiter readable() noexcept { return ReadyAwaiter(*this, ReadyAwaiter::For::read); }
  ReadyAwaiter writable() noexcept { return ReadyAwaiter(*this, ReadyAwaiter::For::write); }
  WriteAwaiter write(const WriteSpans& spans) noexcept { return WriteAwaiter(*this, spans); }

  /// The moment from which a read (or readable) that has to wait gives up with `timeout`; kNever for none.
  /// Stays until set again, also when it passes while nobody reads.
  void set_read_deadline(Nanos at) noexcept {
    read_expired_ = false;
    loop_.set_deadline(read_deadline_, at);
  }
  /// How long the peer may take nothing of a pending write before it gives up with `timeout`; kNever for no
  /// limit. In place of a pace.
  void set_write_timeout(Nanos timeout) noexcept {
    write_timeout_ = timeout;
    write_pace_ = nullptr;
  }
  /// What the peer must keep to in all writes from now on, which `pace` must outlive. Null: nothing but the
  /// write timeout.
  void set_write_pace(WritePace* pace) noexcept { write_pace_ = pace; }

  /// Makes a pending read (readable, write) return `canceled` in the next turn of the loop. Nothing where
  /// none waits.
  void cancel_read() noexcept;
  void cancel_write() noexcept;

  /// Puts `waiter` in the reader's place without a coroutine: it is called once when the stream becomes
  /// readable or its read deadline passes. Null takes it away again. For idle connections. Ask is_readable
  /// first: for what was there before nobody is called.
  void set_idle_waiter(Waiter* waiter) noexcept;
  /// The same at no cost: it is called when the read deadline passes, and for what else comes only if the
  /// stream has waited before.
  void set_deadline_waiter(Waiter* waiter) noexcept {
    assert(!waiter || !reader_);
    set_reader(waiter, false);
  }

  /// True when bytes, the end of the stream or an error are known to be there: no such connection may be
  /// reused.
  [[nodiscard]] virtual bool is_readable() const noexcept = 0;
  /// The same, asking the kernel in any case (one system call) instead of trusting that events have come.
  [[nodiscard]] virtual bool probe_readable() const noexcept { return is_readable(); }
  /// Asks the kernel, also where bytes are still to be read (a system call or two).
  [[nodiscard]] virtual PeerState peer_state() const noexcept = 0;
  /// Whether the end of what the peer sends, or a failure, is known to have come: who reads on finds it
  /// without waiting. False says nothing.
  [[nodiscard]] virtual bool is_ending() const noexcept { return false; }
  /// Whether a write waits.
  [[nodiscard]] bool is_writing() const noexcept { return writer_ != nullptr; }
  /// False when the last write was refused and no event has come since.
  [[nodiscard]] virtual bool is_writable() const noexcept = 0;
  /// Bytes written that the peer has not acknowledged yet. One system call.
  [[nodiscard]] virtual std::size_t unacknowledged() const noexcept = 0;
  /// Sends the end of the stream; reading goes on.
  virtual void shutdown_write() noexcept = 0;
  /// The write that follows is the last, and the stream is closed (or shut) at once after it: both may go out
  /// in one packet.
  virtual void end_after_write() noexcept {}
  /// Makes the destructor's close abortive (RST), so that the peer sees that something was cut off.
  virtual void set_abortive() noexcept = 0;
  /// TCP keep-alive probes for a connection that may be silent for long. Nothing on other transports.
  virtual void enable_keepalive(int idle_seconds, int probes) noexcept = 0;
  /// Whether it may hold as many unsent bytes as bulk is cheap with, or only as many as keep the peer busy,
  /// as it begins. Nothing on streams that have no such bound.
  virtual void hold_bulk(bool /*much*/) noexcept {}
  /// Whether bytes may be moved by splice_in and splice_out (net/splice.h).
  [[nodiscard]] virtual bool can_splice() const noexcept { return false; }
  [[nodiscard]] virtual SocketAddress peer() const noexcept = 0;
  [[nodiscard]] virtual SocketAddress local() const noexcept = 0;
  /// Nothing on other transports than Unix sockets.
  [[nodiscard]] virtual std::optional<PeerProcess> peer_process() const noexcept { return std::nullopt; }

 protected:
  /// Bytes read, 0 at the end, or a negative errno; -EAGAIN when nothing is there.
  [[nodiscard]] virtual ssize_t try_read(std::span<char> out) noexcept = 0;
  /// Bytes copied and left, 0 at the end, or a negative errno; -EAGAIN when there are no more than `known`
  /// and more may come.
  [[nodiscard]] virtual ssize_t try_peek(std::span<char> out, std::size_t known) noexcept;
  /// Bytes taken, or a negative errno; -EAGAIN when nothing is taken.
  [[nodiscard]] virtual ssize_t try_write(std::span<const iovec> parts) noexcept = 0;
  /// As try_read and try_write, from the socket into a pipe and out of it; for streams that can_splice.
  [[nodiscard]] virtual ssize_t try_splice_in(int pipe, std::size_t most) noexcept;
  [[nodiscard]] virtual ssize_t try_splice_out(int pipe, std::size_t most) noexcept;
  /// Sees to it that notify_readable and notify_writable will be called. Returns an errno, 0 for success.
  [[nodiscard]] virtual int arm() noexcept = 0;

  /// For the transport: call the pending writer, then the pending reader, each if it is there and asked for.
  /// Either may destroy the stream, so nothing of it may be touched after the call.
  void notify(bool readable, bool writable);
  [[nodiscard]] bool has_reader() const noexcept { return reader_ != nullptr; }

 private:
  friend class InputAwaiter;
  friend class LayeredStream;
  friend class ReadAwaiter;
  friend class PeekAwaiter;
  friend class ReadyAwaiter;
  friend class OutputAwaiter;
  friend class WriteAwaiter;
  friend class SpliceInAwaiter;
  friend class SpliceOutAwaiter;

  void set_reader(Waiter* waiter, bool tries) noexcept;
  void expire_read();
  static void expire_write(Deadline& deadline);
  void restart(Deadline& write_deadline) noexcept;

  Loop& loop_;
  Waiter* reader_ = nullptr;
  Waiter* writer_ = nullptr;
  Deadline read_deadline_;
  Nanos write_timeout_ = kNever;
  WritePace* write_pace_ = nullptr;
  bool read_expired_ = false;  ///< The read deadline has passed.
  bool reader_tries_ = false;  ///< The reader will try to read when it is called, and wait on if that fails.
  bool* destroyed_ = nullptr;  ///< Set while notify runs, to learn of the stream's end.
};

using StreamPtr = std::unique_ptr<Stream>;

}  // namespace lintel::net
