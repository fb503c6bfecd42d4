#include "route/sni_router.h"

#include <doctest/doctest.h>

#include <string>

using namespace lintel;
using route::SniRouter;

namespace {

config::Route sni_route(std::vector<std::string> names) {
  config::Route made;
  made.match.sni = std::move(names);
  return made;
}

int find(const SniRouter& router, std::string_view name) {
  const auto found = router.match(name);
  return found ? static_cast<int>(*found) : -1;
}

}  // namespace

TEST_CASE("sni router: exact names, suffixes, and the order of the file") {
  const SniRouter router({sni_route({"a.test", "b.test"}), sni_route({"*.a.test"}),
                          sni_route({"x.a.test", "c.test"}), sni_route({"*.y.a.test", "*.test"})});
  struct Row {
    std::string_view name;
    int route;
  };
  const Row rows[] = {{"a.test", 0},   {"b.test", 0},  {"x.a.test", 1}, {"x.y.a.test", 1},
                      {"c.test", 2},   {"d.test", 3},  {"test", -1},    {"", -1},
                      {"a.other", -1}, {".a.test", 3}, {"xa.test", 3}};
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CHECK(find(router, row.name) == row.route);
  }
}

TEST_CASE("sni router: a route without names takes what is left") {
  const SniRouter router({sni_route({"a.test"}), sni_route({}), sni_route({"b.test"}), sni_route({})});
  CHECK(find(router, "a.test") == 0);
  CHECK(find(router, "b.test") == 1);
  CHECK(find(router, "") == 1);
}

TEST_CASE("sni router: a thousand names") {
  std::vector<config::Route> routes;
  for (int i = 0; i < 1000; ++i) routes.push_back(sni_route({"h" + std::to_string(i) + ".test"}));
  const SniRouter router(routes);
  for (int i = 0; i < 1000; ++i) CHECK(find(router, "h" + std::to_string(i) + ".test") == i);
}
