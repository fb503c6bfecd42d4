#include "route/router.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>

namespace lintel::route {
namespace {

config::Route route(std::vector<std::string> host, std::string path, std::string prefix,
                    std::vector<std::string> method = {}) {
  config::Route result;
  result.match.host = std::move(host);
  result.match.path = std::move(path);
  result.match.path_prefix = std::move(prefix);
  result.match.method = std::move(method);
  return result;
}

struct Row {
  const char* host;
  const char* path;
  const char* method;
  int expected;  ///< -1: none.
};

void check(const Router& router, const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    CAPTURE(row.host);
    CAPTURE(row.path);
    CAPTURE(row.method);
    const auto found = router.match({row.host, row.path, http::method_from(row.method), row.method});
    CHECK((found ? static_cast<int>(*found) : -1) == row.expected);
  }
}

TEST_CASE("prefixes match whole segments") {
  check(Router({route({}, "", "/v1"), route({}, "", "/v2/"), route({}, "", "/a/b/c")}),
        {{"h", "/v1", "GET", 0},
         {"h", "/v1/", "GET", 0},
         {"h", "/v1/x/y", "GET", 0},
         {"h", "/v1x", "GET", -1},
         {"h", "/v", "GET", -1},
         {"h", "/v2", "GET", -1},
         {"h", "/v2/", "GET", 1},
         {"h", "/v2/x", "GET", 1},
         {"h", "/a/b/c", "GET", 2},
         {"h", "/a/b/c/d", "GET", 2},
         {"h", "/a/b", "GET", -1},
         {"h", "/a/b/cd", "GET", -1},
         {"h", "/", "GET", -1},
         {"h", "*", "OPTIONS", -1}});
}

TEST_CASE("the prefix / matches everything") {
  check(Router({route({}, "", "/")}),
        {{"h", "/", "GET", 0}, {"", "/x/y", "GET", 0}, {"h", "*", "OPTIONS", 0}, {"h", "", "GET", 0}});
}

TEST_CASE("exact paths") {
  check(Router({route({}, "/a", ""), route({}, "/a/", ""), route({}, "/", ""), route({}, "/a/x", "/a"),
                route({}, "/b/x", "/a"), route({}, "*", "")}),
        {{"h", "/a", "GET", 0},
         {"h", "/a/", "GET", 1},
         {"h", "/", "GET", 2},
         {"h", "/a/x", "GET", 3},
         {"h", "/b/x", "GET", -1},
         {"h", "*", "OPTIONS", 5},
         {"h", "/*", "GET", -1}});
}

TEST_CASE("hosts: exact, wildcard of one or more labels, any") {
  check(Router({route({"a.test", "b.test"}, "", ""), route({"*.a.test"}, "", ""), route({"*.test"}, "/t", ""),
                route({}, "/any", ""), route({"[::1]"}, "", "")}),
        {{"a.test", "/", "GET", 0},
         {"b.test", "/", "GET", 0},
         {"x.a.test", "/", "GET", 1},
         {"x.y.a.test", "/", "GET", 1},
         {"xa.test", "/", "GET", -1},
         {".a.test", "/", "GET", -1},
         {"xa.test", "/t", "GET", 2},
         {"x.a.test", "/t", "GET", 1},
         {"other", "/any", "GET", 3},
         {"", "/any", "GET", 3},
         {"", "/", "GET", -1},
         {"[::1]", "/", "GET", 4},
         {"a.test", "/any", "GET", 0}});
}

TEST_CASE("methods, registered and not") {
  check(Router({route({}, "/a", "", {"GET", "HEAD"}), route({}, "/a", "", {"PURGE"}),
                route({}, "/a", "", {"LINK", "PURGE", "POST"}), route({}, "/a", "", {"GET"}),
                route({}, "", "")}),
        {{"h", "/a", "GET", 0},
         {"h", "/a", "HEAD", 0},
         {"h", "/a", "PURGE", 1},
         {"h", "/a", "LINK", 2},
         {"h", "/a", "POST", 2},
         {"h", "/a", "purge", 4},
         {"h", "/a", "PUT", 4}});
}

TEST_CASE("the first route of the file wins, whatever its kind") {
  check(Router({route({}, "", "/a"), route({"h.test"}, "/a/b", ""), route({"*.test"}, "", "/"),
                route({"h.test"}, "", "")}),
        {{"h.test", "/a/b", "GET", 0}, {"h.test", "/b", "GET", 2}, {"h", "/b", "GET", -1}});
  check(Router(std::vector<config::Route>{}), {{"h", "/", "GET", -1}});
}

// The same rules, tried one route after the other.
bool naive_host(const config::Match& match, const std::string& host) {
  if (match.host.empty()) return true;
  for (const std::string& pattern : match.host) {
    if (pattern == host) return true;
    if (pattern.starts_with("*.") && host.size() >= pattern.size() && host.front() != '.' &&
        host.ends_with(pattern.substr(1))) {
      return true;
    }
  }
  return false;
}

bool naive_path(const config::Match& match, const std::string& path) {
  if (!match.path.empty() && match.path != path) return false;
  const std::string& prefix = match.path_prefix;
  if (prefix.empty() || prefix == "/") return true;
  if (path.substr(0, prefix.size()) != prefix) return false;
  return prefix.back() == '/' || path.size() == prefix.size() || path[prefix.size()] == '/';
}

std::optional<std::uint32_t> naive(const std::vector<config::Route>& routes, const std::string& host,
                                   const std::string& path, const std::string& method) {
  for (std::uint32_t i = 0; i < routes.size(); ++i) {
    const config::Match& match = routes[i].match;
    const bool takes_method = match.method.empty() || std::find(match.method.begin(), match.method.end(),
                                                                method) != match.method.end();
    if (takes_method && naive_host(match, host) && naive_path(match, path)) return i;
  }
  return std::nullopt;
}

class Source {
 public:
  explicit Source(unsigned seed) : random_(seed) {}
  std::size_t below(std::size_t n) { return random_() % n; }
  template <std::size_t N>
  std::string one_of(const char* const (&choices)[N]) {
    return choices[below(N)];
  }
  std::string host() {
    std::string host = one_of({"a", "b", "c.a", "test"});
    for (std::size_t i = below(3); i > 0; --i) host += "." + one_of({"a", "b", "test"});
    return host;
  }
  std::string path() {
    std::string path = one_of({"/", "/", "/a", "/b", "/ab"});
    for (std::size_t i = below(4); i > 0; --i) path += one_of({"/a", "/b", "/ab", "/longer-segment", "/"});
    return path;
  }
  std::string method() { return one_of({"GET", "POST", "PURGE", "LINK", "DELETE"}); }
  config::Route route() {
    config::Match match;
    for (std::size_t i = below(3); i > 0; --i) match.host.push_back((below(3) == 0 ? "*." : "") + host());
    if (below(3) == 0) match.path = path();
    if (below(2) == 0) match.path_prefix = path();
    for (std::size_t i = below(3) == 0 ? below(4) : 0; i > 0; --i) match.method.push_back(method());
    config::Route result;
    result.match = match;
    return result;
  }

 private:
  std::mt19937 random_;
};

TEST_CASE("agrees with trying one route after the other") {
  for (unsigned seed = 0; seed < 256; ++seed) {
    CAPTURE(seed);
    Source source(seed);
    std::vector<config::Route> routes(1 + source.below(seed % 8 == 0 ? 400 : 30));
    for (config::Route& route : routes) route = source.route();
    const Router router(routes);
    for (int i = 0; i < 300; ++i) {
      const std::string host = source.below(20) == 0 ? "" : source.host();
      const std::string path = source.below(20) == 0 ? "*" : source.path();
      const std::string method = source.method();
      const auto found = router.match({host, path, http::method_from(method), method});
      if (found != naive(routes, host, path, method)) {
        CAPTURE(host);
        CAPTURE(path);
        CAPTURE(method);
        REQUIRE(found == naive(routes, host, path, method));
      }
    }
  }
}

}  // namespace
}  // namespace lintel::route
