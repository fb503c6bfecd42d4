#include <doctest/doctest.h>

#include <array>
#include <string>

#include "net/memory_stream.h"
#include "net/scope.h"
#include "net/socket.h"
#include "net_test.h"
#include "socket_pair.h"

using namespace lintel;
using namespace lintel::net;

namespace {

/// Sends back what it reads until the stream ends, and ends it.
Task<void> echo(Stream& stream, Outcome<void>& outcome) {
  for (;;) {
    const auto n = co_await stream.read(stream.loop().scratch());
    if (!n || *n == 0) {
      outcome.result = n ? Result<void>() : unexpected(n.error());
      break;
    }
    const auto sent = co_await stream.write(WriteSpans({stream.loop().scratch().data(), *n}));
    if (!sent) {
      outcome.result = sent;
      break;
    }
  }
  ++outcome.times;
  stream.shutdown_write();
}

Task<void> send_all(Stream& stream, std::string_view text, Outcome<void>& outcome) {
  outcome.result = {};
  while (!text.empty() && outcome.result) {
    const std::string_view chunk = text.substr(0, 100'000);
    text.remove_prefix(chunk.size());
    const std::size_t third = chunk.size() / 3;
    outcome.result = co_await stream.write(
        WriteSpans(chunk.substr(0, third), "", chunk.substr(third, third), chunk.substr(2 * third)));
  }
  ++outcome.times;
  stream.shutdown_write();
}

/// Closes the socket under the stream's peer so that it sends RST.
void reset_by(StreamPtr& stream) {
  stream->set_abortive();
  stream.reset();
}

}  // namespace

TEST_CASE_FIXTURE(SocketPair, "10 MiB there and back") {
  SUBCASE("TCP") {
    adopt(tcp_pair());
  }
  SUBCASE("Unix") {
    adopt(unix_pair());
  }
  SUBCASE("small buffers") {
    adopt(tcp_pair());
    const int size = 4096;
    for (const int fd : {fd_a, fd_b}) setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
  }
  const std::string text = pattern(10 << 20);
  std::string got;
  Outcome<void> sent;
  Outcome<void> echoed;
  Outcome<void> received;
  scope.spawn(echo(*b, echoed));
  scope.spawn(read_all(*a, got, received));
  scope.spawn(send_all(*a, text, sent));
  REQUIRE(until([&] { return scope.count() == 0; }));
  CHECK(sent.result);
  CHECK(echoed.result);
  CHECK(received.result);
  CHECK((got == text));
}

TEST_CASE_FIXTURE(SocketPair, "half-close: the other direction goes on") {
  adopt(tcp_pair());
  Outcome<std::size_t> read;
  scope.spawn(read_once(*b, in, read));
  loop->turn(0);
  a->shutdown_write();
  REQUIRE(until([&] { return read.times == 1; }));
  CHECK(*read.result == 0);
  Outcome<void> wrote;
  scope.spawn(write_once(*b, "late", wrote));
  CHECK(wrote.result);
  Outcome<std::size_t> back;
  scope.spawn(read_once(*a, in, back));
  REQUIRE(until([&] { return back.times == 1; }));
  CHECK(*back.result == 4);
}

TEST_CASE_FIXTURE(SocketPair, "data, the end, and both at once reach the reader") {
  std::string got;
  Outcome<void> read;
  const auto end_in_some_way = [&] {
    SUBCASE("all there before the first read") {
      put(fd_a, "data");
      a.reset();
      scope.spawn(read_all(*b, got, read));
    }
    SUBCASE("in one event") {
      scope.spawn(read_all(*b, got, read));
      put(fd_a, "data");
      a.reset();
    }
    SUBCASE("the end after a short read, before the loop has turned") {
      put(fd_a, "da");
      scope.spawn(read_all(*b, got, read));
      put(fd_a, "ta");
      a.reset();
    }
    SUBCASE("one event each") {
      scope.spawn(read_all(*b, got, read));
      put(fd_a, "data");
      REQUIRE(until([&] { return got.size() == 4; }));
      settle(*loop);
      a.reset();
    }
    REQUIRE(until([&] { return read.times == 1; }));
  };
  SUBCASE("TCP") {
    adopt(tcp_pair());
    end_in_some_way();
  }
  SUBCASE("Unix") {
    adopt(unix_pair());
    end_in_some_way();
  }
  CHECK(read.result);
  CHECK(got == "data");
}

TEST_CASE_FIXTURE(SocketPair, "bytes that come between a short read and joining the epoll set are seen") {
  adopt(tcp_pair());
  put(fd_a, "x");
  Outcome<std::size_t> first;
  scope.spawn(read_once(*b, in, first));  // Never suspends: the stream is not in the set.
  REQUIRE(first.times == 1);
  put(fd_a, "yz");
  Outcome<std::size_t> second;
  scope.spawn(read_once(*b, in, second));
  REQUIRE(until([&] { return second.times == 1; }));
  CHECK(*second.result == 2);
}

TEST_CASE_FIXTURE(SocketPair, "bytes that come while nobody reads are there for the next read") {
  adopt(tcp_pair());
  Outcome<std::size_t> first;
  std::array<char, 2> two{};
  scope.spawn(read_once(*b, two, first));
  put(fd_a, "12345");
  REQUIRE(until([&] { return first.times == 1; }));
  CHECK(*first.result == 2);
  settle(*loop);
  CHECK(b->is_readable());
  for (const std::size_t expected : {2U, 1U}) {
    Outcome<std::size_t> next;
    scope.spawn(read_once(*b, two, next));
    REQUIRE(next.times == 1);
    CHECK(*next.result == expected);
  }
  CHECK_FALSE(b->is_readable());
  put(fd_a, "6");
  REQUIRE(until([&] { return b->is_readable(); }));
}

TEST_CASE_FIXTURE(SocketPair, "a reset is an error, never a clean end") {
  adopt(tcp_pair());
  std::string got;
  Outcome<void> read;
  SUBCASE("while reading") {
    scope.spawn(read_all(*b, got, read));
    reset_by(a);
    REQUIRE(until([&] { return read.times == 1; }));
  }
  SUBCASE("after data") {
    put(fd_a, "part");
    reset_by(a);
    scope.spawn(read_all(*b, got, read));
    REQUIRE(until([&] { return read.times == 1; }));
    CHECK(got == "part");
  }
  SUBCASE("after the writer was told of it") {
    reset_by(a);
    Outcome<void> wrote;
    scope.spawn(write_once(*b, "x", wrote));
    CHECK(wrote.failed_with(ErrorCode::reset));
    scope.spawn(read_all(*b, got, read));
    REQUIRE(until([&] { return read.times == 1; }));
  }
  SUBCASE("with a writer and a reader waiting") {
    fill(fd_b);
    Outcome<void> wrote;
    scope.spawn(write_once(*b, "x", wrote));
    scope.spawn(read_all(*b, got, read));
    settle(*loop);
    reset_by(a);
    REQUIRE(until([&] { return read.times == 1 && wrote.times == 1; }));
    CHECK(wrote.failed_with(ErrorCode::reset));
  }
  CHECK(read.failed_with(ErrorCode::reset));
}

TEST_CASE_FIXTURE(SocketPair, "a write to a peer that has gone fails") {
  adopt(unix_pair());
  a.reset();
  Outcome<void> wrote;
  scope.spawn(write_once(*b, "x", wrote));
  CHECK(wrote.failed_with(ErrorCode::reset));
}

TEST_CASE_FIXTURE(SocketPair, "a slow reader holds the writer, within the write timeout") {
  adopt(unix_pair());
  const int size = 4096;
  setsockopt(fd_a, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
  a->set_write_timeout(kSecond);
  const std::string text = pattern(1 << 20);
  Outcome<void> wrote;
  scope.spawn(write_once(*a, text, wrote));
  CHECK(wrote.times == 0);
  SUBCASE("no progress: timeout, once") {
    pass(*loop, clock, 990 * kMs);
    CHECK(wrote.times == 0);
    pass(*loop, clock, 30 * kMs);
    CHECK(wrote.failed_with(ErrorCode::timeout));
    drain(fd_b);
    pass(*loop, clock, kSecond);
    CHECK(wrote.times == 1);
  }
  SUBCASE("progress restarts the timeout") {
    for (int i = 0; i < 5; ++i) {
      pass_slowly(*loop, clock, 900 * kMs);
      REQUIRE(wrote.times == 0);
      drain(fd_b);
      settle(*loop);
    }
    pass_slowly(*loop, clock, 900 * kMs);
    CHECK(wrote.times == 0);
    pass_slowly(*loop, clock, 400 * kMs);
    CHECK(wrote.failed_with(ErrorCode::timeout));
  }
  SUBCASE("a finished write leaves no deadline") {
    REQUIRE(until([&] {
      drain(fd_b);
      return wrote.times == 1;
    }));
    CHECK(wrote.result);
    Outcome<void> other;
    scope.spawn(write_once(*a, pattern(100'000), other));
    pass(*loop, clock, 990 * kMs);
    CHECK(other.times == 0);
    pass(*loop, clock, 30 * kMs);
    CHECK(other.failed_with(ErrorCode::timeout));
  }
}

TEST_CASE_FIXTURE(SocketPair, "read deadlines") {
  adopt(tcp_pair());
  b->set_read_deadline(loop->now() + kSecond);
  Outcome<std::size_t> read;
  SUBCASE("end a waiting read") {
    scope.spawn(read_once(*b, in, read));
    pass(*loop, clock, 990 * kMs);
    CHECK(read.times == 0);
    pass(*loop, clock, 30 * kMs);
    CHECK(read.failed_with(ErrorCode::timeout));
    Outcome<std::size_t> again;
    scope.spawn(read_once(*b, in, again));  // Stays passed until set again.
    pass(*loop, clock, 30 * kMs);
    CHECK(again.failed_with(ErrorCode::timeout));
    b->set_read_deadline(kNever);
    Outcome<std::size_t> free;
    scope.spawn(read_once(*b, in, free));
    pass(*loop, clock, 3600 * kSecond);
    CHECK(free.times == 0);
    put(fd_a, "x");
    REQUIRE(until([&] { return free.times == 1; }));
    CHECK(free.result);
  }
  SUBCASE("that pass while nobody reads end the next read that would wait") {
    pass(*loop, clock, 2 * kSecond);
    put(fd_a, "x");
    scope.spawn(read_once(*b, in, read));
    REQUIRE(until([&] { return read.times == 1; }));
    CHECK(*read.result == 1);
    Outcome<std::size_t> waits;
    scope.spawn(read_once(*b, in, waits));
    CHECK(waits.times == 0);
    pass(*loop, clock, 20 * kMs);
    CHECK(waits.failed_with(ErrorCode::timeout));
  }
  SUBCASE("lose against bytes of the same turn") {
    scope.spawn(read_once(*b, in, read));
    put(fd_a, "x");
    clock.advance(std::chrono::seconds(5));
    REQUIRE(until([&] { return read.times == 1; }));
    CHECK(read.result);
  }
  SUBCASE("end readable() and idle waiters") {
    Outcome<void> ready;
    scope.spawn(wait_ready(*b, ReadyAwaiter::For::read, ready));
    pass(*loop, clock, 1020 * kMs);
    CHECK(ready.failed_with(ErrorCode::timeout));
    IdleWaiter idle;
    b->set_read_deadline(loop->now() + kSecond);
    b->set_idle_waiter(&idle);
    pass(*loop, clock, 1020 * kMs);
    CHECK((idle.calls == std::vector<Ready>{Ready::timeout}));
  }
}

namespace {

Task<void> peek_once(Stream& stream, std::span<char> out, std::size_t known, Outcome<std::size_t>& outcome) {
  outcome.result = co_await stream.peek(out, known);
  ++outcome.times;
}

}  // namespace

TEST_CASE_FIXTURE(SocketPair, "a peek leaves what it shows, and waits for more than is known") {
  adopt(tcp_pair());
  std::array<char, 32> out{};
  Outcome<std::size_t> peeked;
  scope.spawn(peek_once(*a, out, 0, peeked));
  loop->turn(0);
  CHECK(peeked.times == 0);
  put(fd_b, "hel");
  REQUIRE(until([&] { return peeked.times == 1; }));
  REQUIRE(peeked.result);
  CHECK(std::string_view(out.data(), *peeked.result) == "hel");

  for (const bool ended : {false, true}) {
    Outcome<std::size_t> more;
    const std::size_t known = ended ? 5 : 3;
    scope.spawn(peek_once(*a, out, known, more));
    for (int i = 0; i < 5; ++i) loop->turn(0);
    CHECK(more.times == 0);
    if (ended) {
      b->shutdown_write();
    } else {
      put(fd_b, "lo");
    }
    REQUIRE(until([&] { return more.times == 1; }));
    REQUIRE(more.result);
    CHECK(std::string_view(out.data(), *more.result) == "hello");  // No more than known: that was all.
  }
  Outcome<std::size_t> read;
  scope.spawn(read_once(*a, in, read));
  REQUIRE(read.result);
  CHECK(std::string_view(in.data(), *read.result) == "hello");
}

TEST_CASE_FIXTURE(SocketPair, "a peek fails as a read does") {
  adopt(tcp_pair());
  std::array<char, 32> out{};
  Outcome<std::size_t> first;
  a->set_read_deadline(clock.now() + kSecond);
  scope.spawn(peek_once(*a, out, 0, first));
  pass(*loop, clock, 2 * kSecond);
  CHECK(first.failed_with(ErrorCode::timeout));
  a->set_read_deadline(kNever);
  Outcome<std::size_t> second;
  scope.spawn(peek_once(*a, out, 0, second));
  a->cancel_read();
  loop->turn(0);
  CHECK(second.failed_with(ErrorCode::canceled));
  Outcome<std::size_t> third;
  scope.spawn(peek_once(*a, out, 0, third));
  reset_by(b);
  REQUIRE(until([&] { return third.times == 1; }));
  CHECK(third.failed_with(ErrorCode::reset));
}

TEST_CASE("a peek in memory does the same") {
  ManualClock clock;
  Loop loop(clock);
  Scope scope;
  auto [one, other] = make_memory_pair(loop);
  std::array<char, 32> out{};
  Outcome<std::size_t> first;
  scope.spawn(peek_once(*one, out, 0, first));
  Outcome<void> written;
  scope.spawn(write_once(*other, "ab", written));
  settle(loop);
  REQUIRE(first.result);
  CHECK(std::string_view(out.data(), *first.result) == "ab");
  Outcome<std::size_t> second;
  scope.spawn(peek_once(*one, out, 2, second));
  settle(loop);
  CHECK(second.times == 0);
  other->shutdown_write();
  settle(loop);
  REQUIRE(second.result);
  CHECK(*second.result == 2);
}
