#include "pool/pool.h"

namespace lintel::pool {

Pool::Pool(const config::Pool& config, std::span<const SocketAddress> addresses, ServerStates& states,
           std::uint64_t start, std::string_view tls_identity)
    : config_(config) {
  std::vector<std::uint32_t> weights;
  for (std::size_t i = 0; i < config.servers.size(); ++i) {
    servers_.push_back(
        {config.servers[i].address.to_string(), states.find(config.name, addresses[i], tls_identity)});
    weights.push_back(addresses[i].empty() ? 0 : config.servers[i].weight);
  }
  balancer_ = std::make_unique<RoundRobin>(weights, start);
}

void Pool::checkin(std::uint32_t server, http::H1ClientPtr connection) {
  if (!connection->reusable()) return;
  const config::PoolKeepalive& keepalive = config_.keepalive;
  servers_[server].state->put_idle(std::move(connection), to_nanos(keepalive.idle), keepalive.max_idle);
}

}  // namespace lintel::pool
