// What must hold within a pool's health check.

#include <algorithm>
#include <array>
#include <initializer_list>
#include <string>
#include <utility>

#include "config/rules_parts.h"

namespace lintel::config {
namespace {

using Check = HealthCheckType;

constexpr std::array<std::string_view, 7> kTypes = {"http",  "tcp",  "redis", "postgres",
                                                    "mysql", "smtp", "exec"};

std::string_view name_of(HealthCheckType type) {
  return kTypes[static_cast<std::size_t>(type)];
}

struct Fit {
  std::string_view key;
  std::initializer_list<HealthCheckType> types;
};

/// Calls `visit(check, key)` for the check of each pool that has one.
template <typename Visit>
void for_each_check(const Config& config, const Report& report, const Visit& visit) {
  for (std::size_t i = 0; i < config.pools.size(); ++i) {
    const std::string key = pool_key(i) + ".health_check";
    if (config.pools[i].health_check && !report.failed(key + ".type"))
      visit(config.pools[i], *config.pools[i].health_check, key);
  }
}

}  // namespace

namespace rule {

void check_fits_type(const Config& config, Report& report) {
  static const std::initializer_list<Fit> kFits = {
      {"method", {Check::http}},      {"path", {Check::http}},
      {"host", {Check::http}},        {"headers", {Check::http}},
      {"expect", {Check::http}},      {"expect_header", {Check::http}},
      {"expect_body", {Check::http}}, {"send", {Check::tcp}},
      {"expect_text", {Check::tcp}},  {"user", {Check::postgres, Check::mysql}},
      {"command", {Check::exec}},
  };
  for_each_check(config, report, [&](const Pool&, const HealthCheck& check, const std::string& key) {
    for (const Fit& fit : kFits) {
      const std::string inside = key + '.' + std::string(fit.key);
      if (report.find(inside) == nullptr) continue;
      if (std::find(fit.types.begin(), fit.types.end(), check.type) != fit.types.end()) continue;
      std::string types;
      for (const HealthCheckType type : fit.types)
        types.append(types.empty() ? "" : " and ").append(name_of(type));
      error(report, inside,
            "this is for checks of type " + types + "; the type is " + std::string(name_of(check.type)),
            "remove it, or change the type");
    }
  });
}

void check_is_complete(const Config& config, Report& report) {
  for_each_check(config, report, [&](const Pool& pool, const HealthCheck& check, const std::string& key) {
    if (check.type == Check::exec && check.command.empty()) {
      error_if_absent(report, key, {"command"}, "there is no command to run",
                      "add for example command: [/usr/local/bin/check]");
    } else if (check.type == Check::exec && !check.command.front().starts_with('/')) {
      error(report, key + ".command", quote(check.command.front()) + " is not a whole path",
            "write where the program is, from / on; arguments are further entries of the list");
    }
    for (const HeaderValue& header : check.headers) {
      std::string name = header.name;
      std::transform(name.begin(), name.end(), name.begin(),
                     [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; });
      if (name == "host") error(report, key + ".headers", "Host is not set here", "write host: NAME");
    }
    const bool has_unix = std::any_of(pool.servers.begin(), pool.servers.end(), [](const Server& each) {
      return each.address.kind == Endpoint::Kind::unix_socket;
    });
    if (check.port && has_unix) {
      error(report, key + ".port", "the pool has servers on Unix sockets, which have no ports", "remove it");
    }
    if (check.timeout > check.interval) {
      warning(report, key + ".timeout", "a check may take longer than the interval; the next one then waits",
              "lower the timeout, or raise the interval");
    }
  });
}

}  // namespace rule

}  // namespace lintel::config
