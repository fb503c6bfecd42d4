// N14: the matcher and the server behind it never see two different requests.

#include "route/one_view.h"

#include <doctest/doctest.h>

#include <string>

#include "base/random.h"

using namespace lintel;
using namespace lintel::route;
using namespace lintel::route::test;

namespace {

/// Targets that try to look like others.
class Targets {
 public:
  explicit Targets(std::uint64_t seed) : random_(seed) {}

  std::string head() {
    static constexpr std::string_view kMethods[] = {"GET", "GET", "POST", "HEAD", "BREW", "DELETE"};
    static constexpr std::string_view kHosts[] = {"a.test",   "A.TEST.", "a.test:80",
                                                  "x.a.test", "b.test",  "a.test:81"};
    std::string text(pick(kMethods));
    text.append(" ").append(target()).append(" HTTP/1.1\r\nHost: ").append(pick(kHosts));
    return text.append("\r\n\r\n");
  }

 private:
  std::size_t below(std::size_t n) { return static_cast<std::size_t>(random_.below(n)); }
  template <std::size_t N>
  std::string_view pick(const std::string_view (&from)[N]) {
    return from[below(N)];
  }
  std::string target() {
    static constexpr std::string_view kSegments[] = {
        "admin", "api",  "v1",    "users",   "a",        "b",       "~user", ".well-known", "x",    "",
        ".",     "..",   "%2e",   "%2E%2e",  ".%2E",     "a%2Fb",   "a%2fb", "%61",         "%41",  "%7euser",
        "%2F",   "..;x", "v1;p",  "%252e",   "%C3%A9",   "%c3%a9",  "*",     "%2A",         "...",  "a.b",
        "%20",   "%00",  "%5c",   "\\",      "%",        "%zz",     "\xc3",  "#",           "a%0d", "%61dmin",
        "%3F",   "%23",  "%2e.%", "ad%6Din", "admin%2F", "api%2Fv1"};
    std::string text;
    for (std::size_t i = 1 + below(6); i != 0; --i) text.append("/").append(segment(kSegments));
    if (below(5) == 0) text.append("/");
    if (below(6) == 0) text.append("?").append(segment(kSegments)).append("/../admin");
    // Now and then any byte anywhere.
    if (below(16) == 0) text.insert(below(text.size() + 1), 1, static_cast<char>(below(256)));
    return text;
  }
  /// Mostly one of those before the ones that are refused.
  template <std::size_t N>
  std::string_view segment(const std::string_view (&from)[N]) {
    return below(12) == 0 ? from[below(N)] : from[below(N - 16)];
  }

  Random random_;
};

}  // namespace

TEST_CASE("one view: 100,000 paths take the same route as received and as forwarded") {
  const Router router(look_alikes());
  constexpr int kWanted = 100'000;
  int accepted = 0;
  int changed = 0;
  for (std::uint64_t seed = 0; accepted < kWanted && seed < 1000; ++seed) {
    CAPTURE(seed);
    Targets targets(seed);
    for (int i = 0; i < 400; ++i) {
      const std::string wire = targets.head();
      const Views views = compare_views(router, wire);
      CAPTURE(wire);
      REQUIRE(views.difference == "");
      accepted += views.accepted ? 1 : 0;
      changed += views.accepted && wire.find(' ' + views.path) == std::string::npos ? 1 : 0;
      const Views strict = compare_views(router, wire, {.strict_paths = true, .no_encoded_slash = true});
      REQUIRE(strict.difference == "");
      if (strict.accepted) REQUIRE(strict.route == views.route);
    }
  }
  CHECK(accepted >= kWanted);
  CHECK(changed > kWanted / 4);  // Canonicalisation had something to do.
}

TEST_CASE("one view: what the plain reading of RFC 3986 makes of paths") {
  CHECK(plain_path("/a/./b/../c/") == "/a/c/");
  CHECK(plain_path("/a/..") == "/");
  CHECK(plain_path("/a/%2e%2E/b") == "/b");
  CHECK(plain_path("/a//../b") == "/a/b");
  CHECK(plain_path("/%7e%2f%61") == "/~%2Fa");
  CHECK(plain_path("/") == "/");
}
