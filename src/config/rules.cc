#include "config/rules.h"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "config/rules_parts.h"
#include "config/schema.h"

namespace lintel::config {
namespace {

void has_listeners(const Config& config, Report& report) {
  if (config.listeners.empty()) {
    error(report, "listeners", "there are no listeners, so nothing would be served",
          "add listeners: [{name: web, bind: [\":8080\"], pool: ...}]");
  }
}

void pools_exist(const Config& config, Report& report) {
  // A pool with a mistake inside still exists; only where "pools" as a whole is broken are names unknown.
  if (report.broken("pools")) return;
  std::vector<std::string_view> names;
  for (const Pool& pool : config.pools) names.push_back(pool.name);
  const std::set<std::string_view> defined(names.begin(), names.end());
  const auto check = [&](const std::string& name, const std::string& key) {
    if (name.empty() || defined.contains(name)) return;
    const std::string suggestion = report.full() ? ""
                                   : names.empty()
                                       ? "no pools are defined; add pools: {" + name + ": {servers: [...]}}"
                                       : suggest(name, names, "pools are");
    error(report, key, "there is no pool " + quote(name), suggestion);
  };
  for (std::size_t i = 0; i < config.listeners.size(); ++i) {
    check(config.listeners[i].pool, listener_key(i) + ".pool");
  }
  for_each_route(config, [&](const Route& route, const std::string& key, std::size_t, std::size_t) {
    check(route.pool, key + ".pool");
    check(route.fallback, key + ".fallback");
    if (route.mirror) check(route.mirror->pool, key + ".mirror.pool");
    for (std::size_t i = 0; i < route.split.size(); ++i)
      check(route.split[i].pool, indexed(key + ".split", i) + ".pool");
  });
}

void listener_has_work(const Config& config, Report& report) {
  for (std::size_t i = 0; i < config.listeners.size(); ++i) {
    const Listener& listener = config.listeners[i];
    if (!listener.routes.empty() || !listener.pool.empty()) continue;
    if (listener.https_only && listener.https_only->enabled && !listener.tls) continue;  // It redirects.
    if (listener.protocol != Protocol::http) {
      error(report, listener_key(i), "the listener has no pool", "add pool: NAME");
      continue;
    }
    error(report, listener_key(i), "the listener has neither routes nor a pool",
          "add routes: [...] or pool: NAME");
  }
}

std::string_view name_of(Protocol protocol) {
  constexpr std::string_view kNames[] = {"http", "tcp", "udp"};
  return kNames[static_cast<std::size_t>(protocol)];
}

/// What to do about a setting that a listener of that protocol cannot have.
std::string instead_of(const Listener& listener, const std::string& key) {
  const bool is_timeout = key.find(".timeouts") != std::string::npos;
  if (key.ends_with(".routes")) {
    const std::string& pool = listener.routes.empty() ? listener.pool : listener.routes.front().pool;
    return "there is nothing by which routes could tell datagrams apart; write pool: " +
           (pool.empty() ? "NAME" : pool);
  }
  if (listener.protocol == Protocol::tcp && is_timeout) {
    return "remove it; how long a session may be silent is the pool's timeouts.tunnel_idle";
  }
  if (listener.protocol == Protocol::udp && is_timeout) {
    return "remove it; how long a session may be silent is udp.idle";
  }
  return "remove it, or change the protocol";
}

/// Finds the settings given at `key` that are not for the listener's protocol.
void refuse_foreign(const ObjectType& type, const std::string& key, const Listener& listener,
                    Report& report) {
  for (const Field& row : type.fields) {
    const std::string row_key = key + '.' + std::string(row.key);
    if (report.find(row_key) == nullptr) continue;
    if ((row.protocols & bit(listener.protocol)) != 0) {
      if (row.type.kind == Kind::object) refuse_foreign(*row.type.object, row_key, listener, report);
      if (row.type.kind == Kind::list && row.type.element->kind == Kind::object) {
        for (std::size_t i = 0; report.find(indexed(row_key, i)) != nullptr; ++i) {
          refuse_foreign(*row.type.element->object, indexed(row_key, i), listener, report);
        }
      }
      continue;
    }
    std::vector<std::string_view> fitting;
    for (const Protocol each : {Protocol::http, Protocol::tcp, Protocol::udp}) {
      if ((row.protocols & bit(each)) != 0) fitting.push_back(name_of(each));
    }
    error(report, row_key,
          "this is for protocol: " + join_words(fitting) +
              "; the listener is protocol: " + std::string(name_of(listener.protocol)),
          instead_of(listener, row_key));
  }
}

void settings_fit_protocol(const Config& config, Report& report) {
  const ObjectType& listener = *config_type().find("listeners")->type.element->object;
  for (std::size_t i = 0; i < config.listeners.size(); ++i) {
    refuse_foreign(listener, listener_key(i), config.listeners[i], report);
  }
}

/// Datagrams go to and from IP addresses.
void udp_addresses(const Config& config, Report& report) {
  for (std::size_t i = 0; i < config.listeners.size(); ++i) {
    const Listener& listener = config.listeners[i];
    if (listener.protocol != Protocol::udp) continue;
    for (std::size_t j = 0; j < listener.bind.size(); ++j) {
      if (listener.bind[j].kind != Endpoint::Kind::unix_socket) continue;
      error(report, indexed(listener_key(i) + ".bind", j), "UDP needs an IP address and a port",
            "write for example \":53\"");
    }
    for (std::size_t j = 0; j < config.pools.size(); ++j) {
      if (config.pools[j].name != listener.pool) continue;
      for (const Server& server : config.pools[j].servers) {
        if (server.address.kind != Endpoint::Kind::unix_socket) continue;
        error(report, listener_key(i) + ".pool",
              "UDP needs servers with IP addresses, and this pool has " + quote(server.address.to_string()),
              "use another pool");
      }
    }
  }
}

void tls_modes(const Config& config, Report& report) {
  for (std::size_t i = 0; i < config.listeners.size(); ++i) {
    const Listener& listener = config.listeners[i];
    const std::string key = listener_key(i) + ".tls";
    const bool passthrough = listener.tls && listener.tls->mode == TlsMode::passthrough;
    if (listener.protocol == Protocol::tcp && !listener.routes.empty() && !passthrough) {
      error(report, listener_key(i) + ".routes",
            "the connections of a tcp listener cannot be told apart without tls: passthrough",
            "add tls: passthrough, or name one pool in place of routes");
    }
    if (!listener.tls) continue;
    if (passthrough && listener.protocol != Protocol::tcp) {
      error(report, key, "only a tcp listener can pass TLS through", "add protocol: tcp, or certificates");
    } else if (passthrough && !listener.tls->certificates.empty()) {
      error(report, key + ".certificates", "certificates are of no use where TLS is passed through",
            "remove them, or mode: passthrough");
    } else if (!passthrough && listener.tls->certificates.empty()) {
      error_if_absent(report, key, {"certificates", "mode"}, "there is no certificate to show to clients",
                      "add certificates: [{cert: FILE, key: FILE}]");
    }
    if (listener.tls->plain_http != PlainHttp::reject &&
        (passthrough || listener.protocol != Protocol::http)) {
      error(report, key + ".plain_http", "this is for listeners that speak HTTP", "remove it");
    }
  }
}

void check_alpn(const std::vector<std::string>& names, const std::string& key, Report& report) {
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i] != "h2") continue;
    error(report, indexed(key, i), "HTTP/2 is not supported yet", "write alpn: [http/1.1]");
  }
}

