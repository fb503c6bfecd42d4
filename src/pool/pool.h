#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.h"
#include "config/model.h"
#include "lintel/balancer.h"
#include "pool/lease.h"
#include "pool/server.h"
#include "pool/shared.h"

namespace lintel::pool {

/// One server of a pool, as one generation of one worker sees it.
struct Server {
  std::string name;                      ///< As configured: "10.0.0.1:8080".
  std::shared_ptr<ServerState> state;    ///< This worker's own.
  std::shared_ptr<SharedServer> shared;  ///< All workers'.
};

/// What a pool is made of, beside its configuration.
struct PoolParts {
  std::span<const SocketAddress> addresses;  ///< Of config.servers, in their order; empty: not resolved.
  ServerStates& states;
  SharedPools& shared;
  std::uint64_t seed = 0;  ///< Spreads the workers over the servers.
  /// Tells connections apart that are not the same although they go to the same address
  /// (ClientContext::identity; empty: plain).
  std::string_view tls_identity{};
};

/// A named set of servers and the way to choose among them. Belongs to one generation of one worker.
class Pool {
 public:
  /// `config` must outlive the pool.
  Pool(const config::Pool& config, const PoolParts& parts);

  [[nodiscard]] const config::Pool& config() const noexcept { return config_; }
  [[nodiscard]] const std::vector<Server>& servers() const noexcept { return servers_; }

  /// Whether PickContext::hash matters.
  [[nodiscard]] bool hashes() const noexcept { return config_.balance.hashes(); }

  /// A place with the server for the next attempt, or none: no server can take it.
  [[nodiscard]] Lease take(const PickContext& context) noexcept;

  /// An idle connection to that server, or null: then the caller connects. See ServerState::take_idle for
  /// `probe`.
  [[nodiscard]] http::H1ClientPtr checkout(std::uint32_t server, bool probe) {
    return servers_[server].state->take_idle(probe);
  }
  /// Keeps a connection for the next request if it can be used again, else closes it.
  void checkin(std::uint32_t server, http::H1ClientPtr connection);

 private:
  void look(Nanos now);
  [[nodiscard]] std::uint32_t weight_now(std::uint32_t server, Nanos now);

  const config::Pool& config_;
  std::vector<Server> servers_;
  std::shared_ptr<SharedPool> shared_;
  std::vector<Candidate> candidates_;  ///< In the order of `servers_`.
  std::unique_ptr<Balancer> balancer_;
  std::uint64_t seen_epoch_ = 0;
  Nanos look_again_at_ = kNever;  ///< When time alone changes something.
};

}  // namespace lintel::pool
