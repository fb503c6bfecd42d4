#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.h"
#include "http/workspace.h"
#include "net/datagram.h"
#include "net/loop.h"
#include "net/socket.h"
#include "pool/pool.h"
#include "proxy/access_log.h"
#include "proxy/mirror.h"
#include "proxy/retry_rules.h"
#include "proxy/snapshot.h"
#include "proxy/stats.h"
#include "proxy/sticky.h"
#include "route/rewrite.h"
#include "route/router.h"
#include "route/sni_router.h"

namespace lintel::proxy {

struct Generation;

/// What one worker owns for as long as it runs. Everything in it is used on the worker's thread only, but for
/// the statistics, which any thread may sum.
struct WorkerContext {
  WorkerContext(net::Loop& l, net::Connector& c, WorkerStats& s, std::uint64_t seed)
      : loop(l), connector(c), stats(s), workspace(l, seed), server_states(l) {}
  WorkerContext(const WorkerContext&) = delete;
  WorkerContext& operator=(const WorkerContext&) = delete;

  net::Loop& loop;
  net::Connector& connector;
  WorkerStats& stats;
  http::Workspace workspace;
  Buffer scratch;  ///< For texts that are made and used up before anything suspends.
  pool::ServerStates server_states;
  /// The process's; one of its own until told otherwise.
  std::shared_ptr<pool::SharedPools> shared_pools = std::make_shared<pool::SharedPools>();
  log::RateLimit handshake_errors{1};
  log::RateLimit queue_warnings{1};
  log::RateLimit budget_warnings{1, 10'000'000'000};
  std::unique_ptr<net::DatagramBatch> datagrams;  ///< Null until the worker receives any.
  std::unique_ptr<AccessLog> access_log;          ///< Null: none is written.
  std::shared_ptr<const Generation> generation;   ///< The one that new transactions begin with.
  Mirrors mirrors{*this};
};

/// A pool and where its figures are counted.
struct PoolContext {
  pool::Pool pool;
  const tls::ClientContext* tls;  ///< Null: plain.
  std::shared_ptr<PoolStats> stats;
  std::vector<std::shared_ptr<ServerStats>> server_stats;  ///< In the order of pool.servers().
  std::optional<StickyCookie> sticky{};
  RetryRules retry{};
  bool uses_budget = false;  ///< Whether its requests are counted for its retry budget.

  /// Why pool.take() gives no server.
  [[nodiscard]] EndReason no_server() const noexcept {
    return pool.servers().empty() ? EndReason::pool_empty : EndReason::pool_no_server;
  }
};

/// A pool of a split, and the sum of the weights up to and with its own.
struct SplitPart {
  PoolContext* pool;
  std::uint64_t up_to;
};

/// What a route does beyond passing requests to its pool, with everything resolved that it names.
struct RouteActions {
  std::vector<SplitPart> split;                  ///< Empty: everything goes to the route's pool.
  route::Template split_key;                     ///< Empty: chance decides.
  PoolContext* fallback = nullptr;               ///< For what cannot reach a server of the others.
  std::optional<RetryRules> retry;               ///< In place of the pool's.
  PoolContext* mirror = nullptr;                 ///< Gets copies of a share of the requests; null: none.
  std::optional<route::Conditions> fault_match;  ///< Which requests the fault is for; without: none.
  route::Rewrite rewrite;
  route::HeaderEdits request_edits;
  route::HeaderEdits response_edits;
};

/// A route. What every request looks at fits two neighbouring cache lines, for among ten thousand routes none
/// stays in the cache for long.
struct alignas(128) RouteContext {
  PoolContext* pool = nullptr;                          ///< Of a split, the first; null: answered here.
  std::unique_ptr<const RouteActions> actions;          ///< Null: only passes requests on.
  const config::RouteTimeouts* own_timeouts = nullptr;  ///< In place of the pool's; null: none.
  std::uint64_t body_limit = 0;                         ///< Bytes; 0: none.
  std::shared_ptr<RouteStats> stats;                    ///< Of http listeners; else null.
  std::string_view name;                                ///< In the configuration.
  const config::Route* config = nullptr;   ///< Null: the listener's `pool`, or what no route matches.
  std::shared_ptr<SessionStats> sessions;  ///< Of tcp and udp listeners; else null.
  std::string_view hsts;                   ///< Strict-Transport-Security of answers over TLS; empty: none.
  std::string_view proxy_status;           ///< What Proxy-Status fields call this proxy; empty: none.

