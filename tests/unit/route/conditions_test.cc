#include "route/conditions.h"

#include <doctest/doctest.h>

#include "config/loader.h"
#include "route/checks.h"
#include "route/router.h"

namespace lintel::route {
namespace {

/// The match that a file writes as `yaml`.
config::Match match_of(const std::string& yaml) {
  const config::LoadResult result = config::load_string(
      "listeners: [{name: web, bind: \":443\", tls: {certificates: [{cert: a, key: b}], client_auth: {mode: "
      "optional, ca: c}}, routes: [{match: " +
      yaml + ", respond: {status: 204}}]}]");
  CAPTURE(yaml);
  INFO(result.render());
  REQUIRE(result.ok());
  return result.config->listeners[0].routes[0].match;
}

/// A request with everything that routes can ask for.
struct Sample {
  http::Fields fields;
  Sample() {
    fields.add("X-Env", "staging");
    fields.add("X-List", "a");
    fields.add("x-list", "b");
    fields.add("Cookie", "canary=1; user=\"bob\"");
    fields.add("X-Gone", "1");
    fields.remove("X-Gone");
  }
  [[nodiscard]] RequestView view() const {
    return {.host = "www.a.test",
            .path = "/users/42/edit",
            .method = http::Method::post,
            .method_text = "POST",
            .query = "v=2&name=a%20b&plus=a+b&%76x=1&empty=&flag&many=1&many=2",
            .fields = &fields,
            .client_ip = "10.1.2.3",
            .sni = "WWW.a.test.",
            .client_cert_subject = "CN=alice,O=Example"};
  }
};

struct Row {
  const char* match;
  bool holds;
};

constexpr Row kRows[] = {
    {"{}", true},
    {"{host: www.a.test}", true},
    {"{host: [b.test, \"*.a.test\"]}", true},
    {"{host: a.test}", false},
    {"{path: /users/42/edit}", true},
    {"{path: /users/42}", false},
    {"{path_prefix: /users}", true},
    {"{path_prefix: /user}", false},
    {"{path_regex: \"^/users/[0-9]+/\"}", true},
    {"{path_regex: \"[0-9]+\"}", true},
    {"{path_regex: \"^/users/[0-9]+$\"}", false},
    {"{method: [GET, POST]}", true},
    {"{method: GET}", false},
    {"{header: {X-Env: staging}}", true},
    {"{header: {x-env: [prod, staging]}}", true},
    {"{header: {X-Env: Staging}}", false},
    {"{header: {X-Env: }}", true},
    {"{header: {X-Env: {present: false}}}", false},
    {"{header: {X-None: {present: false}}}", true},
    {"{header: {X-Gone: {present: false}}}", true},
    {"{header: {X-None: \"\"}}", false},
    {"{header: {X-Env: {prefix: stag, suffix: ing, contains: gin, regex: \"^s.*g$\"}}}", true},
    {"{header: {X-Env: {prefix: stag, suffix: inx}}}", false},
    {"{header: {X-Env: {contains: x}}}", false},
    {"{header: {X-Env: {regex: \"^t\"}}}", false},
    {"{header: {X-List: a}}", true},
    {"{header: {X-List: b}}", true},
    {"{header: {X-List: {prefix: a, suffix: b}}}", false},  // Not of two values.
    {"{header: {X-List: a, X-Env: staging}}", true},
    {"{header: {X-List: a, X-Env: prod}}", false},
    {"{cookie: {canary: \"1\"}}", true},
    {"{cookie: {user: bob}}", true},
    {"{cookie: {Canary: \"1\"}}", false},
    {"{cookie: {none: {present: false}}}", true},
    {"{query: {v: \"2\"}}", true},
    {"{query: {name: a b}}", true},
    {"{query: {plus: a b}}", true},
    {"{query: {vx: \"1\"}}", true},
    {"{query: {empty: \"\"}}", true},
    {"{query: {flag: }}", true},
    {"{query: {many: \"2\"}}", true},
    {"{query: {many: \"3\"}}", false},
    {"{query: {none: }}", false},
    {"{client_ip: 10.0.0.0/8}", true},
    {"{client_ip: [192.168.0.0/16, 10.1.2.3]}", true},
    {"{client_ip: 10.2.0.0/16}", false},
    {"{sni: www.a.test}", true},
    {"{sni: \"*.a.test\"}", true},
    {"{sni: a.test}", false},
    {"{client_cert_subject: \"CN=alice,O=Example\"}", true},
    {"{client_cert_subject: {suffix: \",O=Example\"}}", true},
    {"{client_cert_subject: {suffix: \",O=Other\"}}", false},
    {"{client_cert_subject: {present: false}}", false},
    {"{all: [{host: www.a.test}, {method: POST}]}", true},
    {"{all: [{host: www.a.test}, {method: PUT}]}", false},
    {"{any: [{host: x.test}, {method: POST}]}", true},
    {"{any: [{host: x.test}, {method: PUT}]}", false},
    {"{any: {method: POST}}", true},
    {"{not: {method: PUT}}", true},
    {"{not: [{method: PUT}, {client_ip: 10.0.0.0/8}]}", false},
    {"{not: {any: [{method: PUT}, {not: {cookie: {canary: \"1\"}}}]}}", true},
};

TEST_CASE("conditions: each alone, by itself and by the router") {
  const Sample sample;
  for (const Row& row : kRows) {
    CAPTURE(row.match);
    config::Route route;
    route.match = match_of(row.match);
    CHECK(Conditions(route.match).hold(sample.view()) == row.holds);
    CHECK(Router({route}).match(sample.view()).has_value() == row.holds);
  }
}

TEST_CASE("conditions: without certificate, address, name or fields") {
  const RequestView bare{.host = "a.test", .path = "/", .client_ip = "unix"};
  CHECK(Conditions(match_of("{client_cert_subject: {present: false}}")).hold(bare));
  CHECK_FALSE(Conditions(match_of("{client_cert_subject: {prefix: CN}}")).hold(bare));
  CHECK_FALSE(Conditions(match_of("{client_ip: [0.0.0.0/0, \"::/0\"]}")).hold(bare));
  CHECK_FALSE(Conditions(match_of("{sni: \"*.test\"}")).hold(bare));
  CHECK(Conditions(match_of("{header: {X: {present: false}}, cookie: {x: {present: false}}}")).hold(bare));
}

TEST_CASE("conditions: which one fails first, and what is asked for") {
  const Sample sample;
  const Conditions conditions(match_of("{method: POST, header: {X-Env: prod}, any: [{cookie: {a: b}}]}"));
  REQUIRE(conditions.first_failure(sample.view()) != nullptr);
  CHECK(conditions.first_failure(sample.view())->kind == Condition::Kind::header);
  CHECK(conditions.asks_for(Condition::Kind::cookie));
  CHECK_FALSE(conditions.asks_for(Condition::Kind::client_cert_subject));
}

TEST_CASE("conditions: a long parameter is decoded too") {
  std::string query = "v=";
  for (int i = 0; i < 300; ++i) query += "%61";
  const RequestView view{.host = "a.test", .path = "/", .query = query};
  CHECK(Conditions(match_of("{query: {v: " + std::string(300, 'a') + "}}")).hold(view));
}

TEST_CASE("router: candidates of one key are asked in order") {
  std::vector<config::Route> routes(4);
  routes[0].match = match_of("{path: /a, header: {X: \"1\"}}");
  routes[1].match = match_of("{path: /a, header: {X: \"2\"}}");
  routes[2].match = match_of("{path: /a}");
  routes[3].match = match_of("{path: /a, header: {X: \"3\"}}");
  const Router router(routes);
  const auto route_for = [&](const char* value) {
    http::Fields fields;
    fields.add("X", value);
    return router.match({.host = "h", .path = "/a", .fields = &fields});
  };
  CHECK(route_for("1") == 0);
  CHECK(route_for("2") == 1);
  CHECK(route_for("3") == 2);
}

TEST_CASE("checks: expressions that are none are named with their place") {
  const auto check = [](const config::Config& config, config::Report& report) {
    check_routes(config, report);
  };
  const config::LoadResult result = config::load_string(
      "listeners:\n"
      "  - name: web\n"
      "    bind: \":80\"\n"
      "    routes:\n"
      "      - match: {path_regex: \"/a(b\"}\n"
      "        respond: {}\n"
      "      - match: {any: [{header: {X: {regex: \"a(?=b)\"}}}]}\n"
      "        respond: {}\n",
      "lintel.yaml", config::process_environment(), check);
  REQUIRE(result.diagnostics.size() == 2);
  CHECK(result.diagnostics[0].path == "listeners[0].routes[0].match.path_regex");
  CHECK(result.diagnostics[0].message ==
        "\"/a(b\" is not a regular expression: missing ): /a(b at position 1");
  CHECK(result.diagnostics[1].path == "listeners[0].routes[1].match.any[0].header.X.regex");
  CHECK(result.diagnostics[1].place.line == 7);
  CHECK(result.diagnostics[1].message.find("at position 2") != std::string::npos);
}

}  // namespace
}  // namespace lintel::route
