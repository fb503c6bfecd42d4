#include <doctest/doctest.h>
#include <sys/epoll.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "net/scope.h"
#include "net/socket.h"
#include "net_test.h"
#include "socket_pair.h"

using namespace lintel;
using namespace lintel::net;

namespace {

Task<void> read_then_destroy(StreamPtr& read, StreamPtr& destroy, Outcome<std::size_t>& outcome) {
  std::array<char, 16> buffer;
  outcome.result = co_await read->read(buffer);
  ++outcome.times;
  destroy.reset();
}

Task<void> writable_then_destroy(StreamPtr& stream, Outcome<void>& outcome) {
  outcome.result = co_await stream->writable();
  ++outcome.times;
  stream.reset();
}

/// The events that some epoll set of this process watches `fd` for.
std::uint32_t watched_events(int fd) {
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fdinfo")) {
    std::ifstream info(entry.path());
    for (std::string line; std::getline(info, line);) {
      int target = -1;
      std::uint32_t events = 0;
      if (std::sscanf(line.c_str(), "tfd: %d events: %x", &target, &events) == 2 && target == fd)
        return events;
    }
  }
  return 0;
}

}  // namespace

TEST_CASE_FIXTURE(SocketPair, "a sender that is ahead wakes nobody until somebody reads again") {
  adopt(tcp_pair());
  const auto send_ahead = [&] {
    for (int i = 0; i < 4; ++i) {
      put(fd_b, "ahead");
      loop->turn(0);
    }
  };
  Outcome<std::size_t> first;
  scope.spawn(read_once(*a, in, first));
  put(fd_b, "begin");
  REQUIRE(until([&] { return first.times == 1; }));
  send_ahead();
  // Nor for room to write, which is there: to say so would be an event of its own.
  CHECK((watched_events(fd_a) & (EPOLLIN | EPOLLOUT)) == 0);
  Outcome<std::size_t> next;
  scope.spawn(read_once(*a, in, next));
  CHECK(*next.result == 20);
  Outcome<std::size_t> last;
  scope.spawn(read_once(*a, in, last));
  SUBCASE("bytes are heard") {
    CHECK((watched_events(fd_a) & EPOLLIN) != 0);
    put(fd_b, "more");
    REQUIRE(until([&] { return last.times == 1; }));
    CHECK(*last.result == 4);
  }
  SUBCASE("so is the end, and a wait for it that begins later") {
    put(fd_b, "more");
    REQUIRE(until([&] { return last.times == 1; }));
    send_ahead();
    b.reset();
    loop->turn(0);
    for (const std::size_t bytes : {std::size_t{20}, std::size_t{0}}) {
      Outcome<std::size_t> rest;
      scope.spawn(read_once(*a, in, rest));
      REQUIRE(until([&] { return rest.times == 1; }));
      CHECK(*rest.result == bytes);
    }
  }
}

TEST_CASE_FIXTURE(SocketPair, "room to write is heard of by who found none") {
  adopt(tcp_pair());
  Outcome<std::size_t> read;
  Outcome<void> wrote;
  const auto write_into_full = [&] {
    fill(fd_a);
    scope.spawn(write_once(*a, "last", wrote));
    CHECK(wrote.times == 0);
    CHECK((watched_events(fd_a) & EPOLLOUT) != 0);
  };
  SUBCASE("as the first that waits") {
    write_into_full();
  }
  SUBCASE("while another waits for bytes") {
    scope.spawn(read_once(*a, in, read));
    CHECK((watched_events(fd_a) & (EPOLLIN | EPOLLOUT)) == EPOLLIN);
    write_into_full();
  }
  SUBCASE("where bytes ahead are not listened to") {
    scope.spawn(read_once(*a, in, read));
    for (int i = 0; i < 5; ++i) {
      put(fd_b, "ahead");
      REQUIRE(until([&] { return read.times == 1; }));
      loop->turn(0);
    }
    write_into_full();
  }
  REQUIRE(until([&] {
    drain(fd_b);
    return wrote.times == 1;
  }));
  CHECK(wrote.result);
  a->cancel_read();
  settle(*loop);
}

TEST_CASE_FIXTURE(SocketPair, "cancel returns `canceled` once, in the next turn") {
  adopt(unix_pair());
  a->cancel_read();
  a->cancel_write();
  Outcome<std::size_t> read;
  Outcome<void> wrote;
  scope.spawn(read_once(*a, in, read));
  fill(fd_a);
  scope.spawn(write_once(*a, "x", wrote));
  settle(*loop);
  for (int i = 0; i < 2; ++i) {
    a->cancel_read();
    a->cancel_write();
  }
  CHECK(read.times == 0);
  CHECK(wrote.times == 0);
  put(fd_b, "x");
  drain(fd_b);
  settle(*loop);
  CHECK(read.failed_with(ErrorCode::canceled));
  CHECK(wrote.failed_with(ErrorCode::canceled));
  Outcome<std::size_t> next;
  scope.spawn(read_once(*a, in, next));
  CHECK(*next.result == 1);
  Outcome<void> ready;
  scope.spawn(wait_ready(*a, ReadyAwaiter::For::read, ready));
  a->cancel_read();
  a.reset();  // Nothing waits on it any more.
  settle(*loop);
  CHECK(ready.failed_with(ErrorCode::canceled));
}

