#pragma once

// Bytes from one socket to another through a kernel pipe, without being copied to this process. For bulk:
//
//     SplicePipe pipe(loop.pipes());
//     Result<std::size_t> got = co_await splice_in(from, pipe, most);    // takes a pipe when bytes are there
//     Result<void> sent = co_await splice_out(pipe, to);                 // and gives it back

#include <cstddef>
#include <vector>

#include "base/result.h"
#include "net/stream.h"

namespace lintel::net {

/// As much as one splice may ask for: what a pipe holds.
inline constexpr std::size_t kSpliceMost = 1 << 20;

/// Whether a flow is worth a pipe: splicing saves the copies of bulk, and costs system calls where little
/// comes at a time.
class BulkFlow {
 public:
  [[nodiscard]] bool is_bulk() const noexcept { return large_ >= kRun; }
  /// Much is known to come.
  void assume_bulk() noexcept { large_ = kRun; }
  /// So much came by a read.
  void read(std::size_t bytes) noexcept { large_ = bytes >= kLarge ? large_ + 1 : 0; }
  /// So much came by a splice.
  void spliced(std::size_t bytes) noexcept {
    small_ = bytes < kSmall ? small_ + 1 : 0;
    if (small_ == kRun) stop();
  }
  void stop() noexcept { large_ = small_ = 0; }

 private:
  static constexpr unsigned kRun = 2;  ///< In a row.
  static constexpr std::size_t kLarge = Loop::kScratchSize / 2;
  static constexpr std::size_t kSmall = 16 * 1024;
  unsigned large_ = 0;
  unsigned small_ = 0;
};

/// The pipes of one loop. They are opened when asked for, and kept while they are few. The kernel bounds the
/// memory that a user's pipes may take (pipe(7), pipe-user-pages-soft: 64 MiB) and then gives pipes of a page
/// or two, which are worth nothing here: there are none to be had until some time has passed.
class PipePool {
 public:
  struct Pipe {
    int read_end = -1;
    int write_end = -1;
  };

  PipePool() noexcept = default;
  PipePool(const PipePool&) = delete;
  PipePool& operator=(const PipePool&) = delete;
  ~PipePool();

  /// Most that are out at a time: a pipe holds its megabyte for as long as its receiver takes, and slow ones
  /// may be many. Whoever gets none reads and writes.
  static constexpr std::size_t kMostTaken = 128;

  /// An empty pipe; with negative ends if there is none to be had. It must come back.
  [[nodiscard]] Pipe take(Nanos now) noexcept;
  /// Takes a pipe back. One that is not empty is closed: what is in it must not come out of somebody else's.
  void give(Pipe pipe, bool is_empty = true);

  /// One of as many rooms (BulkRoom) as there may be pipes; false if there is none left. It must come back.
  [[nodiscard]] bool take_room() noexcept { return rooms_ < kMostTaken && ++rooms_ != 0; }
  void give_room() noexcept { --rooms_; }

 private:
  static void close(Pipe pipe) noexcept;

  static constexpr std::size_t kMostIdle = 16;
  std::vector<Pipe> idle_;
  std::size_t taken_ = 0;
  std::size_t rooms_ = 0;
  Nanos retry_at_ = 0;  ///< Until then the kernel is not asked again.
};

/// A pipe of a pool while it is needed, and what it holds.
class SplicePipe {
 public:
  explicit SplicePipe(Loop& loop) noexcept : loop_(loop) {}
  SplicePipe(const SplicePipe&) = delete;
  SplicePipe& operator=(const SplicePipe&) = delete;
  /// Bytes that are still in it are lost.
  ~SplicePipe() { release(); }
  [[nodiscard]] std::size_t held() const noexcept { return held_; }

 private:
  friend class SpliceInAwaiter;
  friend class SpliceOutAwaiter;
  [[nodiscard]] bool acquire() noexcept;
  void release() noexcept;

  Loop& loop_;
  PipePool::Pipe pipe_;
  std::size_t held_ = 0;
};

/// Leave for the receiver of a bulk flow to hold more unsent bytes: it is handed much seldom instead of
/// little often. Few have it at a time, as few as have a pipe: receivers may be slow, and many.
class BulkRoom {
 public:
  explicit BulkRoom(Stream& receiver) noexcept : receiver_(receiver) {}
  BulkRoom(const BulkRoom&) = delete;
  BulkRoom& operator=(const BulkRoom&) = delete;
  /// The receiver ends with its flow, and needs no bound any more.
  ~BulkRoom() {
    if (taken_) receiver_.loop().pipes().give_room();
  }
  /// Takes it, if it is to be had.
  void take() noexcept;
  /// Gives it back: the flow is bulk no longer.
  void give() noexcept;

 private:
  Stream& receiver_;
  bool taken_ = false;
};

/// Moves bytes, at least one and at most `most`, from the socket into the empty pipe. Suspends as a reader;
/// holds no pipe while it waits. Returns the bytes, 0 at the end of the stream. Errors: as a read; resource
/// (ENOBUFS) when no pipe is to be had: nothing was moved, and a read will do.
class [[nodiscard]] SpliceInAwaiter final : public InputAwaiter {
 public:
  SpliceInAwaiter(Stream& from, SplicePipe& pipe, std::size_t most) noexcept
      : InputAwaiter(from), pipe_(pipe), most_(most) {}

 private:
  [[nodiscard]] ssize_t attempt() noexcept override;
  SplicePipe& pipe_;
  std::size_t most_;
};

/// Moves all that the pipe holds to the socket and lets go of the pipe. Suspends as a writer. Errors: as a
/// write.
class [[nodiscard]] SpliceOutAwaiter final : public OutputAwaiter {
 public:
  SpliceOutAwaiter(SplicePipe& pipe, Stream& to) noexcept : OutputAwaiter(to), pipe_(pipe) {}
  Result<void> await_resume() const noexcept;

 private:
  [[nodiscard]] int attempt() noexcept override;
  SplicePipe& pipe_;
};

[[nodiscard]] inline SpliceInAwaiter splice_in(Stream& from, SplicePipe& pipe, std::size_t most) noexcept {
  return {from, pipe, most};
}
[[nodiscard]] inline SpliceOutAwaiter splice_out(SplicePipe& pipe, Stream& to) noexcept {
  return {pipe, to};
}

}  // namespace lintel::net
