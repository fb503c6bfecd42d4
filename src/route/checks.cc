#include "route/checks.h"

#include <string>

#include "config/rules_parts.h"
#include "route/regex.h"

namespace lintel::route {
namespace {

void check_regex(const std::string& pattern, const std::string& key, config::Report& report) {
  std::string why;
  if (pattern.empty() || Regex::compile(pattern, why)) return;
  config::error(report, key, config::quote(pattern) + " is not a regular expression: " + why,
                "the syntax is RE2's: no look-around, no back-references");
}

}  // namespace

void check_routes(const config::Config& config, config::Report& report) {
  config::for_each_route(
      config, [&](const config::Route& route, const std::string& key, std::size_t, std::size_t) {
        config::for_each_match(route.match, key + ".match",
                               [&](const config::Match& match, const std::string& at) {
                                 check_regex(match.path_regex, at + ".path_regex", report);
                                 config::for_each_text_match(
                                     match, at, [&](const config::TextMatch& each, const std::string& place) {
                                       check_regex(each.regex, place + ".regex", report);
                                     });
                               });
      });
}

}  // namespace lintel::route
