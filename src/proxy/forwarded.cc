#include "proxy/forwarded.h"

#include <algorithm>
#include <cassert>
#include <charconv>
#include <optional>
#include <string>

#include "proxy/client_connection.h"
#include "proxy/request_id.h"
#include "tls/peer_certificate.h"

namespace lintel::proxy {
namespace {

using http::FieldId;

std::string_view trim(std::string_view text) noexcept {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

/// The address in one element of X-Forwarded-For: "10.0.0.1", "10.0.0.1:80", "::1", "[::1]:80".
std::optional<SocketAddress> parse_hop(std::string_view hop) noexcept {
  if (!hop.empty() && hop.front() == '[') {
    const std::size_t end = hop.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    return SocketAddress::from_ip(hop.substr(1, end - 1), 0);
  }
  if (std::count(hop.begin(), hop.end(), ':') == 1) hop = hop.substr(0, hop.find(':'));
  return SocketAddress::from_ip(hop, 0);
}

/// Adds one line with the values of all lines of that id and `last` behind them, in place of those lines.
void append_to_list(http::Fields& fields, FieldId id, std::string_view name, std::string_view last) {
  std::string joined;
  for (const http::Fields::Line& line : fields.lines()) {
    if (line.removed || line.id != id) continue;
    joined.append(fields.value(line)).append(", ");
  }
  joined.append(last);
  fields.remove(id);
  fields.add(name, joined);
}

/// Whether a line says which certificate the client has shown, as proxies tell it.
bool speaks_of_certificate(const http::Fields& fields, const http::Fields::Line& line) noexcept {
  constexpr std::string_view kOwn = "x-client-cert";
  constexpr std::string_view kStandard = "client-cert";  // And Client-Cert-Chain.
  if (line.id != FieldId::other) return false;
  const std::string_view name = fields.name(line);
  return http::equals_ignoring_case(name.substr(0, kOwn.size()), kOwn) ||
         http::equals_ignoring_case(name.substr(0, kStandard.size()), kStandard);
}

/// Whether a line says who asks or what was asked for, as proxies tell it: Forwarded, X-Real-IP,
/// X-Forwarded-*.
bool speaks_for_others(const http::Fields& fields, const http::Fields::Line& line) noexcept {
  constexpr std::string_view kPrefix = "x-forwarded-";
  switch (line.id) {
    case FieldId::forwarded:
    case FieldId::x_real_ip:
    case FieldId::x_forwarded_for:
    case FieldId::x_forwarded_host:
    case FieldId::x_forwarded_port:
    case FieldId::x_forwarded_proto:
      return true;
    case FieldId::other:
      return http::equals_ignoring_case(fields.name(line).substr(0, kPrefix.size()), kPrefix);
    default:
      return false;
  }
}

/// "for=…;host=…;proto=http" (RFC 7239, 4). IPv6 addresses and hosts with ports are quoted.
std::size_t format_forwarded(std::string_view ip, std::string_view host, std::string_view scheme,
                             std::array<char, 512>& out) noexcept {
  std::size_t size = 0;
  const auto put = [&out, &size](std::string_view text) {
    const std::size_t n = std::min(text.size(), out.size() - size);
    std::copy_n(text.data(), n, out.data() + size);
    size += n;
  };
  const bool v6 = ip.find(':') != std::string_view::npos;
  put(v6 ? "for=\"[" : "for=");
  put(ip.empty() ? std::string_view("unknown") : ip);
  put(v6 ? "]\"" : "");
  if (!host.empty() && host.size() < 256) {
    put(";host=\"");
    put(host);
    put("\"");
  }
  put(";proto=");
  put(scheme);
  return size;
}

void set_request_id(http::Fields& fields, bool trusted, Random& random) {
  const http::Fields::Line* given = fields.find(FieldId::x_request_id);
  if (given && trusted && given->value_size != 0) return;
  const RequestId id(random);
  if (given) fields.remove(FieldId::x_request_id);
  fields.add("X-Request-Id", id.text());
}

}  // namespace

std::string_view client_ip(const http::RequestHead& request, const ListenerContext& listener,
                           const Peer& peer, std::array<char, kIpText>& out) {
  if (listener.config.trusted_proxies.empty() || !listener.trusts(peer.address)) return peer.ip();
  SocketAddress client = peer.address;
  // Right to left, over all lines: each trusted hop vouches for the one before it.
  const auto& lines = request.fields.lines();
  bool trusted = true;
  for (auto line = lines.rbegin(); line != lines.rend() && trusted; ++line) {
    if (line->removed || line->id != FieldId::x_forwarded_for) continue;
    std::string_view rest = request.fields.value(*line);
    while (trusted && !rest.empty()) {
      const std::size_t comma = rest.rfind(',');
      const std::string_view hop = trim(comma == std::string_view::npos ? rest : rest.substr(comma + 1));
      rest = comma == std::string_view::npos ? std::string_view() : rest.substr(0, comma);
      const std::optional<SocketAddress> address = parse_hop(hop);
      if (!address) return client.ip_to(out);
      client = *address;
      trusted = listener.trusts(client);
    }
  }
  return client.ip_to(out);
}

void set_client_certificate(http::RequestHead& request, const Client& client, const Peer& peer) {
  http::Fields& fields = request.fields;
  const config::Listener& listener = client.listener->config;
  const bool asked = client.tls && listener.tls->client_auth.mode != config::ClientAuthMode::none;
  const bool trusted = !listener.trusted_proxies.empty() && client.listener->trusts(peer.address);
  if (asked || !trusted) {
    for (http::Fields::Line& line : fields.mutable_lines())
      if (speaks_of_certificate(fields, line)) fields.remove(line);
  }
  if (!asked) return;
  const bool whole = listener.tls->client_auth.forward_certificate;
  const auto shown = tls::peer_certificate(*client.tls, whole);
  fields.add("X-Client-Cert-Verify", shown ? "SUCCESS" : "NONE");
  if (!shown) return;
  fields.add("X-Client-Cert-Subject", shown->subject);
  fields.add("X-Client-Cert-Fingerprint", shown->fingerprint);
  if (whole) fields.add("Client-Cert", ':' + shown->base64 + ':');
}

void set_forwarded(http::RequestHead& request, const ListenerContext& listener, const Peer& peer,
                   std::string_view scheme, Random& random) {
  http::Fields& fields = request.fields;
  const bool trusted = !listener.config.trusted_proxies.empty() && listener.trusts(peer.address);
  // A Unix socket's peer has no address to pass on.
  const std::string_view ip = peer.address.family() == AF_UNIX ? std::string_view() : peer.ip();
  // The fields' buffer moves when lines are added. Neither of the two is worth clearing for each request.
  std::array<char, 256> host_copy;  // NOLINT(*-member-init)
  std::string_view host = request.text(request.authority);
  host = host.substr(0, host.size() < host_copy.size() ? host.size() : 0);
  std::copy(host.begin(), host.end(), host_copy.begin());
  host = {host_copy.data(), host.size()};
  std::array<char, 512> element;  // NOLINT(*-member-init)
  const std::string_view forwarded(element.data(), format_forwarded(ip, host, scheme, element));

  if (trusted) {
    if (!ip.empty()) append_to_list(fields, FieldId::x_forwarded_for, "X-Forwarded-For", ip);
    append_to_list(fields, FieldId::forwarded, "Forwarded", forwarded);
  } else {
    for (http::Fields::Line& line : fields.mutable_lines())
      if (speaks_for_others(fields, line)) fields.remove(line);
    if (!ip.empty()) fields.add("X-Forwarded-For", ip);
    fields.add("Forwarded", forwarded);
  }
  if (!trusted || !fields.find(FieldId::x_forwarded_proto)) fields.add("X-Forwarded-Proto", scheme);
  if (!host.empty() && (!trusted || !fields.find(FieldId::x_forwarded_host)))
    fields.add("X-Forwarded-Host", host);
  std::array<char, config::kMostServerName + 4> via{};
  const std::string_view protocol = request.version == http::Version::http10   ? "1.0 "
                                    : request.version == http::Version::http11 ? "1.1 "
                                                                               : "2 ";
  const std::string_view name = listener.config.server_name;
  assert(name.size() <= config::kMostServerName);
  std::copy(protocol.begin(), protocol.end(), via.begin());
  std::copy(name.begin(), name.end(), via.begin() + static_cast<std::ptrdiff_t>(protocol.size()));
  fields.add("Via", {via.data(), protocol.size() + name.size()});
  set_request_id(fields, trusted, random);
}

Hops count_hop(http::RequestHead& request) {
  constexpr std::string_view kName = "Max-Forwards";
  constexpr std::uint32_t kMost = 255;  // A higher count is passed on as this.
  const http::Fields::Line* line = request.fields.find(kName);
  if (!line) return Hops::left;
  const std::string_view value = request.fields.value(*line);
  std::uint32_t count = 0;
  for (const char c : value) {
    if (c < '0' || c > '9') return Hops::malformed;
    count = std::min(count * 10 + static_cast<std::uint32_t>(c - '0'), kMost + 1);
  }
  if (value.empty()) return Hops::malformed;
  if (count == 0) return Hops::none_left;
  std::array<char, 3> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), count - 1).ptr;
  request.fields.set(kName, {text.data(), static_cast<std::size_t>(end - text.data())});
  return Hops::left;
}

}  // namespace lintel::proxy
