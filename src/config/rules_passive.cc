// What must hold for what a pool learns of its servers from traffic.

#include <algorithm>
#include <optional>
#include <string>

#include "config/rules_parts.h"

namespace lintel::config {
namespace {

void check_breaker(const std::optional<Breaker>& breaker, const std::string& key, Report& report) {
  if (!breaker || breaker->failure_ratio || breaker->max_in_flight != 0) return;
  error_if_absent(report, key, {"failure_ratio", "max_in_flight"}, "nothing opens this circuit breaker",
                  "write for example {failure_ratio: 50%} or {max_in_flight: 1000}");
}

}  // namespace

namespace rule {

void outlier_ejects(const Config& config, Report& report) {
  for (std::size_t i = 0; i < config.pools.size(); ++i) {
    const Pool& pool = config.pools[i];
    const Outlier& outlier = pool.outlier;
    const std::string key = pool_key(i) + ".outlier";
    if (!outlier.enabled || report.failed(key)) continue;
    if (outlier.max_eject_for < outlier.eject_for) {
      error(report, key, "max_eject_for is shorter than eject_for", "raise max_eject_for or lower eject_for");
    }
    if (outlier.consecutive_failures == 0 && !outlier.failure_ratio && !outlier.latency) {
      warning(report, key, "nothing is looked at, so no server is ever ejected",
              "write outlier: false, or set consecutive_failures, failure_ratio or latency");
    }
    const auto weighty = std::count_if(pool.servers.begin(), pool.servers.end(),
                                       [](const Server& each) { return each.weight != 0; });
    if (weighty > 1 && weighty * outlier.max_ejected < 100) {
      warning(report, key + ".max_ejected",
              std::to_string(outlier.max_ejected) + "% of " + std::to_string(weighty) +
                  " servers is less than one, so none is ever ejected",
              "raise it, or write outlier: false");
    }
  }
}

void breakers_open(const Config& config, Report& report) {
  for (std::size_t i = 0; i < config.pools.size(); ++i) {
    const std::string key = pool_key(i) + ".circuit_breaker";
    check_breaker(config.pools[i].circuit_breaker.pool, key + ".pool", report);
    check_breaker(config.pools[i].circuit_breaker.server, key + ".server", report);
  }
}

}  // namespace rule

}  // namespace lintel::config
