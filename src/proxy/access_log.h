#pragma once

// Access-log lines: what stands in them and how it is spelt. Fields of the JSON form are described in the
// manual; text that did not happen or is not known (no pool, no answer) is left out of a line.

#include <cstdint>
#include <string_view>

#include "base/buffer.h"
#include "base/line_log.h"
#include "proxy/record.h"

namespace lintel::proxy {

enum class AccessLogFormat : std::uint8_t { json, combined };

/// The text of a wall-clock time, made anew once a second only. Not thread-safe.
class TimestampCache {
 public:
  /// "2026-11-23T21:00:00.123Z" for nanoseconds since 1970. Valid until the next call.
  [[nodiscard]] std::string_view rfc3339(std::int64_t unix_ns) noexcept;
  /// "23/Nov/2026:21:00:00 +0000". Valid until the next call.
  [[nodiscard]] std::string_view common(std::int64_t unix_ns) noexcept;

 private:
  void update(std::int64_t second) noexcept;
  std::int64_t second_ = -1;
  char rfc3339_[24];
  char common_[26];
};

/// Append one line with its line feed. `unix_ns` is the wall clock at completion.
void format_json(Buffer& out, const Record& record, std::int64_t unix_ns, TimestampCache& times);
void format_combined(Buffer& out, const Record& record, std::int64_t unix_ns, TimestampCache& times);

/// One worker's access log: formats records and hands the lines to the log's thread. Allocates nothing in
/// steady state, makes no system call but a wake of that thread about every 50 ms.
class AccessLog {
 public:
  AccessLog(AccessLogFormat format, LineLog::Writer writer) noexcept;
  /// One line for a finished transaction. Never suspends or waits.
  void write(const Record& record, std::int64_t unix_ns);

 private:
  AccessLogFormat format_;
  LineLog::Writer writer_;
  TimestampCache times_;
  Buffer line_;
};

}  // namespace lintel::proxy
