#pragma once

// What a request tells the server about its client: X-Forwarded-*, Forwarded (RFC 7239), Via and the request
// id. What the client itself says of these is believed only where the listener trusts it.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/address.h"
#include "base/random.h"
#include "http/message.h"
#include "proxy/generation.h"

namespace lintel::proxy {

struct Client;

/// Room for any IP address as text.
inline constexpr std::size_t kIpText = 46;

/// The other end of a client connection, and whether it may speak for others.
struct Peer {
  SocketAddress address;
  std::array<char, kIpText> text{};
  std::size_t text_size = 0;

  explicit Peer(const SocketAddress& a) noexcept : address(a) { text_size = a.ip_to(text).size(); }
  [[nodiscard]] std::string_view ip() const noexcept { return {text.data(), text_size}; }
};

/// The client of `request` as far as it is known: the peer, or, if the listener trusts the peer, the
/// rightmost address of X-Forwarded-For that it does not trust. The result points into `peer` or `out`.
/// Call it before set_forwarded.
[[nodiscard]] std::string_view client_ip(const http::RequestHead& request, const ListenerContext& listener,
                                         const Peer& peer, std::array<char, kIpText>& out);

/// Tells the server which certificate the client has shown (X-Client-Cert-*, and Client-Cert of RFC 9440), if
/// the listener asks for them. What others say of that in a request is removed: always where the listener
/// asks itself, else unless the peer is trusted.
void set_client_certificate(http::RequestHead& request, const Client& client, const Peer& peer);

/// Replaces (or, from trusted peers, completes) the forwarding fields, adds Via, and sees to it that there is
/// one X-Request-Id. `scheme`: the connection's.
void set_forwarded(http::RequestHead& request, const ListenerContext& listener, const Peer& peer,
                   std::string_view scheme, Random& random);

/// What Max-Forwards says about going on (RFC 9110, 7.6.2).
enum class Hops : std::uint8_t { left, none_left, malformed };

/// Counts this hop: lowers Max-Forwards in `request` by one, if there is one. To be called for OPTIONS, which
/// goes no further where none is left (TRACE never does).
[[nodiscard]] Hops count_hop(http::RequestHead& request);

}  // namespace lintel::proxy
