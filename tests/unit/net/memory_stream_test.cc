#include "net/memory_stream.h"

#include <doctest/doctest.h>

#include <array>
#include <cerrno>

#include "net/memory_connector.h"
#include "net/scope.h"
#include "net_test.h"

using namespace lintel;
using namespace lintel::net;

namespace {

struct Fixture {
  ManualClock clock;
  Loop loop{clock};
  Scope scope;
  std::array<char, 4096> in{};
};

Task<void> write_and_end(Stream& stream, const std::string& text, Outcome<void>& outcome) {
  outcome.result = co_await stream.write(WriteSpans(text));
  ++outcome.times;
  stream.shutdown_write();
}

Task<void> connect_once(Connector& connector, const SocketAddress& address, Nanos deadline,
                        Outcome<StreamPtr>& outcome, CancelToken* cancel = nullptr) {
  CancelToken none;
  outcome.result = co_await connector.connect(address, deadline, cancel ? *cancel : none);
  ++outcome.times;
}

}  // namespace

TEST_CASE_FIXTURE(Fixture, "memory pair carries bytes both ways whatever the limits") {
  struct Row {
    std::size_t capacity, max_read, max_write;
    Nanos delay;
  };
  const std::size_t any = MemoryPipeOptions{}.max_read;
  const Row rows[] = {{65536, any, any, 0}, {1, any, any, 0}, {100, 7, any, 0},       {100, any, 3, 0},
                      {4096, 1, 4096, 0},   {10, 3, 4, 0},    {65536, any, any, kMs}, {50, 7, 9, 5 * kMs}};
  for (const Row& row : rows) {
    CAPTURE(row.capacity);
    CAPTURE(row.delay);
    const MemoryPipeOptions pipe{row.capacity, row.max_read, row.max_write, row.delay};
    auto [a, b] = make_memory_pair(loop, {pipe, pipe, {}, {}});
    const std::string there = pattern(3000);
    const std::string back = pattern(2500);
    std::string got_there;
    std::string got_back;
    Outcome<void> wrote[2];
    Outcome<void> read[2];
    scope.spawn(write_and_end(*a, there, wrote[0]));
    scope.spawn(write_and_end(*b, back, wrote[1]));
    scope.spawn(read_all(*b, got_there, read[0]));
    scope.spawn(read_all(*a, got_back, read[1]));
    for (int i = 0; i < 20'000 && scope.count() != 0; ++i) {
      if (row.delay != 0) clock.advance(std::chrono::milliseconds(10));
      loop.turn(0);
    }
    REQUIRE(scope.count() == 0);
    CHECK(wrote[0].result);
    CHECK(wrote[1].result);
    CHECK(read[0].result);
    CHECK(read[1].result);
    CHECK((got_there == there && got_back == back));
  }
}

TEST_CASE_FIXTURE(Fixture, "memory pair: a full pipe holds the writer until somebody reads") {
  MemoryOptions options;
  options.first_to_second.capacity = 10;
  auto [a, b] = make_memory_pair(loop, options);
  Outcome<void> wrote;
  scope.spawn(write_once(*a, "0123456789abcdef", wrote));
  settle(loop);
  CHECK(wrote.times == 0);
  CHECK_FALSE(a->is_writable());
  Outcome<std::size_t> read;
  scope.spawn(read_once(*b, in, read));
  CHECK(read.times == 1);
  CHECK(*read.result == 10);
  CHECK(wrote.times == 0);  // Told by the loop, not from within the read.
  settle(loop);
  CHECK(wrote.times == 1);
  CHECK(b->is_readable());
}

TEST_CASE_FIXTURE(Fixture, "memory pair: a write without progress times out, one with progress does not") {
  MemoryOptions options;
  options.first_to_second.capacity = 10;
  auto [a, b] = make_memory_pair(loop, options);
  a->set_write_timeout(kSecond);
  Outcome<void> wrote;
  scope.spawn(write_once(*a, pattern(40), wrote));
  for (int i = 0; i < 2; ++i) {
    pass(loop, clock, 900 * kMs);
    CHECK(wrote.times == 0);
    Outcome<std::size_t> read;
    scope.spawn(read_once(*b, in, read));
    settle(loop);
  }
  pass_slowly(loop, clock, 900 * kMs);
  CHECK(wrote.times == 0);
  pass_slowly(loop, clock, 400 * kMs);  // Up to a quarter late: when the progress was made is not known.
  CHECK(wrote.failed_with(ErrorCode::timeout));
}

TEST_CASE_FIXTURE(Fixture, "memory pair: bytes and the end arrive after the delay") {
  MemoryOptions options;
  options.first_to_second.delay = 50 * kMs;
  auto [a, b] = make_memory_pair(loop, options);
  Outcome<void> wrote;
  std::string got;
  Outcome<void> read;
  scope.spawn(read_all(*b, got, read));
  scope.spawn(write_and_end(*a, "hello", wrote));
  a.reset();
  pass(loop, clock, 40 * kMs);
  CHECK(got.empty());
  CHECK_FALSE(b->is_readable());
  pass(loop, clock, 20 * kMs);
  CHECK(got == "hello");
  CHECK(read.times == 1);
  CHECK(read.result);
}

