#include "http/target.h"

#include <doctest/doctest.h>

#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace lintel::http::test {
namespace {

/// The canonical form, or "error".
std::string canonical(std::string_view path, bool* copied = nullptr) {
  Buffer bytes;
  bytes.append(path);
  Slice slice{0, static_cast<std::uint32_t>(path.size())};
  if (canonicalize_path(bytes, slice) != nullptr) return "error";
  if (copied != nullptr) *copied = slice.begin != 0;
  return std::string(bytes.view(slice.begin, slice.size));
}

struct Row {
  std::string_view path;
  std::string_view expected;
};

constexpr Row kPaths[] = {
    {"/", "/"},
    {"/a/b.c", "/a/b.c"},
    {"/a/.b", "/a/.b"},
    {"/a/..b/...", "/a/..b/..."},
    {"/a//b///", "/a//b///"},
    {"/%41%7a%2D%2e%5f%7E", "/Az-._~"},
    {"/%2f%3f%c3%a4%20%25", "/%2F%3F%C3%A4%20%25"},
    {"/%252e%252e/a", "/%252e%252e/a"},
    {"/a/./b", "/a/b"},
    {"/a/.", "/a/"},
    {"/.", "/"},
    {"/./", "/"},
    {"/a/../b", "/b"},
    {"/a/..", "/"},
    {"/a/b/..", "/a/"},
    {"/a/b/../", "/a/"},
    {"/a/b/../../c", "/c"},
    {"/a/%2e%2E/b", "/b"},
    {"/a/.%2e/b", "/b"},
    {"/a/%2e/b", "/a/b"},
    {"/a//../b", "/a/b"},
    {"//..", "/"},
    {"/a%2f../b", "/a%2F../b"},
    {"/a%2f..%2fb", "/a%2F..%2Fb"},
    {"/a;b=c,d!$&'()*+:@", "/a;b=c,d!$&'()*+:@"},
    {"/a|b\"<>^`{}", "/a|b\"<>^`{}"},
    {"", "error"},
    {"a", "error"},
    {"/..", "error"},
    {"/../a", "error"},
    {"/a/../../b", "error"},
    {"/./..", "error"},
    {"/%2e%2e/", "error"},
    {"/%", "error"},
    {"/%a", "error"},
    {"/%ag", "error"},
    {"/a%", "error"},
    {"/%00", "error"},
    {"/%0A", "error"},
    {"/%7F", "error"},
    {"/%5c", "error"},
    {"/%5C..", "error"},
    {"/\\", "error"},
    {"/a b", "error"},
    {"/a\tb", "error"},
    {"/a\x7f", "error"},
    {"/a#", "error"},
    {"/\xc3\xa4", "error"},
};

TEST_CASE("paths: canonical form") {
  for (const Row& row : kPaths) {
    CAPTURE(row.path);
    CHECK(canonical(row.path) == row.expected);
  }
  bool copied = true;
  CHECK(canonical("/a/b.c/d-e/f", &copied) == "/a/b.c/d-e/f");
  CHECK(!copied);
}

TEST_CASE("paths: dot segments that parameters disguise") {
  for (const char* path : {"/..;/a", "/a/..;x=1/b", "/a/.;/b", "/a/..;", "/..%3B/a", "/a/..;%3B"}) {
    CAPTURE(path);
    CHECK(has_disguised_dots(path));
  }
  for (const char* path : {"/", "/a;x/b", "/a;../b", "/...;/b", "/a..;/b", "//", "/;/a", "/a%3B..", "/.a;"}) {
    CAPTURE(path);
    CHECK_FALSE(has_disguised_dots(path));
  }
}

TEST_CASE("paths: the canonical form of random paths is its own canonical form and holds no dot segment") {
  const std::vector<std::string> parts = {"/",   "//",  ".",   "..",  "%2e", "%2E", "%2f", "%2F", "a",
                                          "%41", "%61", "%25", "%20", "%c3", "b.",  ".c",  "/./", "/../"};
  const unsigned seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 random(seed);
  int accepted = 0;
  for (int i = 0; i < 100000; ++i) {
    std::string path = "/";
    for (auto n = random() % 12; n != 0; --n) path += parts[random() % parts.size()];
    const std::string once = canonical(path);
    if (once == "error") continue;
    ++accepted;
    CAPTURE(path);
    REQUIRE(canonical(once) == once);
    REQUIRE(("/" + once + "/").find("/../") == std::string::npos);
    REQUIRE(("/" + once + "/").find("/./") == std::string::npos);
  }
  CHECK(accepted > 10000);
}

}  // namespace
}  // namespace lintel::http::test
