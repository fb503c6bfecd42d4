#include "route/checks.h"

#include <algorithm>
#include <optional>
#include <string>

#include "config/rules_parts.h"
#include "route/regex.h"
#include "route/template.h"

namespace lintel::route {
namespace {

void check_regex(const std::string& pattern, const std::string& key, config::Report& report) {
  std::string why;
  if (pattern.empty() || Regex::compile(pattern, why)) return;
  config::error(report, key, config::quote(pattern) + " is not a regular expression: " + why,
                "the syntax is RE2's: no look-around, no back-references");
}

void check_template(const std::string& text, Template::For use, const std::string& key,
                    config::Report& report, std::size_t groups = 0) {
  std::string why;
  if (!Template::compile(text, use, why, groups)) config::error(report, key, config::quote(text) + ' ' + why);
}

void check_edits(const config::HeaderEdits& edits, Template::For use, const std::string& key,
                 config::Report& report) {
  for (std::size_t i = 0; i < edits.set.size(); ++i)
    check_template(edits.set[i].value, use, config::indexed(key + ".set", i), report);
  for (std::size_t i = 0; i < edits.add.size(); ++i)
    check_template(edits.add[i].value, use, config::indexed(key + ".add", i), report);
}

void check_rewrite(const config::Rewrite& rewrite, const std::string& key, config::Report& report) {
  check_template(rewrite.path, Template::For::request, key + ".path", report);
  if (!rewrite.regex) return;
  std::string why;
  const std::optional<Regex> regex = Regex::compile(rewrite.regex->pattern, why);
  check_regex(rewrite.regex->pattern, key + ".regex.pattern", report);
  if (!regex) return;
  check_template(rewrite.regex->replace, Template::For::replacement, key + ".regex.replace", report,
                 std::min(regex->group_count(), Regex::kMostGroups - 1));
}

}  // namespace

void check_routes(const config::Config& config, config::Report& report) {
  config::for_each_route(config, [&](const config::Route& route, const std::string& key, std::size_t,
                                     std::size_t) {
    config::for_each_match(route, key, [&](const config::Match& match, const std::string& at) {
      check_regex(match.path_regex, at + ".path_regex", report);
      config::for_each_text_match(match, at, [&](const config::TextMatch& each, const std::string& place) {
        check_regex(each.regex, place + ".regex", report);
      });
    });
    check_template(route.split_key, Template::For::request, key + ".split_key", report);
    check_edits(route.headers.request, Template::For::request, key + ".headers.request", report);
    check_edits(route.headers.response, Template::For::response, key + ".headers.response", report);
    if (route.rewrite) check_rewrite(*route.rewrite, key + ".rewrite", report);
  });
}

}  // namespace lintel::route
