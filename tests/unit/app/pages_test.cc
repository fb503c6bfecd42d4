// What the admin endpoint and the demo answer.

#include <doctest/doctest.h>

#include "app/admin.h"
#include "app/demo.h"
#include "config/loader.h"

namespace lintel::app {
namespace {

AdminView view_of(Readiness readiness) {
  return {[readiness] { return readiness; }, [] { return proxy::StatsTotal{}; },
          [] { return proxy::ProcessInfo{}; }, [] { return std::vector<ServerEntry>(); },
          [] { return Nanos{0}; }};
}

Reply ask(http::Method method, std::string_view path, Readiness readiness = Readiness::ready,
          std::string_view accept = "") {
  return admin_reply(view_of(readiness), {.method = method, .path = path, .accept = accept});
}

TEST_CASE("the admin endpoint's pages") {
  CHECK(ask(http::Method::get, "/healthz").body == "ok\n");
  CHECK(ask(http::Method::head, "/healthz").status == 200);
  CHECK(ask(http::Method::get, "/healthz", Readiness::draining).status == 200);
  CHECK(ask(http::Method::get, "/readyz").status == 200);
  CHECK(ask(http::Method::get, "/readyz", Readiness::starting).status == 503);
  CHECK(ask(http::Method::get, "/readyz", Readiness::starting).body == "starting\n");
  CHECK(ask(http::Method::get, "/readyz", Readiness::draining).status == 503);
  CHECK(ask(http::Method::get, "/readyz", Readiness::draining).body == "draining\n");
  CHECK(ask(http::Method::get, "/v1/stats").content_type == "application/json");
  CHECK(ask(http::Method::get, "/v1/stats").body.starts_with("{\"schema\":1"));
  CHECK(ask(http::Method::get, "/metrics").body.find("lintel_build_info") != std::string::npos);
  const Reply open = ask(http::Method::get, "/metrics", Readiness::ready, "application/openmetrics-text");
  CHECK(open.content_type.find("openmetrics") != std::string::npos);
}

TEST_CASE("what the admin endpoint does not have") {
  const Reply unknown = ask(http::Method::get, "/metric");
  CHECK(unknown.status == 404);
  CHECK(unknown.body.find("/metrics") != std::string::npos);
  CHECK(ask(http::Method::get, "/").status == 200);
  const Reply refused = ask(http::Method::post, "/healthz");
  CHECK(refused.status == 405);
  REQUIRE(refused.fields.size() == 1);
  CHECK(refused.fields[0].first == "Allow");
  CHECK(refused.fields[0].second == "GET, HEAD");
}

TEST_CASE("the demo's port") {
  CHECK(demo_port(nullptr) == kDemoPort);
  CHECK(demo_port("") == kDemoPort);
  CHECK(demo_port("9000") == 9000);
  for (const char* bad : {"0", "65536", "-1", "80x", " 80", "http"}) {
    CAPTURE(bad);
    CHECK_FALSE(demo_port(bad).has_value());
  }
}

TEST_CASE("the demo's configuration is valid and says what it does") {
  const DemoPorts ports{.web = 8080, .admin = 9901, .servers = {40001, 40002}};
  const auto loaded = config::load_string(demo_configuration(ports));
  CAPTURE(loaded.render());
  REQUIRE(loaded.ok());
  CHECK(loaded.diagnostics.empty());
  CHECK(loaded.config->pools[0].servers.size() == 2);
  CHECK(loaded.config->admin.bind.size() == 1);

  const DemoPorts without_admin{.web = 8080, .admin = 0, .servers = {40001, 40002}};
  const auto without = config::load_string(demo_configuration(without_admin));
  REQUIRE(without.ok());
  CHECK(without.config->admin.bind.empty());
}

TEST_CASE("the demo's page names the server and leaves no placeholder") {
  for (const std::uint16_t admin : {std::uint16_t{9901}, std::uint16_t{0}}) {
    const std::string page = demo_page(2, 7, {.web = 8088, .admin = admin, .servers = {40001, 40002}});
    CHECK(page.find("Server 2 of 2") != std::string::npos);
    CHECK(page.find("7 requests") != std::string::npos);
    CHECK(page.find("http://127.0.0.1:8088/whoami") != std::string::npos);
    CHECK(page.find('@') == std::string::npos);
    CHECK((page.find("/metrics") != std::string::npos) == (admin != 0));
  }
}

}  // namespace
}  // namespace lintel::app
