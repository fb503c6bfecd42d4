#pragma once

#include <cstdint>
#include <optional>

namespace lintel::proxy {

/// What the operating system says about this process; nothing where it does not say.
struct ProcessUsage {
  std::uint64_t cpu_us = 0;  ///< User and system time of all threads, in microseconds.
  std::optional<std::uint64_t> resident_bytes;
  std::optional<std::uint64_t> virtual_bytes;
  std::optional<std::uint64_t> open_fds;
  std::uint64_t max_fds = 0;
};

/// Asks for it. Opens files of /proc/self: for the main thread, not for a request.
[[nodiscard]] ProcessUsage read_process_usage();

}  // namespace lintel::proxy
