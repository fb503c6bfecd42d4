// How long a peer may be waited for, and how quickly it takes what is written to it.

#include "net/allowance.h"

#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "net/memory_stream.h"
#include "net/net_test.h"
#include "net/scope.h"
#include "net/socket_pair.h"

using namespace lintel;
using namespace lintel::net;

namespace {

/// Waits for `wait`, then has `bytes`. False when the allowance was used up before.
bool step(Allowance& allowance, ManualClock& clock, Nanos wait, std::uint64_t bytes) {
  allowance.begin_wait(clock.now());
  const bool in_time = allowance.deadline() > clock.now() + wait;
  clock.advance(std::chrono::nanoseconds(wait));
  allowance.end_wait(clock.now());
  if (in_time) allowance.earn(bytes);
  return in_time;
}

constexpr Allowance::Terms kTerms{.most = 30 * kSecond, .grace = 10 * kSecond, .rate = 240};

}  // namespace

TEST_CASE("allowance: without a rate it is an idle timeout") {
  ManualClock clock;
  Allowance allowance;
  CHECK(allowance.deadline() == kNever);
  CHECK(step(allowance, clock, 1000 * kSecond, 0));
  allowance.start({.most = 30 * kSecond}, clock.now());
  for (int i = 0; i < 5; ++i) CHECK(step(allowance, clock, 29 * kSecond, 1));
  CHECK_FALSE(step(allowance, clock, 30 * kSecond, 1));
  CHECK_FALSE(allowance.too_slow());
}

TEST_CASE("allowance: below the rate it ends soon after the grace, above it never") {
  ManualClock clock;
  Allowance allowance;
  for (const auto& [bytes_per_second, at_least, at_most] :
       {std::tuple(0U, 9, 10), std::tuple(1U, 9, 11), std::tuple(60U, 12, 15), std::tuple(200U, 50, 62)}) {
    CAPTURE(bytes_per_second);
    allowance.start(kTerms, clock.now());
    int seconds = 0;
    while (seconds < 1000 && step(allowance, clock, kSecond, bytes_per_second)) ++seconds;
    CHECK(seconds >= at_least);
    CHECK(seconds <= at_most);
    CHECK(allowance.too_slow());
  }
  for (const unsigned bytes_per_second : {240U, 250U, 8192U, 1'000'000U}) {
    CAPTURE(bytes_per_second);
    allowance.start(kTerms, clock.now());
    for (int i = 0; i < 4 * 3600; ++i) REQUIRE(step(allowance, clock, kSecond, bytes_per_second));
  }
}