void tls_is_complete(const Config& config, Report& report) {
  for (std::size_t i = 0; i < config.listeners.size(); ++i) {
    if (!config.listeners[i].tls) continue;
    const ListenerTls& tls = *config.listeners[i].tls;
    const std::string key = listener_key(i) + ".tls";
    if (config.listeners[i].protocol == Protocol::http) check_alpn(tls.alpn, key + ".alpn", report);
    if (tls.client_auth.mode != ClientAuthMode::none && tls.client_auth.ca.empty()) {
      error(report, key + ".client_auth", "there is no ca, so no client's certificate could be accepted",
            "name the certificates that issue clients' ones: ca: FILE");
    }
    if (tls.client_auth.mode == ClientAuthMode::none && !tls.client_auth.ca.empty()) {
      warning(report, key + ".client_auth", "clients are not asked for certificates, because mode is none",
              "write mode: required, or optional");
    }
  }
  for (std::size_t i = 0; i < config.pools.size(); ++i) {
    if (!config.pools[i].tls) continue;
    const std::string key = pool_key(i) + ".tls";
    check_alpn(config.pools[i].tls->alpn, key + ".alpn", report);
    if (config.pools[i].tls->cert.empty() && !config.pools[i].tls->key.empty()) {
      error(report, key + ".key", "there is a key without a certificate", "add cert: FILE");
    }
  }
}

