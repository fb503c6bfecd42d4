// The cookie that keeps clients at one server.

#include "proxy/sticky.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace lintel;
using namespace lintel::proxy;

namespace {

config::Pool pool_of(std::string_view secret = "s3cret") {
  config::Pool pool;
  pool.name = "app";
  pool.sticky.emplace();
  pool.sticky->cookie = "LB";
  pool.sticky->secret = secret;
  return pool;
}

std::vector<pool::Server> servers_of(const std::vector<std::string>& names) {
  std::vector<pool::Server> servers;
  for (const std::string& name : names) servers.push_back({name, nullptr, nullptr});
  return servers;
}

/// "LB=0123456789abcdef", without the attributes.
std::string pair_of(const StickyCookie& cookie, std::uint32_t server) {
  const std::string text(cookie.set_cookie(server, false));
  return text.substr(0, text.find(';'));
}

std::optional<std::uint32_t> server_of(const StickyCookie& cookie, std::string_view line) {
  http::Fields fields;
  fields.add("Cookie", line);
  return cookie.server_of(fields);
}

}  // namespace

TEST_CASE("sticky: what is set is found again") {
  const auto servers = servers_of({"10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80"});
  const StickyCookie cookie(pool_of(), servers);
  for (std::uint32_t i = 0; i < 3; ++i) {
    CHECK(server_of(cookie, pair_of(cookie, i)) == i);
    CHECK(server_of(cookie, "a=b; " + pair_of(cookie, i) + "; c=d") == i);
    CHECK(pair_of(cookie, i).size() == 3 + 16);
    CHECK(pair_of(cookie, i).find("10.0") == std::string::npos);
  }
  CHECK_FALSE(cookie.server_of(http::Fields()));
  for (const char* line : {"LB=", "LB=0", "LB=0000000000000000", "LB=000000000000000g", "LB=-000000000000001",
                           "XLB=0000000000000000", "LB=00000000000000000"})
    CHECK_FALSE(server_of(cookie, line));
}

TEST_CASE("sticky: the value is the server's, not its place's, and another one with another secret or pool") {
  const StickyCookie cookie(pool_of(), servers_of({"10.0.0.1:80", "10.0.0.2:80"}));
  const StickyCookie turned(pool_of(), servers_of({"10.0.0.3:80", "10.0.0.2:80", "10.0.0.1:80"}));
  CHECK(server_of(turned, pair_of(cookie, 0)) == 2);
  CHECK(server_of(turned, pair_of(cookie, 1)) == 1);
  CHECK_FALSE(server_of(cookie, pair_of(turned, 0)));
  const StickyCookie other(pool_of("other"), servers_of({"10.0.0.1:80"}));
  CHECK_FALSE(server_of(other, pair_of(cookie, 0)));
  config::Pool renamed = pool_of();
  renamed.name = "web";
  CHECK_FALSE(server_of(StickyCookie(renamed, servers_of({"10.0.0.1:80"})), pair_of(cookie, 0)));
}

TEST_CASE("sticky: attributes") {
  using namespace std::chrono_literals;
  config::Pool pool = pool_of();
  const auto said = [&](bool over_tls) {
    const std::string text(StickyCookie(pool, servers_of({"a:1"})).set_cookie(0, over_tls));
    return text.substr(text.find(';'));
  };
  CHECK(said(false) == "; Path=/; HttpOnly; SameSite=Lax");
  CHECK(said(true) == "; Path=/; Secure; HttpOnly; SameSite=Lax");
  pool.sticky->path = "/shop";
  pool.sticky->max_age = 90s;
  pool.sticky->secure = config::CookieSecure::always;
  pool.sticky->http_only = false;
  pool.sticky->same_site = config::SameSite::none;
  CHECK(said(false) == "; Path=/shop; Max-Age=90; Secure; SameSite=None");
  pool.sticky->secure = config::CookieSecure::never;
  pool.sticky->same_site = config::SameSite::strict;
  CHECK(said(true) == "; Path=/shop; Max-Age=90; SameSite=Strict");
}
