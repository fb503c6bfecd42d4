#include "proxy/retry.h"

#include "base/log.h"

namespace lintel::proxy {

bool is_repeatable(const http::RequestHead& request, const RetryRules& rules) noexcept {
  if (http::is_idempotent(request.method)) return true;
  return rules.idempotency_key && !request.fields.get("Idempotency-Key").empty();
}

bool budget_allows(Attempts& at) noexcept {
  const Nanos now = at.worker.loop.now();
  if (at.pool->pool.retry_budget().take(now, at.rules->budget, at.rules->min_budget)) return true;
  at.pool->stats->budget_exhausted.add();
  return false;
}

bool take_from_budget(Attempts& at) {
  if (budget_allows(at)) return true;
  at.record.detail = "the pool's retry budget is exhausted";
  if (const auto unsaid = at.worker.budget_warnings.pass(at.worker.loop.now())) {
    const std::string more = *unsaid == 0 ? "" : " (" + std::to_string(*unsaid) + " more like this)";
    log::warn({{"pool", at.pool->pool.config().name}},
              "the retry budget is exhausted: failures go to clients as they are{}", more);
  }
  return false;
}

bool may_follow(const Attempts& at, RetryCause cause, bool sent) noexcept {
  if (at.active.cut || at.tried_count >= at.rules->attempts || !at.rules->include(cause)) return false;
  return at.body.can_begin() && (!sent || at.repeatable);
}

bool plan_next(Attempts& at) {
  if (!may_follow(at, RetryCause::status, true)) return false;
  pool::Lease next = at.take();
  if (!next || !take_from_budget(at)) return false;
  at.next = std::move(next);
  return true;
}

}  // namespace lintel::proxy
