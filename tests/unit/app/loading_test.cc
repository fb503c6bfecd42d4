#include "app/loading.h"

#include <doctest/doctest.h>

namespace lintel::app {
namespace {

SocketAddress resolve_test(const Endpoint& endpoint, std::string& why) {
  if (endpoint.host == "known.test") return *SocketAddress::from_ip("192.0.2.7", endpoint.port);
  why = "no such name";
  return {};
}

ConfigSource text_of(const std::string& servers) {
  return {.name = "test.yaml",
          .text =
              "listeners: [{name: web, bind: [\"127.0.0.1:8080\"], pool: p}]\n"
              "pools: {p: {servers: [" +
              servers + "]}}\n",
          .is_file = false};
}

TEST_CASE("servers get their addresses when a configuration is loaded") {
  const auto loaded = load(text_of("10.0.0.1:80, known.test:81, \"unix:/run/a\", lost.test:82"), 3,
                           resolve_test, std::make_shared<tls::TicketKeys>());
  REQUIRE(loaded.has_value());
  CHECK(loaded->snapshot->number == 3);
  CHECK(loaded->snapshot->hash.size() == 16);
  REQUIRE(loaded->snapshot->addresses.size() == 1);
  const std::vector<SocketAddress>& addresses = loaded->snapshot->addresses[0];
  REQUIRE(addresses.size() == 4);
  CHECK(addresses[0].to_string() == "10.0.0.1:80");
  CHECK(addresses[1].to_string() == "192.0.2.7:81");
  CHECK(addresses[2].to_string() == "unix:/run/a");
  CHECK(addresses[3].empty());
  REQUIRE(loaded->warnings.size() == 1);
  CHECK(loaded->warnings[0].find("server lost.test:82 gets no requests: no such name") != std::string::npos);
}

TEST_CASE("the hash is of what the configuration means, not of how it is written") {
  const auto short_form = load(text_of("10.0.0.1:80"), 1, resolve_test, std::make_shared<tls::TicketKeys>());
  const auto long_form = load(text_of("{address: 10.0.0.1:80, weight: 1}"), 2, resolve_test,
                              std::make_shared<tls::TicketKeys>());
  const auto another = load(text_of("10.0.0.2:80"), 3, resolve_test, std::make_shared<tls::TicketKeys>());
  REQUIRE(short_form.has_value());
  REQUIRE(long_form.has_value());
  REQUIRE(another.has_value());
  CHECK(short_form->snapshot->hash == long_form->snapshot->hash);
  CHECK(short_form->snapshot->hash != another->snapshot->hash);
  CHECK(hash_text("") == "cbf29ce484222325");
}

TEST_CASE("a configuration that is not valid: the text for a terminal, a line each for the log") {
  const auto loaded = load({.name = "test.yaml", .text = "listenrs: []\nworkrs: 1\n", .is_file = false}, 1,
                           resolve_test, std::make_shared<tls::TicketKeys>());
  REQUIRE_FALSE(loaded.has_value());
  CHECK(loaded.error().lines.size() >= 2);
  for (const std::string& line : loaded.error().lines) {
    CHECK(line.find('\n') == std::string::npos);
    CHECK(loaded.error().text.find(line) != std::string::npos);
  }
}

}  // namespace
}  // namespace lintel::app
