#pragma once

// A pool whose servers nobody connects to, and a clock that moves when told to.

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.h"
#include "net/net_test.h"
#include "pool/pool.h"

namespace lintel::pool::test {

inline constexpr Nanos kSecond = 1'000'000'000;

struct Fixture {
  ManualClock clock;
  net::Loop loop{clock};
  ServerStates states{loop};
  SharedPools pools;
  config::Pool config;
  std::vector<SocketAddress> addresses;

  Fixture() {
    config.name = "app";
    config.balance.type = config::BalanceType::round_robin;
    log::set_level(log::Level::critical);
  }
  config::Server& add(std::string_view address, std::uint32_t weight = 1) {
    std::string why;
    config::Server& server = config.servers.emplace_back();
    server.address = *Endpoint::parse(address, why);
    server.weight = weight;
    addresses.push_back(server.address.resolved().value_or(SocketAddress()));
    return server;
  }
  void add_servers(std::size_t count) {
    for (std::size_t i = 1; i <= count; ++i) add("10.0.0." + std::to_string(i) + ":80");
  }
  std::unique_ptr<Pool> make() {
    return std::make_unique<Pool>(config,
                                  PoolParts{.addresses = addresses, .states = states, .shared = pools});
  }
  /// `n` picks one after the other, as letters.
  std::string picks(Pool& pool, std::size_t n, std::span<const std::uint32_t> tried = {}) {
    std::string text;
    for (std::size_t i = 0; i < n; ++i) {
      const Lease lease = pool.take({.tried = tried, .now = clock.now()});
      text += lease ? static_cast<char>('a' + lease.server()) : '-';
    }
    return text;
  }
  static SharedServer& server(Pool& pool, std::size_t index) { return *pool.servers()[index].shared; }

  /// What became of an attempt that begins and ends now.
  [[nodiscard]] Outcome outcome(bool good, Nanos waited = 0) const {
    return {.good = good, .begun = clock.now(), .now = clock.now(), .waited = waited, .reason = "test"};
  }
  void fail(Pool& pool, std::uint32_t index, std::size_t times = 1) {
    for (std::size_t i = 0; i < times; ++i) pool.note(index, outcome(false));
  }
  void succeed(Pool& pool, std::uint32_t index, std::size_t times = 1) {
    for (std::size_t i = 0; i < times; ++i) pool.note(index, outcome(true));
  }
  [[nodiscard]] bool is_ejected(Pool& pool, std::size_t index) const {
    return server(pool, index).ejected_until() > clock.now();
  }
};

}  // namespace lintel::pool::test
