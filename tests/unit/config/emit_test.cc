#include "config/emit.h"

#include <doctest/doctest.h>

#include <functional>
#include <set>

#include "config/rules.h"
#include "config/support.h"

using namespace lintel::config;

namespace {

const char* const kEverything = R"(
workers: 3
admin: {bind: ["unix:/run/a.sock", "127.0.0.1:9901"]}
log: {level: debug, format: json, target: /var/log/l.log}
access_log: {enabled: no, path: stderr, format: combined}
shutdown: {delay: 5s, timeout: 90s}
listeners:
  - name: web
    bind: [":80", "[::1]:81"]
    trusted_proxies: [10.0.0.0/8, "fd00::/8"]
    tls: {certificates: [{cert: /c.crt, key: /c.key}], client_auth: {mode: optional, ca: /ca.crt}}
    server_name: edge
    timeouts: {header: 1s, request_body: 2s, write: 3s, idle: 4s}
    paths: strict
    encoded_slash: reject
    underscore_names: keep
    min_rates: {grace: 1m, request_body: off, response: 8KiB/s}
    limits: {connections: 10, header_size: 64KiB, header_field_size: 1KiB, header_count: 7, target_size: 2k,
             body_size: 1g, requests_per_connection: 5, connection_age: 1m, connections_per_ip: 3,
             pipelined_requests: 4}
    routes:
      - {name: a, match: {host: [a.test, "*.b.test"], path: /x, method: [GET, "M-SEARCH"]}, pool: p-1, body_size: 1500B}
      - {match: {path_prefix: /y}, redirect: {scheme: https, host: c.test, port: 8443, path: "/z?q=1", status: 301}}
      - {match: {path_prefix: /q}, respond: {status: 503, body: "a: \"$$ {#\\\t\x01 ü\n", content_type: text/html}}
      - {match: {path: /r}, respond: {}, body_size: unlimited}
      - match:
          path_regex: "^/[0-9]+$"
          header: {X-A: b, X-B: {is: [c, "d e"], prefix: c, suffix: d, contains: e, regex: "^c"}, X-C: {present: false}}
          query: {"q 1": "2"}
          cookie: {c: }
          client_ip: [10.0.0.0/8, "::1"]
          sni: "*.a.test"
          client_cert_subject: {suffix: ",O=Example"}
          all: [{path_prefix: /a}, {any: [{method: GET}, {cookie: {d: "1"}}]}]
          not: {host: a.test}
        respond: {}
      - match: {path_prefix: /split}
        split: [{pool: p-1, weight: 0}, {pool: off-peak, weight: 5}]
        split_key: "{cookie.user}"
        fallback: p-1
        fault: {match: {header: {X-Chaos: }}, delay: 1s, delay_share: 5%, abort: 503, abort_share: 1%}
        rewrite: {path_prefix: /, host: inner.test}
        timeouts: {first_byte: 1s, idle: 2s, tunnel_idle: 3s}
        headers:
          request: {set: {X-A: "{client_ip}", X-B: {value: b}}, add: {X-C: c}, remove: [X-D, X-E]}
          response: {remove: Server}
      - match: {path: /regex}
        pool: p-1
        rewrite: {regex: {pattern: "^/(a)x", replace: "/{1}"}}
    pool: off-peak
  - {name: mail, bind: [":25"], protocol: tcp, pool: off-peak, limits: {connections: 4}}
  - {name: dns, bind: [":53"], protocol: udp, pool: off-peak, udp: {idle: 1s, responses: 1, sessions: 7}}
pools:
  p-1:
    servers: [a.test:80, {address: "unix:@x y", weight: 0}]
    connect_timeout: 1ms
    timeouts: {first_byte: 1s, idle: 2s, tunnel_idle: 3s}
    keepalive: {idle: 0s, max_idle: 0}
    retry: {attempts: 1}
  off-peak: {servers: ["[::1]:80"], health_check: tcp}
  p-2:
    servers: ["10.0.0.1:80"]
    health_check: {type: http, interval: 1s, fast_interval: 10ms, timeout: 1s, jitter: 0%, rise: 1, fall: 1, initial: up,
                   port: 8080, method: HEAD, path: "/x?y=1", host: a.test, headers: {X-A: b}, expect: [200-299, 404],
                   expect_header: {X-B: c, X-C: }, expect_body: "ok\n"}
  p-3:
    servers: ["10.0.0.1:80"]
    health_check: {type: tcp, send: 'a\r\n\x00\\', expect_text: "b"}
  p-4: {servers: ["10.0.0.1:80"], health_check: {type: mysql, user: check}}
  p-5: {servers: ["10.0.0.1:80"], health_check: {type: exec, command: [/bin/x, "-a b"]}}
)";

