#include "config/diagnostic.h"

#include <doctest/doctest.h>

#include "config/support.h"

using namespace lintel::config;

TEST_CASE("five seeded typos give five located errors with the right suggestions") {
  const LoadResult result = load(R"(version: 1
lisners: []
listeners:
  - name: web
    bind: ":80"
    timeouts: {header: 10, idle: 75s}
    routes:
      - match: {path_prefx: /v1}
        pool: apii
pools:
  api:
    balance: roundrobin
    servers: [10.0.0.1:8080]
)");
  CHECK_FALSE(result.ok());
  CHECK(
      result.render() ==
      R"(lintel.yaml:2:1: error: unknown key "lisners" (did you mean "listeners"? known keys: version, include, workers, zone, admin, log, access_log, shutdown, resolver, listeners, pools)
  lisners: []
  ^
lintel.yaml:6:24: error: listeners[0].timeouts.header: "10" has no unit; a duration is a number with ms, s, m, h or d, for example 250ms, 5s, 1m30s
      timeouts: {header: 10, idle: 75s}
                         ^
lintel.yaml:8:17: error: listeners[0].routes[0].match: unknown key "path_prefx" (did you mean "path_prefix"? known keys: host, path, path_prefix, method, sni, path_regex, header, query, cookie, client_ip, client_cert_subject, all, any, not)
        - match: {path_prefx: /v1}
                  ^
lintel.yaml:9:15: error: listeners[0].routes[0].pool: there is no pool "apii" (did you mean "api"? pools are: api)
          pool: apii
                ^
lintel.yaml:12:14: error: pools.api.balance: unknown value "roundrobin" (did you mean "round-robin"? one of: round-robin, least-conn, random, two-choices, consistent-hash, maglev, peak-ewma)
      balance: roundrobin
               ^
)");
}

