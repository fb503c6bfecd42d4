#pragma once

#include <bitset>
#include <cstdint>

#include "base/clock.h"
#include "config/model.h"
#include "proxy/end_reason.h"

namespace lintel::proxy {

/// What an attempt ended with, as retry.on tells it apart.
enum class RetryCause : std::uint8_t {
  none,             ///< It was answered, or is not to be repeated whatever is configured.
  connect_failure,  ///< Nothing was sent.
  dead_connection,  ///< An idle connection ended without a word.
  reset,            ///< Another connection ended before the answer.
  timeout,
  bad_response,
  status,  ///< An answer with an error status.
};

/// The cause that an attempt gives that ended for `reason` before its answer's head went to the client.
[[nodiscard]] RetryCause retry_cause(EndReason reason) noexcept;

/// What is tried again, and how often: `retry` of a pool or a route, made ready.
class RetryRules {
 public:
  RetryRules() : RetryRules(config::Retry{}) {}
  explicit RetryRules(const config::Retry& retry);

  [[nodiscard]] bool include(RetryCause cause) const noexcept {
    return causes_[static_cast<std::size_t>(cause)];
  }
  [[nodiscard]] bool include_status(int status) const noexcept {
    return status >= 400 && status < 600 && statuses_[static_cast<std::size_t>(status - 400)];
  }
  /// Whether any retry or hedge takes from the pool's budget.
  [[nodiscard]] bool use_budget() const noexcept;

  std::uint32_t attempts;
  Nanos per_try;  ///< 0: no limit.
  std::uint32_t budget;
  std::uint32_t min_budget;
  bool idempotency_key;
  Nanos hedge_after;  ///< 0: never.
  std::uint32_t hedge_most;

 private:
  std::bitset<7> causes_;
  std::bitset<200> statuses_;
};

}  // namespace lintel::proxy
