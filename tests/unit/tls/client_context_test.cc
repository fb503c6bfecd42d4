#include "tls/client_context.h"

#include <doctest/doctest.h>
#include <openssl/ssl.h>

#include <string>

#include "pair.h"

using namespace lintel;
using namespace lintel::tls;
using namespace lintel::tls::test;

namespace {

/// How the client sees a server of that certificate: "ok" or why not.
std::string verdict(const config::TlsCertificate& certificate, const config::PoolTls& config,
                    const std::string& host, std::string* asked_for = nullptr) {
  net::Loop loop;
  config::ListenerTls listener;
  listener.certificates = {certificate};
  const auto server = server_context(listener);
  const auto client = client_context(config);
  Pair pair(loop, *server, *client, host);
  pair.handshake();
  if (asked_for) *asked_for = pair.server->server_name();
  if (pair.client_shaken.result) return "ok";
  CHECK(pair.client_shaken.result.error().code == ErrorCode::untrusted);
  return pair.client_shaken.result.error().context;
}

}  // namespace

TEST_CASE("a server is believed if its certificate is good and for its name") {
  const Authority authority;
  const Authority foreign("Another CA");
  config::PoolTls config;
  config.ca = authority.ca_file();
  const auto good = authority.issue("a.test");
  Wish wish;
  wish.name = "addressed";
  wish.names = {"IP:10.0.0.1", "IP:2001:db8::1"};
  const auto addressed = authority.issue("addressed", wish);
  wish = Wish{"old", {"DNS:a.test"}, false, false, -7200, -3600};
  const auto expired = authority.issue("old", wish);

  CHECK(verdict(good, config, "a.test") == "ok");
  CHECK(verdict(good, config, "b.test") == "hostname mismatch");
  CHECK(verdict(authority.issue("*.b.test"), config, "c.b.test") == "ok");
  CHECK(verdict(addressed, config, "10.0.0.1") == "ok");
  CHECK(verdict(addressed, config, "2001:db8::1") == "ok");
  CHECK(verdict(addressed, config, "10.0.0.2") == "IP address mismatch");
  CHECK(verdict(good, config, "10.0.0.1") == "IP address mismatch");
  CHECK(verdict(expired, config, "a.test") == "certificate has expired");
  CHECK(verdict(foreign.issue("a.test"), config, "a.test") != "ok");

  SUBCASE("by another name") {
    config.sni = "a.test";
    std::string asked;
    CHECK(verdict(good, config, "10.0.0.1", &asked) == "ok");
    CHECK(asked == "a.test");
  }
  SUBCASE("not verified") {
    config.verify = false;
    CHECK(verdict(foreign.issue("a.test"), config, "b.test") == "ok");
  }
  SUBCASE("the name asked for") {
    std::string asked;
    CHECK(verdict(good, config, "a.test", &asked) == "ok");
    CHECK(asked == "a.test");
    CHECK(verdict(addressed, config, "10.0.0.1", &asked) == "ok");
    CHECK(asked.empty());
  }
}

TEST_CASE("a session is not resumed by a context that might ask for more") {
  net::Loop loop;
  const Authority authority;
  config::ListenerTls listener;
  listener.certificates = {authority.issue("a.test")};
  const auto server = server_context(listener);
  config::PoolTls careless;
  careless.verify = false;
  const auto first = client_context(careless);
  const auto strict = client_context(config::PoolTls{});  // Trusts the system's authorities only.
  const auto slot = std::make_shared<SessionSlot>();
  const auto visit = [&](const ClientContext& client) {
    Pair pair(loop, *server, client, "a.test", slot);
    if (!pair.handshake()) return std::string("refused");
    Outcome<void> written;
    pair.scope.spawn(net::write_once(*pair.server, "x", written));
    char byte = 0;
    Outcome<std::size_t> read;
    pair.scope.spawn(net::read_once(*pair.client, {&byte, 1}, read));
    net::settle(loop);
    return std::string(pair.client->resumed() ? "resumed" : "full");
  };
  CHECK(visit(*first) == "full");
  CHECK(visit(*first) == "resumed");
  CHECK(visit(*strict) == "refused");
}
