// What a pool does with what becomes of its requests: outlier ejection and circuit breakers.

#include <chrono>

#include "base/log.h"
#include "config/units.h"
#include "pool/pool.h"

namespace lintel::pool {
namespace {

/// Workers' clocks turn with their loops: who has returned for one may still be ejected for another, which
/// must not see more ejected than the greatest share.
constexpr Nanos kClockSkew = 100'000'000;

std::string words(Nanos duration) {
  return config::format_duration(
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::nanoseconds(duration)));
}

/// What went wrong with the last one, for the log.
std::string last_failure(const Outcome& outcome) {
  if (outcome.status != 0) return "answered " + std::to_string(outcome.status);
  return std::string(outcome.reason);
}

std::string why(Cause cause, const config::Outlier& rules, const Outcome& outcome) {
  const std::string window = config::format_duration(rules.window);
  switch (cause) {
    case Cause::failures_in_row:
      return std::to_string(rules.consecutive_failures) +
             " failures in a row, the last: " + last_failure(outcome);
    case Cause::failure_ratio:
      return "at least " + std::to_string(*rules.failure_ratio) + "% of the attempts within " + window +
             " failed, the last: " + last_failure(outcome);
    case Cause::latency:
      break;
  }
  return "more than half of the answers within " + window + " took longer than " +
         config::format_duration(*rules.latency) + " to begin";
}

}  // namespace

/// Whether one more server may go: not more than the greatest share, and never the last that can be used.
bool Pool::may_eject(std::uint32_t server, Nanos now) const noexcept {
  std::uint64_t members = 0;
  std::uint64_t ejected = 1;
  bool leaves_one = false;
  for (std::uint32_t i = 0; i < candidates_.size(); ++i) {
    const SharedServer& shared = *servers_[i].shared;
    if (candidates_[i].full_weight == 0) continue;
    ++members;
    if (i == server) continue;
    const Nanos until = shared.ejected_until();
    if (until != 0 && until + kClockSkew > now) ++ejected;
    if (shared.is_available(now)) {
      const bool shut = config_.circuit_breaker.server && shared.breaker.state(now) != Breaker::State::closed;
      leaves_one |= !shut;
    }
  }
  return leaves_one && ejected * 100 <= members * config_.outlier.max_ejected;
}

void Pool::eject(std::uint32_t server, Cause cause, const Outcome& outcome) noexcept {
  if (!shared_->begin_judging()) return;
  SharedServer& shared = *servers_[server].shared;
  const Nanos now = outcome.now;
  if (shared.ejected_until() <= now && may_eject(server, now)) {
    const Nanos lasts = next_ejection(shared.seen, config_.outlier, shared.returned_at(), now);
    shared.seen.ejections[static_cast<std::size_t>(cause)].fetch_add(1, std::memory_order_relaxed);
    shared.eject(now + lasts);
    log::warn({{"pool", config_.name}, {"server", servers_[server].name}}, "ejected for {}: {}", words(lasts),
              why(cause, config_.outlier, outcome));
  }
  shared_->end_judging();
}

void Pool::note_breaker(std::uint32_t server, const Outcome& outcome) noexcept {
  const config::Breaker& rules = *config_.circuit_breaker.server;
  SharedServer& shared = *servers_[server].shared;
  const log::Fields fields = {{"pool", config_.name}, {"server", servers_[server].name}};
  switch (shared.breaker.note(rules, outcome.good, outcome.begun, outcome.now)) {
    case Breaker::Change::none:
      return;
    case Breaker::Change::opened: {
      const Window::Sums sums = shared.breaker.sums(rules, outcome.now);
      log::warn(fields, "its circuit breaker opens for {}: {} of {} attempts within {} failed, the last: {}",
                config::format_duration(rules.open_for), sums.bad, sums.total,
                config::format_duration(rules.window), last_failure(outcome));
      return shared_->changed();
    }
    case Breaker::Change::reopened:
      log::warn(fields, "its circuit breaker opens for {} again: a probe failed: {}",
                config::format_duration(rules.open_for), last_failure(outcome));
      return shared_->changed();
    case Breaker::Change::closed:
      log::info(fields, "its circuit breaker closes: {} probes succeeded", rules.probes);
      return shared.come_back(outcome.now);
  }
}

void Pool::note_pool_breaker(const Outcome& outcome) noexcept {
  const config::Breaker& rules = *config_.circuit_breaker.pool;
  switch (shared_->breaker.note(rules, outcome.good, outcome.begun, outcome.now)) {
    case Breaker::Change::none:
      return;
    case Breaker::Change::opened: {
      const Window::Sums sums = shared_->breaker.sums(rules, outcome.now);
      return log::warn(
          {{"pool", config_.name}},
          "the pool's circuit breaker opens for {}: {} of {} attempts within {} failed, the last: "
          "{}",
          config::format_duration(rules.open_for), sums.bad, sums.total,
          config::format_duration(rules.window), last_failure(outcome));
    }
    case Breaker::Change::reopened:
      return log::warn({{"pool", config_.name}},
                       "the pool's circuit breaker opens for {} again: a probe failed: {}",
                       config::format_duration(rules.open_for), last_failure(outcome));
    case Breaker::Change::closed:
      return log::info({{"pool", config_.name}}, "the pool's circuit breaker closes: {} probes succeeded",
                       rules.probes);
  }
}

void Pool::note(std::uint32_t server, const Outcome& outcome) noexcept {
  SharedServer& shared = *servers_[server].shared;
  if (config_.circuit_breaker.server) note_breaker(server, outcome);
  if (config_.circuit_breaker.pool) note_pool_breaker(outcome);
  // What began before the server was away tells nothing of it now.
  if (!config_.outlier.enabled || outcome.begun < shared.returned_at()) return;
  if (const std::optional<Cause> cause = note_outcome(shared.seen, config_.outlier, outcome)) {
    eject(server, *cause, outcome);
  }
}

}  // namespace lintel::pool
