// What a match costs with few and with many routes.

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <limits>
#include <string>
#include <vector>

#include "route/router.h"

namespace lintel::route {
namespace {

std::string host_of(std::size_t i) {
  return "host" + std::to_string(i / 10) + ".example.test";
}
std::string path_of(std::size_t i) {
  return "/service" + std::to_string(i % 10) + "/v1";
}

/// Ten routes per host, by prefix; a third of them also ask for a header or a network.
Router make_router(std::size_t count) {
  std::vector<config::Route> routes(count);
  for (std::size_t i = 0; i < count; ++i) {
    config::Match& match = routes[i].match;
    match.host = {host_of(i)};
    match.path_prefix = path_of(i);
    if (i % 3 != 1) continue;
    config::TextMatch env;
    env.name = "X-Env";
    env.is = {"prod", "staging"};
    match.header.push_back(env);
  }
  return Router(routes);
}

/// Nanoseconds per match, the best of several rounds.
double cost(std::size_t count, std::size_t rounds) {
  const Router router = make_router(count);
  constexpr std::size_t kRequests = 512;
  std::vector<std::string> hosts;
  std::vector<std::string> paths;
  std::vector<std::size_t> routes;
  for (std::size_t i = 0; i < kRequests; ++i) {
    routes.push_back(i * 7919 % count);
    hosts.push_back(host_of(routes.back()));
    paths.push_back(path_of(routes.back()) + "/users/42");
  }
  http::Fields fields;
  fields.add("Accept", "*/*");
  fields.add("X-Env", "staging");
  double best = std::numeric_limits<double>::max();
  for (std::size_t round = 0; round < rounds; ++round) {
    const auto begin = std::chrono::steady_clock::now();
    std::size_t found = 0;
    for (std::size_t i = 0; i < kRequests; ++i) {
      const auto route = router.match({.host = hosts[i], .path = paths[i], .fields = &fields});
      found += route == routes[i] ? 1 : 0;
    }
    const std::chrono::duration<double, std::nano> spent = std::chrono::steady_clock::now() - begin;
    REQUIRE(found == kRequests);
    best = std::min(best, spent.count() / kRequests);
  }
  return best;
}

TEST_CASE("router: 10,000 routes cost no more than 10 but for the caches they miss") {
  const double few = cost(10, 200);
  double many = few;
  for (const std::size_t count : {100U, 1000U, 10000U}) {
    many = cost(count, 200);
    MESSAGE(count << " routes: " << static_cast<int>(many) << " ns; 10 routes: " << static_cast<int>(few)
                  << " ns");
  }
  // A search over all routes would cost a thousandfold.
  CHECK(many < few * 20);
}

}  // namespace
}  // namespace lintel::route
