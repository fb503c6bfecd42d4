#include "pool/outlier.h"

#include <algorithm>

namespace lintel::pool {
namespace {

std::optional<Cause> cause_in_row(Observed& seen, const config::Outlier& rules, bool good) noexcept {
  if (good) {
    // Mostly it is 0, and then nobody's cache line is taken away.
    if (seen.failures_in_row.load(std::memory_order_relaxed) != 0)
      seen.failures_in_row.store(0, std::memory_order_relaxed);
    return std::nullopt;
  }
  const std::uint32_t failures = seen.failures_in_row.fetch_add(1, std::memory_order_relaxed) + 1;
  if (rules.consecutive_failures == 0 || failures < rules.consecutive_failures) return std::nullopt;
  return Cause::failures_in_row;
}

std::optional<Cause> cause_in_window(Observed& seen, const config::Outlier& rules,
                                     const Outcome& outcome) noexcept {
  const Nanos length = to_nanos(rules.window);
  const bool slow = rules.latency && outcome.waited > to_nanos(*rules.latency);
  seen.window.add(outcome.now, length, !outcome.good, slow);
  if (outcome.good && !slow) return std::nullopt;
  const Window::Sums sums = seen.window.sums(outcome.now, length);
  if (sums.total < rules.min_requests) return std::nullopt;
  if (!outcome.good && rules.failure_ratio && sums.bad * 100ULL >= sums.total * 1ULL * *rules.failure_ratio)
    return Cause::failure_ratio;
  if (slow && sums.slow * 2ULL > sums.total) return Cause::latency;
  return std::nullopt;
}

}  // namespace

std::string_view cause_name(Cause cause) noexcept {
  switch (cause) {
    case Cause::failures_in_row:
      return "consecutive_failures";
    case Cause::failure_ratio:
      return "failure_ratio";
    case Cause::latency:
      break;
  }
  return "latency";
}

std::optional<Cause> note_outcome(Observed& seen, const config::Outlier& rules,
                                  const Outcome& outcome) noexcept {
  std::optional<Cause> cause = cause_in_row(seen, rules, outcome.good);
  if (rules.failure_ratio || rules.latency) {
    const std::optional<Cause> other = cause_in_window(seen, rules, outcome);
    if (!cause) cause = other;
  }
  if (cause) {
    seen.failures_in_row.store(0, std::memory_order_relaxed);
    seen.window.clear();
  }
  return cause;
}

Nanos next_ejection(Observed& seen, const config::Outlier& rules, Nanos returned_at, Nanos now) noexcept {
  const Nanos once = to_nanos(rules.eject_for);
  const Nanos longest = to_nanos(rules.max_eject_for);
  const Nanos forgiven = std::max<Nanos>(now - returned_at, 0) / once;
  Nanos times = seen.times_ejected.load(std::memory_order_relaxed);
  times = std::max<Nanos>(times - forgiven, 0) + 1;
  times = std::min(times, (longest + once - 1) / once);  // More would only take longer to be forgiven.
  seen.times_ejected.store(static_cast<std::uint32_t>(times), std::memory_order_relaxed);
  return std::min(times * once, longest);
}

}  // namespace lintel::pool