/// Each kind of object once, however often it occurs, be it in itself.
void for_each_field(const ObjectType& type, const std::function<void(const ObjectType&, const Field&)>& visit,
                    std::set<const ObjectType*>&& seen = {}) {
  if (!seen.insert(&type).second) return;
  for (const Field& field : type.fields) {
    visit(type, field);
    const Type* inner = &field.type;
    while (inner->element) inner = inner->element.get();
    if (inner->object != nullptr) for_each_field(*inner->object, visit, std::move(seen));
  }
}

}  // namespace

TEST_CASE("to_yaml round-trips, with defaults and without") {
  for (const std::string& text : {std::string(kEverything), with("")}) {
    const LoadResult first = load(text);
    REQUIRE_MESSAGE(first.ok(), first.render());
    for (const bool defaults : {false, true}) {
      const std::string printed = to_yaml(*first.config, {.defaults = defaults});
      CAPTURE(printed);
      const LoadResult second = load(printed);
      REQUIRE_MESSAGE(second.ok(), second.render());
      CHECK(*second.config == *first.config);
    }
  }
  CHECK(to_yaml(*load(with("")).config) == R"(listeners:
  - name: web
    bind: [":80"]
    pool: site
pools:
  site:
    servers:
      - address: 10.0.0.1:80
)");
}

TEST_CASE("every row of the table is complete") {
  int rows = 0;
  for_each_field(config_type(), [&](const ObjectType& owner, const Field& field) {
    CAPTURE(owner.name);
    CAPTURE(field.key);
    ++rows;
    CHECK(field.help.size() > 10);
    CHECK(field.help.back() == '.');
    CHECK_FALSE(field.since.empty());
    if (field.is_directive()) return;
    const Type& type = field.type.kind == Kind::optional ? *field.type.element : field.type;
    CHECK(bool{type.access.equal != nullptr});
    if (type.kind == Kind::list || type.kind == Kind::named) CHECK(bool{type.access.append != nullptr});
    if (type.kind == Kind::named) CHECK(bool{type.access.name != nullptr});
    if (type.kind == Kind::text) CHECK(bool{type.format != nullptr});
    if (field.type.access.get_number == nullptr) return;
    const std::int64_t number = type.access.get_number(member_of(field, owner.defaults));
    const bool word = number == 0 && !type.zero_word.empty();
    CHECK((word || (number >= type.min && number <= type.max)));
  });
  CHECK(rows > 60);
}

TEST_CASE("no two keys of a mapping are the same and object names are unique") {
  std::set<std::string> seen;
  for_each_field(config_type(), [&](const ObjectType& owner, const Field& field) {
    CHECK(seen.insert(std::string(owner.name) + '.' + std::string(field.key)).second);
  });
}

TEST_CASE("every example in the table loads") {
  for_each_field(config_type(), [&](const ObjectType& owner, const Field& field) {
    if (field.example_text.empty() || owner.name != "listener" || field.is_required) return;
    CAPTURE(field.key);
    const LoadResult result = load(with(std::string(field.key) + ": " + std::string(field.example_text)));
    CHECK_MESSAGE(result.ok(), result.render());
  });
}

TEST_CASE("the JSON Schema and the manual name every key and every rule") {
  const std::string schema = json_schema();
  const std::string manual = man_page();
  for_each_field(config_type(), [&](const ObjectType&, const Field& field) {
    CAPTURE(field.key);
    CHECK(schema.find('"' + std::string(field.key) + "\": {") != std::string::npos);
    CHECK(manual.find(".B " + std::string(field.key) + '\n') != std::string::npos);
  });
  for (const Rule& rule : rules()) {
    CHECK(rule.doc.back() == '.');
    CHECK(manual.find(".IP \\(bu 2\n") != std::string::npos);
  }
  // JSON Schema is YAML too: the file's own parser says whether it is well formed.
  CHECK(load(schema).render().find("not valid YAML") == std::string::npos);
}
