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
  for (std::size_t i = 0; i < config.servers.size(); ++i) {
    std::string name = config.servers[i].address.to_string();
    std::shared_ptr<SharedServer> shared = shared_->server(name);
    Candidate& candidate = candidates_.emplace_back();
    candidate.load = &shared->load;
    candidate.server = static_cast<std::uint32_t>(i);
    candidate.id = shared->id();
    candidate.max_in_flight = config.servers[i].max_connections;
    limited_ = limited_ || candidate.max_in_flight != 0;
    servers_.push_back({std::move(name),
                        parts.states.find(config.name, parts.addresses[i], parts.tls_identity),
                        std::move(shared)});
  }
}

/// The share that a server gets now. Notes when time alone will change it.
std::uint32_t Pool::weight_now(std::uint32_t server, Nanos now) {
  const Server& one = servers_[server];
  if (one.state->address().empty()) return 0;
  const Nanos ejected_until = one.shared->ejected_until();
  if (ejected_until > now) look_again_at_ = std::min(look_again_at_, ejected_until);
  if (!one.shared->is_available(now)) return 0;
  return candidates_[server].full_weight;
}

/// Brings what the balancer sees up to date. Allocates; happens when something has changed, not for a pick.
void Pool::look(Nanos now) {
  seen_epoch_ = shared_->epoch();
  look_again_at_ = kNever;
  for (std::uint32_t i = 0; i < candidates_.size(); ++i) {
    const SharedServer& shared = *servers_[i].shared;
    candidates_[i].full_weight = shared.weight().value_or(config_.servers[i].weight) * kHundred;
    candidates_[i].weight = weight_now(i, now);
  }
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

bool Pool::serves_own(std::uint32_t server, Nanos now) const noexcept {
  const Server& one = servers_[server];
  return !one.state->address().empty() && one.shared->admin() != AdminState::down && one.shared->is_well(now);
}

Lease Pool::take_now(const PickContext& context, std::optional<std::uint32_t> own) noexcept {
  refresh(context.now);
  if (own && !context.excludes(candidates_[*own]) && serves_own(*own, context.now)) {
    SharedServer& shared = *servers_[*own].shared;
    return shared.take(candidates_[*own].max_in_flight) ? Lease(shared, *own) : Lease();
  }
  for (;;) {
    std::optional<std::uint32_t> picked = balancer_->pick(context);
    if (!picked && tiers_.any()) picked = spare(context);
    if (!picked) return {};
    const Candidate& candidate = candidates_[*picked];
    SharedServer& shared = *servers_[candidate.server].shared;
    // False: another worker has taken the last place meanwhile, and the next pick will see that.
    if (shared.take(candidate.max_in_flight)) return {shared, candidate.server};
  }
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

void Pool::note_latency(std::uint32_t server, Nanos took, Nanos now) noexcept {
  if (config_.balance.type != config::BalanceType::peak_ewma) return;
  pool::note_latency(servers_[server].shared->load, static_cast<double>(took) / 1e9, now);
}

void Pool::checkin(std::uint32_t server, http::H1ClientPtr connection) {
  if (!connection->reusable()) return;
  const config::PoolKeepalive& keepalive = config_.keepalive;
  servers_[server].state->put_idle(std::move(connection), to_nanos(keepalive.idle), keepalive.max_idle);
}

}  // namespace lintel::pool
