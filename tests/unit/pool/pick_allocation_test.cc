// Choosing takes no memory from the heap, whatever the balancer.

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "counting_new.h"
#include "net/net_test.h"
#include "pool/pool.h"

namespace lintel::pool {
namespace {

/// Of 10,000 picks, with leases that overlap.
std::size_t allocations_of(Pool& pool) {
  std::vector<Lease> running(64);
  const std::uint32_t tried[] = {3};
  allocations = 0;
  for (std::size_t i = 0; i < 20'000; ++i) {
    counting = i >= 10'000;  // Before, the balancer sees the pool for the first time.
    const PickContext context{
        .tried = i % 7 == 0 ? std::span<const std::uint32_t>(tried) : std::span<const std::uint32_t>(),
        .hash = i * 0x9e3779b97f4a7c15,
        .now = 1};
    running[i % running.size()] = pool.take(context, i % 5 == 0 ? std::optional(7U) : std::nullopt);
    counting = false;
  }
  return allocations;
}

}  // namespace

TEST_CASE("allocations: none for a pick, of any balancer, with groups, zones and limits") {
  net::Loop loop;
  using enum config::BalanceType;
  for (const config::BalanceType type :
       {round_robin, least_conn, random, two_choices, consistent_hash, maglev, peak_ewma}) {
    CAPTURE(static_cast<int>(type));
    ServerStates states(loop);
    SharedPools shared;
    config::Pool config;
    config.name = "app";
    config.balance.type = type;
    config.balance.max_load = type == consistent_hash ? 125 : 0;
    std::vector<SocketAddress> addresses;
    std::string why;
    for (int i = 0; i < 300; ++i) {
      config::Server& server = config.servers.emplace_back();
      server.address =
          *Endpoint::parse("10.0." + std::to_string(i / 100) + '.' + std::to_string(i % 100) + ":80", why);
      server.weight = 1 + static_cast<std::uint32_t>(i % 3);
      server.backup = i % 10 == 9;
      server.zone = i % 2 == 0 ? "a" : "b";
      server.max_connections = i % 4 == 0 ? 1 : 0;
      addresses.push_back(*server.address.resolved());
    }
    config.zone_preference.emplace();
    Pool pool(config,
              PoolParts{.addresses = addresses, .states = states, .shared = shared, .seed = 5, .zone = "a"});
    CHECK(allocations_of(pool) == 0);
  }
  counting = true;
  const auto seen = std::make_unique<int>(1);  // They are counted.
  counting = false;
  CHECK(allocations == 1);
}

}  // namespace lintel::pool

#endif
