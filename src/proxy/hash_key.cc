#include "proxy/hash_key.h"

#include "base/hash.h"
#include "http/cookie.h"
#include "proxy/forwarded.h"

namespace lintel::proxy {
namespace {

/// Of the whole of path and query, without putting them together.
std::uint64_t hash_uri(const http::RequestHead& request) noexcept {
  const std::uint64_t path = hash_bytes(request.text(request.path));
  return request.has_query ? hash_bytes(request.text(request.query), path) : path;
}

}  // namespace

std::uint64_t hash_key(const config::HashKey& key, const http::RequestHead& request,
                       std::string_view client_ip) noexcept {
  std::string_view value;
  if (!key.header.empty()) {
    // Host is no field of the head any more.
    value = http::equals_ignoring_case(key.header, "host") ? request.text(request.authority)
                                                           : request.fields.get(key.header);
  } else if (!key.cookie.empty()) {
    value = http::cookie_value(request.fields, key.cookie);
  } else if (!key.query.empty()) {
    value = http::query_value(request.text(request.query), key.query);
  } else if (key.source == config::HashSource::path) {
    value = request.text(request.path);
  } else if (key.source == config::HashSource::uri) {
    return hash_uri(request);
  }
  return hash_bytes(value.empty() ? client_ip : value);
}

std::uint64_t hash_client(const SocketAddress& client) noexcept {
  const Peer peer(client);
  return hash_bytes(peer.ip());
}

}  // namespace lintel::proxy