TEST_CASE_FIXTURE(Fixture, "memory pair: endings") {
  auto [a, b] = make_memory_pair(loop);
  Outcome<std::size_t> read;
  Outcome<void> wrote;
  SUBCASE("half-close leaves the other direction open") {
    a->shutdown_write();
    scope.spawn(read_once(*b, in, read));
    CHECK(*read.result == 0);
    scope.spawn(write_once(*b, "still", wrote));
    CHECK(wrote.result);
    Outcome<std::size_t> back;
    scope.spawn(read_once(*a, in, back));
    CHECK(*back.result == 5);
    Outcome<void> late;
    scope.spawn(write_once(*a, "x", late));
    CHECK(late.failed_with(ErrorCode::reset));
  }
  SUBCASE("destruction is the end of the stream, and writes are refused") {
    scope.spawn(read_once(*b, in, read));
    a.reset();
    CHECK(read.times == 0);
    settle(loop);
    CHECK(read.times == 1);
    CHECK(*read.result == 0);
    scope.spawn(write_once(*b, "x", wrote));
    CHECK(wrote.failed_with(ErrorCode::reset));
  }
  SUBCASE("abortive destruction: what has arrived, then reset") {
    scope.spawn(write_once(*a, "part", wrote));
    a->set_abortive();
    a.reset();
    scope.spawn(read_once(*b, in, read));
    CHECK(*read.result == 4);
    Outcome<std::size_t> again;
    scope.spawn(read_once(*b, in, again));
    CHECK(again.failed_with(ErrorCode::reset));
  }
  SUBCASE("reset wakes readers and writers of both ends") {
    Outcome<std::size_t> other;
    scope.spawn(read_once(*a, in, read));
    scope.spawn(read_once(*b, in, other));
    scope.spawn(write_once(*a, pattern(100'000), wrote));
    a->reset();
    settle(loop);
    CHECK(read.failed_with(ErrorCode::reset));
    CHECK(wrote.failed_with(ErrorCode::reset));
    CHECK(*other.result > 0);
    CHECK(b->is_readable());
  }
  SUBCASE("destroyed with an event under way") {
    Outcome<std::size_t> other;
    scope.spawn(write_once(*a, "x", wrote));
    scope.spawn(write_once(*b, "x", wrote));
    a.reset();
    b.reset();
    settle(loop);
  }
}

TEST_CASE_FIXTURE(Fixture, "memory connector") {
  MemoryConnector connector(loop);
  const SocketAddress address = *SocketAddress::from_ip("192.0.2.1", 80);
  Outcome<StreamPtr> outcome;
  SUBCASE("succeeds at once and hands out the other end") {
    scope.spawn(connect_once(connector, address, kNever, outcome));
    REQUIRE(outcome.result);
    StreamPtr server = connector.take();
    REQUIRE(server);
    CHECK_FALSE(connector.take());
    CHECK((*outcome.result)->peer() == address);
    CHECK(server->local() == address);
    Outcome<void> wrote;
    Outcome<std::size_t> read;
    scope.spawn(write_once(**outcome.result, "hi", wrote));
    scope.spawn(read_once(*server, in, read));
    CHECK(*read.result == 2);
  }
  SUBCASE("plans are taken in order") {
    connector.plan_next(ECONNREFUSED);
    connector.plan_next(0, 100 * kMs);
    Outcome<StreamPtr> second;
    scope.spawn(connect_once(connector, address, kNever, outcome));
    scope.spawn(connect_once(connector, address, kNever, second));
    CHECK(outcome.failed_with(ErrorCode::refused));
    CHECK(outcome.result.error().retryable);
    CHECK(second.times == 0);
    pass(loop, clock, 120 * kMs);
    CHECK(second.result);
    CHECK(connector.attempts() == 2);
  }
  SUBCASE("canceled") {
    connector.plan_next(0, kNever);
    CancelToken cancel;
    scope.spawn(connect_once(connector, address, kNever, outcome, &cancel));
    pass(loop, clock, 90 * kSecond);
    CHECK(outcome.times == 0);
    cancel.cancel();
    settle(loop);
    CHECK(outcome.failed_with(ErrorCode::canceled));
    CHECK_FALSE(connector.take());
  }
  SUBCASE("no answer ends at the deadline") {
    connector.plan_next(0, kNever);
    scope.spawn(connect_once(connector, address, loop.now() + kSecond, outcome));
    pass(loop, clock, 990 * kMs);
    CHECK(outcome.times == 0);
    pass(loop, clock, 30 * kMs);
    CHECK(outcome.failed_with(ErrorCode::timeout));
    CHECK(outcome.result.error().retryable);
  }
}
