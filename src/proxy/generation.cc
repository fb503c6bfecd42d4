#include "proxy/generation.h"

#include <algorithm>
#include <cassert>

namespace lintel::proxy {
namespace {

http::RequestRules request_rules(const config::Listener& listener) {
  http::RequestRules rules;
  rules.strict_paths = listener.paths == config::Paths::strict;
  rules.no_encoded_slash = listener.encoded_slash == config::EncodedSlash::reject;
  switch (listener.underscore_names) {
    case config::UnderscoreNames::drop:
      rules.underscore_names = http::UnderscoreNames::drop;
      break;
    case config::UnderscoreNames::reject:
      rules.underscore_names = http::UnderscoreNames::reject;
      break;
    case config::UnderscoreNames::keep:
      rules.underscore_names = http::UnderscoreNames::keep;
      break;
  }
  return rules;
}

http::ServerSettings server_settings(const config::Listener& listener) {
  http::ServerSettings settings;
  settings.head.head = static_cast<std::uint32_t>(listener.limits.header_size.value);
  settings.head.field = static_cast<std::uint32_t>(listener.limits.header_field_size.value);
  settings.head.target = static_cast<std::uint32_t>(listener.limits.target_size.value);
  settings.head.count = listener.limits.header_count;
  settings.rules = request_rules(listener);
  settings.header_timeout = to_nanos(listener.timeouts.header);
  const config::MinRates& rates = listener.min_rates;
  settings.request_body = {to_nanos(listener.timeouts.request_body), to_nanos(rates.grace),
                           rates.request_body.value};
  settings.response = {to_nanos(listener.timeouts.write), to_nanos(rates.grace), rates.response.value};
  settings.idle_timeout = to_nanos(listener.timeouts.idle);
  settings.max_requests = listener.limits.requests_per_connection;
  settings.max_pipelined = listener.limits.pipelined_requests;
  settings.max_age = to_nanos(listener.limits.connection_age);
  return settings;
}

std::unique_ptr<PoolContext> build_pool(const config::Pool& config,
                                        const std::vector<SocketAddress>& addresses,
                                        const tls::ClientContext* tls, std::string_view zone,
                                        WorkerContext& worker) {
  const std::string_view tls_identity = tls ? tls->identity() : std::string_view();
  auto context = std::make_unique<PoolContext>(PoolContext{
      pool::Pool(config, {.addresses = addresses,
                          .states = worker.server_states,
                          .shared = *worker.shared_pools,
                          .seed = worker.workspace.random.next(),
                          .tls_identity = tls_identity,
                          .zone = zone}),
      tls,
      worker.stats.pool(config.name),
      {},
  });
  context->retry = RetryRules(config.retry);
  context->uses_budget = context->retry.use_budget();
  for (const pool::Server& server : context->pool.servers()) {
    const std::shared_ptr<ServerStats> stats = worker.stats.server(config.name, server.name);
    server.state->show_idle(std::shared_ptr<Gauge>(stats, &stats->idle));
    context->server_stats.push_back(stats);
  }
  if (config.sticky) context->sticky.emplace(config, context->pool.servers());
  return context;
}

PoolContext* find_pool(const Generation& generation, const std::string& name) {
  for (const auto& pool : generation.pools) {
    if (pool->pool.config().name == name) return pool.get();
  }
  return nullptr;
}

/// RFC 6797, 6.1.
std::string hsts_value(const config::HttpsOnly& settings) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(settings.hsts).count();
  if (!settings.enabled || seconds == 0) return {};
  std::string value = "max-age=" + std::to_string(seconds);
  if (settings.subdomains) value += "; includeSubDomains";
  if (settings.preload) value += "; preload";
  return value;
}

RouteContext build_route(const ListenerContext& context, const std::string& name, const std::string& pool,
                         const Generation& generation, WorkerContext& worker) {
  const config::Listener& listener = context.config;
  RouteContext route;
  route.name = name;
  route.pool = pool.empty() ? nullptr : find_pool(generation, pool);
  if (listener.protocol != config::Protocol::http) {
    route.sessions = worker.stats.sessions(listener.name, name);
  } else {
    route.stats = worker.stats.route(listener.name, name);
  }
  route.body_limit = listener.limits.body_size.value;
  if (listener.proxy_status) route.proxy_status = listener.server_name;
  route.hsts = context.hsts;
  return route;
}

/// Whether nothing but the pool says what becomes of the route's requests.
bool only_passes_on(const config::Route& route) {
  return route.split.empty() && route.fallback.empty() && !route.retry && !route.mirror && !route.fault &&
         !route.rewrite && route.headers == config::RouteHeaders{};
}

/// What only routes of http listeners have.
std::unique_ptr<const RouteActions> build_actions(const config::Route& route, const Generation& generation) {
  if (only_passes_on(route)) return nullptr;
  auto actions = std::make_unique<RouteActions>();
  std::string why;
  std::uint64_t sum = 0;
  for (const config::SplitPool& part : route.split) {
    sum += part.weight;
    if (part.weight != 0) actions->split.push_back({find_pool(generation, part.pool), sum});
  }
  actions->split_key = route::Template::compile(route.split_key, route::Template::For::request, why).value();
  if (!route.fallback.empty()) actions->fallback = find_pool(generation, route.fallback);
  if (route.retry) {
    actions->retry.emplace(*route.retry);
    route.for_each_pool([&](const std::string& name) {
      if (PoolContext* pool = find_pool(generation, name)) pool->uses_budget |= actions->retry->use_budget();
    });
  }
  if (route.mirror) actions->mirror = find_pool(generation, route.mirror->pool);
  if (route.fault) actions->fault_match.emplace(route.fault->match.value_or(config::Match{}));
  if (route.rewrite) actions->rewrite = route::Rewrite(*route.rewrite, route.match);
  actions->request_edits = route::HeaderEdits(route.headers.request, route::Template::For::request);
  actions->response_edits = route::HeaderEdits(route.headers.response, route::Template::For::response);
  return actions;
}

std::unique_ptr<ListenerContext> build_listener(const config::Listener& config, const Generation& generation,
                                                WorkerContext& worker) {
  auto context = std::make_unique<ListenerContext>(config, server_settings(config));
  context->tls = generation.snapshot->tls.listener(config.name);
  context->stats = worker.stats.listener(config.name);
  if (config.https_only) context->hsts = hsts_value(*config.https_only);
  context->routes.reserve(config.routes.size() + 1);
  for (const config::Route& route : config.routes) {
    RouteContext& added =
        context->routes.emplace_back(build_route(*context, route.name, route.pool, generation, worker));
    added.config = &route;
    if (route.body_size) added.body_limit = route.body_size->value;
    if (route.timeouts != config::RouteTimeouts{}) added.own_timeouts = &route.timeouts;
    added.actions = build_actions(route, generation);
    if (!added.split().empty()) added.pool = added.split().front().pool;
  }
  context->routes.push_back(build_route(*context, config.pool, config.pool, generation, worker));
  return context;
}

}  // namespace

