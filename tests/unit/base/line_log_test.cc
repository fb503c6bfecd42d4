#include "base/line_log.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <map>
#include <sstream>
#include <thread>
#include <vector>

namespace lintel {
namespace {

using namespace std::chrono_literals;

/// A new folder, removed with the files `log` and `log.1` in it.
struct Folder {
  Folder() {
    char name[] = "/tmp/lintel-line-log-XXXXXX";
    REQUIRE(mkdtemp(name) != nullptr);
    path = name;
  }
  ~Folder() {
    std::remove(log().c_str());
    std::remove((log() + ".1").c_str());
    rmdir(path.c_str());
  }
  [[nodiscard]] std::string log() const { return path + "/log"; }
  std::string path;
};

std::string contents(const std::string& path) {
  std::ifstream in(path);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

std::unique_ptr<LineLog> open(const std::string& path, std::size_t ring_size = 1 << 16) {
  auto log = LineLog::open({path, ring_size, 50ms});
  REQUIRE(log);
  return std::move(*log);
}

TEST_CASE("lines reach the file by flush, by stop and after the writer has gone") {
  const Folder folder;
  const auto log = open(folder.log());
  LineLog::Writer writer = log->add_writer();
  CHECK(writer.push("one\n"));
  log->flush();
  CHECK(contents(folder.log()) == "one\n");
  {
    LineLog::Writer other = log->add_writer();
    CHECK(other.push("two\n"));
  }
  log->flush();
  CHECK(contents(folder.log()) == "one\ntwo\n");
  CHECK(writer.push("three\n"));
  log->stop();
  log->stop();
  CHECK(contents(folder.log()) == "one\ntwo\nthree\n");
  CHECK(log->dropped() == 0);
  CHECK_FALSE(writer.push("four\n"));
  CHECK_FALSE(LineLog::Writer().push("none\n"));
  CHECK(log->dropped() == 1);
  log->flush();
}

TEST_CASE("a writer may outlive its log") {
  const Folder folder;
  auto log = open(folder.log());
  LineLog::Writer writer = log->add_writer();
  log.reset();
  CHECK_FALSE(writer.push("late\n"));
}

TEST_CASE("reopen writes what waits to the old file, the rest to the new one") {
  const Folder folder;
  const auto log = open(folder.log());
  LineLog::Writer writer = log->add_writer();
  writer.push("old\n");
  REQUIRE(std::rename(folder.log().c_str(), (folder.log() + ".1").c_str()) == 0);
  CHECK(log->reopen());
  writer.push("new\n");
  log->flush();
  CHECK(contents(folder.log() + ".1") == "old\n");
  CHECK(contents(folder.log()) == "new\n");
}

TEST_CASE("what cannot be opened is an error") {
  CHECK_FALSE(LineLog::open({"/nonexistent/folder/log", 4096, 50ms}));
}

TEST_CASE("a stalled reader costs whole lines, which are counted, and does not hang stop") {
  const Folder folder;
  REQUIRE(mkfifo(folder.log().c_str(), 0600) == 0);
  const int reader = ::open(folder.log().c_str(), O_RDONLY | O_NONBLOCK);
  REQUIRE(reader >= 0);
  REQUIRE(fcntl(reader, F_SETPIPE_SZ, 4096) >= 4096);
  auto log = open(folder.log(), 8192);
  LineLog::Writer writer = log->add_writer();
  const std::string line(99, 'x');
  std::uint64_t pushed = 0;
  for (int i = 0; i < 1000; ++i) pushed += writer.push(line + "\n");
  CHECK(pushed >= 80);
  CHECK(log->dropped() == 1000 - pushed);
  log->stop();
  CHECK(log->lost_bytes() > 0);
  close(reader);
}

TEST_CASE("many threads: no line is lost without being counted, torn or out of order") {
  const Folder folder;
  constexpr int kThreads = 4;
  constexpr int kLines = 20000;
  const auto log = open(folder.log());
  std::vector<std::thread> threads;
  for (int id = 0; id < kThreads; ++id) {
    threads.emplace_back([&log, id] {
      LineLog::Writer writer = log->add_writer();
      for (int i = 0; i < kLines; ++i) {
        const std::string line =
            std::to_string(id) + " " + std::to_string(i) + " " + std::string(i % 100, 'x') + ".\n";
        writer.push(line);
      }
    });
  }
  for (int i = 0; i < 20; ++i) {
    log->flush();
    CHECK(log->reopen());
  }
  for (std::thread& thread : threads) thread.join();
  log->stop();

  std::ifstream in(folder.log());
  std::map<int, int> last;
  std::uint64_t read = 0;
  bool whole = true;
  for (std::string text; std::getline(in, text); ++read) {
    int id = -1;
    int number = -1;
    REQUIRE(std::sscanf(text.c_str(), "%d %d", &id, &number) == 2);
    whole = whole && text.back() == '.' && (!last.contains(id) || last[id] < number);
    last[id] = number;
  }
  CHECK(whole);
  CHECK(read + log->dropped() == kThreads * kLines);
}

}  // namespace
}  // namespace lintel
