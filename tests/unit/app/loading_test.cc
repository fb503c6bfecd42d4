#include "app/loading.h"

#include <doctest/doctest.h>

namespace lintel::app {
namespace {

ConfigSource text_of(const std::string& servers) {
  return {.name = "test.yaml",
          .text =
              "listeners: [{name: web, bind: [\"127.0.0.1:8080\"], pool: p}]\n"
              "pools: {p: {servers: [" +
              servers + "]}}\n",
          .is_file = false};
}

TEST_CASE("a configuration is loaded as it is written") {
  const auto loaded = load(text_of("10.0.0.1:80, lost.test:82"), 3, std::make_shared<tls::TicketKeys>());
  REQUIRE(loaded.has_value());
  CHECK(loaded->written->number == 3);
  CHECK(loaded->written->hash.size() == 16);
  REQUIRE(loaded->written->config.pools.size() == 1);
  CHECK(loaded->written->config.pools[0].servers.size() == 2);
  CHECK(loaded->snapshot == nullptr);
  CHECK(loaded->warnings.empty());
}

TEST_CASE("the hash is of what the configuration means, not of how it is written") {
  const auto short_form = load(text_of("10.0.0.1:80"), 1, std::make_shared<tls::TicketKeys>());
  const auto long_form =
      load(text_of("{address: 10.0.0.1:80, weight: 1}"), 2, std::make_shared<tls::TicketKeys>());
  const auto another = load(text_of("10.0.0.2:80"), 3, std::make_shared<tls::TicketKeys>());
  REQUIRE(short_form.has_value());
  REQUIRE(long_form.has_value());
  REQUIRE(another.has_value());
  CHECK(short_form->written->hash == long_form->written->hash);
  CHECK(short_form->written->hash != another->written->hash);
  CHECK(hash_text("") == "cbf29ce484222325");
}

TEST_CASE("a configuration that is not valid: the text for a terminal, a line each for the log") {
  const auto loaded = load({.name = "test.yaml", .text = "listenrs: []\nworkrs: 1\n", .is_file = false}, 1,
                           std::make_shared<tls::TicketKeys>());
  REQUIRE_FALSE(loaded.has_value());
  CHECK(loaded.error().lines.size() >= 2);
  for (const std::string& line : loaded.error().lines) {
    CHECK(line.find('\n') == std::string::npos);
    CHECK(loaded.error().text.find(line) != std::string::npos);
  }
}

}  // namespace
}  // namespace lintel::app