void proxy_protocol_trusts(const Config& config, Report& report) {
  for (std::size_t i = 0; i < config.listeners.size(); ++i) {
    const Listener& listener = config.listeners[i];
    if (!listener.proxy_protocol || !listener.proxy_protocol->trusted.empty()) continue;
    const bool only_unix = std::all_of(listener.bind.begin(), listener.bind.end(), [](const Endpoint& bind) {
      return bind.kind == Endpoint::Kind::unix_socket;
    });
    if (only_unix) continue;
    error(report, listener_key(i) + ".proxy_protocol",
          "nobody is trusted, so every connection would be closed",
          "name the load balancers that send the PROXY header: trusted: [10.0.0.0/8]");
  }
}

void listener_binds(const Config& config, Report& report) {
  for (std::size_t i = 0; i < config.listeners.size(); ++i) {
    const std::string key = listener_key(i) + ".bind";
    const std::vector<Endpoint>& bind = config.listeners[i].bind;
    if (bind.empty())
      error(report, key, "the listener has no address to bind", "add for example bind: [\":8080\"]");
    for (std::size_t j = 0; j < bind.size(); ++j) {
      if (bind[j].kind != Endpoint::Kind::name) continue;
      error(report, indexed(key, j), "listeners bind IP addresses, " + quote(bind[j].host) + " is a name",
            "write the IP address, or \":" + std::to_string(bind[j].port) + "\" for all interfaces");
    }
  }
}

void unique_listener_names(const Config& config, Report& report) {
  std::map<std::string, std::size_t> first;
  for (std::size_t i = 0; i < config.listeners.size(); ++i) {
    const std::string& name = config.listeners[i].name;
    const auto [seen, added] = first.emplace(name, i);
    if (added || name.empty()) continue;
    error_twice(report, listener_key(i) + ".name", listener_key(seen->second) + ".name",
                "the listener name " + quote(name) + " is used twice", "rename one of them",
                "it is used here first");
  }
}

void unique_route_names(const Config& config, Report& report) {
  std::map<std::pair<std::size_t, std::string>, std::string> first;
  for_each_route(config, [&](const Route& route, const std::string& key, std::size_t listener, std::size_t) {
    const auto [seen, added] = first.emplace(std::make_pair(listener, route.name), key);
    if (added) return;
    error_twice(report, key + ".name", seen->second + ".name",
                "the route name " + quote(route.name) + " is used twice in this listener",
                "rename one of them; a route without a name is called LISTENER-POSITION",
                "it is used here first");
  });
}

void unique_binds(const Config& config, Report& report) {
  std::map<std::string, std::string> first;
  const auto see = [&](const std::vector<Endpoint>& bind, const std::string& key, bool udp) {
    for (std::size_t i = 0; i < bind.size(); ++i) {
      if (bind[i].kind != Endpoint::Kind::unix_socket && bind[i].port == 0) continue;  // the kernel chooses
      const std::string address = bind[i].to_string();
      const auto [seen, added] = first.emplace(address + (udp ? "/udp" : ""), indexed(key, i));
      if (added) continue;
      error_twice(report, indexed(key, i), seen->second, "the address " + address + " is bound twice",
                  "change one of them", "it is bound here first");
    }
  };
  for (std::size_t i = 0; i < config.listeners.size(); ++i)
    see(config.listeners[i].bind, listener_key(i) + ".bind", config.listeners[i].protocol == Protocol::udp);
  see(config.admin.bind, "admin.bind", false);
}

