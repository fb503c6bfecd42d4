#include "health/checks.h"

#include <algorithm>
#include <cassert>

#include "base/log.h"

namespace lintel::health {
namespace {

using net::Task;

constexpr std::uint64_t kParts = 1 << 20;  ///< How finely chance divides a time.

}  // namespace

/// One server under watch. Its task holds it, and so does the map until it is to end.
struct Checks::Watch {
  Watch(net::Loop& loop, Target t, const Tracker::Settings& settings)
      : target(std::move(t)), tracker(settings), pause(loop) {}

  Target target;
  Tracker tracker;
  Findings findings;
  net::Pause pause;
  Nanos first_wait = 0;
  Nanos begun = 0;         ///< The last check.
  Probe* probe = nullptr;  ///< While one is under way.
  bool is_spread = false;  ///< Its checks come at a time of their own.
  bool stopped = false;
};

Checks::~Checks() {
  assert(scope_.count() == 0);
}

void Checks::update(std::vector<Target> targets) {
  std::map<Key, std::shared_ptr<Watch>> before = std::exchange(watches_, {});
  for (Target& target : targets) {
    const Key key(target.subject.pool, target.subject.server);
    if (watches_.contains(key)) continue;  // Listed twice.
    const auto found = before.find(key);
    if (found == before.end()) {
      begin(key, std::move(target), nullptr);
      continue;
    }
    const std::shared_ptr<Watch> old = std::move(found->second);
    before.erase(found);
    if (old->target.subject.is_same_check(target.subject)) {
      watches_.emplace(key, old);
      continue;
    }
    end(*old);
    begin(key, std::move(target), old.get());
  }
  for (const auto& [key, old] : before) {
    end(*old);
    old->target.shared->set_health(pool::Health::up, tools_.loop.now());
  }
}

/// `before`: how the server was checked until now; null: it was not.
void Checks::begin(const Key& key, Target target, const Watch* before) {
  const config::HealthCheck& check = target.subject.check;
  Tracker::Settings settings{.rise = check.rise, .fall = check.fall, .is_new = target.is_new};
  settings.begin = target.shared->health();
  if (before) {
    settings.is_new = !before->tracker.was_checked() && before->target.is_new;
  } else if (target.is_new) {
    settings.begin = check.initial == config::InitialHealth::up ? pool::Health::up : pool::Health::unchecked;
  }
  target.is_new = settings.is_new;
  target.shared->set_health(settings.begin, tools_.loop.now());
  auto added = std::make_shared<Watch>(tools_.loop, std::move(target), settings);
  if (before) added->findings = before->findings;
  // Whoever waits for its first requests is checked at once; the others have time.
  added->is_spread = !settings.is_new;
  if (added->is_spread) added->first_wait = some_of(to_nanos(check.interval));
  watches_.insert_or_assign(key, added);
  scope_.spawn(watch(std::move(added)));
}

void Checks::end(Watch& watch) noexcept {
  watch.stopped = true;
  watch.pause.end();
  if (watch.probe) watch.probe->cancel();
}

void Checks::stop() noexcept {
  for (const auto& [key, watch] : watches_) end(*watch);
  watches_.clear();
}

const Findings* Checks::findings(const Key& key) const {
  const auto found = watches_.find(key);
  return found == watches_.end() ? nullptr : &found->second->findings;
}

Task<void> Checks::watch(std::shared_ptr<Watch> watch) {
  co_await tools_.loop.yield();  // Whoever asks for it has more to do first.
  if (watch->first_wait > 0 && !watch->stopped) co_await watch->pause.wait(watch->first_wait);
  while (!watch->stopped) {
    co_await slots_.take();
    if (!watch->stopped) co_await check(*watch);
    slots_.give();
    if (!watch->stopped) co_await watch->pause.wait(until_next(*watch));
  }
}

Task<void> Checks::check(Watch& watch) {
  watch.begun = tools_.loop.now();
  Probe probe(tools_, watch.target.subject);
  watch.probe = &probe;
  Outcome outcome = co_await probe.run();
  watch.probe = nullptr;
  if (!watch.stopped) note(watch, std::move(outcome));
}

void Checks::note(Watch& watch, Outcome outcome) {
  const bool was_up = watch.tracker.health() == pool::Health::up;
  const bool is_first = !watch.tracker.was_checked();
  const bool changed = watch.tracker.note(outcome.passed);
  const bool is_up = watch.tracker.health() == pool::Health::up;
  Findings& findings = watch.findings;
  ++(outcome.passed ? findings.passed : findings.failed);
  findings.last_at = tools_.loop.now();
  findings.last_duration = findings.last_at - watch.begun;
  findings.last = std::move(outcome);
  const Subject& subject = watch.target.subject;
  const log::Field pool{"pool", subject.pool};
  const log::Field server{"server", subject.server};
  if (changed) watch.target.shared->set_health(watch.tracker.health(), tools_.loop.now());
  if (is_up != was_up) {
    ++(is_up ? findings.went_up : findings.went_down);
    if (is_up) {
      log::info({pool, server}, "the server is up: {}", findings.last.reason);
    } else {
      log::warn({pool, server}, "the server is down: {}", findings.last.reason);
    }
  } else if (is_first && !is_up) {
    log::warn({pool, server}, "the server stays down: {}", findings.last.reason);
  } else if (watch.tracker.contradictions() == 1) {
    log::debug({pool, server}, "a check says otherwise: {}", findings.last.reason);
  }
}

/// From 0 to `length`, by chance.
Nanos Checks::some_of(Nanos length) {
  return length / static_cast<Nanos>(kParts) * static_cast<Nanos>(random_.below(kParts));
}

/// How long to wait after a check. Intervals are from beginning to beginning.
Nanos Checks::until_next(Watch& watch) {
  const config::HealthCheck& settings = watch.target.subject.check;
  Nanos length = to_nanos(settings.interval);
  if (watch.tracker.contradictions() != 0) {
    length = std::min(length, to_nanos(settings.fast_interval));
  } else if (!std::exchange(watch.is_spread, true)) {
    length = some_of(length);  // What began all at once goes on at different times.
  }
  const Nanos jitter = length / 100 * static_cast<Nanos>(settings.jitter);
  length += some_of(2 * jitter) - jitter;
  return std::max<Nanos>(watch.begun + length - tools_.loop.now(), 0);
}

}  // namespace lintel::health
