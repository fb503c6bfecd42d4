// size: the settings of the whole file, to be read in one place.
#pragma once

// What a configuration file says, as plain values. Every member's default is the product's default; the
// schema (config/schema.cc) names each member once with its type, unit, range and help. The model knows
// nothing of sockets, coroutines or HTTP parsing.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.h"
#include "config/model_health.h"
#include "config/model_values.h"

namespace lintel::config {

enum class LogLevel : std::uint8_t { trace, debug, info, warn, error, critical };
enum class LogFormat : std::uint8_t { text, json };

struct Log {
  LogLevel level = LogLevel::info;
  LogFormat format = LogFormat::text;
  std::string target = "stderr";  ///< "stderr", "stdout" or a file's path.
  friend bool operator==(const Log&, const Log&) = default;
};

enum class AccessLogFormat : std::uint8_t { json, combined };

struct AccessLog {
  bool enabled = true;
  std::string path = "stdout";  ///< "stdout", "stderr" or a file's path.
  AccessLogFormat format = AccessLogFormat::json;
  friend bool operator==(const AccessLog&, const AccessLog&) = default;
};

struct Admin {
  std::vector<Endpoint> bind;  ///< Empty: no admin listener.
  Place place;
  friend bool operator==(const Admin&, const Admin&) = default;
};

struct Shutdown {
  milliseconds delay = 0ms;    ///< Not-ready time before listeners close, so that others stop sending.
  milliseconds timeout = 30s;  ///< For requests in flight; what is left then is cut.
  friend bool operator==(const Shutdown&, const Shutdown&) = default;
};

/// What is asked of a text: of a header's value, a cookie's, a parameter's. All that is given must hold of
/// one and the same value; nothing given asks that there be one.
struct TextMatch {
  std::string name;             ///< Of the header, cookie or parameter; empty where there is but one text.
  std::vector<std::string> is;  ///< One of these.
  std::string prefix;
  std::string suffix;
  std::string contains;
  std::string regex;    ///< Found anywhere in it.
  bool present = true;  ///< False: there must be none.
  friend bool operator==(const TextMatch&, const TextMatch&) = default;
};

/// Conditions that must all hold. Each one may be absent.
struct Match {
  std::vector<std::string> host;    ///< Lower case, exact or "*.suffix"; empty matches every host.
  std::string path;                 ///< Exact path; empty: not asked.
  std::string path_prefix;          ///< Whole segments: "/v1" matches "/v1" and "/v1/x", not "/v1x".
  std::vector<std::string> method;  ///< Empty matches every method.
  std::vector<std::string> sni;     ///< As host: the name that a TLS client asks for.
  std::string path_regex;           ///< Found anywhere in the path.
  std::vector<TextMatch> header;
  std::vector<TextMatch> query;  ///< Names and values decoded.
  std::vector<TextMatch> cookie;
  std::vector<Cidr> client_ip;
  std::optional<TextMatch> client_cert_subject;  ///< As RFC 2253 writes it.
  std::vector<Match> all;
  std::vector<Match> any;   ///< At least one, if there are any.
  std::vector<Match> none;  ///< "not": none of these.
  friend bool operator==(const Match&, const Match&) = default;
};

struct Redirect {
  std::string scheme;  ///< Empty: as the request's.
  std::string host;
  std::optional<std::uint16_t> port;
  std::string path;  ///< Empty: as the request's, with its query.
  int status = 308;
  friend bool operator==(const Redirect&, const Redirect&) = default;
};

struct Respond {
  int status = 200;
  std::string body;
  std::string content_type = "text/plain; charset=utf-8";
  friend bool operator==(const Respond&, const Respond&) = default;
};

/// Timeouts of the server side of a request, set on a pool.
struct PoolTimeouts {
  milliseconds first_byte = 60s;  ///< From the request sent to the response's first byte.
  milliseconds idle = 60s;        ///< Between two reads or writes of a body.
  milliseconds tunnel_idle = 1h;  ///< Both directions of a TCP session, or after an upgrade, silent.
  milliseconds total = 0ms;       ///< For all attempts and the whole response; 0: none.
  friend bool operator==(const PoolTimeouts&, const PoolTimeouts&) = default;
};

struct HeaderEdits {
  std::vector<HeaderValue> set;  ///< In place of what there is of that name.
  std::vector<HeaderValue> add;
  std::vector<std::string> remove;
  friend bool operator==(const HeaderEdits&, const HeaderEdits&) = default;
};

struct RouteHeaders {
  HeaderEdits request;
  HeaderEdits response;
  friend bool operator==(const RouteHeaders&, const RouteHeaders&) = default;
};

struct RewriteRegex {
  std::string pattern;
  std::string replace;  ///< In place of what the pattern finds; {1} is what its first parentheses took.
  friend bool operator==(const RewriteRegex&, const RewriteRegex&) = default;
};

/// What a server is asked for in place of what was asked for here. At most one of the first four is set.
struct Rewrite {
  std::string path;          ///< With variables.
  std::string path_prefix;   ///< In place of the match's path_prefix.
  std::string strip_prefix;  ///< Taken away, in whole segments.
  std::optional<RewriteRegex> regex;
  std::string host;
  friend bool operator==(const Rewrite&, const Rewrite&) = default;
};

/// A pool that gets a part of a route's requests.
struct SplitPool {
  std::string pool;
  std::uint32_t weight = 1;
  friend bool operator==(const SplitPool&, const SplitPool&) = default;
};

/// Trouble that a route makes on purpose, so that it is known what comes of it.
struct Fault {
  std::optional<Match> match;       ///< Only of these requests; absent: of all.
  milliseconds delay = 0ms;         ///< Before anything else is done; 0: none.
  std::uint32_t delay_share = 100;  ///< Percent of the requests.
  std::uint32_t abort = 0;          ///< The status that is answered; 0: none.
  std::uint32_t abort_share = 100;
  friend bool operator==(const Fault&, const Fault&) = default;
};

/// In place of the pool's timeouts.
struct RouteTimeouts {
  std::optional<milliseconds> first_byte;
  std::optional<milliseconds> idle;
  std::optional<milliseconds> tunnel_idle;
  std::optional<milliseconds> total;
  friend bool operator==(const RouteTimeouts&, const RouteTimeouts&) = default;
};

/// Most servers that one request may be sent to.
inline constexpr std::uint32_t kMostAttempts = 10;

/// What happens when a server fails.
struct Retry {
  std::uint32_t attempts = 2;  ///< Servers tried for one request, the first included.
  std::vector<std::string> on = {"connect-failure", "dead-connection"};
  milliseconds per_try_timeout = 0ms;  ///< From an attempt's beginning to its answer's head; 0: none.
  std::uint32_t budget = 20;           ///< Percent of the pool's requests of late.
  std::uint32_t min_budget = 3;        ///< So many retries of late are allowed in any case.
  bool idempotency_key = false;        ///< Idempotency-Key makes every method repeatable.
  friend bool operator==(const Retry&, const Retry&) = default;
};

struct Route {
  std::string name;  ///< Given, or "<listener>-<position from 1>".
  Match match;
  // Exactly one of the next four is set.
  std::string pool;
  std::vector<SplitPool> split;
  std::optional<Redirect> redirect;
  std::optional<Respond> respond;
  std::string split_key;  ///< With variables; requests with the same go to the same pool. Empty: by chance.
  std::string fallback;   ///< The pool for what the others could not take; empty: none.
  std::optional<Rewrite> rewrite;
  RouteHeaders headers;
  RouteTimeouts timeouts;
  std::optional<Retry> retry;  ///< In place of the pool's.
  std::optional<Fault> fault;
  std::optional<Bytes> body_size;  ///< Largest request body; absent: the listener's.
  Place place;
  /// Calls `visit(pool's name)` for each pool that it names.
  template <typename Visit>
  void for_each_pool(const Visit& visit) const {
    if (!pool.empty()) visit(pool);
    for (const SplitPool& part : split) visit(part.pool);
    if (!fallback.empty()) visit(fallback);
  }
  friend bool operator==(const Route&, const Route&) = default;
};

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

/// The PROXY protocol towards servers.
enum class SendProxy : std::uint8_t { none, v1, v2 };

enum class TlsVersion : std::uint8_t { tls12, tls13 };

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

enum class BalanceType : std::uint8_t {
  round_robin,
  least_conn,
  random,
  two_choices,
  consistent_hash,
  maglev,
  peak_ewma
};
enum class HashSource : std::uint8_t { address, path, uri };

/// What requests are told apart by, for the balancers by hash. At most one of the texts is given, and then in
/// place of the source.
struct HashKey {
  HashSource source = HashSource::address;
  std::string header;
  std::string cookie;
  std::string query;  ///< A parameter's name.
  Place place;
  friend bool operator==(const HashKey&, const HashKey&) = default;
};

/// How a server is chosen.
struct Balance {
  BalanceType type = BalanceType::round_robin;
  HashKey on;
  std::uint32_t max_load = 0;  ///< Percent of a fair share; 0: any.
  [[nodiscard]] bool hashes() const {
    return type == BalanceType::consistent_hash || type == BalanceType::maglev;
  }
  friend bool operator==(const Balance&, const Balance&) = default;
};

struct Server {
  Endpoint address;
  std::string srv;                    ///< In place of an address: the name of SRV records.
  std::uint32_t weight = 1;           ///< 0: gets nothing.
  std::uint32_t max_connections = 0;  ///< In flight at most, over all workers; 0: no limit.
  std::uint32_t priority = 0;         ///< The group; the least comes first.
  bool backup = false;                ///< In the group after all others.
  std::string zone;                   ///< Empty: in none.
  Place place;
  /// What logs and figures call it.
  [[nodiscard]] std::string name() const { return srv.empty() ? address.to_string() : srv; }
  friend bool operator==(const Server&, const Server&) = default;
};

/// Servers of this process's zone get everything for as long as enough of them can take it.
struct ZonePreference {
  std::uint32_t spill_below = 70;  ///< Percent of the zone's weight.
  Place place;
  friend bool operator==(const ZonePreference&, const ZonePreference&) = default;
};

/// What waits for a place where every server has its max_connections.
struct Queue {
  std::uint32_t max = 1000;   ///< Of one pool, over all workers; 0: nothing waits.
  milliseconds timeout = 1s;  ///< For one request.
  friend bool operator==(const Queue&, const Queue&) = default;
};

enum class CookieSecure : std::uint8_t { automatic, always, never };
enum class SameSite : std::uint8_t { lax, strict, none };

/// A cookie that brings a client's next requests to the server that had its first.
struct Sticky {
  std::string cookie;  ///< Its name.
  std::string path = "/";
  milliseconds max_age = 0ms;  ///< 0: until the browser is closed.
  CookieSecure secure = CookieSecure::automatic;
  bool http_only = true;
  SameSite same_site = SameSite::lax;
  std::string secret;  ///< Of its values; empty: they can be guessed.
  Place place;
  friend bool operator==(const Sticky&, const Sticky&) = default;
};

/// TLS towards servers.
struct PoolTls {
  bool enabled = true;
  bool verify = true;
  std::string ca;            ///< Whose certificates are accepted, PEM; empty: the system's.
  std::string sni = "auto";  ///< The name asked for and verified; auto: each server's own.
  std::string cert;          ///< Our own certificate and chain, PEM; empty: none is shown.
  std::string key;           ///< Empty: in the same file.
  std::vector<std::string> alpn;
  TlsVersion min_version = TlsVersion::tls12;
  Place place;
  friend bool operator==(const PoolTls&, const PoolTls&) = default;
};

struct PoolKeepalive {
  milliseconds idle = 30s;       ///< Lowered by what a server announces or does.
  std::uint32_t max_idle = 256;  ///< Idle connections per server and worker; 0: none are kept.
  friend bool operator==(const PoolKeepalive&, const PoolKeepalive&) = default;
};

/// Ejection of servers that fail live traffic. What is absent is not looked at.
struct Outlier {
  bool enabled = true;
  std::uint32_t consecutive_failures = 5;      ///< 0: never.
  std::optional<std::uint32_t> failure_ratio;  ///< Percent.
  std::optional<milliseconds> latency;         ///< For more than half of the requests.
  std::uint32_t min_requests = 20;             ///< In a window, before a ratio says anything.
  milliseconds window = 10s;
  milliseconds eject_for = 10s;  ///< Times how often it was ejected lately.
  milliseconds max_eject_for = 5min;
  std::uint32_t max_ejected = 50;  ///< Percent of the pool's servers.
  Place place;
  friend bool operator==(const Outlier&, const Outlier&) = default;
};

/// When a circuit breaker opens, and how it closes again. What is absent is not looked at.
struct Breaker {
  std::optional<std::uint32_t> failure_ratio;  ///< Percent.
  std::uint32_t min_requests = 20;             ///< In a window, before the ratio says anything.
  milliseconds window = 10s;
  milliseconds open_for = 10s;
  std::uint32_t probes = 3;         ///< Requests that must succeed before it closes.
  std::uint32_t max_in_flight = 0;  ///< Over all workers; 0: any number.
  Place place;
  friend bool operator==(const Breaker&, const Breaker&) = default;
};

/// Absent: there is none.
struct CircuitBreaker {
  std::optional<Breaker> pool;    ///< Over the pool's servers together.
  std::optional<Breaker> server;  ///< For each by itself.
  Place place;
  friend bool operator==(const CircuitBreaker&, const CircuitBreaker&) = default;
};

struct Pool {
  std::string name;
  Balance balance;
  std::vector<Server> servers;
  std::string servers_file;          ///< Further servers; read again when it changes. Empty: none.
  std::uint32_t failover_below = 0;  ///< Percent of a group's weight; 0: only once none of it is left.
  std::optional<ZonePreference> zone_preference;
  Queue queue;
  std::optional<Sticky> sticky;
  SendProxy proxy_protocol = SendProxy::none;
  milliseconds connect_timeout = 3s;  ///< One connection attempt.
  bool abort_on_close = true;         ///< A client that leaves takes its request back.
  PoolTimeouts timeouts;
  std::optional<PoolTls> tls;  ///< Absent: plain.
  PoolKeepalive keepalive;
  Retry retry;
  std::optional<HealthCheck> health_check;  ///< Absent: every server is held for well.
  Outlier outlier;
  std::uint32_t panic_threshold = 50;  ///< Percent; 0: never.
  CircuitBreaker circuit_breaker;
  milliseconds slow_start = 0ms;  ///< 0: none.
  Place place;
  friend bool operator==(const Pool&, const Pool&) = default;
};

enum class AddressFamily : std::uint8_t { automatic, any, ipv4, ipv6 };

/// How host names are looked up.
struct Resolver {
  std::vector<Endpoint> servers;  ///< Empty: those of /etc/resolv.conf.
  milliseconds timeout = 2s;      ///< For a name server's first answer; doubled for each further round.
  std::uint32_t attempts = 2;     ///< Rounds over the name servers.
  milliseconds wait = 2s;         ///< A start or a reload waits as long for names' first answers.
  milliseconds min_ttl = 1s;      ///< Answers are good for as long as they say, within these two.
  milliseconds max_ttl = 5min;
  milliseconds retry = 1s;  ///< After a failure; doubled for each further one.
  milliseconds max_retry = 30s;
  AddressFamily family = AddressFamily::automatic;
  friend bool operator==(const Resolver&, const Resolver&) = default;
};

struct Config {
  int version = 1;
  std::uint32_t workers = 0;  ///< 0: auto, the CPUs this process may use.
  std::string zone;           ///< Where this process is; empty: not known.
  Admin admin;
  Log log;
  AccessLog access_log;
  Shutdown shutdown;
  Resolver resolver;
  std::vector<Listener> listeners;
  std::vector<Pool> pools;
  friend bool operator==(const Config&, const Config&) = default;
};

}  // namespace lintel::config
