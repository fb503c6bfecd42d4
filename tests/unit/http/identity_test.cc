// Reading, writing and reading again is the identity, for heads of every kind; and however a stream of heads
// and bodies is cut into reads, the same comes out.

#include "http/identity.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <iterator>
#include <string>
#include <vector>

#include "base/random.h"

using namespace lintel;
using namespace lintel::http;

namespace {

/// Makes heads that are right in most cases, by chance, from a seed.
class Generator {
 public:
  explicit Generator(std::uint64_t seed) : random_(seed) {}

  std::string request() {
    static constexpr std::string_view kMethods[] = {"GET",    "HEAD",    "POST", "PUT",
                                                    "DELETE", "OPTIONS", "BREW"};
    static constexpr std::string_view kHosts[] = {"a.test", "A.Test.",  "a:80",
                                                  "a:8080", "[::1]:81", "127.0.0.1"};
    const std::string host(pick(kHosts));
    const bool old = chance(8);
    std::string text(pick(kMethods));
    text.append(" ").append(chance(6) ? "http://" + host : "").append(target());
    text.append(old ? " HTTP/1.0\r\n" : " HTTP/1.1\r\n");
    std::vector<std::string> lines{"Host: " + host};
    if (chance(3)) lines.push_back("Content-Length: " + std::to_string(below(100'000)));
    if (chance(6) && !old) lines.emplace_back("Transfer-Encoding: chunked");
    if (chance(5)) lines.emplace_back("Connection: close, x-nominated, te");
    if (chance(8)) lines.emplace_back("Connection: Upgrade\r\nUpgrade: websocket");
    if (chance(6)) lines.emplace_back("TE: trailers, gzip");
    if (chance(8)) lines.emplace_back("Expect: 100-Continue");
    return text + shuffled(lines);
  }
  std::string response() {
    std::string text = chance(8) ? "HTTP/1.0 " : "HTTP/1.1 ";
    static constexpr std::string_view kStatus[] = {"200", "100", "103", "204", "304", "404", "426", "599"};
    text.append(pick(kStatus)).append(chance(9) ? "" : " " + value(20)).append("\r\n");
    std::vector<std::string> lines;
    if (chance(2)) lines.push_back("Content-Length: " + std::to_string(below(100'000)));
    if (chance(6)) lines.emplace_back("Transfer-Encoding: chunked");
    if (chance(5)) lines.emplace_back("Connection: keep-alive, x-nominated");
    if (chance(5)) lines.emplace_back("Keep-Alive: timeout=5, max=3");
    if (chance(9)) lines.emplace_back("Upgrade: h2c");
    return text + shuffled(lines);
  }

 private:
  std::size_t below(std::size_t n) { return static_cast<std::size_t>(random_.below(n)); }
  bool chance(std::size_t n) { return below(n) == 0; }
  template <std::size_t N>
  std::string_view pick(const std::string_view (&from)[N]) {
    return from[below(N)];
  }
  std::string target() {
    static constexpr std::string_view kParts[] = {"/",       "/a",   "/%41", "/.",     "/..",
                                                  "/%2e%2e", "/%2F", "//",   "/~",     "/a.b;c",
                                                  "/%e9",    "/b/",  "?",    "?x=1&y", "/%7E"};
    std::string text = "/";
    for (std::size_t i = below(5); i != 0; --i) text += pick(kParts);
    return text;
  }
  std::string value(std::size_t most) {
    std::string text;
    for (std::size_t i = below(most); i != 0; --i) {
      const auto byte = static_cast<char>(chance(9) ? 0x80 + below(128) : 0x20 + below(95));
      text.push_back(chance(20) ? '\t' : byte);
    }
    return text;
  }
  std::string shuffled(std::vector<std::string> lines) {
    static constexpr std::string_view kNames[] = {"X-Nominated",       "cookie", "X",   "Accept", "Via",
                                                  "x-Y!#$%&'*+.^`|~z", "Date",   "A_B", "x",      "Server",
                                                  "Set-Cookie"};
    static constexpr std::string_view kColons[] = {": ", ":", ":  \t", ": "};
    for (std::size_t i = below(6); i != 0; --i)
      lines.push_back(std::string(pick(kNames)).append(pick(kColons)).append(value(60)));
    std::string text;
    while (!lines.empty()) {
      const auto at = lines.begin() + static_cast<std::ptrdiff_t>(below(lines.size()));
      text.append(*at).append("\r\n");
      lines.erase(at);
    }
    return text + "\r\n";
  }

  Random random_;
};

}  // namespace

TEST_CASE("identity: requests that are read, written and read again are the same") {
  constexpr std::uint64_t kSeeds = 100;
  constexpr int kEach = 500;
  int read = 0;
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    CAPTURE(seed);
    Generator generator(seed);
    for (int i = 0; i < kEach; ++i) {
      const std::string wire = generator.request();
      const test::Identity identity = test::request_identity(wire);
      CAPTURE(wire);
      REQUIRE(identity.difference == "");
      read += identity.read ? 1 : 0;
    }
  }
  CHECK(read > static_cast<int>(kSeeds) * kEach / 2);
}

TEST_CASE("identity: responses that are read, written and read again are the same") {
  constexpr std::uint64_t kSeeds = 100;
  constexpr int kEach = 500;
  int read = 0;
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    CAPTURE(seed);
    Generator generator(seed);
    for (int i = 0; i < kEach; ++i) {
      const std::string wire = generator.response();
      const test::Identity identity = test::response_identity(wire, i % 4 == 0 ? Method::head : Method::get);
      CAPTURE(wire);
      REQUIRE(identity.difference == "");
      read += identity.read ? 1 : 0;
    }
  }
  CHECK(read > static_cast<int>(kSeeds) * kEach / 2);
}

TEST_CASE("identity: heads are the same in every split") {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    CAPTURE(seed);
    Generator generator(seed);
    Random random(seed);
    const std::string request = generator.request();
    const std::string response = generator.response();
    const std::string want_request = test::read_request(request);
    const std::string want_response = test::read_response(response);
    for (std::size_t first = 0; first <= request.size(); ++first) {
      const std::size_t second = first + static_cast<std::size_t>(random.below(request.size() - first + 1));
      const std::string got = test::read_request(request, first, second);
      // A bad head may break several rules, and which is seen first may depend on the split.
      const bool same = got == want_request || (got.size() == 3 && want_request.size() == 3);
      CHECK_MESSAGE(same, "at " << first << " and " << second << ": " << got);
    }
    for (std::size_t first = 0; first <= response.size(); ++first) {
      const std::size_t second = first + static_cast<std::size_t>(random.below(response.size() - first + 1));
      const std::string got = test::read_response(response, Method::get, first, second);
      const bool same = got == want_response || (got.size() == 3 && want_response.size() == 3);
      CHECK_MESSAGE(same, "at " << first << " and " << second << ": " << got);
    }
  }
}
