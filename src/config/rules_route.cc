// What must hold within a route.

#include <algorithm>
#include <array>
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

void check_rewrite(const Route& route, const std::string& key, Report& report) {
  const Rewrite& rewrite = *route.rewrite;
  const std::string at = key + ".rewrite";
  const int ways = int{!rewrite.path.empty()} + int{!rewrite.path_prefix.empty()} +
                   int{!rewrite.strip_prefix.empty()} + int{rewrite.regex.has_value()};
  if (ways > 1) {
    error(report, at, "the path is rewritten in more than one way",
          "keep one of: path, path_prefix, strip_prefix, regex");
  } else if (ways == 0 && rewrite.host.empty()) {
    error_if_absent(report, at, {"path", "path_prefix", "strip_prefix", "regex", "host"},
                    "nothing is rewritten", "add for example strip_prefix: /v1");
  }
  if (!rewrite.path_prefix.empty() && route.match.path_prefix.empty()) {
    error(report, at + ".path_prefix", "the route matches no path_prefix that could be replaced",
          "add match: {path_prefix: ...}, or use path, strip_prefix or regex");
  }
  if (!rewrite.path.empty() && rewrite.path.front() != '/' && rewrite.path.front() != '{')
    error(report, at + ".path", quote(rewrite.path) + " does not begin with \"/\"");
}

std::string lower_case(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return text;
}

/// Fields that say how a message stands on its connection, which is no business of routes (RFC 9110, 7.6.1).
void check_edit(const std::string& name, const std::string& key, Report& report) {
  static constexpr std::array<std::string_view, 11> kOwn = {
      "connection", "content-length",    "expect",  "http2-settings", "keep-alive", "proxy-connection",
      "te",         "transfer-encoding", "trailer", "upgrade",        "host"};
  const std::string lower = lower_case(name);
  if (std::find(kOwn.begin(), kOwn.end(), lower) == kOwn.end()) return;
  error(report, key, quote(name) + " cannot be changed",
        lower == "host" ? "use rewrite: {host: ...}"
                        : "it belongs to the connection, and Lintel writes it itself");
}

void check_edits(const HeaderEdits& edits, const std::string& key, Report& report) {
  for (std::size_t i = 0; i < edits.set.size(); ++i)
    check_edit(edits.set[i].name, indexed(key + ".set", i), report);
  for (std::size_t i = 0; i < edits.add.size(); ++i)
    check_edit(edits.add[i].name, indexed(key + ".add", i), report);
  for (std::size_t i = 0; i < edits.remove.size(); ++i)
    check_edit(edits.remove[i], indexed(key + ".remove", i), report);
}

}  // namespace

namespace rule {

void one_action(const Config& config, Report& report) {
  for_each_route(config, [&](const Route& route, const std::string& key, std::size_t, std::size_t) {
    std::vector<std::string_view> given;
    if (!route.pool.empty()) given.emplace_back("pool");
    if (!route.split.empty()) given.emplace_back("split");
    if (route.redirect) given.emplace_back("redirect");
    if (route.respond) given.emplace_back("respond");
    if (given.empty()) {
      error_if_absent(report, key, {"pool", "split", "redirect", "respond"}, "the route does nothing",
                      "give it one of: pool, split, redirect, respond");
    }
    if (given.size() > 1) {
      report.add(Severity::error, report.nearest(key),
                 "the route has more than one action: " + join_words(given), "keep one of them");
    }
  });
}

void one_path_condition(const Config& config, Report& report) {
  for_each_route(config, [&](const Route& route, const std::string& key, std::size_t, std::size_t) {
    for_each_match(route, key, [&](const Match& match, const std::string& at) {
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
    for_each_match(route, key, [&](const Match& match, const std::string& at) {
      for_each_text_match(match, at, [&](const TextMatch& each, const std::string& place) {
        check_text_match(each, place, report);
      });
      for (std::size_t i = 0; i < match.header.size(); ++i) {
        if (lower_case(match.header[i].name) != "host") continue;
        error(report, indexed(at + ".header", i), "the Host header is compared by \"host\"",
              "write host: [...] beside header");
      }
    });
  });
}

void tls_conditions(const Config& config, Report& report) {
  for_each_route(config, [&](const Route& route, const std::string& key, std::size_t i, std::size_t) {
    const Listener& listener = config.listeners[i];
    if (listener.protocol != Protocol::http) return;
    const bool shown = listener.tls && listener.tls->client_auth.mode != ClientAuthMode::none;
    for_each_match(route, key, [&](const Match& match, const std::string& at) {
      if (!match.sni.empty() && !listener.tls) {
        error(report, at + ".sni", "no client asks for a name by TLS here: the listener has no tls",
              "use host, or add tls");
      }
      if (match.client_cert_subject && !shown) {
        error(report, at + ".client_cert_subject",
              "no client shows a certificate here: the listener has no tls.client_auth",
              "add client_auth to the listener's tls, or remove it");
      }
    });
  });
}

void route_forwards(const Config& config, Report& report) {
  for_each_route(config, [&](const Route& route, const std::string& key, std::size_t, std::size_t) {
    if (!route.split.empty() && std::all_of(route.split.begin(), route.split.end(),
                                            [](const SplitPool& part) { return part.weight == 0; })) {
      error(report, key + ".split", "every pool has weight 0, so none would get a request",
            "give one a weight above 0");
    }
    if (route.split.empty() && !route.split_key.empty())
      error(report, key + ".split_key", "there is no split", "add split, or remove it");
    if (route.rewrite) check_rewrite(route, key, report);
    if (route.fault && route.fault->delay == 0ms && route.fault->abort == 0) {
      error_if_absent(report, key + ".fault", {"delay", "abort"}, "the fault does nothing",
                      "add delay: 200ms or abort: 503");
    }
    if (!route.pool.empty() || !route.split.empty()) return;
    for (const std::string_view name :
         {"fallback", "rewrite", "timeouts", "retry", "mirror", "headers.request"}) {
      const std::string at = key + '.' + std::string(name);
      if (report.find(at) != nullptr)
        error(report, at, "the route has no pool that this could be for", "add pool, or remove it");
    }
  });
}

void header_edits(const Config& config, Report& report) {
  for_each_route(config, [&](const Route& route, const std::string& key, std::size_t, std::size_t) {
    check_edits(route.headers.request, key + ".headers.request", report);
    check_edits(route.headers.response, key + ".headers.response", report);
  });
}

}  // namespace rule

}  // namespace lintel::config
