// Programs run beside this process.

#include "net/child_process.h"

#include <doctest/doctest.h>
#include <sys/wait.h>

#include <cerrno>
#include <csignal>
#include <string>

#include "net/net_test.h"
#include "net/scope.h"

using namespace lintel;
using namespace lintel::net;

namespace {

/// Runs a program to its end; `kill` ends it once it has printed something.
struct Run {
  Loop loop;
  ChildProcess child{loop};
  Scope scope;
  bool ended = false;

  static Task<void> wait(Run& run) {
    co_await run.child.wait();
    run.ended = true;
  }
  void shell(const std::string& script, bool kill = false) {
    REQUIRE(child.start({"/bin/sh", "-c", script}, {"A=1", "B=2 3"}));
    scope.spawn(wait(*this));
    if (kill) {
      REQUIRE(turn_until(loop, [this] { return !child.output().empty(); }));
      child.kill();
    }
    REQUIRE(turn_until(loop, [this] { return ended; }));
    settle(loop);
  }
};

}  // namespace

TEST_CASE("a program's exit status and output are told") {
  Run run;
  run.shell("echo out; echo err >&2; exit 7");
  CHECK(run.child.exit_status() == 7);
  CHECK(run.child.signal() == 0);
  CHECK(run.child.output() == "out\nerr\n");
}

TEST_CASE("a program sees nothing but its environment and an empty input") {
  Run run;
  run.shell("cat; echo \"$A|$B|$HOME\"; exit 0");
  CHECK(run.child.exit_status() == 0);
  CHECK(run.child.output() == "1|2 3|\n");
}

TEST_CASE("what a program prints beyond the beginning is dropped, and does not hold it up") {
  Run run;
  run.shell("dd if=/dev/zero bs=1024 count=1024 2>/dev/null; exit 3");
  CHECK(run.child.exit_status() == 3);
  CHECK(run.child.output().size() == ChildProcess::kMostOutput);
}

TEST_CASE("killing a program ends what it has started too") {
  Run run;
  run.shell("sleep 1000 & echo $!; wait", true);
  CHECK(run.child.signal() == SIGKILL);
  const int sleeper = std::stoi(std::string(run.child.output()));
  // Init reaps it; until then it is there, but dead.
  CHECK(turn_until(run.loop, [&] {
    std::string state = "/proc/" + std::to_string(sleeper) + "/stat";
    FILE* file = std::fopen(state.c_str(), "r");
    if (file == nullptr) return true;
    char letter = '?';
    const int got = std::fscanf(file, "%*d (%*[^)]) %c", &letter);
    std::fclose(file);
    return got == 1 && letter == 'Z';
  }));
  run.child.kill();  // Nothing to be done any more.
}

TEST_CASE("a program that is not there") {
  Loop loop;
  ChildProcess child(loop);
  const Result<void> started = child.start({"/nonexistent/program"}, {});
  REQUIRE_FALSE(started);
  CHECK(started.error().sys == ENOENT);
  settle(loop);
}
