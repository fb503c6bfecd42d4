#include "proxy/retry_rules.h"

#include <array>
#include <string>
#include <string_view>
#include <utility>

namespace lintel::proxy {
namespace {

constexpr std::array<std::pair<std::string_view, RetryCause>, 5> kWords = {{
    {"connect-failure", RetryCause::connect_failure},
    {"dead-connection", RetryCause::dead_connection},
    {"reset", RetryCause::reset},
    {"timeout", RetryCause::timeout},
    {"bad-response", RetryCause::bad_response},
}};

}  // namespace

RetryCause retry_cause(EndReason reason) noexcept {
  switch (reason) {
    case EndReason::upstream_closed:
    case EndReason::upstream_reset:
      return RetryCause::reset;
    case EndReason::upstream_idle_closed:
      return RetryCause::dead_connection;
    case EndReason::upstream_timeout_send:
    case EndReason::upstream_timeout_first_byte:
    case EndReason::upstream_timeout_try:
      return RetryCause::timeout;
    case EndReason::upstream_bad_response:
    case EndReason::upstream_too_large_header:
      return RetryCause::bad_response;
    case EndReason::upstream_status:
      return RetryCause::status;
    default:
      return RetryCause::none;
  }
}

RetryRules::RetryRules(const config::Retry& retry)
    : attempts(retry.attempts),
      per_try(to_nanos(retry.per_try_timeout)),
      budget(retry.budget),
      min_budget(retry.min_budget),
      idempotency_key(retry.idempotency_key),
      hedge_after(to_nanos(retry.hedge.after)),
      hedge_most(retry.hedge.most) {
  for (const std::string& condition : retry.on) {
    bool is_word = false;
    for (const auto& [word, cause] : kWords) {
      if (condition != word) continue;
      causes_.set(static_cast<std::size_t>(cause));
      is_word = true;
    }
    if (is_word) continue;
    causes_.set(static_cast<std::size_t>(RetryCause::status));
    const auto hundred = static_cast<std::size_t>(condition[0] - '4') * 100;
    for (std::size_t i = 0; i < 100; ++i) {
      const bool all = condition[1] == 'x';
      const auto last = static_cast<std::size_t>((condition[1] - '0') * 10 + condition[2] - '0');
      if (all || i == last) statuses_.set(hundred + i);
    }
  }
}

bool RetryRules::use_budget() const noexcept {
  return include(RetryCause::reset) || include(RetryCause::timeout) || include(RetryCause::bad_response) ||
         include(RetryCause::status) || hedge_after != 0;
}

}  // namespace lintel::proxy
