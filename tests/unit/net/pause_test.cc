#include "net/pause.h"

#include <doctest/doctest.h>

#include "base/clock.h"
#include "net/scope.h"

namespace lintel::net {
namespace {

Task<void> wait_once(Pause& pause, Nanos length, int& times) {
  co_await pause.wait(length);
  ++times;
}

TEST_CASE("a pause ends when its time has passed, or when it is told to, and once only") {
  ManualClock clock;
  Loop loop(clock);
  Pause pause(loop);
  Scope scope;
  int times = 0;

  scope.spawn(wait_once(pause, 100'000'000, times));
  loop.turn(0);
  CHECK(times == 0);
  clock.advance(std::chrono::milliseconds(150));
  loop.turn(0);
  CHECK(times == 1);
  pause.end();
  loop.turn(0);
  CHECK(times == 1);

  scope.spawn(wait_once(pause, 100'000'000, times));
  pause.end();
  CHECK(times == 1);  // Not from within the call.
  loop.turn(0);
  CHECK(times == 2);
  clock.advance(std::chrono::milliseconds(150));
  loop.turn(0);
  CHECK(times == 2);
  CHECK(scope.count() == 0);
}

}  // namespace
}  // namespace lintel::net
