#pragma once

// The error log: what operators must know, one line per event, written by a thread of its own. A line is
// formatted by the caller only if its level is asked for, and then handed over; a caller never waits for the
// disk. When more than a few thousand lines wait, the oldest are dropped and counted.
//
//   log::info("listening on {}", address.to_string());
//   log::warn({{"pool", pool}, {"server", server}}, "connection refused");
//
//   text: 2026-11-23T21:00:00.123Z WARN connection refused pool=api server=10.0.0.1:80
//   json: {"ts":"2026-11-23T21:00:00.123Z","level":"warn","msg":"connection refused","pool":"api",…}

#include <fmt/core.h>

#include <atomic>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"

namespace lintel::log {

enum class Level : std::uint8_t { trace, debug, info, warn, error, critical };
enum class Format : std::uint8_t { text, json };

struct LogSettings {
  Level level = Level::info;
  Format format = Format::text;
  std::string target = "stderr";  ///< "stderr", "stdout" or a file's path, which is appended to.
};

/// One `key=value` behind the message. Keys are plain words; values may hold anything.
struct Field {
  std::string_view key;
  std::string_view value;
};
using Fields = std::initializer_list<Field>;

/// Starts the log, or gives it other settings; lines already handed over are written to the old target first.
/// Until the first call lines go to stderr as text, written by the caller itself. Errors: the file cannot be
/// opened (the old settings then stay). Main thread only.
[[nodiscard]] Result<void> init(const LogSettings& settings);
/// Opens the file again by its name (SIGUSR1, after it was renamed). Errors: as init; the old file then stays
/// in use.
[[nodiscard]] Result<void> reopen();
/// Returns when every line handed over so far is written. Main thread only; also before exit.
void flush();
/// Writes what is left and goes back to the state before init. Main thread only, after the other threads
/// ended.
void shutdown();
/// Lines dropped since the start because too many waited.
[[nodiscard]] std::uint64_t dropped() noexcept;

void set_level(Level level) noexcept;
namespace detail {
// Read by every thread before a line is formatted; the log is one for the process.
// NOLINTNEXTLINE(cppcoreguidelines-avoid-non-const-global-variables)
inline std::atomic<Level> threshold{Level::info};
void write(Level level, Fields fields, fmt::string_view format, fmt::format_args args) noexcept;
}  // namespace detail

[[nodiscard]] inline bool enabled(Level level) noexcept {
  return level >= detail::threshold.load(std::memory_order_relaxed);
}

/// Logs one line at `level`. Never throws, never waits for the disk. Any thread.
template <typename... Args>
void write(Level level, Fields fields, fmt::format_string<Args...> format, Args&&... args) noexcept {
  if (enabled(level)) detail::write(level, fields, format, fmt::make_format_args(args...));
}

#define LINTEL_LOG_LEVEL(name)                                                            \
  template <typename... Args>                                                             \
  void name(fmt::format_string<Args...> format, Args&&... args) noexcept {                \
    write(Level::name, {}, format, std::forward<Args>(args)...);                          \
  }                                                                                       \
  template <typename... Args>                                                             \
  void name(Fields fields, fmt::format_string<Args...> format, Args&&... args) noexcept { \
    write(Level::name, fields, format, std::forward<Args>(args)...);                      \
  }
LINTEL_LOG_LEVEL(trace)
LINTEL_LOG_LEVEL(debug)
LINTEL_LOG_LEVEL(info)
LINTEL_LOG_LEVEL(warn)
LINTEL_LOG_LEVEL(error)
LINTEL_LOG_LEVEL(critical)
#undef LINTEL_LOG_LEVEL

/// Lets at most `most` events of one kind be logged per `period`. Not thread-safe: one per worker and kind of
/// event, or a lock around it.
///
///   if (const auto unsaid = limit.pass(loop.now_ns())) log::warn("… ({} more not logged)", *unsaid);
class RateLimit {
 public:
  explicit RateLimit(std::uint32_t most, std::int64_t period_ns = 1'000'000'000) noexcept
      : most_(most), period_ns_(period_ns) {}
  /// How many were kept back since the last that passed, or nothing if this one is to be kept back too.
  /// `now_ns` is any clock that does not go back.
  [[nodiscard]] std::optional<std::uint64_t> pass(std::int64_t now_ns) noexcept;

 private:
  std::uint32_t most_;
  std::int64_t period_ns_;
  std::uint32_t passed_ = 0;
  std::uint64_t unsaid_ = 0;
  std::int64_t began_ = -1;  ///< The period's beginning; -1: there was none yet.
};

}  // namespace lintel::log
