#pragma once

// Listeners: where clients come in, and what they must keep to.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/address.h"
#include "config/model_route.h"
#include "config/model_values.h"

namespace lintel::config {

struct ListenerTimeouts {
  milliseconds handshake = 10s;     ///< TLS, from accept.
  milliseconds header = 10s;        ///< The whole request head.
  milliseconds request_body = 30s;  ///< Between two reads of a request body.
  milliseconds write = 60s;         ///< Without the client taking any of the response.
  milliseconds idle = 75s;          ///< Keep-alive, between requests.
  friend bool operator==(const ListenerTimeouts&, const ListenerTimeouts&) = default;
};

/// What a client must keep to while it sends a request body or takes a response, after `grace`.
struct MinRates {
  milliseconds grace = 10s;
  ByteRate request_body{240};  ///< 0: none.
  ByteRate response{240};      ///< 0: none.
  friend bool operator==(const MinRates&, const MinRates&) = default;
};

struct Limits {
  std::uint64_t connections = 0;         ///< Per listener, over all workers; 0: bounded by descriptors only.
  std::uint64_t connections_per_ip = 0;  ///< Per client address (IPv6: /64), over all workers; 0: no limit.
  Bytes header_size = 32_KiB;            ///< Whole head.
  Bytes header_field_size = 16_KiB;      ///< One field line.
  std::uint32_t header_count = 100;
  Bytes target_size = 8_KiB;  ///< Request target.
  Bytes body_size{0};         ///< 0: no limit (bodies stream).
  std::uint64_t requests_per_connection = 10000;
  std::uint64_t pipelined_requests = 1000;  ///< In a row.
  milliseconds connection_age = 1h;         ///< ±10%; then the next response closes the connection.
  friend bool operator==(const Limits&, const Limits&) = default;
};

/// The PROXY protocol towards clients: what comes first on each connection, from a load balancer before us.
struct ProxyProtocol {
  std::vector<Cidr> trusted;  ///< Who may connect at all.
  milliseconds timeout = 5s;  ///< For the whole header.
  Place place;
  friend bool operator==(const ProxyProtocol&, const ProxyProtocol&) = default;
};

/// A certificate and its key, as files in PEM. Paths are relative to the file that names them.
struct TlsCertificate {
  std::string cert;  ///< The server's certificate, then its intermediates.
  std::string key;   ///< Empty: in the same file.
  std::string ocsp;  ///< A response to staple, DER; empty: none.
  Place place;
  friend bool operator==(const TlsCertificate&, const TlsCertificate&) = default;
};

enum class ClientAuthMode : std::uint8_t { none, optional, required };

struct ClientAuth {
  ClientAuthMode mode = ClientAuthMode::none;
  std::string ca;   ///< Whose certificates are accepted, PEM.
  std::string crl;  ///< Revoked ones, PEM; empty: none are asked for.
  bool forward_certificate = false;
  Place place;
  friend bool operator==(const ClientAuth&, const ClientAuth&) = default;
};

/// Passthrough: the ClientHello is read for its name, and nothing is decrypted.
enum class TlsMode : std::uint8_t { terminate, passthrough };
/// What becomes of plain HTTP on a port that speaks TLS.
enum class PlainHttp : std::uint8_t { reject, redirect, serve };

struct ListenerTls {
  TlsMode mode = TlsMode::terminate;
  std::vector<TlsCertificate> certificates;  ///< The first is for clients that ask for no name, or another.
  std::vector<std::string> alpn;             ///< Empty: http/1.1 where that is spoken.
  TlsVersion min_version = TlsVersion::tls12;
  ClientAuth client_auth;
  PlainHttp plain_http = PlainHttp::reject;
  Place place;
  friend bool operator==(const ListenerTls&, const ListenerTls&) = default;
};

/// Plain requests are sent to https, and browsers told to stay there.
struct HttpsOnly {
  bool enabled = true;
  std::uint16_t port = 443;
  milliseconds hsts = 8760h;
  bool subdomains = false;
  bool preload = false;
  Place place;
  friend bool operator==(const HttpsOnly&, const HttpsOnly&) = default;
};

enum class Protocol : std::uint8_t { http, tcp, udp };
enum class Paths : std::uint8_t { normalize, strict };
enum class EncodedSlash : std::uint8_t { keep, reject };
enum class UnderscoreNames : std::uint8_t { drop, reject, keep };

/// Longest server_name, in characters.
inline constexpr std::size_t kMostServerName = 64;

/// Sessions of UDP clients.
struct Udp {
  milliseconds idle = 60s;
  std::uint64_t responses = 0;     ///< Datagrams from the server that end a session; 0: only `idle` does.
  std::uint64_t sessions = 10000;  ///< Per listener, over all workers; 0: bounded by descriptors only.
  friend bool operator==(const Udp&, const Udp&) = default;
};

struct Listener {
  std::string name;
  std::vector<Endpoint> bind;
  Protocol protocol = Protocol::http;
  std::optional<ListenerTls> tls;  ///< Absent: plain.
  std::optional<HttpsOnly> https_only;
  std::optional<ProxyProtocol> proxy_protocol;  ///< Absent: connections begin with the client's own bytes.
  std::vector<Cidr> trusted_proxies;            ///< From whom X-Forwarded-* and Forwarded are believed.
  std::string server_name = "lintel";           ///< Pseudonym in Via and Proxy-Status.
  bool proxy_status = false;                    ///< Responses get a Proxy-Status field.
  Paths paths = Paths::normalize;
  EncodedSlash encoded_slash = EncodedSlash::keep;
  UnderscoreNames underscore_names = UnderscoreNames::drop;
  ListenerTimeouts timeouts;
  MinRates min_rates;
  Limits limits;
  Udp udp;
  std::vector<Route> routes;
  std::string pool;  ///< Short for a last route that sends everything here; empty: none.
  Place place;
  friend bool operator==(const Listener&, const Listener&) = default;
};

}  // namespace lintel::config