TEST_CASE("one mistake gives one message in the right place") {
  struct Row {
    std::string text;
    const char* message;
  };
  const Row rows[] = {
      {with("", "", "workers: 0"),
       "1:10: error: workers: \"0\" is out of range (allowed is 1 to 1024, or auto)"},
      {with("", "", "workers: [1]"), "workers: expected a whole number, found a list"},
      {with("", "", "workers:"), "1:1: error: workers: expected a whole number, has no value"},
      {with("", "", "log: debug"),
       "log: expected a mapping, found \"debug\" (with the keys level, format, target)"},
      {with("", "", "log: {level: on}"), "log.level: unknown value \"on\""},
      {with("", "", "log: {target: no}"), "quote it: \"no\""},
      {with("", "", "access_log: maybe"), "access_log: \"maybe\" is not true or false"},
      {with("", "", "log: {target: \"$x${Y}\"}"), "the environment variable Y is not set"},
      {with("", "", "log: {target: ${Y}}"), "must be quoted"},
      {with("", "", "log: {target: \"${Y\"}"), "no closing"},
      {with("", "", "log: {target: \"${1}\"}"), "does not name a variable"},
      {with("", "", "log: {target: \"${A:-${B}}\"}"), "cannot stand inside another"},
      {with("", "", "version: 2"), "version: \"2\" is out of range (allowed is 1"},
      {with("bind: \":81\""), "the key \"bind\" is given twice"},
      {with("limits: {connections: 0777}"), "leading zero"},
      {with("limits: {body_size: 1MB}"), "write 1MiB"},
      {with("limits: {header_size: 8KiB}"), "header_field_size is larger than header_size"},
      {with("limits: {header_count: -1}"), "\"-1\" is out of range"},
      {with("trusted_proxies: [10.0.0.1/8]"), "the network is 10.0.0.0/8"},
      {with("server_name: \"a b\""), "not an HTTP token"},
      {with("server_name: " + std::string(65, 'a')), "longer than 64 characters"},
      {with("proxy_status: errors"), "proxy_status"},
      {with("protocol: tpc"), "unknown value \"tpc\""},
      {with("routes: {}"), "expected a list, found a mapping"},
      {with("routes: [{match: {host: \"*\"}, pool: site}]"), "without \"host\" a route matches every host"},
      {with("routes: [{match: {host: \"a.*.b\"}, pool: site}]"), "not the whole first label"},
      {with("routes: [{match: {host: \"a.b:80\"}, pool: site}]"), "has a port"},
      {with("routes: [{match: {host: \"http://a.b\"}, pool: site}]"), "has a scheme"},
      {with("routes: [{match: {path: ping}, pool: site}]"), "does not begin with \"/\""},
      {with("routes: [{match: {path: \"/a?b\"}, pool: site}]"), "contains a query"},
      {with("routes: [{match: {path: /a, path_prefix: /}, pool: site}]"), "both given"},
      {with("routes: [{match: {method: get}, pool: site}]"), "did you mean \"GET\"?"},
      {with("routes: [{match: {method: \"G T\"}, pool: site}]"), "not an HTTP token"},
      {with("routes: [{match: {path: /}}]"), "the route does nothing"},
      {with("routes: [{match: {path: /}, pool: site, respond: {}}]"), "more than one action: pool, respond"},
      {with("routes: [{match: {path: /}, redirect: {}}]"), "would loop"},
      {with("routes: [{match: {path: /}, redirect: {path: /, status: 300}}]"),
       "one of: 301, 302, 303, 307, 308"},
      {with("routes: [{match: {path: /}, respond: {status: 100}}]"), "allowed is 200 to 599"},
      {with("routes: [{match: {path: /}, respond: {content_type: \"a\\r\\nb: c\"}}]"), "not a header value"},
      {with("routes: [{match: {path: /}, redirect: {host: \"a\\nb\"}}]"), "not a host name"},
      {with("routes: [{match: {path: /}, name: a, pool: site}, {match: {path: /b}, name: a, pool: site}]"),
       "the route name \"a\" is used twice"},
      {with("", "timeouts: {idle: 0s}"), "allowed is 1ms to 1d"},
      {with("", "conect_timeout: 1s"), "did you mean \"connect_timeout\"?"},
      {"listeners: [{name: a, bind: \":80\", pool: p}]\npools: {p: {}}", "pools.p: the pool has no servers"},
      {"listeners: [{name: a, bind: \":80\", pool: p}]\npools: {p: {servers: [{weight: 2}]}}",
       "pools.p.servers[0]: \"address\" is missing"},
      {"listeners: [{name: a, bind: \":80\", pool: p}]\npools: {p: {servers: [{address: a:1, srv: b}]}}",
       "a server has either address or srv"},
      {with("", "", "resolver: {min_ttl: 1m, max_ttl: 10s}"), "resolver.min_ttl: it is longer than max_ttl"},
      {with("", "", "resolver: {retry: 1m}"), "resolver.retry: it is longer than max_retry"},
      {with("", "", "resolver: {servers: [\"ns.test:53\"]}"), "a name server needs an IP address"},
      {with("", "", "resolver: {servers: [\"10.0.0.1:0\"]}"), "a name server needs a port from 1 to 65535"},
      {"listeners: [{name: a, bind: \":80\", pool: p}]\npools: {p: {servers: []}}",
       "the pool has no servers"},
      {"listeners: [{name: a, bind: \":80\", pool: p}]\npools: {p: {servers: [{address: a:1, weight: 0}]}}",
       "every server has weight 0"},
      {"listeners: [{name: a, bind: \":80\", pool: p}]\npools: {p: {servers: [\":80\"]}}",
       "a server needs a host"},
      {"listeners: [{name: a, bind: \":80\", pool: p}]\npools: {p: {servers: [\"a:0\"]}}",
       "a server needs a port"},
      {"listeners: [{name: a, bind: \":80\", pool: p}]\npools: {p: {servers: [a:080]}}", "leading zero"},
      {"listeners: [{name: a, bind: \":80\", pool: p}]\npools: {P: {servers: [a:80]}, p: {servers: [a:80]}}",
       "\"P\" is not a name"},
      {"listeners: [{name: a, bind: \":80\", pool: p}]", "no pools are defined"},
      {"listeners: [{name: a, bind: \":80\"}]", "neither routes nor a pool"},
      {"listeners: [{bind: \":80\", routes: [{respond: {}}]}]", "\"name\" is missing"},
      {"listeners: [{name: a, bind: \"a.test:80\", routes: [{respond: {}}]}]", "\"a.test\" is a name"},
      {"listeners: [{name: a, bind: [\":80\", \":80\"], routes: [{respond: {}}]}]",
       "the address :80 is bound twice"},
      {"listeners: [{name: a, bind: \"127.0.0.1:80\", routes: [{respond: {}}]}]\nadmin: {bind: 127.0.0.1:80}",
       "admin.bind: the address 127.0.0.1:80 is bound twice"},
      {with("", "", "admin: {bind: \"0.0.0.0:9901\"}"), "open to the network on 0.0.0.0:9901"},
      {"pools: {}", "there are no listeners"},
      {"[]", "expected a mapping, found a list"},
      {"a: [", "this is not valid YAML"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    const LoadResult result = load(row.text);
    CHECK_FALSE(result.ok());
    CHECK_MESSAGE(result.errors() == 1, result.render());
    CHECK_MESSAGE(result.render().find(row.message) != std::string::npos, result.render());
  }
}

TEST_CASE("warnings do not prevent loading") {
  const std::pair<std::string, const char*> rows[] = {
      {with("routes: [{respond: {}}]"), "listeners[0].pool: never matches"},
      {"listeners: [{name: a, bind: \":80\", routes: [{respond: {}}, {match: {path: /}, respond: {}}]}]",
       "listeners[0].routes[1]: never matches: the route \"a-1\""},
      {"listeners: [{name: a, bind: \":80\", routes: [{respond: {}}]}]\npools: {p: {servers: [a:80]}}",
       "pools.p: no route uses this pool"},
      {"listeners: [{name: a, bind: \":80\", pool: p}]\npools: {p: {servers: [a:80, A:80]}}",
       "pools.p.servers[1]: the server a:80 is listed twice"},
  };
  for (const auto& [text, message] : rows) {
    CAPTURE(text);
    const LoadResult result = load(text);
    CHECK(result.ok());
    CHECK_MESSAGE(result.warnings() == 1, result.render());
    CHECK_MESSAGE(result.render().find(message) != std::string::npos, result.render());
  }
}

TEST_CASE("the caret stands below tabs, wide letters and at the end of long lines") {
  const LoadResult result = load("# x\nlog: {target: \"\xC3\xA4\xC3\xB6\", levl: 1}\n" + with(""));
  CHECK(result.render().find("  log: {target: \"\xC3\xA4\xC3\xB6\", levl: 1}\n                      ^\n") !=
        std::string::npos);
  CHECK(load("log: {" + std::string(5000, ' ') + "x: 1}\n" + with("")).render().find('^') ==
        std::string::npos);
}

TEST_CASE("nearest_word") {
  const std::vector<std::string_view> keys = {"connect_timeout", "servers", "balance", "path", "path_prefix"};
  const std::pair<const char*, const char*> rows[] = {{"connectTimeout", "connect_timeout"},
                                                      {"server", "servers"},
                                                      {"blaance", "balance"},
                                                      {"pathprefix", "path_prefix"},
                                                      {"paht", "path"},
                                                      {"xyz", ""},
                                                      {"", ""}};
  for (const auto& [word, expected] : rows) {
    CAPTURE(word);
    CHECK(nearest_word(word, keys) == expected);
  }
}
