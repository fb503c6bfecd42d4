#include "app/expansion.h"

#include <doctest/doctest.h>

#include "config/loader.h"

namespace lintel::app {
namespace {

proxy::Snapshot written(const std::string& servers, const std::string& more = "") {
  const config::LoadResult result = config::load_string(
      "listeners: [{name: web, bind: [\"127.0.0.1:8080\"], pool: p}]\npools: {p: {servers: [" + servers +
          "]" + more + "}}\n",
      "folder/test.yaml");
  INFO(result.render());
  REQUIRE(result.ok());
  proxy::Snapshot snapshot;
  snapshot.config = *result.config;
  return snapshot;
}

/// "name weight address" of each server.
std::vector<std::string> servers_of(const proxy::Snapshot& snapshot) {
  std::vector<std::string> out;
  REQUIRE(snapshot.addresses.size() == 1);
  const std::vector<config::Server>& servers = snapshot.config.pools[0].servers;
  REQUIRE(snapshot.addresses[0].size() == servers.size());
  for (std::size_t i = 0; i < servers.size(); ++i)
    out.push_back(servers[i].name() + ' ' + std::to_string(servers[i].weight) + ' ' +
                  snapshot.addresses[0][i].to_string());
  return out;
}

TEST_CASE("each address of a name is a server with the settings of the one that is written") {
  const std::vector<Found> known = {{"known.test", 0, "192.0.2.7"}, {"known.test", 0, "2001:db8::7"}};
  const auto find = [&](const Name& name) {
    return name == Name{Name::Kind::host, "known.test"} ? &known : nullptr;
  };
  const proxy::Snapshot snapshot =
      written("10.0.0.1:80, {address: known.test:81, weight: 5}, \"unix:/run/a\", lost.test:82");
  CHECK(servers_of(*expand(snapshot, {}, find)) ==
        std::vector<std::string>{"10.0.0.1:80 1 10.0.0.1:80", "known.test:81@192.0.2.7 5 192.0.2.7:81",
                                 "known.test:81@2001:db8::7 5 [2001:db8::7]:81",
                                 "unix:/run/a 1 unix:/run/a"});
  CHECK(names_of(snapshot.config, {}) ==
        std::set<Name>{{Name::Kind::host, "known.test"}, {Name::Kind::host, "lost.test"}});
}

TEST_CASE("without asking anybody names stay as they are") {
  const proxy::Snapshot snapshot = written("known.test:81, {srv: _http._tcp.api.test}");
  CHECK(servers_of(*expand_offline(snapshot, {})) ==
        std::vector<std::string>{"known.test:81 1 127.0.0.1:1", "_http._tcp.api.test 1 127.0.0.1:1"});
}

TEST_CASE("SRV records tell host, port, weight and group") {
  const std::vector<Found> known = {{"a.test", 8001, "10.0.0.1", 10, 60},
                                    {"b.test", 8002, "10.0.0.2", 10, 0},
                                    {"c.test", 8003, "10.0.0.3", 20, 60}};
  const auto find = [&](const Name& name) {
    return name == Name{Name::Kind::srv, "_http._tcp.api.test"} ? &known : nullptr;
  };
  const proxy::Snapshot snapshot = written("{srv: _http._tcp.api.test, weight: 2, priority: 5}");
  const auto expanded = expand(snapshot, {}, find);
  CHECK(servers_of(*expanded) == std::vector<std::string>{"a.test:8001@10.0.0.1 120 10.0.0.1:8001",
                                                          "b.test:8002@10.0.0.2 2 10.0.0.2:8002",
                                                          "c.test:8003@10.0.0.3 120 10.0.0.3:8003"});
  std::vector<std::uint32_t> groups;
  for (const config::Server& server : expanded->config.pools[0].servers) groups.push_back(server.priority);
  CHECK(groups == std::vector<std::uint32_t>{5, 5, 6});
}

TEST_CASE("SRV weights stay within what a configuration may say, and none becomes nothing") {
  const std::vector<Found> known = {{"a.test", 1, "10.0.0.1", 0, 65535},
                                    {"b.test", 1, "10.0.0.2", 0, 32768},
                                    {"c.test", 1, "10.0.0.3", 0, 1}};
  const auto find = [&](const Name&) { return &known; };
  std::vector<std::uint32_t> weights;
  const auto expanded = expand(written("{srv: _http._tcp.api.test}"), {}, find);
  for (const config::Server& server : expanded->config.pools[0].servers) weights.push_back(server.weight);
  CHECK(weights == std::vector<std::uint32_t>{1000, 500, 1});
}

TEST_CASE("a file's servers follow those of the configuration") {
  const proxy::Snapshot snapshot = written("10.0.0.1:80", ", servers_file: list.yaml");
  config::Server further;
  std::string why;
  further.address = Endpoint::parse("10.0.0.9:80", why).value();
  const auto nothing = [](const Name&) -> const std::vector<Found>* { return nullptr; };
  CHECK(servers_of(*expand(snapshot, {{"folder/list.yaml", {further}}}, nothing)) ==
        std::vector<std::string>{"10.0.0.1:80 1 10.0.0.1:80", "10.0.0.9:80 1 10.0.0.9:80"});
}

TEST_CASE("what changed is told in a line") {
  config::Pool before = written("10.0.0.1:80, 10.0.0.2:80").config.pools[0];
  CHECK(describe_change(before, before).empty());
  CHECK(describe_change(before, written("10.0.0.2:80, 10.0.0.3:80").config.pools[0]) ==
        "servers changed, 2 now, added 10.0.0.3:80, removed 10.0.0.1:80");
  CHECK(describe_change(before, written("10.0.0.1:80, {address: 10.0.0.2:80, weight: 3}").config.pools[0]) ==
        "servers changed, 2 now");
}

}  // namespace
}  // namespace lintel::app
