// What a health check may say.

#include "config/support.h"

using namespace lintel::config;

namespace {

std::string pool(const std::string& check) {
  return "listeners: [{name: web, bind: \":80\", pool: site}]\npools:\n  site: {servers: [10.0.0.1:80], "
         "health_check: " +
         check + "}\n";
}

}  // namespace

TEST_CASE("a health check has the defaults of an expert") {
  const LoadResult result = load(pool("tcp"));
  REQUIRE_MESSAGE(result.ok(), result.render());
  const HealthCheck& check = *result.config->pools[0].health_check;
  CHECK(check.type == HealthCheckType::tcp);
  CHECK(check.interval == 5s);
  CHECK(check.timeout == 2s);
  CHECK(check.jitter == 20);
  CHECK(check.rise == 2);
  CHECK(check.fall == 3);
  CHECK(check.initial == InitialHealth::down);
}

TEST_CASE("what a health check must not say") {
  struct Row {
    const char* check;
    const char* message;
  };
  const Row rows[] = {
      {"{}", "\"type\" is missing"},
      {"{type: htp}", "did you mean \"http\""},
      {"{type: tcp, path: /x}", "this is for checks of type http; the type is tcp"},
      {"{type: http, send: x}", "this is for checks of type tcp; the type is http"},
      {"{type: redis, user: x}", "this is for checks of type postgres and mysql; the type is redis"},
      {"{type: http, command: /bin/x}", "this is for checks of type exec"},
      {"{type: exec}", "there is no command to run"},
      {"{type: exec, command: [check, -a]}", "\"check\" is not a whole path"},
      {"{type: http, expect: 700}", "\"700\" is no HTTP status"},
      {"{type: http, headers: {HOST: a}}", "Host is not set here"},
      {"{type: tcp, send: 'a\\q'}", "has a \\ that begins none of"},
      {"{type: tcp, jitter: 60%}", "out of range"},
      {"{type: tcp, rise: 0}", "out of range"},
      {"{type: tcp, interval: 1s, timeout: 2s}", "a check may take longer than the interval"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.check);
    const LoadResult result = load(pool(row.check));
    CHECK(result.diagnostics.size() == 1);
    CHECK_MESSAGE(result.render().find(row.message) != std::string::npos, result.render());
  }
}

TEST_CASE("a port to check is not for servers on Unix sockets") {
  const LoadResult result = load(
      "listeners: [{name: web, bind: \":80\", pool: site}]\npools:\n  site: {servers: [\"unix:/a\"], "
      "health_check: {type: tcp, port: 80}}\n");
  CHECK_FALSE(result.ok());
  CHECK(result.render().find("Unix sockets, which have no ports") != std::string::npos);
}