void admin_is_local(const Config& config, Report& report) {
  for (std::size_t i = 0; i < config.admin.bind.size(); ++i) {
    const Endpoint& endpoint = config.admin.bind[i];
    if (endpoint.kind == Endpoint::Kind::unix_socket) continue;
    const auto address = endpoint.resolved();
    if (address && address->is_loopback()) continue;
    error(report, indexed("admin.bind", i),
          "the admin endpoint would be open to the network on " + endpoint.to_string(),
          "bind 127.0.0.1:" + std::to_string(endpoint.port) + ", [::1]:" + std::to_string(endpoint.port) +
              " or a Unix socket");
  }
}

void header_limits_fit(const Config& config, Report& report) {
  for (std::size_t i = 0; i < config.listeners.size(); ++i) {
    const Limits& limits = config.listeners[i].limits;
    const std::array<std::pair<std::string_view, Bytes>, 2> parts = {
        {{"header_field_size", limits.header_field_size}, {"target_size", limits.target_size}}};
    for (const auto& [name, value] : parts) {
      if (value <= limits.header_size) continue;
      error(report, listener_key(i) + ".limits." + std::string(name),
            std::string(name) + " is larger than header_size, which holds the whole head",
            "raise header_size or lower " + std::string(name));
    }
  }
}

void pools_used(const Config& config, Report& report) {
  std::set<std::string> used;
  for (const Listener& listener : config.listeners) used.insert(listener.pool);
  for_each_route(config, [&](const Route& route, const std::string&, std::size_t, std::size_t) {
    route.for_each_pool([&used](const std::string& pool) { used.insert(pool); });
  });
  if (report.failed("listeners")) return;  // what could not be read may use it
  for (std::size_t i = 0; i < config.pools.size(); ++i) {
    if (!used.contains(config.pools[i].name)) warning(report, pool_key(i), "no route uses this pool");
  }
}

void resolver_bounds(const Config& config, Report& report) {
  const Resolver& resolver = config.resolver;
  if (resolver.min_ttl > resolver.max_ttl)
    error(report, "resolver.min_ttl", "it is longer than max_ttl", "lower it, or raise max_ttl");
  if (resolver.retry > resolver.max_retry)
    error(report, "resolver.retry", "it is longer than max_retry", "lower it, or raise max_retry");
  for (std::size_t i = 0; i < resolver.servers.size(); ++i) {
    const Endpoint& server = resolver.servers[i];
    const std::string key = indexed("resolver.servers", i);
    if (server.kind != Endpoint::Kind::ip) {
      error(report, key, "a name server needs an IP address", "write for example 127.0.0.1:53");
    } else if (server.port == 0) {
      error(report, key, "a name server needs a port from 1 to 65535");
    }
  }
}

