// What must hold of retries and mirrors.

#include <algorithm>
#include <string>

#include "config/rules_parts.h"

namespace lintel::config {
namespace {

void check_hedge(const Retry& retry, const std::string& key, Report& report) {
  if (retry.hedge.after == 0ms) return;
  if (retry.hedge.most >= retry.attempts) {
    const std::string needed = std::to_string(retry.hedge.most + 1);
    error(report, key + ".hedge",
          "there may be " + needed + " attempts at once, but attempts is " + std::to_string(retry.attempts),
          "raise attempts to " + needed + " or more");
  }
  if (retry.per_try_timeout != 0ms && retry.hedge.after >= retry.per_try_timeout) {
    warning(report, key + ".hedge.after", "per_try_timeout ends an attempt before its hedge begins",
            "lower it, or raise per_try_timeout");
  }
}

void check_retry(const Retry& retry, milliseconds total, const std::string& key, Report& report) {
  check_hedge(retry, key, report);
  if (total == 0ms || retry.per_try_timeout == 0ms || retry.per_try_timeout < total) return;
  warning(report, key + ".per_try_timeout", "timeouts.total leaves no time for a second attempt",
          "lower it, or raise timeouts.total");
}

const Pool* find_pool(const Config& config, const std::string& name) {
  for (const Pool& pool : config.pools) {
    if (pool.name == name) return &pool;
  }
  return nullptr;
}

}  // namespace

namespace rule {

void retries_fit(const Config& config, Report& report) {
  for (std::size_t i = 0; i < config.pools.size(); ++i)
    check_retry(config.pools[i].retry, config.pools[i].timeouts.total, pool_key(i) + ".retry", report);
  for_each_route(config, [&](const Route& route, const std::string& key, std::size_t, std::size_t) {
    if (!route.retry) return;
    const Pool* pool = find_pool(config, route.pool);
    const milliseconds total = route.timeouts.total.value_or(pool ? pool->timeouts.total : 0ms);
    check_retry(*route.retry, total, key + ".retry", report);
  });
}

void mirrors_fit(const Config& config, Report& report) {
  for_each_route(config, [&](const Route& route, const std::string& key, std::size_t, std::size_t) {
    if (!route.mirror) return;
    const std::string at = key + ".mirror.pool";
    const Pool* pool = find_pool(config, route.mirror->pool);
    if (pool && pool->proxy_protocol != SendProxy::none) {
      error(report, at, "this pool's servers are told of clients by PROXY headers, and a copy has no client",
            "mirror to a pool without proxy_protocol");
    }
    const auto is_same = [&route](const SplitPool& part) { return part.pool == route.mirror->pool; };
    if (route.pool == route.mirror->pool || std::any_of(route.split.begin(), route.split.end(), is_same))
      warning(report, at, "the servers that answer the requests get the copies too", "name another pool");
  });
}

}  // namespace rule

}  // namespace lintel::config
