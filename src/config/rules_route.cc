// What must hold within a route.

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "config/rules_parts.h"

namespace lintel::config {
namespace {

void check_text_match(const TextMatch& match, const std::string& key, Report& report) {
  const bool asks = !match.is.empty() || !match.prefix.empty() || !match.suffix.empty() ||
                    !match.contains.empty() || !match.regex.empty();
  if (!match.present && asks) {
    error(report, key, "what must not be there can have no value", "remove present: false, or the rest");
  }
}

}  // namespace

namespace rule {

void one_action(const Config& config, Report& report) {
  for_each_route(config, [&](const Route& route, const std::string& key, std::size_t, std::size_t) {
    const int actions =
        int{!route.pool.empty()} + int{route.redirect.has_value()} + int{route.respond.has_value()};
    if (actions == 0) {
      error_if_absent(report, key, {"pool", "redirect", "respond"}, "the route does nothing",
                      "give it one of: pool, redirect, respond");
    }
    if (actions > 1) {
      std::vector<std::string_view> given;
      if (!route.pool.empty()) given.emplace_back("pool");
      if (route.redirect) given.emplace_back("redirect");
      if (route.respond) given.emplace_back("respond");
      report.add(Severity::error, report.nearest(key),
                 "the route has more than one action: " + join_words(given), "keep one of them");
    }
  });
}

void one_path_condition(const Config& config, Report& report) {
  for_each_route(config, [&](const Route& route, const std::string& key, std::size_t, std::size_t) {
    for_each_match(route.match, key + ".match", [&](const Match& match, const std::string& at) {
      if (match.path.empty() || match.path_prefix.empty()) return;
      error(report, at, "path and path_prefix are both given", "keep one of them");
    });
  });
}

void redirect_changes_something(const Config& config, Report& report) {
  for_each_route(config, [&](const Route& route, const std::string& key, std::size_t, std::size_t) {
    if (!route.redirect) return;
    const Redirect& to = *route.redirect;
    if (!to.scheme.empty() || !to.host.empty() || to.port || !to.path.empty()) return;
    error(report, key + ".redirect", "the redirect leads to the request's own URL, which would loop",
          "set at least one of: scheme, host, port, path");
  });
}

void text_matches(const Config& config, Report& report) {
  for_each_route(config, [&](const Route& route, const std::string& key, std::size_t, std::size_t) {
    for_each_match(route.match, key + ".match", [&](const Match& match, const std::string& at) {
      for_each_text_match(match, at, [&](const TextMatch& each, const std::string& place) {
        check_text_match(each, place, report);
      });
      for (std::size_t i = 0; i < match.header.size(); ++i) {
        std::string name = match.header[i].name;
        std::transform(name.begin(), name.end(), name.begin(),
                       [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
        if (name != "host") continue;
        error(report, indexed(at + ".header", i), "the Host header is compared by \"host\"",
              "write host: [...] beside header");
      }
    });
  });
}

}  // namespace rule

}  // namespace lintel::config
