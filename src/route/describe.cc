#include "route/describe.h"

#include <vector>

#include "config/diagnostic.h"
#include "http/cookie.h"

namespace lintel::route {
namespace {

using config::quote;
using Kind = Condition::Kind;

std::string one_of(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return words.size() == 1 ? text : "one of " + text;
}

/// What is asked of a value: "is a or b, begins with "x"".
std::string wanted(const config::TextMatch& match) {
  std::string text;
  const auto add = [&text](std::string_view what, const std::string& value) {
    if (!value.empty()) text += (text.empty() ? "" : ", ") + std::string(what) + ' ' + quote(value);
  };
  if (!match.is.empty()) text = "be " + one_of(match.is);
  add("begin with", match.prefix);
  add("end with", match.suffix);
  add("contain", match.contains);
  add("match", match.regex);
  return text;
}

/// The first value by that name that the request has; null data: none.
std::string_view value_in(const Condition& condition, const RequestView& request) {
  const std::string& name = condition.text->match().name;
  std::string_view value;
  switch (condition.kind) {
    case Kind::header:
      return request.fields ? request.fields->get(name) : value;
    case Kind::cookie:
      return request.fields ? http::cookie_value(*request.fields, name) : value;
    case Kind::query:
      return http::query_value(request.query, name);
    default:
      return request.client_cert_subject.value_or(value);
  }
}

std::string describe_text(std::string_view what, const Condition& condition, const RequestView& request) {
  const config::TextMatch& match = condition.text->match();
  const std::string named = std::string(what) + (match.name.empty() ? "" : ' ' + match.name);
  if (!match.present) return named + " is there, and must not be";
  const std::string_view value = value_in(condition, request);
  if (value.empty())
    return named + " is not there" + (wanted(match).empty() ? "" : ", it must " + wanted(match));
  return named + " is " + quote(value) + ", it must " + wanted(match);
}

std::string describe_groups(const Condition& condition, const RequestView& request) {
  if (condition.kind == Kind::none) return "what \"not\" excludes is the case";
  std::string text;
  for (const Conditions& group : condition.groups) {
    const Condition* failed = group.first_failure(request);
    if (failed == nullptr) continue;
    if (!text.empty()) text += ", and ";
    text += describe_failure(*failed, request);
    if (condition.kind == Kind::all) break;
  }
  return text;
}

}  // namespace

std::string describe_failure(const Condition& condition, const RequestView& request) {
  switch (condition.kind) {
    case Kind::host:
      return "the host " + quote(request.host) + " is not " + one_of(condition.words);
    case Kind::path:
      return "the path " + quote(request.path) + " is not " + condition.words.front();
    case Kind::path_prefix:
      return "the path " + quote(request.path) + " is not below " + condition.words.front();
    case Kind::path_regex:
      return "the path " + quote(request.path) + " does not match " + quote(condition.regex->pattern());
    case Kind::method:
      return "the method is not " + one_of(condition.words);
    case Kind::header:
      return describe_text("the header", condition, request);
    case Kind::query:
      return describe_text("the query's parameter", condition, request);
    case Kind::cookie:
      return describe_text("the cookie", condition, request);
    case Kind::client_ip: {
      std::string networks;
      for (const Cidr& network : condition.networks)
        networks += (networks.empty() ? "" : ", ") + network.to_string();
      return "the client " + quote(request.client_ip) + " is not in " + networks;
    }
    case Kind::sni:
      return request.sni.empty()
                 ? "no TLS name is asked for"
                 : "the TLS name " + quote(request.sni) + " is not " + one_of(condition.words);
    case Kind::client_cert_subject:
      return describe_text("the subject of the client's certificate", condition, request);
    case Kind::all:
    case Kind::any:
    case Kind::none:
      break;
  }
  return describe_groups(condition, request);
}

}  // namespace lintel::route
