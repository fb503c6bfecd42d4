#pragma once

#include "proxy/attempt.h"

namespace lintel::proxy {

/// Whether `request` may be done twice: its method says so, or an Idempotency-Key that `rules` heed.
[[nodiscard]] bool is_repeatable(const http::RequestHead& request, const RetryRules& rules) noexcept;

/// Whether another attempt may follow one that ended with `cause`: it is asked for, safe (`sent`: a server
/// may have begun with the request), and within the number of attempts.
[[nodiscard]] bool may_follow(const Attempts& at, RetryCause cause, bool sent) noexcept;

/// Takes one from the pool's retry budget. False, and counted, if it is exhausted.
[[nodiscard]] bool budget_allows(Attempts& at) noexcept;
/// The same for what is to come after a failure: if there is to be none, that is told.
[[nodiscard]] bool take_from_budget(Attempts& at);

/// Plans another attempt after an answer that is asked to be tried again, if one may follow and there is a
/// server that can take it at once. Its place is at.next then, and the answer need not go to the client.
[[nodiscard]] bool plan_next(Attempts& at);

}  // namespace lintel::proxy
