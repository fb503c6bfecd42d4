#pragma once

// What the files of rules share: how a setting is named, and how one is complained about.

#include <cstddef>
#include <initializer_list>
#include <string>
#include <string_view>

#include "config/diagnostic.h"
#include "config/model.h"

namespace lintel::config {

/// "list[index]".
[[nodiscard]] std::string indexed(std::string_view list, std::size_t index);
[[nodiscard]] std::string listener_key(std::size_t listener);
[[nodiscard]] std::string pool_key(std::size_t pool);
[[nodiscard]] std::string route_key(std::size_t listener, std::size_t route);

/// Adds an error at `key` unless that setting is broken already.
void error(Report& report, const std::string& key, std::string message, std::string suggestion = {});
void warning(Report& report, const std::string& key, std::string message, std::string suggestion = {});
/// As `error`, with a note that shows where the other of the two stands.
void error_twice(Report& report, const std::string& key, const std::string& first_key, std::string message,
                 std::string suggestion, std::string note);
/// Adds an error at `key` that rests on some of its keys being absent: silent if one of `absent`, or a key
/// that nobody knows, was given and refused.
void error_if_absent(Report& report, const std::string& key, std::initializer_list<std::string_view> absent,
                     std::string message, std::string suggestion);

/// Calls `visit(route, key, listener index, route index)` for every route.
template <typename Visit>
void for_each_route(const Config& config, const Visit& visit) {
  for (std::size_t i = 0; i < config.listeners.size(); ++i) {
    const std::vector<Route>& routes = config.listeners[i].routes;
    for (std::size_t j = 0; j < routes.size(); ++j) visit(routes[j], route_key(i, j), i, j);
  }
}

/// Calls `visit(match, key)` for a match and all matches inside it.
template <typename Visit>
void for_each_match(const Match& match, const std::string& key, const Visit& visit) {
  visit(match, key);
  const auto inside = [&](const std::vector<Match>& matches, std::string_view name) {
    for (std::size_t i = 0; i < matches.size(); ++i)
      for_each_match(matches[i], indexed(key + '.' + std::string(name), i), visit);
  };
  inside(match.all, "all");
  inside(match.any, "any");
  inside(match.none, "not");
}

/// The same for all matches of the route at `key`.
template <typename Visit>
void for_each_match(const Route& route, const std::string& key, const Visit& visit) {
  for_each_match(route.match, key + ".match", visit);
  if (route.fault && route.fault->match) for_each_match(*route.fault->match, key + ".fault.match", visit);
}

/// Calls `visit(text match, key)` for each of `match`, which stands at `key`, but not of those inside it.
template <typename Visit>
void for_each_text_match(const Match& match, const std::string& key, const Visit& visit) {
  const auto each = [&](const std::vector<TextMatch>& list, std::string_view name) {
    for (std::size_t i = 0; i < list.size(); ++i) visit(list[i], indexed(key + '.' + std::string(name), i));
  };
  each(match.header, "header");
  each(match.query, "query");
  each(match.cookie, "cookie");
  if (match.client_cert_subject) visit(*match.client_cert_subject, key + ".client_cert_subject");
}

/// The rules of routes (rules_route.cc, rules_reach.cc).
namespace rule {
void one_action(const Config& config, Report& report);
void one_path_condition(const Config& config, Report& report);
void text_matches(const Config& config, Report& report);
void tls_conditions(const Config& config, Report& report);
void route_forwards(const Config& config, Report& report);
void header_edits(const Config& config, Report& report);
void redirect_changes_something(const Config& config, Report& report);
void routes_reachable(const Config& config, Report& report);
}  // namespace rule

/// What must hold for servers, wherever they are listed; `list` is the list's key.
void check_servers(const std::vector<Server>& servers, const std::string& list, Report& report);

/// The rules of pools (rules_pool.cc).
namespace rule {
void pool_has_servers(const Config& config, Report& report);
void server_addresses(const Config& config, Report& report);
void balance_is_complete(const Config& config, Report& report);
void server_groups(const Config& config, Report& report);
void zones_known(const Config& config, Report& report);
void sticky_fits(const Config& config, Report& report);
void queue_has_use(const Config& config, Report& report);
}  // namespace rule

/// The rules of health checks (rules_health.cc).
namespace rule {
void check_fits_type(const Config& config, Report& report);
void check_is_complete(const Config& config, Report& report);
}  // namespace rule

/// The rules of what is learned of servers from traffic (rules_passive.cc).
namespace rule {
void outlier_ejects(const Config& config, Report& report);
void breakers_open(const Config& config, Report& report);
}  // namespace rule

/// The rules of retries and mirrors (rules_retry.cc).
namespace rule {
void retries_fit(const Config& config, Report& report);
void mirrors_fit(const Config& config, Report& report);
}  // namespace rule

}  // namespace lintel::config
