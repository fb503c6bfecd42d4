#pragma once

// N14: whoever sees a request sees the same one. The route that matches what was received is the route that
// matches what is forwarded, and both go by the path that a stranger to this project makes of the target. For
// tests and fuzzers.

#include <algorithm>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "http/h1_parser.h"
#include "http/h1_serializer.h"
#include "route/router.h"

namespace lintel::route::test {

/// Routes of every kind over hosts, methods and paths that look alike.
inline std::vector<config::Route> look_alikes() {
  std::vector<config::Route> routes;
  const auto add = [&routes](std::vector<std::string> host, std::string path, std::string prefix,
                             std::vector<std::string> method = {}) {
    config::Match& match = routes.emplace_back().match;
    match.host = std::move(host);
    match.path = std::move(path);
    match.path_prefix = std::move(prefix);
    match.method = std::move(method);
  };
  for (const char* host : {"a.test", "*.a.test", ""}) {
    const std::vector<std::string> hosts =
        *host == '\0' ? std::vector<std::string>{} : std::vector{std::string(host)};
    add(hosts, "/admin", "");
    add(hosts, "", "/admin", {"POST", "BREW"});
    add(hosts, "", "/admin/");
    add(hosts, "", "/api/v1");
    add(hosts, "", "/api/v1/users", {"GET"});
    add(hosts, "", "/api/", {"GET", "HEAD"});
    add(hosts, "/a%2Fb", "");
    add(hosts, "", "/a/b");
    add(hosts, "", "/a//b");
    add(hosts, "", "/a");
    add(hosts, "", "/~user");
    add(hosts, "/.well-known/x", "");
    add(hosts, "", "/%C3%A9");
    add(hosts, "/*", "");
    add(hosts, "", "//");
  }
  add({}, "", "/", {"GET"});
  return routes;
}

/// The path of an accepted target as RFC 3986 has it (6.2.2.2 and 6.2.2.3), segment by segment.
inline std::string plain_path(std::string_view path) {
  static constexpr std::string_view kUnreserved =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
  std::string decoded;
  for (std::size_t i = 0; i < path.size(); ++i) {
    if (path[i] != '%') {
      decoded.push_back(path[i]);
      continue;
    }
    std::string escape(path.substr(i, 3));
    std::transform(escape.begin(), escape.end(), escape.begin(),
                   [](char c) { return static_cast<char>(c >= 'a' && c <= 'f' ? c - 32 : c); });
    const char octet = static_cast<char>(std::stoi(escape.substr(1), nullptr, 16));
    const bool plain = kUnreserved.find(octet) != std::string_view::npos;
    decoded.append(plain ? std::string(1, octet) : escape);
    i += 2;
  }
  std::vector<std::string> kept;
  bool folder = false;  // Whether it ends in "/" because of its last segment.
  for (std::size_t begin = 1; begin <= decoded.size();) {
    const std::size_t end = std::min(decoded.find('/', begin), decoded.size());
    const std::string segment = decoded.substr(begin, end - begin);
    folder = segment == "." || segment == "..";
    if (segment == "..") kept.pop_back();
    if (!folder) kept.push_back(segment);
    begin = end + 1;
  }
  std::string result;
  for (const std::string& segment : kept) result.append("/").append(segment);
  if (folder) result.append("/");
  return result;
}

/// What two looks at one request give.
struct Views {
  bool accepted = false;
  std::optional<std::uint32_t> route;
  std::string path;
  std::string difference;  ///< Between them; empty: none.
};

/// `wire` is a whole request head in origin form.
inline Views compare_views(const Router& router, std::string_view wire,
                           const http::RequestRules& rules = {}) {
  const auto match = [&router](const http::RequestHead& head) { return router.match(view_of(head)); };
  Views views;
  http::RequestHead received;
  http::RequestHeadParser parser;
  parser.start(received, {}, rules);
  if (parser.feed(std::span(wire.data(), wire.size())).status != http::HeadStatus::done) return views;
  views.accepted = true;
  views.route = match(received);
  views.path = received.text(received.path);
  if (received.host().empty()) return views;  // HTTP/1.0: the session gives it the address connected to.
  Buffer out;
  http::write_request_head(out, received, parser.framing(), true);
  http::RequestHead forwarded;
  http::RequestHeadParser second;
  second.start(forwarded, {.head = 1 << 20, .field = 1 << 20, .target = 1 << 20, .count = 1000}, rules);
  if (second.feed(out.span()).status != http::HeadStatus::done) {
    views.difference = "what is forwarded is refused";
  } else if (match(forwarded) != views.route) {
    views.difference = "what is forwarded takes another route";
  } else if (forwarded.text(forwarded.path) != views.path || forwarded.host() != received.host()) {
    views.difference = "what is forwarded has another path or host";
  } else if (const std::string_view target = received.text(received.target); target.front() == '/') {
    const std::string_view path = target.substr(0, target.find('?'));
    if (plain_path(path) != views.path) views.difference = "the canonical path is another than RFC 3986's";
    if (rules.strict_paths && path != views.path)
      views.difference = "a path that is not canonical was accepted";
  }
  return views;
}

}  // namespace lintel::route::test
