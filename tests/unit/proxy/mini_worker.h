#pragma once

// A worker in miniature: one listener "web", one pool "app", sessions over memory pairs, servers whose ends
// the test holds. Time is manual. For unit tests (bench.h) and fuzzers alike.

#include <array>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "net/memory_connector.h"
#include "net/memory_stream.h"
#include "net/wire.h"
#include "proxy/client_connection.h"
#include "proxy/end_reason.h"
#include "proxy/generation.h"

namespace lintel::proxy::test {

using namespace std::chrono_literals;
using net::Wire;

/// One connection that the proxy opened to a server.
struct ServerWire {
  std::unique_ptr<Wire> wire;
  std::string address;  ///< "10.0.0.1:80".
};

class MiniWorker {
 public:
  explicit MiniWorker(std::size_t server_count = 1, const net::MemoryOptions& upstream = {})
      : connector(loop, upstream, [this](net::StreamPtr end, const SocketAddress& address) {
          accepted.push_back(
              {std::make_unique<Wire>(loop, std::move(end), servers_read), address.to_string()});
          if (greeting.empty()) return;
          accepted.back().wire->send(greeting);
          accepted.back().wire->reset();
        }) {
    config::Listener& listener = config.listeners.emplace_back();
    listener.name = "web";
    listener.pool = "app";
    config::Pool& pool = config.pools.emplace_back();
    pool.name = "app";
    for (std::size_t i = 1; i <= server_count; ++i) add_server(pool, "10.0.0." + std::to_string(i) + ":80");
  }
  MiniWorker(const MiniWorker&) = delete;
  MiniWorker& operator=(const MiniWorker&) = delete;

  static void add_server(config::Pool& pool, std::string_view address, std::uint32_t weight = 1) {
    std::string why;
    config::Server& server = pool.servers.emplace_back();
    server.address = *Endpoint::parse(address, why);
    server.weight = weight;
  }
  [[nodiscard]] config::Listener& listener() { return config.listeners.front(); }
  [[nodiscard]] config::Pool& pool() { return config.pools.front(); }

  /// Puts `config` in force.
  void publish() {
    auto snapshot = std::make_shared<Snapshot>();
    snapshot->config = config;
    for (const config::Pool& one : config.pools) {
      std::vector<SocketAddress>& addresses = snapshot->addresses.emplace_back();
      for (const config::Server& server : one.servers) addresses.push_back(parse_address(server.address));
    }
    worker.generation = Generation::build(std::move(snapshot), worker);
    sessions.forget_generation();
  }
  /// A new client connection.
  Wire& client(const net::MemoryOptions& options = {}, bool reading = true) {
    if (!worker.generation) publish();
    net::MemoryOptions addressed = options;
    if (addressed.first.empty()) addressed.first = *SocketAddress::from_ip("192.0.2.7", 4321);
    if (addressed.second.empty()) addressed.second = *SocketAddress::from_ip("192.0.2.1", 80);
    auto [mine, theirs] = net::make_memory_pair(loop, addressed);
    clients.push_back(std::make_unique<Wire>(loop, std::move(mine), reading));
    scope.spawn(serve_client(worker, sessions, count, "web", std::move(theirs)));
    return *clients.back();
  }
  void settle(int turns = 40) { net::settle(loop, turns); }
  void pass(std::chrono::nanoseconds by) {
    clock.advance(by);
    settle();
  }
  [[nodiscard]] StatsTotal totals() const {
    const std::array<const WorkerStats*, 1> all = {&stats};
    return collect(all);
  }
  /// Idle connections to the `n`th server.
  [[nodiscard]] std::size_t idle(std::size_t n = 0) {
    return worker.generation->pools.front()->pool.servers()[n].state->idle();
  }
  /// Ends everything. Returns what is left behind although nothing should be; empty when all is well.
  [[nodiscard]] std::string end() {
    for (auto& client : clients) client->close();
    for (auto& server : accepted) server.wire->close();
    settle();
    sessions.cut();
    worker.mirrors.cut();
    settle();
    std::string left;
    const auto expect_none = [&left](std::string_view what, auto number) {
      if (number != 0) left.append(what).append(": ").append(std::to_string(number)).append("\n");
    };
    expect_none("tasks", scope.count());
    expect_none("copies", worker.mirrors.count());
    expect_none("sessions", sessions.count());
    const StatsTotal total = totals();
    for (const auto& [name, route] : total.routes) expect_none("requests in flight", route.in_flight);
    for (const auto& [name, server] : total.servers) expect_none("active connections", server.active);
    worker.generation.reset();
    const StatsTotal after = totals();
    for (const auto& [name, server] : after.servers) expect_none("idle connections", server.idle);
    return left;
  }

  ManualClock clock;
  net::Loop loop{clock};
  WorkerStats stats;
  bool servers_read = true;  ///< Whether servers take what the proxy sends.
  std::string greeting;      ///< If not empty, servers that do not read say this when reached, and reset.
  std::vector<ServerWire> accepted;
  net::MemoryConnector connector;
  WorkerContext worker{loop, connector, stats, 1};
  Sessions sessions;
  ConnectionCount count;
  net::Scope scope;
  std::vector<std::unique_ptr<Wire>> clients;
  config::Config config;

 private:
  static SocketAddress parse_address(const Endpoint& endpoint) {
    const std::string text = endpoint.to_string();
    const std::size_t colon = text.rfind(':');
    return *SocketAddress::from_ip(text.substr(0, colon),
                                   static_cast<std::uint16_t>(std::stoi(text.substr(colon + 1))));
  }
};

}  // namespace lintel::proxy::test
