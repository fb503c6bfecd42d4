#pragma once

// Pools: their servers, how one is chosen, and when one is not.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/address.h"
#include "config/model_health.h"
#include "config/model_retry.h"
#include "config/model_values.h"

namespace lintel::config {

enum class BalanceType : std::uint8_t {
  round_robin,
  least_conn,
  random,
  two_choices,
  consistent_hash,
  maglev,
  peak_ewma
};
enum class HashSource : std::uint8_t { address, path, uri };

/// What requests are told apart by, for the balancers by hash. At most one of the texts is given, and then in
/// place of the source.
struct HashKey {
  HashSource source = HashSource::address;
  std::string header;
  std::string cookie;
  std::string query;  ///< A parameter's name.
  Place place;
  friend bool operator==(const HashKey&, const HashKey&) = default;
};

/// How a server is chosen.
struct Balance {
  BalanceType type = BalanceType::two_choices;
  HashKey on;
  std::uint32_t max_load = 0;  ///< Percent of a fair share; 0: any.
  [[nodiscard]] bool hashes() const {
    return type == BalanceType::consistent_hash || type == BalanceType::maglev;
  }
  friend bool operator==(const Balance&, const Balance&) = default;
};

struct Server {
  Endpoint address;
  std::string srv;                    ///< In place of an address: the name of SRV records.
  std::uint32_t weight = 1;           ///< 0: gets nothing.
  std::uint32_t max_connections = 0;  ///< In flight at most, over all workers; 0: no limit.
  std::uint32_t priority = 0;         ///< The group; the least comes first.
  bool backup = false;                ///< In the group after all others.
  std::string zone;                   ///< Empty: in none.
  Place place;
  /// What logs and figures call it.
  [[nodiscard]] std::string name() const { return srv.empty() ? address.to_string() : srv; }
  friend bool operator==(const Server&, const Server&) = default;
};

/// Servers of this process's zone get everything for as long as enough of them can take it.
struct ZonePreference {
  std::uint32_t spill_below = 70;  ///< Percent of the zone's weight.
  Place place;
  friend bool operator==(const ZonePreference&, const ZonePreference&) = default;
};

/// What waits for a place where no server has one.
struct Queue {
  std::uint32_t max = 1000;   ///< Of one pool, over all workers; 0: nothing waits.
  milliseconds timeout = 1s;  ///< For one request.
  friend bool operator==(const Queue&, const Queue&) = default;
};

enum class CookieSecure : std::uint8_t { automatic, always, never };
enum class SameSite : std::uint8_t { lax, strict, none };

/// A cookie that brings a client's next requests to the server that had its first.
struct Sticky {
  std::string cookie;  ///< Its name.
  std::string path = "/";
  milliseconds max_age = 0ms;  ///< 0: until the browser is closed.
  CookieSecure secure = CookieSecure::automatic;
  bool http_only = true;
  SameSite same_site = SameSite::lax;
  std::string secret;  ///< Of its values; empty: they can be guessed.
  Place place;
  friend bool operator==(const Sticky&, const Sticky&) = default;
};

/// The PROXY protocol towards servers.
enum class SendProxy : std::uint8_t { none, v1, v2 };

/// Timeouts of the server side of a request, set on a pool.
struct PoolTimeouts {
  milliseconds first_byte = 60s;  ///< From the request sent to the response's first byte.
  milliseconds idle = 60s;        ///< Between two reads or writes of a body.
  milliseconds tunnel_idle = 1h;  ///< Both directions of a TCP session, or after an upgrade, silent.
  milliseconds total = 0ms;       ///< For all attempts and the whole response; 0: none.
  friend bool operator==(const PoolTimeouts&, const PoolTimeouts&) = default;
};

/// TLS towards servers.
struct PoolTls {
  bool enabled = true;
  bool verify = true;
  std::string ca;            ///< Whose certificates are accepted, PEM; empty: the system's.
  std::string sni = "auto";  ///< The name asked for and verified; auto: each server's own.
  std::string cert;          ///< Our own certificate and chain, PEM; empty: none is shown.
  std::string key;           ///< Empty: in the same file.
  std::vector<std::string> alpn;
  TlsVersion min_version = TlsVersion::tls12;
  Place place;
  friend bool operator==(const PoolTls&, const PoolTls&) = default;
};

struct PoolKeepalive {
  milliseconds idle = 30s;       ///< Lowered by what a server announces or does.
  std::uint32_t max_idle = 256;  ///< Idle connections per server and worker; 0: none are kept.
  friend bool operator==(const PoolKeepalive&, const PoolKeepalive&) = default;
};

/// Ejection of servers that fail live traffic. What is absent is not looked at.
struct Outlier {
  bool enabled = true;
  std::uint32_t consecutive_failures = 5;      ///< 0: never.
  std::optional<std::uint32_t> failure_ratio;  ///< Percent.
  std::optional<milliseconds> latency;         ///< For more than half of the requests.
  std::uint32_t min_requests = 20;             ///< In a window, before a ratio says anything.
  milliseconds window = 10s;
  milliseconds eject_for = 10s;  ///< Times how often it was ejected lately.
  milliseconds max_eject_for = 5min;
  std::uint32_t max_ejected = 50;  ///< Percent of the pool's servers.
  Place place;
  friend bool operator==(const Outlier&, const Outlier&) = default;
};

/// When a circuit breaker opens, and how it closes again. What is absent is not looked at.
struct Breaker {
  std::optional<std::uint32_t> failure_ratio;  ///< Percent.
  std::uint32_t min_requests = 20;             ///< In a window, before the ratio says anything.
  milliseconds window = 10s;
  milliseconds open_for = 10s;
  std::uint32_t probes = 3;         ///< Requests that must succeed before it closes.
  std::uint32_t max_in_flight = 0;  ///< Over all workers; 0: any number.
  Place place;
  friend bool operator==(const Breaker&, const Breaker&) = default;
};

/// Absent: there is none.
struct CircuitBreaker {
  std::optional<Breaker> pool;    ///< Over the pool's servers together.
  std::optional<Breaker> server;  ///< For each by itself.
  Place place;
  friend bool operator==(const CircuitBreaker&, const CircuitBreaker&) = default;
};

struct Pool {
  std::string name;
  Balance balance;
  std::vector<Server> servers;
  std::string servers_file;          ///< Further servers; read again when it changes. Empty: none.
  std::uint32_t failover_below = 0;  ///< Percent of a group's weight; 0: only once none of it is left.
  std::optional<ZonePreference> zone_preference;
  Queue queue;
  std::optional<Sticky> sticky;
  SendProxy proxy_protocol = SendProxy::none;
  milliseconds connect_timeout = 3s;  ///< One connection attempt.
  bool abort_on_close = true;         ///< A client that leaves takes its request back.
  PoolTimeouts timeouts;
  std::optional<PoolTls> tls;  ///< Absent: plain.
  PoolKeepalive keepalive;
  Retry retry;
  std::optional<HealthCheck> health_check;  ///< Absent: every server is held for well.
  Outlier outlier;
  std::uint32_t panic_threshold = 50;  ///< Percent; 0: never.
  CircuitBreaker circuit_breaker;
  milliseconds slow_start = 0ms;  ///< 0: none.
  Place place;
  friend bool operator==(const Pool&, const Pool&) = default;
};

}  // namespace lintel::config