TEST_CASE("allowance: who was quick may pause for as long as the idle timeout, in one piece or several") {
  ManualClock clock;
  Allowance allowance;
  allowance.start(kTerms, clock.now());
  for (int i = 0; i < 3; ++i) {
    CHECK(step(allowance, clock, kSecond, 100'000));
    CHECK(allowance.left() == 30 * kSecond);
    CHECK(step(allowance, clock, 29 * kSecond, 100'000));
  }
  CHECK_FALSE(step(allowance, clock, 30 * kSecond, 0));
  CHECK_FALSE(allowance.too_slow());  // It was a pause.
  allowance.start(kTerms, clock.now());
  CHECK(step(allowance, clock, kSecond, 100'000));
  CHECK(step(allowance, clock, 20 * kSecond, 1));
  CHECK_FALSE(step(allowance, clock, 11 * kSecond, 1));
  CHECK(allowance.too_slow());
}

TEST_CASE("allowance: time in which nobody waits costs nothing; a grace beyond the timeout is the timeout") {
  ManualClock clock;
  Allowance allowance;
  allowance.start(kTerms, clock.now());
  for (int i = 0; i < 20; ++i) {
    clock.advance(std::chrono::hours(1));
    CHECK(step(allowance, clock, 400 * kMs, 1));
  }
  allowance.start({.most = kSecond, .grace = 10 * kSecond, .rate = 240}, clock.now());
  CHECK(allowance.left() == kSecond);
  CHECK_FALSE(allowance.too_slow());
}

TEST_CASE("allowance: a new start in the middle of a wait counts from then") {
  ManualClock clock;
  Allowance allowance;
  allowance.start(kTerms, clock.now());
  allowance.begin_wait(clock.now());
  clock.advance(std::chrono::seconds(9));
  allowance.start(kTerms, clock.now());
  CHECK(allowance.deadline() == clock.now() + 10 * kSecond);
  clock.advance(std::chrono::seconds(3));
  allowance.end_wait(clock.now());
  CHECK(allowance.left() == 7 * kSecond);
}

TEST_CASE_FIXTURE(SocketPair, "write pace: what the peer acknowledges counts, over all writes together") {
  adopt(tcp_pair());
  // The kernel takes everything at once as long as there is room; only b's end says what was received.
  const int size = 64 * 1024;
  setsockopt(fd_a, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
  setsockopt(fd_b, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
  WritePace pace;
  pace.start({.most = 8 * kSecond, .grace = 2 * kSecond, .rate = 1000}, loop->now());
  a->set_write_pace(&pace);
  const std::string text = pattern(4 << 20);
  Outcome<void> wrote;
  scope.spawn(write_once(*a, text, wrote));
  REQUIRE(wrote.times == 0);
  SUBCASE("one who takes nothing is given up after a pause: it was quick before") {
    pass_slowly(*loop, clock, 1900 * kMs);
    CHECK(wrote.times == 0);
    pass_slowly(*loop, clock, 20 * kSecond);
    CHECK(wrote.failed_with(ErrorCode::timeout));
  }
  SUBCASE("one who takes enough goes on") {
    for (int i = 0; i < 100; ++i) {
      pass(*loop, clock, kSecond);
      REQUIRE(wrote.times == 0);
      CHECK(recv(fd_b, in.data(), 16 * 1024, MSG_DONTWAIT) > 0);
      // Loopback acknowledges at once, but in its own time.
      settle(*loop);
    }
    a->cancel_write();
    settle(*loop);
    CHECK(wrote.failed_with(ErrorCode::canceled));
  }
  a->set_write_pace(nullptr);
}

TEST_CASE("write pace: too slow a reader, an idle one, and one that keeps up") {
  ManualClock clock;
  Loop loop(clock);
  Scope scope;
  MemoryOptions options;
  options.first_to_second.capacity = 1000;
  auto [a, b] = make_memory_pair(loop, options);
  WritePace pace;
  pace.start({.most = 40 * kSecond, .grace = 10 * kSecond, .rate = 100}, loop.now());
  a->set_write_pace(&pace);
  Outcome<void> wrote;
  const std::string text = pattern(1'000'000);
  scope.spawn(write_once(*a, text, wrote));
  const auto read_for = [&](int seconds, std::size_t bytes_per_second) {
    std::string in(std::max<std::size_t>(bytes_per_second, 1), ' ');
    for (int i = 0; i < seconds && wrote.times == 0; ++i) {
      if (bytes_per_second != 0) {
        Outcome<std::size_t> read;
        scope.spawn(read_once(*b, in, read));
        settle(loop);
      }
      pass_slowly(loop, clock, kSecond, 250 * kMs);
    }
  };
  SUBCASE("nothing at all: after the grace") {
    read_for(9, 0);
    CHECK(wrote.times == 0);
    read_for(2, 0);
    CHECK(wrote.failed_with(ErrorCode::too_slow));
  }
  SUBCASE("a trickle: not much later") {
    read_for(11, 20);
    CHECK(wrote.times == 0);
    read_for(3, 20);
    CHECK(wrote.failed_with(ErrorCode::too_slow));
  }
  SUBCASE("at the rate: for ever; then a pause") {
    read_for(200, 110);
    read_for(30, 1000);
    CHECK(wrote.times == 0);
    read_for(39, 0);
    CHECK(wrote.times == 0);
    read_for(12, 0);
    CHECK(wrote.failed_with(ErrorCode::timeout));
  }
  SUBCASE("time without a pending write costs nothing") {
    read_for(9, 0);
    a->cancel_write();
    settle(loop);
    pass(loop, clock, 1000 * kSecond);
    Outcome<void> again;
    scope.spawn(write_once(*a, "more", again));
    pass_slowly(loop, clock, 900 * kMs);
    CHECK(again.times == 0);
    pass_slowly(loop, clock, 200 * kMs);
    CHECK(again.failed_with(ErrorCode::too_slow));
  }
}