constexpr Rule kRules[] = {
    {"has_listeners", "There is at least one listener.", has_listeners},
    {"unique_listener_names", "No two listeners have the same name.", unique_listener_names},
    {"listener_binds", "A listener binds at least one address, and IP addresses or Unix sockets only.",
     listener_binds},
    {"unique_binds", "No address is bound twice, the admin endpoint included.", unique_binds},
    {"listener_has_work", "A listener has routes, a pool or both.", listener_has_work},
    {"settings_fit_protocol", "A listener has only settings that its protocol knows.", settings_fit_protocol},
    {"udp_addresses", "A udp listener and its pool's servers have IP addresses.", udp_addresses},
    {"tls_modes",
     "A listener whose TLS ends here has certificates; tls: passthrough is for tcp listeners, and only with "
     "it "
     "have those routes.",
     tls_modes},
    {"tls_is_complete",
     "Who asks clients for theirs says whose are accepted; a key comes "
     "with "
     "its certificate.",
     tls_is_complete},
    {"proxy_protocol_trusts",
     "proxy_protocol trusts at least one network, unless only Unix sockets are bound, whose files say who "
     "may "
     "connect.",
     proxy_protocol_trusts},
    {"unique_route_names", "No two routes of a listener have the same name.", unique_route_names},
    {"one_action", "A route has exactly one of pool, split, redirect and respond.", rule::one_action},
    {"one_path_condition", "A match has path or path_prefix, not both.", rule::one_path_condition},
    {"text_matches", "A condition with present: false asks for nothing else.", rule::text_matches},
    {"tls_conditions",
     "On an http listener, conditions on sni ask for tls, and on client_cert_subject for tls.client_auth.",
     rule::tls_conditions},
    {"route_forwards",
     "Only a route with a pool or a split has fallback, rewrite, timeouts, retry, mirror and headers of "
     "requests; a split has a weight above 0; a rewrite changes the path in one way.",
     rule::route_forwards},
    {"header_edits", "Framing and hop-by-hop fields are not edited, and Host by rewrite.host.",
     rule::header_edits},
    {"redirect_changes_something", "A redirect sets at least one of scheme, host, port and path.",
     rule::redirect_changes_something},
    {"pools_exist", "Every pool that a route or listener names is defined.", pools_exist},
    {"header_limits_fit", "header_field_size and target_size are at most header_size.", header_limits_fit},
    {"admin_is_local", "The admin endpoint binds Unix sockets and loopback addresses only.", admin_is_local},
    {"resolver_bounds", "min_ttl is at most max_ttl, retry at most max_retry; name servers are IP addresses.",
     resolver_bounds},
    {"pool_has_servers", "A pool has a servers_file, or at least one server, and one with a weight above 0.",
     rule::pool_has_servers},
    {"server_addresses",
     "A server has an address, with a host and a port, or srv; one that is listed twice in a pool gives a "
     "warning.",
     rule::server_addresses},
    {"balance_is_complete",
     "balance.on names one thing and is for consistent-hash and maglev, max_load for consistent-hash; a pool "
     "of "
     "tcp or udp listeners has nothing but the client's address to tell sessions apart by.",
     rule::balance_is_complete},
    {"server_groups",
     "A server has priority or backup, not both; failover_below, and backups without any other server, are "
     "of no use in a pool with one group, which gives a warning.",
     rule::server_groups},
    {"zones_known", "zone_preference in a pool whose servers have no zone gives a warning.",
     rule::zones_known},
    {"sticky_fits",
     "sticky is for pools of http listeners; same_site: none needs secure, and a sticky pool with one server "
     "gives a warning.",
     rule::sticky_fits},
    {"queue_has_use",
     "A queue in a pool without max_connections, health_check and servers_file gives a warning.",
     rule::queue_has_use},
    {"check_fits_type", "A health check has only settings that its type knows.", rule::check_fits_type},
    {"check_is_complete",
     "An exec check has a command; an http check names its host by host; servers on Unix sockets have no "
     "port "
     "to be checked in place of their own; a timeout longer than the interval gives a warning.",
     rule::check_is_complete},
    {"outlier_ejects",
     "max_eject_for is at least eject_for; an outlier that looks at nothing, or can never eject a server, "
     "gives "
     "a warning.",
     rule::outlier_ejects},
    {"breakers_open", "A circuit breaker has failure_ratio or max_in_flight.", rule::breakers_open},
    {"retries_fit",
     "Hedging needs as many attempts as there may be at once; a per_try_timeout that timeouts.total leaves "
     "no "
     "second attempt gives a warning, and so does a hedge that would come after per_try_timeout.",
     rule::retries_fit},
    {"mirrors_fit",
     "A mirror's pool sends no PROXY header; one that serves the route's own requests too gives a warning.",
     rule::mirrors_fit},
    {"routes_reachable",
     "A route whose every request is taken by routes before it never matches, which gives a warning.",
     rule::routes_reachable},
    {"pools_used", "A pool that no route uses gives a warning.", pools_used},
};

}  // namespace

std::span<const Rule> rules() {
  return kRules;
}

void check_rules(const Config& config, Report& report) {
  for (const Rule& rule : kRules) rule.check(config, report);
}

}  // namespace lintel::config
