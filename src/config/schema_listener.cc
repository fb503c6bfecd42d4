// The table of settings: listeners.

#include "config/schema_parts.h"

namespace lintel::config {
namespace {

using namespace build;  // the rows read as a table

constexpr Protocols kUdp = bit(Protocol::udp);

const ObjectType& tls_certificate_type() {
  static const ObjectType type = object<TlsCertificate>(
      "tls_certificate",
      {
          field(&TlsCertificate::cert, "cert", text(kFile),
                "PEM file with the server's certificate, then its intermediates.")
              .required()
              .example("certs/example.crt"),
          field(&TlsCertificate::key, "key", text(kFile),
                "PEM file with the private key; without it the key is in the certificate's file.")
              .example("certs/example.key"),
          field(&TlsCertificate::ocsp, "ocsp", text(kFile),
                "File with an OCSP response (DER) that is sent along to clients that ask for it.")
              .example("certs/example.ocsp"),
      },
      "cert");
  return type;
}

const ObjectType& client_auth_type() {
  static const ObjectType type = object<ClientAuth>(
      "client_auth",
      {
          field(&ClientAuth::mode, "mode", choice({"none", "optional", "required"}),
                "Whether clients show a certificate; one that is shown must be valid in any case."),
          field(&ClientAuth::ca, "ca", text(kFile),
                "PEM file with the certificates that issue clients' ones.")
              .example("certs/clients-ca.crt"),
          field(&ClientAuth::crl, "crl", text(kFile), "PEM file with revocation lists.")
              .example("certs/clients.crl"),
          field(&ClientAuth::forward_certificate, "forward_certificate", of_kind(Kind::boolean),
                "Whether servers get the whole certificate too, in Client-Cert (RFC 9440)."),
      });
  return type;
}

const ObjectType& https_only_type() {
  static const ObjectType type = object<HttpsOnly>(
      "https_only",
      {
          field(&HttpsOnly::enabled, "enabled", of_kind(Kind::boolean),
                "Whether it is so; \"https_only: true\" is short for all defaults."),
          field(&HttpsOnly::port, "port", integer(1, 65535),
                "The port that plain requests are redirected to."),
          field(
              &HttpsOnly::hsts, "hsts", duration(0ms, 26280h),
              "How long browsers remember to use https (Strict-Transport-Security); 0s tells them nothing."),
          field(&HttpsOnly::subdomains, "subdomains", of_kind(Kind::boolean),
                "Whether they do so for all subdomains too."),
          field(&HttpsOnly::preload, "preload", of_kind(Kind::boolean),
                "Whether browsers may ship with this host in their lists; hard to undo."),
      },
      "enabled");
  return type;
}

const ObjectType& listener_tls_type() {
  static const ObjectType type = object<ListenerTls>(
      "listener_tls",
      {
          field(&ListenerTls::mode, "mode", choice({"terminate", "passthrough"}),
                "Whether TLS ends here; \"tls: passthrough\" routes tcp connections by the name that the "
                "client "
                "asks for, without decrypting them."),
          field(&ListenerTls::certificates, "certificates", list_of(object_of(tls_certificate_type())),
                "Certificates, chosen by the name that a client asks for (SNI) and the keys it can use; the "
                "first is for all other names.")
              .example("[{cert: certs/example.crt, key: certs/example.key}]"),
          field(&ListenerTls::alpn, "alpn", list_of(text(kAlpn)),
                "Protocols offered by ALPN, the preferred one first; without it http/1.1, and none "
                "on tcp listeners.")
              .example("[http/1.1]"),
          field(&ListenerTls::min_version, "min_version", tls_version(), "The oldest version of TLS."),
          field(&ListenerTls::client_auth, "client_auth", object_of(client_auth_type()),
                "Certificates of clients."),
          field(&ListenerTls::plain_http, "plain_http", choice({"reject", "redirect", "serve"}),
                "What becomes of clients that speak plain HTTP on this port: told apart by their first byte, "
                "they are redirected to https on the same port, or served."),
      },
      "mode");
  return type;
}

const ObjectType& listener_timeouts_type() {
  static const ObjectType type = object<ListenerTimeouts>(
      "listener_timeouts",
      {
          field(&ListenerTimeouts::handshake, "handshake", duration(100ms, 1h),
                "Time for a TLS handshake, from the connection's beginning.")
              .only(kHttp | kTcp),
          field(&ListenerTimeouts::header, "header", duration(100ms, 1h),
                "Time to receive a whole request head.")
              .only(kHttp),
          field(&ListenerTimeouts::request_body, "request_body", duration(100ms, kLongest),
                "Longest pause while a request body is received.")
              .only(kHttp),
          field(&ListenerTimeouts::write, "write", duration(100ms, kLongest),
                "Longest time for which a client may take nothing of its response.")
              .only(kHttp),
          field(&ListenerTimeouts::idle, "idle", duration(100ms, kLongest),
                "Time for which a connection without a request is kept open.")
              .only(kHttp),
      });
  return type;
}

const ObjectType& min_rates_type() {
  static constexpr ByteRate kFastest{std::uint64_t{1} << 30U};
  static const ObjectType type = object<MinRates>(
      "min_rates",
      {
          field(&MinRates::grace, "grace", duration(100ms, 1h),
                "Time that a client may be waited for before a rate counts; with what it sends or takes the "
                "allowance grows, up to the timeout."),
          field(&MinRates::request_body, "request_body", byte_rate(ByteRate{1}, kFastest, "off"),
                "Slowest a request body may come; time in which it is not asked for does not count."),
          field(&MinRates::response, "response", byte_rate(ByteRate{1}, kFastest, "off"),
                "Slowest a client may take a response; time in which there is nothing to take does not "
                "count, nor do upgraded connections."),
      });
  return type;
}

const ObjectType& udp_type() {
  static const ObjectType type = object<Udp>(
      "udp", {
                 field(&Udp::idle, "idle", duration(10ms, kLongest),
                       "Time without a datagram either way after which a client's session ends."),
                 field(&Udp::responses, "responses", integer(1, kMaxCount, "unlimited"),
                       "Datagrams from the server after which a session ends; 1 suits DNS."),
                 field(&Udp::sessions, "sessions", integer(1, kMaxCount, "unlimited"),
                       "Most sessions of this listener at a time; datagrams of further clients are dropped."),
             });
  return type;
}

const ObjectType& limits_type() {
  static const ObjectType type = object<Limits>(
      "limits",
      {
          field(&Limits::connections, "connections", integer(1, kMaxCount, "unlimited"),
                "Open client connections of this listener; further ones wait to be accepted.")
              .only(kHttp | kTcp),
          field(&Limits::connections_per_ip, "connections_per_ip", integer(1, kMaxCount, "unlimited"),
                "Open connections of one client address, or of one IPv6 /64; further ones are reset at once. "
                "trusted_proxies are exempt.")
              .only(kHttp | kTcp),
          field(&Limits::header_size, "header_size", size(1_KiB, 1_MiB), "Largest request head.").only(kHttp),
          field(&Limits::header_field_size, "header_field_size", size(Bytes{256}, 1_MiB),
                "Largest single header field.")
              .only(kHttp),
          field(&Limits::header_count, "header_count", integer(1, 1000), "Most header fields in a request.")
              .only(kHttp),
          field(&Limits::target_size, "target_size", size(Bytes{64}, 1_MiB), "Longest request target.")
              .only(kHttp),
          field(&Limits::body_size, "body_size", size(Bytes{1}, kMaxBody, "unlimited"),
                "Largest request body; bodies stream, so that no limit is needed to protect memory.")
              .only(kHttp),
          field(&Limits::requests_per_connection, "requests_per_connection", integer(1, kMaxCount),
                "Requests after which a client connection is closed.")
              .only(kHttp),
          field(
              &Limits::pipelined_requests, "pipelined_requests", integer(1, kMaxCount),
              "Requests in a row that are there already when the one before has ended, after which a client "
              "connection is closed.")
              .only(kHttp),
          field(&Limits::connection_age, "connection_age", duration(1s, 720h),
                "Age, give or take 10%, after which a client connection is closed with its next response.")
              .only(kHttp),
      });
  return type;
}

const ObjectType& proxy_protocol_type() {
  static const ObjectType type = object<ProxyProtocol>(
      "proxy_protocol",
      {
          field(&ProxyProtocol::trusted, "trusted", one_or_many(of_kind(Kind::network)),
                "Networks of the load balancers that send it; connections from others are closed.")
              .example("[10.0.0.0/8]"),
          field(&ProxyProtocol::timeout, "timeout", duration(100ms, 1h), "Time to receive the whole header."),
      });
  return type;
}

}  // namespace

const ObjectType& listener_type() {
  static const ObjectType type = object<Listener>(
      "listener",
      {
          field(&Listener::name, "name", text(kName), "Name in logs, metrics and messages.")
              .required()
              .example("web"),
          field(&Listener::bind, "bind", one_or_many(of_kind(Kind::endpoint)),
                "Addresses to accept connections on; \":80\" is every interface, IPv4 and IPv6.")
              .required()
              .example("[\":80\"]"),
          field(&Listener::protocol, "protocol", choice({"http", "tcp", "udp"}),
                "What is spoken with clients; tcp and udp pass bytes on to the pool unseen."),
          field(&Listener::tls, "tls", object_of(listener_tls_type()),
                "TLS with clients; without it the listener is plain.")
              .only(kHttp | kTcp)
              .example("{certificates: [{cert: certs/example.crt, key: certs/example.key}]}"),
          field(&Listener::https_only, "https_only", object_of(https_only_type()),
                "Nothing but https: plain requests are redirected, answers over TLS tell browsers to stay "
                "(HSTS).")
              .only(kHttp)
              .example("true"),
          field(
              &Listener::proxy_protocol, "proxy_protocol", object_of(proxy_protocol_type()),
              "Each connection must begin with a PROXY header, version 1 or 2, which says who the client is.")
              .only(kHttp | kTcp)
              .example("{trusted: [10.0.0.0/8]}"),
          field(
              &Listener::trusted_proxies, "trusted_proxies", one_or_many(of_kind(Kind::network)),
              "Networks whose X-Forwarded-* and Forwarded fields are believed; from others they are removed.")
              .only(kHttp)
              .example("[10.0.0.0/8, \"fd00::/8\"]"),
          field(&Listener::server_name, "server_name", text(kPseudonym),
                "The name by which Via and Proxy-Status fields call this proxy.")
              .only(kHttp),
          field(&Listener::proxy_status, "proxy_status", of_kind(Kind::boolean),
                "Whether responses get a Proxy-Status field (RFC 9209): the status that the server sent, or "
                "why Lintel answered itself.")
              .only(kHttp),
          field(
              &Listener::paths, "paths", choice({"normalize", "strict"}),
              "What is done with a path that is not in its canonical form (dot segments, needless escapes): "
              "it is normalized, or refused with 400. Strict also refuses /..;x/, which servers that drop "
              "path parameters take for a dot segment.")
              .only(kHttp),
          field(&Listener::encoded_slash, "encoded_slash", choice({"keep", "reject"}),
                "What is done with %2F in a path: it is matched and forwarded as it is, or refused with 400.")
              .only(kHttp),
          field(&Listener::underscore_names, "underscore_names", choice({"drop", "reject", "keep"}),
                "What is done with request fields that have an underscore in their name, which CGI and its "
                "kin cannot tell from a hyphen: dropped and counted, refused with 400, or forwarded.")
              .only(kHttp),
          field(&Listener::timeouts, "timeouts", object_of(listener_timeouts_type()),
                "Timeouts towards clients.")
              .only(kHttp | kTcp),
          field(&Listener::min_rates, "min_rates", object_of(min_rates_type()),
                "What clients must keep to, so that those who trickle hold nothing for long.")
              .only(kHttp),
          field(&Listener::limits, "limits", object_of(limits_type()), "Limits on what clients may send."),
          field(&Listener::udp, "udp", object_of(udp_type()), "Sessions of UDP clients.").only(kUdp),
          field(&Listener::routes, "routes", list_of(object_of(route_type())),
                "Routes in order; the first that matches is taken.")
              .only(kHttp | kTcp),
          field(&Listener::pool, "pool", text(kName),
                "Short for a last route that sends every request to this pool."),
      });
  return type;
}

}  // namespace lintel::config
