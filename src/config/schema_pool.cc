// The table of settings: pools.

#include "config/schema_parts.h"

namespace lintel::config {
namespace {

using namespace build;  // the rows read as a table

const ObjectType& pool_tls_type() {
  static const ObjectType type = object<PoolTls>(
      "pool_tls",
      {
          field(&PoolTls::enabled, "enabled", of_kind(Kind::boolean),
                "Whether TLS is spoken with the servers; \"tls: true\" is short for all defaults."),
          field(&PoolTls::verify, "verify", of_kind(Kind::boolean),
                "Whether a server's certificate must be valid and for its name."),
          field(&PoolTls::ca, "ca", text(kFile),
                "PEM file with the certificates that issue servers' ones; without it the system's.")
              .example("/etc/ssl/certs/ca-certificates.crt"),
          field(&PoolTls::sni, "sni", text(kHost),
                "The name that servers are asked for and that their certificates must be for; auto is each "
                "server's own host name.")
              .example("api.internal.example"),
          field(&PoolTls::cert, "cert", text(kFile),
                "PEM file with the certificate that is shown to servers.")
              .example("certs/lintel.crt"),
          field(&PoolTls::key, "key", text(kFile),
                "PEM file with its private key; without it the key is in the certificate's file.")
              .example("certs/lintel.key"),
          field(&PoolTls::alpn, "alpn", list_of(text(kAlpn)), "Protocols offered by ALPN; none by default."),
          field(&PoolTls::min_version, "min_version", tls_version(), "The oldest version of TLS."),
      },
      "enabled");
  return type;
}

}  // namespace

const ObjectType& server_type() {
  static const ObjectType type = object<Server>(
      "server",
      {
          field(
              &Server::address, "address", of_kind(Kind::endpoint),
              "Address of the server. A host name stands for all of its addresses, each a server of its own "
              "with these settings; it is looked up again as its TTL asks.")
              .example("10.0.0.1:8080"),
          field(&Server::srv, "srv", text(kHost),
                "In place of an address, the name of SRV records, which tell hosts and ports; the weight of "
                "each is its record's times this one, and the groups of their priorities follow this one's.")
              .example("_http._tcp.api.example"),
          field(&Server::weight, "weight", integer(0, 1000),
                "Share of requests relative to the other servers; 0 gets none."),
          field(&Server::max_connections, "max_connections", integer(1, kMaxCount, "unlimited"),
                "Requests and sessions that it serves at a time, over all workers; what is "
                "more waits in the pool's queue, UDP sessions excepted."),
          field(&Server::priority, "priority", integer(0, 100),
                "Its group: 0 is used first, the next one as failover_below says."),
          field(&Server::backup, "backup", of_kind(Kind::boolean),
                "Whether it is used only when no other group is: short for the last priority."),
          field(&Server::zone, "zone", text(kAnyText), "The zone it is in, for zone_preference.")
              .example("eu-1"),
      },
      "address");
  return type;
}

namespace {

const ObjectType& zone_preference_type() {
  static const ObjectType type = object<ZonePreference>(
      "zone_preference",
      {
          field(
              &ZonePreference::spill_below, "spill_below", percent(1, 100),
              "Other zones get a part once less than this share of the own zone's weight is available: with "
              "half of the share available half of the requests."),
      },
      "spill_below");
  return type;
}

const ObjectType& queue_type() {
  static const ObjectType type = object<Queue>(
      "queue", {
                   field(&Queue::max, "max", integer(0, 1'000'000),
                         "Requests and sessions that wait at a time, over all workers; what is more is "
                         "answered with 503."),
                   field(&Queue::timeout, "timeout", duration(1ms, 1h),
                         "Time for which one waits; then it is answered with 503."),
               });
  return type;
}

const ObjectType& sticky_type() {
  static const ObjectType type = object<Sticky>(
      "sticky",
      {
          field(&Sticky::cookie, "cookie", text(kToken), "The cookie's name.").required().example("LB"),
          field(&Sticky::path, "path", text(kUrlPath), "The paths that browsers send it for."),
          field(&Sticky::max_age, "max_age", duration(0ms, 8760h),
                "How long browsers keep it; 0s is until they are closed."),
          field(&Sticky::secure, "secure", choice({"auto", "always", "never"}),
                "Whether browsers send it over TLS only; auto: if they got it over TLS."),
          field(&Sticky::http_only, "http_only", of_kind(Kind::boolean),
                "Whether scripts are kept from reading it."),
          field(&Sticky::same_site, "same_site", choice({"lax", "strict", "none"}),
                "Whether browsers send it with requests that other sites cause."),
          field(&Sticky::secret, "secret", text(kAnyText),
                "What its values are made with, beside the server's name; the same for all that serve the "
                "same clients. Without it who knows the names of pool and server can tell them.")
              .example("\"${STICKY_SECRET}\""),
      },
      "cookie");
  return type;
}

const ObjectType& pool_timeouts_type() {
  static const ObjectType type = object<PoolTimeouts>(
      "pool_timeouts",
      {
          field(&PoolTimeouts::first_byte, "first_byte", duration(1ms, kLongest),
                "Time from the request sent to the first byte of the response."),
          field(&PoolTimeouts::idle, "idle", duration(1ms, kLongest), "Longest pause within a body."),
          field(&PoolTimeouts::tunnel_idle, "tunnel_idle", duration(1ms, 720h),
                "Time for which a TCP session or an upgraded connection (WebSocket) may be silent in both "
                "directions."),
          field(&PoolTimeouts::total, "total", duration(1ms, kLongest, "none"),
                "Time for a request in all: every attempt and the whole response. Upgraded connections are "
                "not bound by it."),
      });
  return type;
}

const ObjectType& pool_keepalive_type() {
  static const ObjectType type = object<PoolKeepalive>(
      "pool_keepalive",
      {
          field(&PoolKeepalive::idle, "idle", duration(0ms, kLongest),
                "Time for which an unused connection is kept; lowered by what a server announces or does."),
          field(&PoolKeepalive::max_idle, "max_idle", integer(0, 100'000),
                "Unused connections kept per server and worker; 0 keeps none."),
      });
  return type;
}

const ObjectType& hash_key_type() {
  static const ObjectType type = object<HashKey>(
      "hash_key",
      {
          field(&HashKey::source, "source", choice({"address", "path", "uri"}),
                "address: the client's, without its port; path: of the request; uri: path and query. \"on: "
                "path\" is short for this alone."),
          field(&HashKey::header, "header", text(kToken), "The value of this header field.")
              .example("X-User"),
          field(&HashKey::cookie, "cookie", text(kToken), "The value of this cookie.").example("session"),
          field(&HashKey::query, "query", text(kAnyText), "The value of this parameter of the query.")
              .example("user"),
      },
      "source");
  return type;
}

const ObjectType& balance_type() {
  static const ObjectType type = object<Balance>(
      "balance",
      {
          field(&Balance::type, "type",
                choice({"round-robin", "least-conn", "random", "two-choices", "consistent-hash", "maglev",
                        "peak-ewma"}),
                "round-robin: in turn; least-conn: the fewest in flight, over all workers; random; "
                "two-choices: "
                "of two at random the one with fewer in flight, for its weight; consistent-hash: equal keys "
                "to the same "
                "server, "
                "by a ring; maglev: the same by a table, more evenly; peak-ewma: of two at random the one "
                "that is expected to "
                "answer sooner, by how long it took of late and what it has in flight. All of them heed "
                "weights."),
          field(
              &Balance::on, "on", object_of(hash_key_type()),
              "What equal keys are equal in, for consistent-hash and maglev; a request without it counts by "
              "its client's address. TCP and UDP sessions have nothing but the address.")
              .example("{header: X-User}"),
          field(&Balance::max_load, "max_load", percent(100, 1000, "any"),
                "The most that a server may have in flight, in percent of its fair share, before its keys go "
                "to "
                "the next server, for consistent-hash."),
      },
      "type");
  return type;
}

const ObjectType& check_header_type() {
  static const ObjectType type = object<HeaderValue>(
      "check_header", {field(&HeaderValue::value, "value", text(kFieldValue), "The value of the field.")},
      "value");
  return type;
}

/// What only checks of one type or two have; the rule check_fits_type says which.
std::vector<Field> check_details() {
  return {
      field(&HealthCheck::method, "method", text(kMethod), "The method, for http; GET if not given."),
      field(&HealthCheck::path, "path", text(kRedirectPath),
            "The path, for http, with a query or without; / if not given.")
          .example("/healthz"),
      field(&HealthCheck::host, "host", text(kHost), "The Host, for http; without it the server's address.")
          .example("www.example.com"),
      field(&HealthCheck::headers, "headers", named(check_header_type(), kToken),
            "Further header fields of the request, for http.")
          .example("{X-Check: \"1\"}"),
      field(&HealthCheck::expect, "expect", one_or_many(text(kStatuses)),
            "The statuses that are well, for http; 2xx if not given.")
          .example("[200-299, 404]"),
      field(
          &HealthCheck::expect_header, "expect_header", named(check_header_type(), kToken),
          "A header field that the answer must have with this value, for http; without a value any will do.")
          .example("{X-Ready: \"yes\"}"),
      field(&HealthCheck::expect_body, "expect_body", text(kAnyText),
            "What must stand somewhere in the first 64 KiB of the answer's body, for http.")
          .example("ready"),
      field(&HealthCheck::send, "send", text(kBytes),
            R"(What is sent, for tcp; \r, \n, \t, \0, \\ and \xNN stand for one byte each.)")
          .example(R"('status\r\n')"),
      field(&HealthCheck::expect_text, "expect_text", text(kBytes),
            "What must come within the first 16 KiB that the server sends, for tcp; escapes as in send.")
          .example("ok"),
      field(&HealthCheck::user, "user", text(kAnyText),
            "The role or account that postgres and mysql checks introduce themselves as, lintel if not "
            "given; it needs no rights, "
            "and "
            "no password is sent."),
      field(&HealthCheck::command, "command", one_or_many(text(kAnyText)),
            "The program, with its whole path, and its arguments, for exec; run without a shell, with the "
            "server "
            "in LINTEL_SERVER, LINTEL_HOST, LINTEL_PORT and LINTEL_POOL. Exit status 0 is well.")
          .example("[/usr/local/bin/check-db, --replica]"),
  };
}

std::vector<Field> check_fields() {
  std::vector<Field> fields = {
      field(&HealthCheck::type, "type", choice({"http", "tcp", "redis", "postgres", "mysql", "smtp", "exec"}),
            "http: one request, over TLS where the pool speaks it; tcp: connecting, and what send and "
            "expect_text "
            "say; redis, postgres, mysql, smtp: whether the server speaks that and takes clients; exec: a "
            "program "
            "of yours.")
          .required()
          .example("http"),
      field(&HealthCheck::interval, "interval", duration(10ms, kLongest),
            "Time from one check of a server to the next."),
      field(&HealthCheck::fast_interval, "fast_interval", duration(10ms, kLongest),
            "The same, if it is shorter, while the last checks differ from the server's state."),
      field(&HealthCheck::timeout, "timeout", duration(1ms, 1h), "Time that a whole check may take."),
      field(&HealthCheck::jitter, "jitter", percent(0, 50),
            "How much an interval is longer or shorter, by chance, so that checks do not come all at once."),
      field(&HealthCheck::rise, "rise", integer(1, 100),
            "How many checks in a row must pass before a server that was down gets requests again."),
      field(&HealthCheck::fall, "fall", integer(1, 100),
            "How many checks in a row must fail before a server gets no more requests."),
      field(
          &HealthCheck::initial, "initial", choice({"down", "up"}),
          "Whether a new server gets requests before its first check. With down, one check that passes is "
          "enough; while all servers of a pool wait for that, requests wait in its queue. What the pool had "
          "before a reload keeps its state."),
      field(&HealthCheck::port, "port", integer(1, 65535), "The port that is checked, if not the server's."),
  };
  for (Field& field : check_details()) fields.push_back(std::move(field));
  return fields;
}

const ObjectType& health_check_type() {
  static const ObjectType type = object<HealthCheck>("health_check", check_fields(), "type");
  return type;
}

}  // namespace

const ObjectType& pool_type() {
  static const ObjectType type = object<Pool>(
      "pool",
      {
          field(
              &Pool::balance, "balance", object_of(balance_type()),
              "How a server is chosen for each request, TCP or UDP session; \"balance: least-conn\" is short "
              "for the type alone."),
          field(&Pool::servers, "servers", list_of(object_of(server_type())),
                "The servers: addresses, or mappings with more settings.")
              .example("[10.0.0.1:8080, {address: 10.0.0.2:8080, weight: 2}]"),
          field(&Pool::servers_file, "servers_file", text(kFile),
                "A file with a list of further servers, relative to this file. It is read again whenever it "
                "changes; what is wrong in it changes nothing.")
              .example("servers/api.yaml"),
          field(
              &Pool::failover_below, "failover_below", percent(0, 100),
              "A priority group takes no more once less than this share of its weight is available, and the "
              "next one with enough does; if none has enough, all that are available do. 0%: a group is used "
              "for as long as any server of it is available."),
          field(&Pool::zone_preference, "zone_preference", object_of(zone_preference_type()),
                "Whether servers in this process's zone are used alone while enough of them are available; "
                "\"zone_preference: 70%\" is short for spill_below. Without it zones mean nothing.")
              .example("70%"),
          field(&Pool::queue, "queue", object_of(queue_type()),
                "Where requests and TCP sessions wait while every server has its max_connections, or all "
                "that there "
                "are wait for their first health check."),
          field(
              &Pool::sticky, "sticky", object_of(sticky_type()),
              "A cookie that keeps a client at one server, also while that is drained; another one serves "
              "while "
              "it is down, ejected or refused by its circuit breaker. \"sticky: LB\" is short for the cookie "
              "alone. The value tells nothing of the server's address.")
              .example("{cookie: LB}"),
          field(&Pool::proxy_protocol, "proxy_protocol", choice({"none", "v1", "v2"}),
                "The PROXY header that begins each connection to a server and says who the client is; such a "
                "connection serves one request."),
          field(&Pool::connect_timeout, "connect_timeout", duration(1ms, 1h),
                "Time allowed to open one connection to a server."),
          field(&Pool::abort_on_close, "abort_on_close", of_kind(Kind::boolean),
                "Whether an HTTP request ends, and its server is free again, when the client closes its "
                "connection, or its sending direction, and the server has been silent for a second."),
          field(&Pool::timeouts, "timeouts", object_of(pool_timeouts_type()), "Timeouts towards servers."),
          field(&Pool::tls, "tls", object_of(pool_tls_type()), "TLS with the servers; without it plain.")
              .example("{ca: certs/internal-ca.crt}"),
          field(&Pool::keepalive, "keepalive", object_of(pool_keepalive_type()),
                "Unused connections to servers."),
          field(&Pool::retry, "retry", object_of(retry_type()), "What happens when a server fails."),
          field(&Pool::health_check, "health_check", object_of(health_check_type()),
                "How it is found out, again and again, whether a server is well; without it every server is "
                "held for well. \"health_check: tcp\" is short for the type alone.")
              .example("{type: http, path: /healthz, expect: 2xx}"),
          field(&Pool::outlier, "outlier", object_of(outlier_type()),
                "Ejection of servers that fail live traffic."),
          field(
              &Pool::panic_threshold, "panic_threshold", percent(0, 100, "never"),
              "When a smaller share than this of the servers is well (up, not ejected, their breakers not "
              "open), all of them are used, for then it is more likely that the checks are what broke. "
              "Servers without weight, that an operator has taken out or that wait for their first check do "
              "not count and are not used, nor are those whose breaker is open. Of several priority groups "
              "one with enough is enough. "
              "never: requests are answered with 503 instead."),
          field(&Pool::circuit_breaker, "circuit_breaker", object_of(circuit_breaker_type()),
                "What stops requests to servers that fail or are overloaded."),
          field(&Pool::slow_start, "slow_start", duration(0ms, 1h),
                "Time over which the share of a server grows that was down or ejected and is back, from a "
                "twentieth to the whole; 0s: it has all of it at once."),
      });
  return type;
}

}  // namespace lintel::config
