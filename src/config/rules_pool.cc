// What must hold within a pool, and between it and the listeners that use it.

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "config/rules_parts.h"

namespace lintel::config {
namespace {

/// The name of a tcp or udp listener that uses that pool, or null.
const Listener* session_listener_of(const Config& config, const std::string& pool) {
  for (const Listener& listener : config.listeners) {
    if (listener.protocol == Protocol::http) continue;
    if (listener.pool == pool) return &listener;
    for (const Route& route : listener.routes) {
      if (route.pool == pool) return &listener;
    }
  }
  return nullptr;
}

/// A server's address, which stands at `key`.
void check_address(const Endpoint& address, const std::string& key, Report& report) {
  if (address.kind == Endpoint::Kind::any) {
    error(report, key, "a server needs a host", "write for example 127.0.0.1" + address.to_string());
  } else if (address.kind != Endpoint::Kind::unix_socket && address.port == 0) {
    error(report, key, "a server needs a port from 1 to 65535");
  }
}

void check_hash_key(const Config& config, std::size_t index, Report& report) {
  const Pool& pool = config.pools[index];
  const HashKey& on = pool.balance.on;
  const std::string key = pool_key(index) + ".balance.on";
  const int named = int{!on.header.empty()} + int{!on.cookie.empty()} + int{!on.query.empty()} +
                    int{on.source != HashSource::address};
  if (named == 0 && report.find(key) != nullptr && report.find(key + ".source") == nullptr) {
    error_if_absent(report, key, {"source", "header", "cookie", "query"}, "the key is missing",
                    "write for example on: {header: X-User}, on: {cookie: session} or on: path");
  } else if (named > 1) {
    error(report, key, "more than one key is given", "keep one of: source, header, cookie, query");
  }
  const bool needs_request =
      !on.header.empty() || !on.cookie.empty() || !on.query.empty() || on.source != HashSource::address;
  const Listener* listener = session_listener_of(config, pool.name);
  if (needs_request && listener != nullptr) {
    error(report, key,
          "the listener " + quote(listener->name) +
              " has no requests, only sessions, which know nothing but " + "the client's address",
          "remove it, or give that listener a pool of its own");
  }
}

}  // namespace

void check_servers(const std::vector<Server>& servers, const std::string& list, Report& report) {
  std::set<std::string> seen;
  for (std::size_t i = 0; i < servers.size(); ++i) {
    const Server& server = servers[i];
    const std::string key = indexed(list, i);
    const bool has_address = server.address != Endpoint();
    if (report.failed(key)) continue;
    if (!has_address && server.srv.empty()) {
      error_if_absent(report, key, {"address", "srv"}, "\"address\" is missing",
                      "write for example address: 10.0.0.1:8080");
      continue;
    }
    if (has_address && !server.srv.empty()) {
      error(report, key + ".srv", "a server has either address or srv", "remove one of them");
      continue;
    }
    if (has_address) check_address(server.address, key + ".address", report);
    if (!seen.insert(server.name()).second) {
      warning(report, key + (has_address ? ".address" : ".srv"),
              "the server " + server.name() + " is listed twice in this pool",
              "use weight to give a server a larger share");
    }
  }
}

namespace rule {

void pool_has_servers(const Config& config, Report& report) {
  for (std::size_t i = 0; i < config.pools.size(); ++i) {
    const std::vector<Server>& servers = config.pools[i].servers;
    const std::string key = pool_key(i) + ".servers";
    if (!config.pools[i].servers_file.empty()) continue;
    if (servers.empty() && report.find(key) == nullptr) {
      error_if_absent(report, pool_key(i), {"servers", "servers_file"}, "the pool has no servers",
                      "add for example servers: [10.0.0.1:8080]");
    } else if (servers.empty()) {
      error(report, key, "the pool has no servers", "add for example servers: [10.0.0.1:8080]");
    } else if (std::all_of(servers.begin(), servers.end(),
                           [](const Server& each) { return each.weight == 0; })) {
      error(report, key, "every server has weight 0, so none would get a request",
            "give one a weight above 0");
    }
  }
}

void server_addresses(const Config& config, Report& report) {
  for (std::size_t i = 0; i < config.pools.size(); ++i)
    check_servers(config.pools[i].servers, pool_key(i) + ".servers", report);
}

void balance_is_complete(const Config& config, Report& report) {
  for (std::size_t i = 0; i < config.pools.size(); ++i) {
    const Balance& balance = config.pools[i].balance;
    const std::string key = pool_key(i) + ".balance";
    if (report.failed(key + ".type")) continue;
    if (balance.hashes()) {
      check_hash_key(config, i, report);
    } else if (balance.on != HashKey()) {
      error(report, key + ".on", "this is for consistent-hash and maglev",
            "add type: consistent-hash, or remove it");
    }
    if (balance.type != BalanceType::consistent_hash && balance.max_load != 0) {
      error(report, key + ".max_load", "this is for consistent-hash", "remove it");
    }
  }
}

void server_groups(const Config& config, Report& report) {
  for (std::size_t i = 0; i < config.pools.size(); ++i) {
    const Pool& pool = config.pools[i];
    const auto is_backup = [](const Server& each) { return each.backup; };
    for (std::size_t j = 0; j < pool.servers.size(); ++j) {
      if (!pool.servers[j].backup || pool.servers[j].priority == 0) continue;
      error(report, indexed(pool_key(i) + ".servers", j) + ".backup",
            "backup is a group of its own, after every priority", "keep one of: backup, priority");
    }
    if (pool.servers.empty()) continue;
    if (std::all_of(pool.servers.begin(), pool.servers.end(), is_backup)) {
      warning(report, pool_key(i) + ".servers", "every server is a backup, so each is used as if none were",
              "remove backup: true from those that are used first");
    }
    const bool one_group = std::all_of(pool.servers.begin(), pool.servers.end(), [&](const Server& each) {
      return each.backup == pool.servers.front().backup && each.priority == pool.servers.front().priority;
    });
    if (one_group && pool.failover_below != 0) {
      warning(report, pool_key(i) + ".failover_below", "there is no other group of servers to go to",
              "give servers priority or backup: true, or remove it");
    }
  }
}

void zones_known(const Config& config, Report& report) {
  for (std::size_t i = 0; i < config.pools.size(); ++i) {
    const Pool& pool = config.pools[i];
    const bool any = std::any_of(pool.servers.begin(), pool.servers.end(),
                                 [](const Server& each) { return !each.zone.empty(); });
    if (!pool.zone_preference || any) continue;
    warning(report, pool_key(i) + ".zone_preference", "no server of this pool says which zone it is in",
            "write for example {address: 10.0.0.1:8080, zone: eu-1}");
  }
}

void sticky_fits(const Config& config, Report& report) {
  for (std::size_t i = 0; i < config.pools.size(); ++i) {
    const Pool& pool = config.pools[i];
    if (!pool.sticky) continue;
    const std::string key = pool_key(i) + ".sticky";
    const Listener* listener = session_listener_of(config, pool.name);
    if (listener != nullptr) {
      error(report, key, "the listener " + quote(listener->name) + " has no cookies, only sessions",
            "remove it, or give that listener a pool of its own");
    }
    if (pool.sticky->same_site == SameSite::none && pool.sticky->secure == CookieSecure::never) {
      error(report, key + ".same_site", "browsers refuse a cookie with same_site: none that is not secure",
            "write secure: always");
    }
    if (pool.sticky->path.find(';') != std::string::npos) {
      error(report, key + ".path", "a cookie's path has no \";\"", "end it before the \";\"");
    }
    if (pool.servers.size() == 1) warning(report, key, "the pool has one server, to which everything goes");
  }
}

void queue_has_use(const Config& config, Report& report) {
  for (std::size_t i = 0; i < config.pools.size(); ++i) {
    const Pool& pool = config.pools[i];
    const bool limited = std::any_of(pool.servers.begin(), pool.servers.end(),
                                     [](const Server& each) { return each.max_connections != 0; });
    if (limited || pool.health_check || !pool.servers_file.empty() || pool.queue == Queue()) continue;
    warning(report, pool_key(i) + ".queue", "no server has max_connections, so nothing ever waits",
            "write for example {address: 10.0.0.1:8080, max_connections: 100}");
  }
}

}  // namespace rule

}  // namespace lintel::config
