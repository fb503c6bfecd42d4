#pragma once

// A worker in miniature: one listener "web", one pool "app", sessions over memory pairs, servers whose ends
// the test holds. Time is manual.

#include <doctest/doctest.h>

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

class Bench {
 public:
  explicit Bench(std::size_t server_count = 1, const net::MemoryOptions& upstream = {})
      : connector(loop, upstream, [this](net::StreamPtr end, const SocketAddress& address) {
          accepted.push_back(
              {std::make_unique<Wire>(loop, std::move(end), servers_read), address.to_string()});
        }) {
    config::Listener& listener = config.listeners.emplace_back();
    listener.name = "web";
    listener.pool = "app";
    config::Pool& pool = config.pools.emplace_back();
    pool.name = "app";
    for (std::size_t i = 1; i <= server_count; ++i) add_server(pool, "10.0.0." + std::to_string(i) + ":80");
  }
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;
  /// Ends everything and checks that nothing is left behind.
  ~Bench() {
    for (auto& client : clients) client->close();
    for (auto& server : accepted) server.wire->close();
    settle();
    sessions.cut();
    pass(10s);  // Connects that are under way end.
    CHECK(scope.count() == 0);
    CHECK(sessions.count() == 0);
    const StatsTotal total = totals();
    for (const auto& [name, route] : total.routes) CHECK(route.in_flight == 0);
    for (const auto& [name, server] : total.servers) CHECK(server.active == 0);
    worker.generation.reset();
    const StatsTotal after = totals();
    for (const auto& [name, server] : after.servers) CHECK(server.idle == 0);
  }

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
  /// A new client that has sent `text`.
  Wire& client(std::string_view text) {
    Wire& wire = client();
    wire.send(text);
    settle();
    return wire;
  }
  /// The server's end of the `n`th connection that the proxy opened.
  Wire& server(std::size_t n = 0) {
    REQUIRE(accepted.size() > n);
    return *accepted[n].wire;
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
  /// The end reasons counted since the last call, as tokens: "ok", "ok ok upstream.reset".
  std::string ends() {
    const StatsTotal total = totals();
    std::string text;
    for (std::size_t i = 0; i < kEndReasonCount; ++i) {
      for (; seen_ends_[i] < total.end_reasons[i]; ++seen_ends_[i]) {
        if (!text.empty()) text += ' ';
        text += end_reason_token(static_cast<EndReason>(i));
      }
    }
    return text;
  }
  /// Idle connections to the `n`th server.
  [[nodiscard]] std::size_t idle(std::size_t n = 0) {
    return worker.generation->pools.front()->pool.servers()[n].state->idle();
  }

  ManualClock clock;
  net::Loop loop{clock};
  WorkerStats stats;
  bool servers_read = true;  ///< Whether servers take what the proxy sends.
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
  std::array<std::uint64_t, kEndReasonCount> seen_ends_{};
};

inline const std::string kGet = "GET /x HTTP/1.1\r\nHost: a.test\r\n\r\n";
inline const std::string kPost = "POST /x HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\n\r\nhello";
/// With a Date, so that it goes through as it is.
inline const std::string kOk =
    "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Length: 2\r\n\r\nhi";

/// `text` without the Date that the proxy adds to answers that have none.
inline std::string undated(std::string text) {
  const std::string date = "Date: Thu, 01 Jan 2026 00:00:00 GMT\r\n";
  for (std::size_t at = text.find(date); at != std::string::npos; at = text.find(date))
    text.erase(at, date.size());
  return text;
}

inline bool begins(std::string_view text, std::string_view with) {
  return text.substr(0, with.size()) == with;
}
inline bool has(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}
inline std::size_t count(std::string_view text, std::string_view part) {
  std::size_t n = 0;
  for (std::size_t at = text.find(part); at != std::string_view::npos; at = text.find(part, at + 1)) ++n;
  return n;
}
/// What follows the head.
inline std::string body_of(std::string_view message) {
  const std::size_t end = message.find("\r\n\r\n");
  return end == std::string_view::npos ? "" : std::string(message.substr(end + 4));
}

}  // namespace lintel::proxy::test
