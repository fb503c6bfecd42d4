#include "pool/pool.h"

#include <algorithm>
#include <optional>

#include "base/log.h"
#include "pool/hash_ring.h"
#include "pool/least_conn.h"
#include "pool/maglev.h"
#include "pool/peak_ewma.h"
#include "pool/random_choice.h"
#include "pool/round_robin.h"

namespace lintel::pool {
namespace {

/// Weights as balancers see them are in hundredths.
constexpr std::uint32_t kHundred = 100;
/// In which a slow start's share grows.
constexpr Nanos kSteps = 20;

/// The lower one of two limits, of which 0 is none.
std::uint32_t lower(std::uint32_t a, std::uint32_t b) noexcept {
  if (a == 0 || b == 0) return std::max(a, b);
  return std::min(a, b);
}

std::unique_ptr<Balancer> make_balancer(const config::Balance& balance, std::uint64_t seed) {
  switch (balance.type) {
    case config::BalanceType::round_robin:
      return std::make_unique<RoundRobin>(static_cast<std::uint32_t>(seed >> 32));
    case config::BalanceType::least_conn:
      return std::make_unique<LeastConn>(seed >> 32);
    case config::BalanceType::random:
      return std::make_unique<RandomChoice>(seed);
    case config::BalanceType::two_choices:
      return std::make_unique<TwoChoices>(seed);
    case config::BalanceType::consistent_hash:
      return std::make_unique<HashRing>(balance.max_load);
    case config::BalanceType::maglev:
      return std::make_unique<Maglev>();
    case config::BalanceType::peak_ewma:
      return std::make_unique<PeakEwma>(seed);
  }
  return nullptr;
}

}  // namespace

Pool::Pool(const config::Pool& config, const PoolParts& parts)
    : config_(config),
      shared_(parts.shared.pool(config.name)),
      balancer_(make_balancer(config.balance, parts.seed)),
      tiers_(config, parts.zone),
      queue_(std::make_shared<Queue>(parts.states.loop(), *shared_, config.queue.max)) {
  for (std::uint32_t i = 0; i < config.servers.size(); ++i) {
    std::string name = config.servers[i].name();
    std::shared_ptr<SharedServer> shared = shared_->server(name);
    Candidate& candidate = candidates_.emplace_back();
    candidate.load = &shared->load;
    candidate.server = i;
    candidate.id = shared->id();
    candidate.max_in_flight = config.servers[i].max_connections;
    limited_ = limited_ || candidate.max_in_flight != 0;
    if (config.circuit_breaker.server) {
      candidate.max_in_flight = lower(candidate.max_in_flight, config.circuit_breaker.server->max_in_flight);
    }
    servers_.push_back({std::move(name),
                        parts.states.find(config.name, parts.addresses[i], parts.tls_identity),
                        std::move(shared)});
    const Server& server = servers_.back();
    server.state->share(std::shared_ptr<IdleLimit>(server.shared, &server.shared->idle_limit));
    candidates_[i].full_weight = full_weight(i);
  }
}

std::uint32_t Pool::full_weight(std::uint32_t server) const noexcept {
  return servers_[server].shared->weight().value_or(config_.servers[server].weight) * kHundred;
}

/// Whether configuration and operator let it be used.
bool Pool::is_member(std::uint32_t server) const noexcept {
  const Server& one = servers_[server];
  return candidates_[server].full_weight != 0 && one.shared->admin() == AdminState::ready;
}

/// The share that a server gets now. Notes when time alone will change it.
std::uint32_t Pool::weight_now(std::uint32_t server, Nanos now) {
  if (!is_member(server)) return 0;
  SharedServer& shared = *servers_[server].shared;
  if (shared.end_ejection(now)) {
    log::info({{"pool", config_.name}, {"server", servers_[server].name}}, "back after its ejection");
  }
  const Nanos ejected_until = shared.ejected_until();
  if (ejected_until > now) look_again_at_ = std::min(look_again_at_, ejected_until);
  if (!shared.is_well(now)) return 0;
  if (config_.circuit_breaker.server) {
    const Nanos passable_at = shared.breaker.passable_at(now);
    look_again_at_ = std::min(look_again_at_, passable_at);
    if (passable_at != kNever) return 0;
  }
  return slow_start_share(server, now);
}

/// Its full share, or as much as it has grown to since the server came back. It grows in steps, so that
/// balancers are seldom built anew.
std::uint32_t Pool::slow_start_share(std::uint32_t server, Nanos now) {
  const std::uint32_t full = candidates_[server].full_weight;
  const Nanos whole = to_nanos(config_.slow_start);
  const Nanos began = servers_[server].shared->returned_at();
  if (whole == 0 || began == 0 || began > now || now - began >= whole) return full;
  const Nanos step = (now - began) * kSteps / whole;
  look_again_at_ = std::min(look_again_at_, began + ((step + 1) * whole + kSteps - 1) / kSteps);
  return static_cast<std::uint32_t>(full * (step + 1) / kSteps);
}

/// Where too few servers are well all are used, but for those whose breaker is open and those that wait for
/// their first check, which do not count. One priority group with enough is enough.
void Pool::look_for_panic(Nanos now) {
  struct Sum {
    std::uint32_t members = 0;
    std::uint32_t well = 0;
  };
  std::vector<Sum> groups(candidates_.size());
  Sum all;
  const bool breakers = config_.circuit_breaker.server.has_value();
  for (std::uint32_t i = 0; i < candidates_.size(); ++i) {
    const SharedServer& shared = *servers_[i].shared;
    if (!is_member(i) || shared.health() == Health::unchecked) continue;
    const bool shut = breakers && shared.breaker.state(now) != Breaker::State::closed;
    for (Sum* sum : {&all, &groups[tiers_.group(i)]}) {
      ++sum->members;
      if (shared.is_well(now) && !shut) ++sum->well;
    }
  }
  const auto suffices = [this](const Sum& sum) {
    return sum.members != 0 && sum.well * 100ULL >= sum.members * 1ULL * config_.panic_threshold;
  };
  panics_ = all.members != 0 && std::none_of(groups.begin(), groups.end(), suffices);
  if (shared_->set_panics(panics_)) {
    if (panics_) {
      log::warn({{"pool", config_.name}}, "panic: {} of {} servers are well, less than {}%: all are used",
                all.well, all.members, config_.panic_threshold);
    } else {
      log::info({{"pool", config_.name}}, "the panic is over: {} of {} servers are well", all.well,
                all.members);
    }
  }
  for (std::uint32_t i = 0; panics_ && i < candidates_.size(); ++i) {
    const SharedServer& shared = *servers_[i].shared;
    const bool passable = !breakers || shared.breaker.is_passable(now);
    if (is_member(i) && shared.health() != Health::unchecked && passable)
      candidates_[i].weight = candidates_[i].full_weight;
  }
}

/// Brings what the balancer sees up to date. Allocates; happens when something has changed, not for a pick.
void Pool::look(Nanos now) {
  seen_epoch_ = shared_->epoch();
  look_again_at_ = kNever;
  for (std::uint32_t i = 0; i < candidates_.size(); ++i) {
    candidates_[i].full_weight = full_weight(i);
    candidates_[i].weight = weight_now(i, now);
  }
  look_for_panic(now);
  if (tiers_.any()) {
    standby_.resize(candidates_.size());
    for (std::size_t i = 0; i < candidates_.size(); ++i) standby_[i] = candidates_[i].weight;
    note_group(tiers_.apply(candidates_));
  }
  balancer_->update(candidates_);
}

/// Says, once for all workers, when other servers take over.
void Pool::note_group(std::uint32_t group) {
  const bool any =
      std::any_of(standby_.begin(), standby_.end(), [](std::uint32_t each) { return each != 0; });
  if (!any || !shared_->use_group(group)) return;
  const log::Level level = group == 0 ? log::Level::info : log::Level::warn;
  log::write(level, {{"pool", config_.name}}, "requests now go to {}", tiers_.describe(group));
}

/// Whether the server's breaker lets the request through that is meant for it. Others may have taken the last
/// probe since this worker looked.
bool Pool::admits(std::uint32_t server, Nanos now) noexcept {
  if (!config_.circuit_breaker.server) return true;
  SharedServer& shared = *servers_[server].shared;
  const Breaker::Admission admission = shared.breaker.admit(*config_.circuit_breaker.server, now);
  if (admission == Breaker::Admission::probing) {
    log::info({{"pool", config_.name}, {"server", servers_[server].name}},
              "its circuit breaker lets {} probes through", config_.circuit_breaker.server->probes);
  }
  if (shared.breaker.state(now) != Breaker::State::closed) shared_->changed();
  return admission != Breaker::Admission::refused;
}

/// Counts one more in flight with the pool, unless its breaker refuses that.
std::optional<Refusal> Pool::enter(Nanos now) noexcept {
  const std::uint32_t most = config_.circuit_breaker.pool->max_in_flight;
  if (!shared_->breaker.is_passable(now)) {
    shared_->refused_open.fetch_add(1, std::memory_order_relaxed);
    return Refusal::breaker_open;
  }
  if (shared_->in_flight.fetch_add(1, std::memory_order_relaxed) < most || most == 0) return std::nullopt;
  shared_->in_flight.fetch_sub(1, std::memory_order_relaxed);
  shared_->refused_full.fetch_add(1, std::memory_order_relaxed);
  return Refusal::breaker_full;
}

/// Asks the pool's breaker, when all else is sure: probes are not to be lost.
bool Pool::passes_breaker(Nanos now) noexcept {
  const config::Breaker& rules = *config_.circuit_breaker.pool;
  const Breaker::Admission admission = shared_->breaker.admit(rules, now);
  if (admission == Breaker::Admission::probing) {
    log::info({{"pool", config_.name}}, "the pool's circuit breaker lets {} probes through", rules.probes);
  }
  if (admission != Breaker::Admission::refused) return true;
  shared_->refused_open.fetch_add(1, std::memory_order_relaxed);
  return false;
}

bool Pool::serves_own(std::uint32_t server, Nanos now) const noexcept {
  const Server& one = servers_[server];
  const bool passable = !config_.circuit_breaker.server || one.shared->breaker.is_passable(now);
  return one.shared->admin() != AdminState::down && one.shared->is_well(now) && passable &&
         !is_full_by_breaker(server);
}

/// Whether it is its circuit breaker's max_in_flight that keeps more from it: that is not waited for.
bool Pool::is_full_by_breaker(std::uint32_t server) const noexcept {
  const Candidate& one = candidates_[server];
  return one.is_full() && one.max_in_flight != config_.servers[server].max_connections;
}

/// The server's breaker is asked last, when the place is sure.
Lease Pool::take_server(const PickContext& context, std::optional<std::uint32_t> own) noexcept {
  for (;;) {
    refresh(context.now);
    const bool has_own = own && !context.excludes(candidates_[*own]) && serves_own(*own, context.now);
    std::optional<std::uint32_t> picked = has_own ? own : balancer_->pick(context);
    if (!picked && tiers_.any()) picked = spare(context);
    if (!picked) return {};
    const Candidate& candidate = candidates_[*picked];
    SharedServer& shared = *servers_[candidate.server].shared;
    // False: it is full, of which the balancer knew if another worker has not taken the last place meanwhile.
    if (!shared.take(candidate.max_in_flight)) {
      if (has_own && !is_full_by_breaker(*own)) return {};
      continue;
    }
    Lease lease(shared, candidate.server);
    if (!admits(candidate.server, context.now)) continue;
    if (panics_) shared_->panic_picks.fetch_add(1, std::memory_order_relaxed);
    return lease;
  }
}

Lease Pool::take_now(const PickContext& context, std::optional<std::uint32_t> own) noexcept {
  if (!config_.circuit_breaker.pool) return take_server(context, own);
  if (const std::optional<Refusal> refusal = enter(context.now)) return Lease(*refusal);
  Lease lease = take_server(context, own);
  if (lease && passes_breaker(context.now)) {
    lease.count_in_pool();
    return lease;
  }
  shared_->in_flight.fetch_sub(1, std::memory_order_relaxed);
  return lease ? Lease(Refusal::breaker_open) : Lease();
}

/// Who stands by for a request that the servers in use have all failed: those of the next group, or of
/// another zone. O(n); of several the one with the least in flight for its weight.
std::optional<std::uint32_t> Pool::spare(const PickContext& context) const noexcept {
  std::optional<std::uint32_t> best;
  const auto load_of = [this](std::uint32_t i) {
    return static_cast<double>(candidates_[i].in_flight()) / standby_[i];
  };
  for (std::uint32_t i = 0; i < candidates_.size(); ++i) {
    const Candidate& one = candidates_[i];
    // One that is in use, and was not tried, is only full: that is no reason to go elsewhere.
    if (one.weight != 0 && !context.excludes(one)) return std::nullopt;
    if (standby_[i] == 0 || context.excludes(one) || one.is_full()) continue;
    const bool better = !best || tiers_.group(i) < tiers_.group(*best) ||
                        (tiers_.group(i) == tiers_.group(*best) && load_of(i) < load_of(*best));
    if (better) best = i;
  }
  return best;
}

bool Pool::has_usable(const PickContext& context, std::optional<std::uint32_t> own) noexcept {
  refresh(context.now);
  if (own && !context.excludes(candidates_[*own]) && serves_own(*own, context.now)) return true;
  return std::any_of(candidates_.begin(), candidates_.end(), [&](const Candidate& one) {
    return !context.excludes(one) && (one.weight != 0 || (tiers_.any() && standby_[one.server] != 0));
  });
}

/// Whether no server is in use, and some are only because their first check has not ended.
bool Pool::is_unchecked() const noexcept {
  bool any = false;
  for (std::uint32_t i = 0; i < candidates_.size(); ++i) {
    if (candidates_[i].weight != 0) return false;
    any = any || (is_member(i) && servers_[i].shared->health() == Health::unchecked);
  }
  return any;
}

void Pool::note_latency(std::uint32_t server, Nanos took, Nanos now) noexcept {
  if (config_.balance.type != config::BalanceType::peak_ewma) return;
  pool::note_latency(servers_[server].shared->load, static_cast<double>(took) / 1e9, now);
}

Nanos Pool::closed_for(Nanos now) const noexcept {
  if (!config_.circuit_breaker.pool) return 0;
  const Nanos passable_at = shared_->breaker.passable_at(now);
  return passable_at == kNever ? 0 : passable_at - now;
}

void Pool::checkin(std::uint32_t server, http::H1ClientPtr connection) {
  if (!connection->reusable()) return;
  const config::PoolKeepalive& keepalive = config_.keepalive;
  servers_[server].state->put_idle(std::move(connection), to_nanos(keepalive.idle), keepalive.max_idle);
}

}  // namespace lintel::pool
