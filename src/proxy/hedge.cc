#include "proxy/hedge.h"

#include <array>
#include <cstddef>
#include <optional>
#include <utility>

#include "net/pause.h"
#include "net/scope.h"
#include "proxy/outcome.h"
#include "proxy/retry.h"

namespace lintel::proxy {
namespace {

using net::Task;

class Race;

/// One of the attempts.
class Runner final : public AnswerGate {
 public:
  Runner(Race& race, ActiveExchange& exchange, pool::Lease place) noexcept
      : active(exchange), lease(std::move(place)), race_(race) {}

  bool takes(int status) override;
  bool takes_interim() noexcept override;

  ActiveAttempt active;
  pool::Lease lease;
  AttemptResult result;

 private:
  Race& race_;
};

/// What they have in common. Lives in the frame of race().
class Race {
 public:
  explicit Race(Attempts& at) noexcept : at_(at), pause_(at.worker.loop) {}

  void start(pool::Lease lease) {
    Runner& runner = runners_[count_++].emplace(*this, at_.active, std::move(lease));
    ++running_;
    scope_.spawn(run(runner));
  }
  /// Whether nobody has said anything yet, and somebody still may.
  [[nodiscard]] bool is_open() const noexcept {
    return running_ != 0 && !winner_ && !heard_ && !at_.active.cut;
  }
  /// Asks one more server, if there is one and the budget allows it.
  bool add() {
    if (count_ > at_.rules->hedge_most || at_.tried_count >= at_.rules->attempts) return false;
    if (!budget_allows(at_)) return false;
    pool::Lease lease = at_.take();
    if (!lease) {
      at_.pool->pool.retry_budget().give_back(at_.worker.loop.now());
      return false;
    }
    at_.pool->stats->hedges.add();
    start(std::move(lease));
    return true;
  }
  /// Suspends until `moment`, or until the race is no longer open.
  Task<void> wait_until(Nanos moment) {
    while (is_open() && at_.worker.loop.now() < moment) co_await pause_.wait(moment - at_.worker.loop.now());
  }
  [[nodiscard]] auto join() noexcept { return scope_.join(); }
  /// What came of it, for the request.
  AttemptResult outcome();

 private:
  friend class Runner;
  Task<void> run(Runner& runner);
  bool takes(Runner& runner, int status);
  /// Whether an answer is better than to wait for those that others may give.
  [[nodiscard]] bool is_good(int status) const noexcept {
    return !at_.rules->include_status(status) && speaks_for_server(EndReason::ok, status).value_or(true);
  }

  Attempts& at_;
  net::Pause pause_;
  std::array<std::optional<Runner>, 1 + config::kMostHedges> runners_;
  std::size_t count_ = 0;
  std::size_t running_ = 0;
  Runner* winner_ = nullptr;  ///< Whose answer goes to the client.
  Runner* last_ = nullptr;    ///< Who has ended last.
  bool heard_ = false;        ///< An interim head has gone to the client: the server is alive.
  net::Scope scope_;
};

bool Runner::takes(int status) {
  return race_.takes(*this, status);
}

/// While two are under way none of them writes to the client before its final head.
bool Runner::takes_interim() noexcept {
  if (race_.count_ > 1) return false;
  race_.heard_ = true;
  race_.pause_.end();
  return true;
}

bool Race::takes(Runner& runner, int status) {
  if (winner_) return false;
  if (running_ > 1 && !is_good(status)) return false;
  if (at_.rules->include_status(status) && plan_next(at_)) return false;
  winner_ = &runner;
  at_.speak_for(runner.lease.server());
  for (std::optional<Runner>& one : runners_) {
    if (one && &*one != &runner) one->active.end(EndReason::local_hedged);
  }
  pause_.end();
  return true;
}

Task<void> Race::run(Runner& runner) {
  runner.result = co_await attempt(at_, runner.lease.server(), runner.active, runner);
  runner.lease.end();
  --running_;
  last_ = &runner;
  pause_.end();
}

AttemptResult Race::outcome() {
  const bool hedge_won = winner_ && winner_ != &*runners_.front();
  if (hedge_won) at_.pool->stats->hedges_won.add();
  const AttemptResult& result = (winner_ ? *winner_ : *last_).result;
  static_cast<ConnectTimes&>(at_.record) = result.times;
  at_.record.server = at_.pool->pool.servers()[result.server].name;
  at_.record.upstream_status = result.status;
  return result;
}

}  // namespace

bool may_hedge(const http::RequestHead& request, const RetryRules& rules) noexcept {
  return rules.hedge_after != 0 && !request.has_body && http::is_idempotent(request.method) &&
         request.upgrade.size == 0;
}

Task<AttemptResult> race(Attempts& at, pool::Lease first) {
  Race attempts(at);
  attempts.start(std::move(first));
  do {
    co_await attempts.wait_until(at.worker.loop.now() + at.rules->hedge_after);
  } while (attempts.is_open() && attempts.add());
  co_await attempts.join();
  co_return attempts.outcome();
}

}  // namespace lintel::proxy
