#include "proxy/redirect.h"

namespace lintel::proxy {

std::string redirect_location(const config::Redirect& redirect, std::string_view own_scheme,
                              const http::RequestHead& request) {
  const std::string_view scheme = redirect.scheme.empty() ? own_scheme : redirect.scheme;
  std::string authority = redirect.host.empty() ? std::string(request.host()) : redirect.host;
  if (redirect.port) {
    authority.append(":").append(std::to_string(*redirect.port));
  } else if (redirect.scheme.empty() && redirect.host.empty()) {
    authority = request.text(request.authority);
  }
  std::string location;
  if (!authority.empty() && request.authority.size + redirect.host.size() != 0) {
    location.append(scheme).append("://").append(authority);
  }
  if (!redirect.path.empty()) return location + redirect.path;
  std::string_view path = request.text(request.path);
  // By itself, "//b.test/" would name another host.
  while (location.empty() && path.starts_with("//")) path.remove_prefix(1);
  location.append(path == "*" ? "/" : path);
  if (request.has_query) location.append("?").append(request.text(request.query));
  return location;
}

}  // namespace lintel::proxy