TEST_CASE_FIXTURE(SocketPair, "readable and writable tell of progress, the end and errors") {
  adopt(unix_pair());
  Outcome<void> readable;
  Outcome<void> writable;
  scope.spawn(wait_ready(*a, ReadyAwaiter::For::write, writable));
  CHECK(writable.times == 1);
  scope.spawn(wait_ready(*a, ReadyAwaiter::For::read, readable));
  settle(*loop);
  CHECK(readable.times == 0);
  SUBCASE("bytes") {
    put(fd_b, "x");
  }
  SUBCASE("the end") {
    b->shutdown_write();
  }
  SUBCASE("the peer's close") {
    b.reset();
  }
  REQUIRE(until([&] { return readable.times == 1; }));
  CHECK(readable.result);
  CHECK(a->is_readable());
}

TEST_CASE_FIXTURE(SocketPair, "streams destroyed in the middle of an event") {
  adopt(unix_pair());
  Outcome<std::size_t> read;
  SUBCASE("by their reader, with readiness to write in the same event") {
    fill(fd_b);
    Outcome<void> wrote;
    scope.spawn(write_once(*b, "x", wrote));
    scope.spawn(read_then_destroy(b, b, read));
    settle(*loop);
    b->cancel_write();
    settle(*loop);
    CHECK(wrote.times == 1);
    put(fd_a, "x");
    drain(fd_a);
    REQUIRE(until([&] { return read.times == 1; }));
    CHECK_FALSE(b);
  }
  SUBCASE("by their writer, with bytes in the same event") {
    Outcome<std::size_t> first;
    scope.spawn(read_once(*b, in, first));
    put(fd_a, "x");
    REQUIRE(until([&] { return first.times == 1; }));
    fill(fd_b);
    Outcome<void> wrote;
    scope.spawn(write_once(*b, "x", wrote));
    b->cancel_write();
    settle(*loop);
    Outcome<void> writable;
    scope.spawn(writable_then_destroy(b, writable));
    CHECK(writable.times == 0);
    put(fd_a, "x");
    drain(fd_a);
    REQUIRE(until([&] { return writable.times == 1; }));
    CHECK_FALSE(b);
  }
  SUBCASE("by the reader of another stream that is ready in the same turn") {
    Outcome<std::size_t> other;
    scope.spawn(read_once(*a, in, other));
    scope.spawn(read_then_destroy(b, b, read));
    settle(*loop);
    auto fds = unix_pair();
    StreamPtr c = std::make_unique<SocketStream>(*loop, fds.first, SocketAddress());
    StreamPtr d = std::make_unique<SocketStream>(*loop, fds.second, SocketAddress());
    Outcome<std::size_t> one;
    Outcome<std::size_t> two;
    scope.spawn(read_then_destroy(c, d, one));  // Whichever comes first takes the other's memory.
    put(fd_a, "x");
    put(fds.second, "x");
    REQUIRE(until([&] { return one.times == 1 && read.times == 1; }));
    CHECK_FALSE(d);
    b.reset();
    REQUIRE(until([&] { return other.times == 1; }));
  }
  SUBCASE("by their read deadline") {
    b->set_read_deadline(loop->now() + 50 * kMs);
    b->set_write_timeout(50 * kMs);
    scope.spawn(read_then_destroy(b, b, read));
    pass(*loop, clock, 100 * kMs);
    CHECK(read.failed_with(ErrorCode::timeout));
    CHECK_FALSE(b);
  }
}

TEST_CASE_FIXTURE(SocketPair, "idle waiters") {
  adopt(tcp_pair());
  IdleWaiter idle;
  b->set_idle_waiter(&idle);
  settle(*loop);
  CHECK(idle.calls.empty());
  SUBCASE("are told of bytes once") {
    put(fd_a, "x");
    REQUIRE(until([&] { return !idle.calls.empty(); }));
    put(fd_a, "y");
    settle(*loop);
    CHECK((idle.calls == std::vector<Ready>{Ready::io}));
  }
  SUBCASE("are told of the end") {
    a.reset();
    REQUIRE(until([&] { return !idle.calls.empty(); }));
    CHECK((idle.calls == std::vector<Ready>{Ready::io}));
  }
  SUBCASE("can be taken away") {
    b->set_idle_waiter(nullptr);
    put(fd_a, "x");
    settle(*loop);
    CHECK(idle.calls.empty());
    Outcome<std::size_t> read;
    scope.spawn(read_once(*b, in, read));
    CHECK(*read.result == 1);
  }
}