  /// The timeouts towards the servers of `of`, one of its pools.
  [[nodiscard]] config::PoolTimeouts timeouts(const PoolContext& of) const noexcept;
  [[nodiscard]] const RetryRules& retry_rules(const PoolContext& of) const noexcept {
    return actions && actions->retry ? *actions->retry : of.retry;
  }
  [[nodiscard]] std::span<const SplitPart> split() const noexcept {
    return actions ? std::span(actions->split) : std::span<const SplitPart>();
  }
  [[nodiscard]] PoolContext* fallback() const noexcept { return actions ? actions->fallback : nullptr; }
  [[nodiscard]] PoolContext* mirror() const noexcept { return actions ? actions->mirror : nullptr; }
};
static_assert(sizeof(RouteContext) == 128);

/// A listener's part of a generation.
struct ListenerContext {
  ListenerContext(const config::Listener& c, http::ServerSettings s)
      : config(c), settings(s), tls_settings(s), router(c.routes), sni_router(c.routes) {
    tls_settings.rules.default_port = 443;
    asks_for_fields = router.asks_for(route::Condition::Kind::header);
  }

  const config::Listener& config;
  const tls::ServerContext* tls = nullptr;  ///< Null: plain.
  http::ServerSettings settings;
  http::ServerSettings tls_settings;  ///< Where the connection is TLS.
  route::Router router;
  route::SniRouter sni_router;
  bool asks_for_fields = false;      ///< Whether any route asks for header fields,
  bool asks_for_subject = false;     ///< or for the subject of the client's certificate.
  std::string hsts;                  ///< Strict-Transport-Security of answers over TLS; empty: none.
  std::vector<RouteContext> routes;  ///< As config.routes, then the listener's own pool, or none.
  std::shared_ptr<ListenerStats> stats;

  /// The route for a request; the last one, which may have no pool, when no other matches.
  [[nodiscard]] const RouteContext& route_for(const route::RequestView& request) const noexcept;
  /// The same for a connection whose TLS is passed through, by the name that it asks for (empty: none).
  [[nodiscard]] const RouteContext& route_for_name(std::string_view server_name) const noexcept;
  [[nodiscard]] bool passes_tls() const noexcept {
    return config.tls && config.tls->mode == config::TlsMode::passthrough;
  }
  /// Whether plain requests are redirected to another port.
  [[nodiscard]] bool sends_to_https() const noexcept {
    return config.https_only && config.https_only->enabled;
  }
  [[nodiscard]] bool trusts(const SocketAddress& peer) const noexcept;
};

/// One configuration as one worker runs it. Built from a snapshot on the worker's thread, held by the worker
/// while it is the newest and by each transaction that began with it; gone when the last of them is.
struct Generation {
  /// Builds everything that requests will need. Allocates; takes the statistics' lock.
  static std::shared_ptr<const Generation> build(std::shared_ptr<const Snapshot> snapshot,
                                                 WorkerContext& worker);

  /// The listener of that name, or null.
  [[nodiscard]] const ListenerContext* listener(std::string_view name) const noexcept;

  std::shared_ptr<const Snapshot> snapshot;
  std::vector<std::unique_ptr<PoolContext>> pools;
  std::vector<std::unique_ptr<ListenerContext>> listeners;
};

}  // namespace lintel::proxy
