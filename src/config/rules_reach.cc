// Which routes can never be taken, because routes before them take all that they ask for.

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "config/rules_parts.h"

namespace lintel::config {
namespace {

bool equals_ignoring_case(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [&](char x, char y) { return lower(x) == lower(y); });
}

bool has(const std::vector<std::string>& list, std::string_view word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

/// Whether every host that `narrow` takes is taken by `wide`.
bool host_covers(std::string_view wide, std::string_view narrow) {
  if (wide == narrow) return true;
  return wide.starts_with("*.") && narrow.size() > wide.size() - 1 && narrow.ends_with(wide.substr(1));
}

bool hosts_cover(const std::vector<std::string>& wide, const std::vector<std::string>& narrow) {
  if (wide.empty()) return true;
  return !narrow.empty() && std::all_of(narrow.begin(), narrow.end(), [&](const std::string& each) {
    return std::any_of(wide.begin(), wide.end(),
                       [&](const std::string& pattern) { return host_covers(pattern, each); });
  });
}

bool prefix_covers(std::string_view prefix, std::string_view path) {
  if (prefix == "/") return true;
  return path.starts_with(prefix) &&
         (prefix.ends_with('/') || path.size() == prefix.size() || path[prefix.size()] == '/');
}

/// Whether path and path_prefix of `narrow` leave nothing that those of `wide` refuse.
bool path_covers(const Match& wide, const Match& narrow) {
  if (!wide.path.empty() && wide.path != narrow.path) return false;
  if (wide.path_prefix.empty()) return true;
  return prefix_covers(wide.path_prefix, narrow.path.empty() ? narrow.path_prefix : narrow.path);
}

bool text_covers(const TextMatch& wide, const TextMatch& narrow) {
  if (wide.present != narrow.present) return false;
  const auto all_known = [&](auto&& holds) {
    return !narrow.is.empty() && std::all_of(narrow.is.begin(), narrow.is.end(), holds);
  };
  const auto known = [&](const std::string& value) {
    return (wide.is.empty() || has(wide.is, value)) && value.starts_with(wide.prefix) &&
           value.ends_with(wide.suffix) && value.find(wide.contains) != std::string::npos;
  };
  if (wide.regex != narrow.regex && !wide.regex.empty()) return false;
  if (all_known(known)) return true;
  return wide.is.empty() && narrow.prefix.starts_with(wide.prefix) && narrow.suffix.ends_with(wide.suffix) &&
         narrow.contains.find(wide.contains) != std::string::npos;
}

bool texts_cover(const std::vector<TextMatch>& wide, const std::vector<TextMatch>& narrow, bool ignore_case) {
  return std::all_of(wide.begin(), wide.end(), [&](const TextMatch& asked) {
    return std::any_of(narrow.begin(), narrow.end(), [&](const TextMatch& given) {
      const bool same = ignore_case ? equals_ignoring_case(asked.name, given.name) : asked.name == given.name;
      return same && text_covers(asked, given);
    });
  });
}

bool networks_cover(const std::vector<Cidr>& wide, const std::vector<Cidr>& narrow) {
  if (wide.empty()) return true;
  return !narrow.empty() && std::all_of(narrow.begin(), narrow.end(), [&](const Cidr& each) {
    return std::any_of(wide.begin(), wide.end(), [&](const Cidr& network) { return network.contains(each); });
  });
}

bool match_covers(const Match& wide, const Match& narrow);

/// As match_covers, for all but host, path, method and sni.
bool rest_covers(const Match& wide, const Match& narrow) {
  const auto holds = [&](const Match& inside) { return match_covers(inside, narrow); };
  const auto is_given = [&](const Match& inside) {
    return std::find(narrow.none.begin(), narrow.none.end(), inside) != narrow.none.end();
  };
  if (!wide.path_regex.empty() && wide.path_regex != narrow.path_regex) return false;
  if (!texts_cover(wide.header, narrow.header, true) || !texts_cover(wide.query, narrow.query, false) ||
      !texts_cover(wide.cookie, narrow.cookie, false) || !networks_cover(wide.client_ip, narrow.client_ip))
    return false;
  if (wide.client_cert_subject &&
      !(narrow.client_cert_subject && text_covers(*wide.client_cert_subject, *narrow.client_cert_subject)))
    return false;
  if (!wide.any.empty() && wide.any != narrow.any && std::none_of(wide.any.begin(), wide.any.end(), holds))
    return false;
  return (wide.all == narrow.all || std::all_of(wide.all.begin(), wide.all.end(), holds)) &&
         std::all_of(wide.none.begin(), wide.none.end(), is_given);
}

/// Whether it is certain that all that `narrow` takes is taken by `wide`; false where nobody can tell easily.
bool match_covers(const Match& wide, const Match& narrow) {
  const auto methods = [&] {
    return wide.method.empty() ||
           (!narrow.method.empty() &&
            std::all_of(narrow.method.begin(), narrow.method.end(),
                        [&](const std::string& method) { return has(wide.method, method); }));
  };
  return hosts_cover(wide.host, narrow.host) && hosts_cover(wide.sni, narrow.sni) &&
         path_covers(wide, narrow) && methods() && rest_covers(wide, narrow);
}

/// The routes of one listener that came before, found by what they ask of host and path, so that ten thousand
/// routes need not be compared each with each.
class Earlier {
 public:
  /// The names by which a route is found are hosts, or what TLS clients ask for where nothing is decrypted.
  Earlier(const Listener& listener, bool by_sni) : listener_(listener), by_sni_(by_sni) {}

  void add(std::size_t route) {
    const Match& match = listener_.routes[route].match;
    const std::string& path = match.path.empty() ? match.path_prefix : match.path;
    const bool any_path = path.empty() || (match.path.empty() && path == "/");
    for_each_name(match, [&](const std::string& name) {
      by_key_[key(name, any_path ? "" : path)].push_back(route);
      return true;
    });
  }

  /// The routes that together take everything that `match` asks for; empty: some of it is left.
  [[nodiscard]] std::set<std::size_t> that_cover(const Match& match) const {
    std::set<std::size_t> found;
    const std::vector<std::string> every = {""};
    const bool complete = for_each_name(match, [&](const std::string& name) {
      const std::vector<std::string>& methods = match.method.empty() ? every : match.method;
      return std::all_of(methods.begin(), methods.end(), [&](const std::string& method) {
        const std::optional<std::size_t> route = that_covers(match, name, method);
        if (route) found.insert(*route);
        return route.has_value();
      });
    });
    if (!complete) found.clear();
    return found;
  }

 private:
  [[nodiscard]] const std::vector<std::string>& names(const Match& match) const {
    return by_sni_ ? match.sni : match.host;
  }
  /// Calls `visit` for each name, or with "" for all, until it says false; returns whether it never did.
  template <typename Visit>
  bool for_each_name(const Match& match, const Visit& visit) const {
    if (names(match).empty()) return visit(std::string());
    return std::all_of(names(match).begin(), names(match).end(), visit);
  }
  static std::string key(std::string_view name, std::string_view path) {
    return std::string(name).append(1, '\0').append(path);
  }
  /// The first route that takes all requests of `match` for that name and method.
  [[nodiscard]] std::optional<std::size_t> that_covers(const Match& match, const std::string& name,
                                                       const std::string& method) const {
    std::optional<std::size_t> first;
    const auto look = [&](std::string_view host, std::string_view path) {
      const auto list = by_key_.find(key(host, path));
      if (list == by_key_.end()) return;
      for (const std::size_t route : list->second) {
        if (first && route >= *first) return;
        const Match& wide = listener_.routes[route].match;
        const bool takes = wide.method.empty() || has(wide.method, method);
        if (takes && path_covers(wide, match) && (by_sni_ || hosts_cover(wide.sni, match.sni)) &&
            rest_covers(wide, match)) {
          first = route;
          return;
        }
      }
    };
    const auto look_at_paths = [&](std::string_view host) {
      const std::string& path = match.path.empty() ? match.path_prefix : match.path;
      look(host, "");
      if (path.empty()) return;
      look(host, path);
      for (std::size_t slash = path.find('/', 1); slash != std::string::npos;
           slash = path.find('/', slash + 1)) {
        look(host, std::string_view(path).substr(0, slash));
        if (slash + 1 != path.size()) look(host, std::string_view(path).substr(0, slash + 1));
      }
    };
    look_at_paths("");
    if (name.empty()) return first;
    look_at_paths(name);
    for (std::size_t dot = name.find('.'); dot != std::string::npos; dot = name.find('.', dot + 1)) {
      const std::string pattern = '*' + name.substr(dot);
      if (pattern != name) look_at_paths(pattern);
    }
    return first;
  }

  const Listener& listener_;
  bool by_sni_;
  std::map<std::string, std::vector<std::size_t>> by_key_;
};

void warn(const Listener& listener, std::size_t index, const std::set<std::size_t>& covering,
          const std::string& key, std::string_view what_to_do, Report& report) {
  constexpr std::size_t kMostNamed = 3;
  if (report.failed(key)) return;
  std::string names;
  std::size_t named = 0;
  for (const std::size_t route : covering) {
    if (named++ == kMostNamed) break;
    names += (names.empty() ? "" : ", ") + quote(listener.routes[route].name);
  }
  const bool one = covering.size() == 1;
  if (covering.size() > kMostNamed) names += " and others";
  Diagnostic& added = report.add(Severity::warning, report.nearest(key),
                                 "never matches: the route" + std::string(one ? " " : "s ") + names +
                                     " before it " + (one ? "takes" : "take") + " all of its requests",
                                 std::string(what_to_do));
  named = 0;
  for (const std::size_t route : covering) {
    if (named++ == kMostNamed) break;
    report.note(added, report.nearest(route_key(index, route)).place, "the route that comes first");
  }
}

}  // namespace

void rule::routes_reachable(const Config& config, Report& report) {
  for (std::size_t i = 0; i < config.listeners.size(); ++i) {
    const Listener& listener = config.listeners[i];
    Earlier earlier(listener, listener.protocol == Protocol::tcp);
    for (std::size_t j = 0; j < listener.routes.size() && !report.full(); ++j) {
      if (report.failed(route_key(i, j) + ".match")) continue;
      const std::set<std::size_t> covering = earlier.that_cover(listener.routes[j].match);
      if (!covering.empty()) warn(listener, i, covering, route_key(i, j), "move it up, or remove it", report);
      earlier.add(j);
    }
    if (listener.pool.empty()) continue;
    const std::set<std::size_t> covering = earlier.that_cover(Match{});
    if (!covering.empty()) {
      warn(listener, i, covering, listener_key(i) + ".pool",
           "remove the listener's pool, or give those routes a match", report);
    }
  }
}

}  // namespace lintel::config
