#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.h"
#include "config/model.h"
#include "lintel/balancer.h"
#include "pool/lease.h"
#include "pool/queue.h"
#include "pool/server.h"
#include "pool/shared.h"
#include "pool/tiers.h"

namespace lintel::pool {

/// One server of a pool, as one generation of one worker sees it.
struct Server {
  std::string name;                      ///< "10.0.0.1:8080", "api.example:8080@10.0.0.1".
  std::shared_ptr<ServerState> state;    ///< This worker's own.
  std::shared_ptr<SharedServer> shared;  ///< All workers'.
};

/// What a pool is made of, beside its configuration.
struct PoolParts {
  std::span<const SocketAddress> addresses;  ///< Of config.servers, in their order.
  ServerStates& states;
  SharedPools& shared;
  std::uint64_t seed = 0;  ///< Spreads the workers over the servers.
  /// Tells connections apart that are not the same although they go to the same address
  /// (ClientContext::identity; empty: plain).
  std::string_view tls_identity{};
  std::string_view zone{};  ///< This process's; empty: not known.
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

  /// Shared by all workers.
  [[nodiscard]] RetryBudget& retry_budget() noexcept { return shared_->retry_budget; }

  /// A place with the server for the next attempt, or none: the pool's circuit breaker refuses it
  /// (Lease::refusal), no server can take it now, or others wait for a place already (can_wait). `own`: the
  /// server that the request belongs to by its cookie; it has that one, also while it is drained, or waits
  /// for it where it has its max_connections, unless it is gone or was tried, or a circuit breaker refuses
  /// it.
  [[nodiscard]] Lease take(const PickContext& context,
                           std::optional<std::uint32_t> own = std::nullopt) noexcept {
    return limited_ && shared_->waiting() != 0 ? Lease() : take_now(context, own);
  }
  /// The same without regard to who waits.
  [[nodiscard]] Lease take_now(const PickContext& context, std::optional<std::uint32_t> own) noexcept;
  /// After take() gave none: whether a Waiter may get a place, since a server is only full, or all that there
  /// are wait for the end of their first health check.
  [[nodiscard]] bool can_wait(const PickContext& context, std::optional<std::uint32_t> own) noexcept {
    return is_only_full(context, own) || is_unchecked();
  }
  /// After take() gave none: whether a server is only full.
  [[nodiscard]] bool is_only_full(const PickContext& context, std::optional<std::uint32_t> own) noexcept {
    return limited_ && has_usable(context, own);
  }
  /// Whether the server may still serve what belongs to it: up, not in maintenance, and not refused by its
  /// circuit breaker.
  [[nodiscard]] bool serves_own(std::uint32_t server, Nanos now) const noexcept;
  [[nodiscard]] Queue& queue() noexcept { return *queue_; }

  [[nodiscard]] const Tiers& tiers() const noexcept { return tiers_; }
  /// Whether new requests go to the server at `now`, as far as its group, its zone and its state say.
  [[nodiscard]] bool is_used(std::uint32_t server, Nanos now) noexcept {
    refresh(now);
    return candidates_[server].weight != 0;
  }

  /// Takes note of how long the server took to begin its answer (TCP: to be reached), for balancers that ask
  /// for it. A failure counts as kFailed, or what it took if that is longer: to fail fast is no merit.
  static constexpr Nanos kFailed = 1'000'000'000;
  void note_latency(std::uint32_t server, Nanos took, Nanos now) noexcept;

  /// What became of an attempt with that server: may eject it, and open or close circuit breakers. Who has a
  /// lease calls it at most once for it, and not at all where the outcome tells nothing of the server.
  void note(std::uint32_t server, const Outcome& outcome) noexcept;
  /// How long the pool's circuit breaker will let nothing through; 0: it is not open.
  [[nodiscard]] Nanos closed_for(Nanos now) const noexcept;

  /// An idle connection to that server, or null: then the caller connects. See ServerState::take_idle for
  /// `probe`.
  [[nodiscard]] http::H1ClientPtr checkout(std::uint32_t server, bool probe) {
    return servers_[server].state->take_idle(probe);
  }
  /// Notes that the server had ended an idle connection before it took a request.
  void note_dead(std::uint32_t server, const http::H1ClientConnection& connection) noexcept {
    servers_[server].state->note_dead(connection);
  }
  /// Keeps a connection for the next request if it can be used again, else closes it.
  void checkin(std::uint32_t server, http::H1ClientPtr connection);

 private:
  // Who may be chosen (pool.cc)
  void refresh(Nanos now) {
    if (shared_->epoch() != seen_epoch_ || now >= look_again_at_) look(now);
  }
  void note_group(std::uint32_t group);
  [[nodiscard]] bool has_usable(const PickContext& context, std::optional<std::uint32_t> own) noexcept;
  [[nodiscard]] bool is_unchecked() const noexcept;
  [[nodiscard]] bool is_full_by_breaker(std::uint32_t server) const noexcept;
  [[nodiscard]] std::optional<std::uint32_t> spare(const PickContext& context) const noexcept;
  void look(Nanos now);
  [[nodiscard]] std::uint32_t full_weight(std::uint32_t server) const noexcept;
  [[nodiscard]] bool is_member(std::uint32_t server) const noexcept;
  [[nodiscard]] std::uint32_t weight_now(std::uint32_t server, Nanos now);
  [[nodiscard]] std::uint32_t slow_start_share(std::uint32_t server, Nanos now);
  void look_for_panic(Nanos now);
  [[nodiscard]] bool admits(std::uint32_t server, Nanos now) noexcept;
  [[nodiscard]] std::optional<Refusal> enter(Nanos now) noexcept;
  [[nodiscard]] bool passes_breaker(Nanos now) noexcept;
  [[nodiscard]] Lease take_server(const PickContext& context, std::optional<std::uint32_t> own) noexcept;

  // What traffic shows (pool_note.cc)
  void eject(std::uint32_t server, Cause cause, const Outcome& outcome) noexcept;
  [[nodiscard]] bool may_eject(std::uint32_t server, Nanos now) const noexcept;
  void note_breaker(std::uint32_t server, const Outcome& outcome) noexcept;
  void note_pool_breaker(const Outcome& outcome) noexcept;

  const config::Pool& config_;
  std::vector<Server> servers_;
  std::shared_ptr<SharedPool> shared_;
  std::vector<Candidate> candidates_;  ///< In the order of `servers_`.
  std::unique_ptr<Balancer> balancer_;
  Tiers tiers_;
  std::vector<std::uint32_t> standby_;  ///< By server: its weight if it were used, where there are tiers.
  bool limited_ = false;                ///< Some server has max_connections.
  std::shared_ptr<Queue> queue_;
  std::uint64_t seen_epoch_ = 0;
  Nanos look_again_at_ = kNever;  ///< When time alone changes something.
  bool panics_ = false;           ///< All are used, since too few are well.
};

}  // namespace lintel::pool
