#pragma once

// Outlier ejection: what live traffic shows of a server, and when it shows enough to keep the server out for
// a while. Rules and counts only; Pool::note acts on them.

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/clock.h"
#include "config/model.h"
#include "pool/window.h"

namespace lintel::pool {

/// How an attempt ended, as far as that tells something of the server.
struct Outcome {
  bool good = false;
  Nanos begun = 0;  ///< When the server was chosen.
  Nanos now = 0;
  Nanos waited = 0;         ///< For the beginning of an answer, or in vain.
  std::string_view reason;  ///< What went wrong, in one word, for the log. Static storage.
  int status = 0;           ///< Of the answer; 0: there was none.
};

/// What an ejection is for.
enum class Cause : std::uint8_t { failures_in_row, failure_ratio, latency };
inline constexpr std::size_t kCauseCount = 3;
/// "consecutive_failures", "failure_ratio", "latency". Static storage.
[[nodiscard]] std::string_view cause_name(Cause cause) noexcept;

/// What has been seen of one server, by all workers together. Any thread.
struct Observed {
  std::atomic<std::uint32_t> failures_in_row{0};
  std::atomic<std::uint32_t> times_ejected{0};  ///< Lately.
  Window window;
  std::array<std::atomic<std::uint64_t>, kCauseCount> ejections{};  ///< Ever, by Cause.
};

/// Counts an outcome. The cause, if the server should be ejected now; it is then counted from nothing again.
/// A success costs one load where neither ratio nor latency is looked at.
[[nodiscard]] std::optional<Cause> note_outcome(Observed& seen, const config::Outlier& rules,
                                                const Outcome& outcome) noexcept;

/// How long the next ejection lasts, and counts it. `returned_at`: when the last one ended, if there was any.
/// For one pool at a time by one thread.
[[nodiscard]] Nanos next_ejection(Observed& seen, const config::Outlier& rules, Nanos returned_at,
                                  Nanos now) noexcept;

}  // namespace lintel::pool
