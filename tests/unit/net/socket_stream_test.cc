#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <utility>

#include "net/scope.h"
#include "net/socket.h"
#include "net_test.h"

using namespace lintel;
using namespace lintel::net;

namespace {

/// Two connected non-blocking sockets.
std::pair<int, int> tcp_pair() {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  REQUIRE(bind(listener, generic, length) == 0);
  REQUIRE(listen(listener, 8) == 0);
  REQUIRE(getsockname(listener, generic, &length) == 0);
  const int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  REQUIRE(connect(client, generic, length) == 0);
  const int server = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
  REQUIRE(server >= 0);
  REQUIRE(fcntl(client, F_SETFL, O_NONBLOCK) == 0);
  close(listener);
  return {client, server};
}

std::pair<int, int> unix_pair() {
  int fds[2];
  REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
  return {fds[0], fds[1]};
}

std::size_t open_descriptors() {
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) ++count;
  return count;
}

/// A pair of streams; no descriptor may be left over at the end.
struct Fixture {
  std::size_t descriptors = open_descriptors();
  ManualClock clock;
  std::unique_ptr<Loop> loop = std::make_unique<Loop>(clock);
  Scope scope;
  StreamPtr a;
  StreamPtr b;
  int fd_a = -1;
  int fd_b = -1;
  std::array<char, 64 * 1024> in{};

  ~Fixture() {
    CHECK(scope.count() == 0);
    a.reset();
    b.reset();
    loop.reset();
    CHECK(open_descriptors() == descriptors);
  }
  void adopt(std::pair<int, int> fds) {
    fd_a = fds.first;
    fd_b = fds.second;
    a = std::make_unique<SocketStream>(*loop, fd_a, SocketAddress());
    b = std::make_unique<SocketStream>(*loop, fd_b, SocketAddress());
  }
  bool until(const std::function<bool()>& done) { return turn_until(*loop, done); }
};

/// Reads until the stream ends, in a way that makes the streams suspend now and then, and returns it.
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

Task<void> wait_ready(ReadyAwaiter awaiter, Outcome<void>& outcome) {
  outcome.result = co_await awaiter;
  ++outcome.times;
}

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

struct IdleWaiter final : Waiter {
  std::vector<Ready> calls;
  void on_ready(Ready why) override { calls.push_back(why); }
};

/// Fills the socket until it takes no more.
void fill(int fd) {
  const std::string junk(65536, 'j');
  while (send(fd, junk.data(), junk.size(), MSG_NOSIGNAL) > 0) {
  }
}

void drain(int fd) {
  std::array<char, 65536> junk;
  while (recv(fd, junk.data(), junk.size(), 0) > 0) {
  }
}

void put(int fd, std::string_view text) {
  REQUIRE(send(fd, text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size()));
}

/// Closes the socket under the stream's peer so that it sends RST.
void reset_by(StreamPtr& stream) {
  stream->set_abortive();
  stream.reset();
}

}  // namespace

TEST_CASE_FIXTURE(Fixture, "10 MiB there and back") {
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

TEST_CASE_FIXTURE(Fixture, "half-close: the other direction goes on") {
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

TEST_CASE_FIXTURE(Fixture, "data, the end, and both at once reach the reader") {
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

TEST_CASE_FIXTURE(Fixture, "bytes that come between a short read and joining the epoll set are seen") {
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

TEST_CASE_FIXTURE(Fixture, "bytes that come while nobody reads are there for the next read") {
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

TEST_CASE_FIXTURE(Fixture, "a reset is an error, never a clean end") {
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

TEST_CASE_FIXTURE(Fixture, "a write to a peer that has gone fails") {
  adopt(unix_pair());
  a.reset();
  Outcome<void> wrote;
  scope.spawn(write_once(*b, "x", wrote));
  CHECK(wrote.failed_with(ErrorCode::reset));
}

TEST_CASE_FIXTURE(Fixture, "a slow reader holds the writer, within the write timeout") {
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
      pass(*loop, clock, 900 * kMs);
      REQUIRE(wrote.times == 0);
      drain(fd_b);
      settle(*loop);
    }
    pass(*loop, clock, 1100 * kMs);
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

TEST_CASE_FIXTURE(Fixture, "read deadlines") {
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
    scope.spawn(wait_ready(b->readable(), ready));
    pass(*loop, clock, 1020 * kMs);
    CHECK(ready.failed_with(ErrorCode::timeout));
    IdleWaiter idle;
    b->set_read_deadline(loop->now() + kSecond);
    b->set_idle_waiter(&idle);
    pass(*loop, clock, 1020 * kMs);
    CHECK((idle.calls == std::vector<Ready>{Ready::timeout}));
  }
}

TEST_CASE_FIXTURE(Fixture, "cancel returns `canceled` once, in the next turn") {
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
  scope.spawn(wait_ready(a->readable(), ready));
  a->cancel_read();
  a.reset();  // Nothing waits on it any more.
  settle(*loop);
  CHECK(ready.failed_with(ErrorCode::canceled));
}

TEST_CASE_FIXTURE(Fixture, "readable and writable tell of progress, the end and errors") {
  adopt(unix_pair());
  Outcome<void> readable;
  Outcome<void> writable;
  scope.spawn(wait_ready(a->writable(), writable));
  CHECK(writable.times == 1);
  scope.spawn(wait_ready(a->readable(), readable));
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

TEST_CASE_FIXTURE(Fixture, "streams destroyed in the middle of an event") {
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

TEST_CASE_FIXTURE(Fixture, "idle waiters") {
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