config::PoolTimeouts RouteContext::timeouts(const PoolContext& of) const noexcept {
  config::PoolTimeouts timeouts = of.pool.config().timeouts;
  if (!own_timeouts) return timeouts;
  timeouts.first_byte = own_timeouts->first_byte.value_or(timeouts.first_byte);
  timeouts.idle = own_timeouts->idle.value_or(timeouts.idle);
  timeouts.tunnel_idle = own_timeouts->tunnel_idle.value_or(timeouts.tunnel_idle);
  timeouts.total = own_timeouts->total.value_or(timeouts.total);
  return timeouts;
}

const RouteContext& ListenerContext::route_for(const route::RequestView& request) const noexcept {
  const std::optional<std::uint32_t> index = router.match(request);
  return routes[index.value_or(static_cast<std::uint32_t>(routes.size() - 1))];
}

const RouteContext& ListenerContext::route_for_name(std::string_view server_name) const noexcept {
  return routes[sni_router.match(server_name).value_or(static_cast<std::uint32_t>(routes.size() - 1))];
}

bool ListenerContext::trusts(const SocketAddress& peer) const noexcept {
  const auto contains_peer = [&peer](const Cidr& network) { return network.contains(peer); };
  return std::any_of(config.trusted_proxies.begin(), config.trusted_proxies.end(), contains_peer);
}

std::shared_ptr<const Generation> Generation::build(std::shared_ptr<const Snapshot> snapshot,
                                                    WorkerContext& worker) {
  auto generation = std::make_shared<Generation>();
  generation->snapshot = std::move(snapshot);
  const config::Config& config = generation->snapshot->config;
  assert(generation->snapshot->addresses.size() == config.pools.size());
  for (std::size_t i = 0; i < config.pools.size(); ++i) {
    const config::Pool& pool = config.pools[i];
    const tls::ClientContext* tls = generation->snapshot->tls.pool(pool.name);
    generation->pools.push_back(
        build_pool(pool, generation->snapshot->addresses[i], tls, config.zone, worker));
  }
  for (const config::Listener& listener : config.listeners) {
    generation->listeners.push_back(build_listener(listener, *generation, worker));
  }
  return generation;
}

const ListenerContext* Generation::listener(std::string_view name) const noexcept {
  for (const auto& listener : listeners) {
    if (listener->config.name == name) return listener.get();
  }
  return nullptr;
}

}  // namespace lintel::proxy
