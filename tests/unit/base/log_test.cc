#include "base/log.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

namespace lintel::log {
namespace {

struct LogFile {
  LogFile() {
    char name[] = "/tmp/lintel-log-XXXXXX";
    const int fd = mkstemp(name);
    REQUIRE(fd >= 0);
    close(fd);
    path = name;
  }
  ~LogFile() {
    shutdown();
    set_level(Level::info);
    std::remove(path.c_str());
  }
  /// The lines written so far, with the time stamps replaced by "T".
  [[nodiscard]] std::vector<std::string> lines() const {
    flush();
    std::ifstream in(path);
    std::vector<std::string> result;
    for (std::string line; std::getline(in, line);) {
      const std::size_t end = line.find('Z');
      REQUIRE(end != std::string::npos);
      const std::size_t begin = line.find("20");
      CHECK(end - begin == 23);
      result.push_back(line.replace(begin, end + 1 - begin, "T"));
    }
    return result;
  }
  std::string path;
};

using Lines = std::vector<std::string>;

TEST_CASE("text lines") {
  const LogFile file;
  REQUIRE(init({Level::info, Format::text, file.path}));
  info("listening on {}:{}", "127.0.0.1", 80);
  warn({{"pool", "api"}, {"why", "not now"}, {"odd", "a=\"b\"\n"}, {"none", ""}}, "refused");
  debug("not asked for");
  error("two\nlines");
  CHECK(file.lines() == Lines{"T INFO listening on 127.0.0.1:80",
                              "T WARN refused pool=api why=\"not now\" odd=\"a=\\\"b\\\"\\n\" none=\"\"",
                              "T ERROR two\\x0alines"});
}

TEST_CASE("json lines") {
  const LogFile file;
  REQUIRE(init({Level::debug, Format::json, file.path}));
  debug({{"server", "\"s\""}}, "down after {} ms", 12);
  trace("not asked for");
  critical("end");
  CHECK(file.lines() == Lines{R"({"ts":"T","level":"debug","msg":"down after 12 ms","server":"\"s\""})",
                              R"({"ts":"T","level":"critical","msg":"end"})"});
}

TEST_CASE("levels change at any time; arguments of silent levels are not formatted") {
  const LogFile file;
  REQUIRE(init({Level::error, Format::text, file.path}));
  warn("one");
  set_level(Level::warn);
  CHECK(enabled(Level::warn));
  CHECK_FALSE(enabled(Level::info));
  warn("two");
  CHECK(file.lines() == Lines{"T WARN two"});
}

TEST_CASE("init again moves to another file, reopen follows a rename") {
  const LogFile first;
  const LogFile second;
  REQUIRE(init({Level::info, Format::text, first.path}));
  info("one");
  CHECK_FALSE(init({Level::info, Format::text, "/nonexistent/folder/log"}));
  info("two");
  REQUIRE(init({Level::info, Format::text, second.path}));
  info("three");
  const std::string renamed = second.path + ".1";
  REQUIRE(std::rename(second.path.c_str(), renamed.c_str()) == 0);
  info("four");
  REQUIRE(reopen());
  info("five");
  CHECK(first.lines() == Lines{"T INFO one", "T INFO two"});
  CHECK(second.lines() == Lines{"T INFO five"});
  std::remove(renamed.c_str());
}

TEST_CASE("many threads: every line is written whole or counted as dropped") {
  const LogFile file;
  REQUIRE(init({Level::info, Format::text, file.path}));
  std::vector<std::thread> threads;
  for (int id = 0; id < 4; ++id) {
    threads.emplace_back([] {
      for (int i = 0; i < 2000; ++i) info({{"i", "1"}}, "line {:05}", i);
    });
  }
  for (std::thread& thread : threads) thread.join();
  const Lines lines = file.lines();
  CHECK(lines.size() + dropped() >= 8000);
  bool whole = true;
  for (const std::string& line : lines) whole = whole && line.size() == 21 && line.ends_with(" i=1");
  CHECK(whole);
}

TEST_CASE("rate limit") {
  constexpr std::int64_t kSecond = 1'000'000'000;
  RateLimit limit(2);
  CHECK(limit.pass(0) == 0U);
  CHECK(limit.pass(1) == 0U);
  CHECK(limit.pass(2) == std::nullopt);
  CHECK(limit.pass(kSecond - 1) == std::nullopt);
  CHECK(limit.pass(kSecond) == 2U);
  CHECK(limit.pass(kSecond) == 0U);
  RateLimit rare(1, 10 * kSecond);
  CHECK(rare.pass(9 * kSecond) == 0U);
  CHECK(rare.pass(10 * kSecond) == std::nullopt);
  CHECK(rare.pass(19 * kSecond - 1) == std::nullopt);
  CHECK(rare.pass(19 * kSecond) == 2U);
}

}  // namespace
}  // namespace lintel::log
