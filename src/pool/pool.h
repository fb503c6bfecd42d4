#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.h"
#include "config/model.h"
#include "pool/balancer.h"
#include "pool/server.h"

namespace lintel::pool {

/// One server of a pool, as one generation of one worker sees it.
struct Server {
  std::string name;  ///< As configured: "10.0.0.1:8080".
  std::shared_ptr<ServerState> state;
};

/// A named set of servers and the way to choose among them. Belongs to one generation of one worker.
class Pool {
 public:
  /// `config` must outlive the pool. `addresses`: of config.servers, in their order, empty where a name is
  /// not resolved; such a server gets nothing. `tls_identity` tells connections apart that are not the
  /// same although they go to the same address (ClientContext::identity; empty: plain). `start` spreads the
  /// workers over the servers.
  Pool(const config::Pool& config, std::span<const SocketAddress> addresses, ServerStates& states,
       std::uint64_t start, std::string_view tls_identity = {});

  [[nodiscard]] const config::Pool& config() const noexcept { return config_; }
  [[nodiscard]] std::vector<Server>& servers() noexcept { return servers_; }
  /// The index of the server for the next attempt, or nothing. `tried`: indices not to choose again.
  [[nodiscard]] std::optional<std::uint32_t> pick(std::span<const std::uint32_t> tried) noexcept {
    return balancer_->pick(tried);
  }
  /// An idle connection to that server, or null: then the caller connects. See ServerState::take_idle for
  /// `probe`.
  [[nodiscard]] http::H1ClientPtr checkout(std::uint32_t server, bool probe) {
    return servers_[server].state->take_idle(probe);
  }
  /// Keeps a connection for the next request if it can be used again, else closes it.
  void checkin(std::uint32_t server, http::H1ClientPtr connection);

 private:
  const config::Pool& config_;
  std::vector<Server> servers_;
  std::unique_ptr<Balancer> balancer_;
};

}  // namespace lintel::pool
