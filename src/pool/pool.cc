#include "pool/pool.h"

#include <algorithm>
#include <optional>

#include "pool/hash_ring.h"
#include "pool/least_conn.h"
#include "pool/maglev.h"
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
  }
  return nullptr;
}

}  // namespace

Pool::Pool(const config::Pool& config, const PoolParts& parts)
    : config_(config),
      shared_(parts.shared.pool(config.name)),
      balancer_(make_balancer(config.balance, parts.seed)) {
  for (std::size_t i = 0; i < config.servers.size(); ++i) {
    std::string name = config.servers[i].address.to_string();
    std::shared_ptr<SharedServer> shared = shared_->server(name);
    Candidate& candidate = candidates_.emplace_back();
    candidate.load = &shared->load;
    candidate.server = static_cast<std::uint32_t>(i);
    candidate.id = shared->id();
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
  balancer_->update(candidates_);
}

Lease Pool::take(const PickContext& context) noexcept {
  if (shared_->epoch() != seen_epoch_ || context.now >= look_again_at_) look(context.now);
  const std::optional<std::uint32_t> picked = balancer_->pick(context);
  if (!picked) return {};
  const std::uint32_t server = candidates_[*picked].server;
  servers_[server].shared->take();
  return {*servers_[server].shared, server};
}

void Pool::checkin(std::uint32_t server, http::H1ClientPtr connection) {
  if (!connection->reusable()) return;
  const config::PoolKeepalive& keepalive = config_.keepalive;
  servers_[server].state->put_idle(std::move(connection), to_nanos(keepalive.idle), keepalive.max_idle);
}

}  // namespace lintel::pool
