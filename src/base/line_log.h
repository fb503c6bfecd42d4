#pragma once

// Lines from many threads to one file without a system call per line: each producer copies whole lines into a
// ring of its own, one thread writes all rings out in large pieces. A line that finds its ring full is
// dropped and counted; no producer ever waits. Lines of one producer keep their order; lines are never torn
// or interleaved.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace lintel {

/// The file and its thread. Any thread may call any function here; the producers' ends are Writer objects.
class LineLog {
 public:
  struct Settings {
    std::string path = "stdout";  ///< "stdout", "stderr" or a file's path, which is appended to.
    std::size_t ring_size = std::size_t{1}
                            << 20;           ///< Bytes each producer may have waiting; rounded up to 2^n.
    std::chrono::milliseconds interval{50};  ///< Lines reach the file at most this much later.
  };

  class Writer;

  /// Opens the file and starts the thread. Errors: the file cannot be opened.
  [[nodiscard]] static Result<std::unique_ptr<LineLog>> open(const Settings& settings);
  /// Calls stop().
  ~LineLog();
  LineLog(const LineLog&) = delete;
  LineLog& operator=(const LineLog&) = delete;

  /// A producer's end with its own ring. At any time, from any thread.
  [[nodiscard]] Writer add_writer();
  /// Writes what waits to the old file, then opens the file again by its name. Errors: it cannot be opened;
  /// the old one then stays in use. Does nothing for stdout and stderr.
  [[nodiscard]] Result<void> reopen();
  /// Returns when everything pushed before the call is written.
  void flush();
  /// Writes everything and ends the thread; lines pushed later are dropped. A second call does nothing.
  void stop();

  /// Lines dropped because a ring was full or the log stopped.
  [[nodiscard]] std::uint64_t dropped() const noexcept;
  /// Bytes lost because the file could not be written (disk full, reader gone).
  [[nodiscard]] std::uint64_t lost_bytes() const noexcept;

 private:
  struct Ring;
  struct Core;
  explicit LineLog(std::unique_ptr<Core> core) noexcept;
  std::unique_ptr<Core> core_;
};

/// One producer's end. One thread at a time may use it. May outlive the LineLog; lines are then dropped. What
/// was pushed is still written after this object is gone.
class LineLog::Writer {
 public:
  /// An end that drops every line.
  Writer() noexcept = default;
  Writer(Writer&&) noexcept = default;
  Writer& operator=(Writer&& other) noexcept;
  ~Writer();

  /// Copies one line, which must bring its own line feed. False if it was dropped. Never waits.
  bool push(std::string_view line) noexcept;

 private:
  friend class LineLog;
  explicit Writer(std::shared_ptr<Ring> ring) noexcept;
  std::shared_ptr<Ring> ring_;
};

}  // namespace lintel
