#include "route/sni_router.h"

#include <algorithm>

namespace lintel::route {

SniRouter::SniRouter(const std::vector<config::Route>& routes) {
  for (std::uint32_t i = 0; i < routes.size(); ++i) {
    const std::vector<std::string>& names = routes[i].match.sni;
    if (names.empty() && !any_) any_ = i;
    for (const std::string& name : names) {
      // The first route that has a name keeps it.
      if (name.starts_with("*.")) {
        suffixes_.emplace(name.substr(1), i);
      } else {
        exact_.emplace(name, i);
      }
    }
  }
}

std::optional<std::uint32_t> SniRouter::match(std::string_view name) const {
  std::optional<std::uint32_t> best = any_;
  const auto consider = [&best](const Names& names, std::string_view key) {
    const auto found = names.find(key);
    if (found != names.end()) best = std::min(best.value_or(found->second), found->second);
  };
  consider(exact_, name);
  for (std::size_t dot = name.find('.', 1); dot != std::string_view::npos; dot = name.find('.', dot + 1)) {
    consider(suffixes_, name.substr(dot));
  }
  return best;
}

}  // namespace lintel::route
