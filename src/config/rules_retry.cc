// What must hold of retries.

#include <string>

#include "config/rules_parts.h"

namespace lintel::config {
namespace {

void check_retry(const Retry& retry, milliseconds total, const std::string& key, Report& report) {
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

}  // namespace rule

}  // namespace lintel::config
