#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"

namespace lintel {

/// A log's target: stdout, stderr or a file that is appended to. Never blocks for longer than it is told to,
/// whatever stands at the other end of a pipe or terminal. One thread at a time.
class OutputFile {
 public:
  OutputFile() noexcept = default;
  OutputFile(OutputFile&& other) noexcept;
  OutputFile& operator=(OutputFile&& other) noexcept;
  ~OutputFile();

  /// `path` is "stdout", "stderr" or a file, made with mode 0640 if need be. Errors: system, with errno.
  [[nodiscard]] static Result<OutputFile> open(const std::string& path);

  /// Writes some of `text` and returns how much; 0 when the other end took nothing within `patience`. Errors:
  /// reset, closed, resource or system when it cannot be written at all (disk full, reader gone).
  [[nodiscard]] Result<std::size_t> write_some(std::string_view text, std::chrono::milliseconds patience);

 private:
  int fd_ = -1;
  bool socket_ = false;
};

}  // namespace lintel
