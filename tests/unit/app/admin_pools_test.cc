// Servers as an operator sees and changes them.

#include "app/admin_pools.h"

#include <doctest/doctest.h>

#include "app/admin.h"
#include "base/json_reader.h"

namespace lintel::app {
namespace {

struct Fixture {
  pool::SharedPools pools;
  health::Findings findings;
  std::vector<ServerEntry> servers;

  Fixture() {
    for (const auto& [pool, server, weight] :
         {std::tuple("api", "10.0.0.1:80", 1U), std::tuple("api", "[::1]:80", 5U),
          std::tuple("db", "unix:/run/db.sock", 1U)}) {
      servers.push_back({pool, server, weight, pools.pool(pool)->server(server), nullptr});
    }
    findings.last = {false, "the connection is refused"};
    findings.last_at = 1'000'000'000;
    findings.last_duration = 1'500'000;
    servers[0].findings = &findings;
  }
  Reply ask(http::Method method, std::string_view path, std::string_view body = {},
            bool over_unix_socket = true) {
    AdminView view;
    view.servers = [this] { return servers; };
    view.now = [] { return Nanos{3'000'000'000}; };
    const Requester from{over_unix_socket, net::PeerProcess{1000, 77}};
    return admin_reply(view, {.method = method, .path = path, .accept = {}, .body = body, .from = from});
  }
  Reply patch(std::string_view body) { return ask(http::Method::patch, kFirst, body); }
  pool::SharedServer& first() { return *servers[0].shared; }

  static constexpr std::string_view kFirst = "/v1/pools/api/servers/10.0.0.1:80";
};

std::string detail(const Reply& reply) {
  std::string why;
  CHECK(reply.content_type == "application/problem+json");
  const auto json = parse_json(reply.body, why);
  REQUIRE(json);
  CHECK(json->find("status")->number == reply.status);
  CHECK_FALSE(json->text_of("title").empty());
  return std::string(json->text_of("detail"));
}

}  // namespace

TEST_CASE("/v1/pools shows all servers") {
  Fixture fixture;
  fixture.servers[2].shared->set_admin(pool::AdminState::drain, 1);
  fixture.first().set_health(pool::Health::down, 1);
  const Reply reply = fixture.ask(http::Method::get, "/v1/pools");
  CHECK(reply.content_type == "application/json");
  CHECK(
      reply.body ==
      R"({"pools":[{"name":"api","servers":[{"pool":"api","name":"10.0.0.1:80","state":"ready","health":"down",)"
      R"("weight":1,"configured_weight":1,"in_flight":0,"last_check":{"passed":false,)"
      R"("reason":"the connection is refused","duration_ms":1.500,"age_ms":2000.000}},)"
      R"({"pool":"api","name":"[::1]:80","state":"ready","health":"up","weight":5,"configured_weight":5,)"
      R"("in_flight":0}]},{"name":"db","servers":[{"pool":"db","name":"unix:/run/db.sock","state":"drain",)"
      R"("health":"up","weight":1,"configured_weight":1,"in_flight":0}]}]})"
      "\n");
  fixture.servers.clear();
  CHECK(fixture.ask(http::Method::get, "/v1/pools").body == "{\"pools\":[]}\n");
}

TEST_CASE("a server is found by its name, percent-encoded or not") {
  Fixture fixture;
  for (const char* path : {"/v1/pools/api/servers/[::1]:80", "/v1/pools/api/servers/%5B%3A%3a1%5D%3A80"}) {
    CAPTURE(path);
    CHECK(fixture.ask(http::Method::get, path).body.find("\"name\":\"[::1]:80\"") != std::string::npos);
  }
  CHECK(fixture.ask(http::Method::get, "/v1/pools/db/servers/unix:%2Frun%2Fdb.sock").status == 200);
  CHECK(fixture.ask(http::Method::get, "/v1/pools/db/servers/unix:/run/db.sock").status == 200);
  const Reply pool = fixture.ask(http::Method::get, "/v1/pools/apo/servers/x");
  CHECK(pool.status == 404);
  CHECK(detail(pool).find("there is no pool \"apo\" (did you mean \"api\"?") == 0);
  const Reply server = fixture.ask(http::Method::patch, "/v1/pools/db/servers/x", "{\"state\":\"down\"}");
  CHECK(server.status == 404);
  CHECK(detail(server).find("has no server \"x\"") != std::string::npos);
  for (const char* path : {"/v1/pools/api/servers/", "/v1/pools//servers/x", "/v1/pools/api/servers/%5",
                           "/v1/pools/api", "/v1/pools/api/servers/%zz"}) {
    CAPTURE(path);
    CHECK_FALSE(ServerPath::parse(path));
    CHECK(fixture.ask(http::Method::get, path).status == 404);
    CHECK(fixture.ask(http::Method::patch, path, "{\"state\":\"down\"}").status == 405);
  }
}

TEST_CASE("states and weights are changed") {
  Fixture fixture;
  Reply reply = fixture.patch(R"({"state": "drain", "weight": 7})");
  CHECK(reply.status == 200);
  CHECK(reply.body.find(R"("state":"drain","health":"up","weight":7,"configured_weight":1)") !=
        std::string::npos);
  CHECK(fixture.first().admin() == pool::AdminState::drain);
  CHECK(fixture.first().weight() == 7U);
  CHECK(fixture.patch(R"({"weight": null})").status == 200);
  CHECK_FALSE(fixture.first().weight());
  CHECK(fixture.first().admin() == pool::AdminState::drain);
  CHECK(fixture.patch(R"({"weight": 0})").status == 200);
  CHECK(fixture.first().weight() == 0U);
  CHECK(fixture.patch(R"({"state": "down"})").status == 200);
  CHECK(fixture.first().admin() == pool::AdminState::down);
  CHECK(fixture.patch(R"({"state": "ready"})").status == 200);
  CHECK(fixture.first().admin() == pool::AdminState::ready);
  CHECK(fixture.servers[1].shared->admin() == pool::AdminState::ready);
}

TEST_CASE("what makes no sense changes nothing") {
  Fixture fixture;
  for (const char* body :
       {"", "{}", "[]", "null", "drain", R"({"state": "maint"})", R"({"state": null})", R"({"state": ""})",
        R"({"weight": -1})", R"({"weight": 1001})", R"({"weight": 1.5})", R"({"weight": "5"})",
        R"({"weight": true})", R"({"state": "drain", "weight": 1e9})", R"({"state": "drain", "wait": 1})",
        R"({"state": "drain"} x)", R"({"state": "drain", "state": "down"})",
        R"({"weight": 5, "state": 1})"}) {
    CAPTURE(body);
    const Reply reply = fixture.patch(body);
    CHECK(reply.status == 400);
    CHECK_FALSE(detail(reply).empty());
    CHECK(fixture.first().admin() == pool::AdminState::ready);
    CHECK_FALSE(fixture.first().weight());
  }
}

TEST_CASE("only who comes over a Unix socket changes anything, and reading never does") {
  Fixture fixture;
  const Reply tcp = fixture.ask(http::Method::patch, Fixture::kFirst, R"({"state": "down"})", false);
  CHECK(tcp.status == 403);
  CHECK(detail(tcp).find("Unix sockets only") != std::string::npos);
  for (const http::Method method : {http::Method::get, http::Method::head}) {
    CHECK(fixture.ask(method, Fixture::kFirst, R"({"state": "down"})").status == 200);
  }
  for (const http::Method method : {http::Method::post, http::Method::put, http::Method::delete_}) {
    const Reply reply = fixture.ask(method, Fixture::kFirst, R"({"state": "down"})");
    CHECK(reply.status == 405);
    CHECK(reply.fields == std::vector<std::pair<std::string, std::string>>{{"Allow", "GET, HEAD, PATCH"}});
  }
  CHECK(fixture.first().admin() == pool::AdminState::ready);
}

}  // namespace lintel::app
