#include "net/socket.h"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <vector>

#include "net/scope.h"
#include "net_test.h"

using namespace lintel;
using namespace lintel::net;

namespace {

SocketAddress name_of(int fd) {
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;
  REQUIRE(getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &length) == 0);
  return {reinterpret_cast<sockaddr*>(&storage), length};
}

SocketAddress loopback(std::uint16_t port = 0) {
  return *SocketAddress::from_ip("127.0.0.1", port);
}

int listen_on(const SocketAddress& address, bool reuse_port = false) {
  const Result<int> fd = open_listener(address, reuse_port);
  REQUIRE(fd);
  return *fd;
}

Task<void> connect_once(Loop& loop, const SocketAddress& address, Nanos deadline, Outcome<StreamPtr>& outcome,
                        CancelToken* cancel = nullptr) {
  CancelToken none;
  SocketConnector connector(loop);
  outcome.result = co_await connector.connect(address, deadline, cancel ? *cancel : none);
  ++outcome.times;
}

Task<void> accept_once(Acceptor& acceptor, Outcome<StreamPtr>& outcome) {
  outcome.result = co_await acceptor.accept();
  ++outcome.times;
}

Task<void> accept_all(Acceptor& acceptor, std::vector<StreamPtr>& streams, Outcome<void>& outcome) {
  for (;;) {
    auto stream = co_await acceptor.accept();
    if (!stream) {
      outcome.result = unexpected(stream.error());
      ++outcome.times;
      co_return;
    }
    streams.push_back(std::move(*stream));
  }
}

struct Fixture {
  ManualClock clock;
  Loop loop{clock};
  Scope scope;
  Outcome<StreamPtr> connected;
  Outcome<StreamPtr> accepted;

  /// Connects to `address` and accepts from `acceptor`, with a byte sent across.
  void meet(Acceptor& acceptor, const SocketAddress& address) {
    scope.spawn(accept_once(acceptor, accepted));
    scope.spawn(connect_once(loop, address, kNever, connected));
    REQUIRE(turn_until(loop, [&] { return accepted.times == 1 && connected.times == 1; }));
    REQUIRE(accepted.result);
    REQUIRE(connected.result);
    Outcome<void> wrote;
    Outcome<std::size_t> read;
    std::array<char, 8> in{};
    scope.spawn(write_once(**connected.result, "x", wrote));
    scope.spawn(read_once(**accepted.result, in, read));
    REQUIRE(turn_until(loop, [&] { return read.times == 1; }));
    CHECK(*read.result == 1);
  }
};

/// A directory of its own that goes with the test.
struct TemporaryDirectory {
  std::string path = "/tmp/lintel_net_XXXXXX";
  TemporaryDirectory() { REQUIRE(mkdtemp(path.data())); }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  ~TemporaryDirectory() { std::filesystem::remove_all(path); }
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "TCP: connect and accept, each knows the other's address") {
  const int fd = listen_on(loopback());
  const SocketAddress address = name_of(fd);
  Acceptor acceptor(loop, fd);
  meet(acceptor, address);
  const Stream& client = **connected.result;
  const Stream& server = **accepted.result;
  CHECK(client.peer() == address);
  CHECK(server.local() == address);
  CHECK(server.peer() == client.local());
  (*connected.result)->enable_keepalive(60, 3);
}

TEST_CASE_FIXTURE(Fixture, "TCP: a server learns at once of a connection on which it is to speak first") {
  const int fd = listen_on(loopback());
  scope.spawn(connect_once(loop, name_of(fd), kNever, connected));
  REQUIRE(turn_until(loop, [&] { return connected.times == 1; }));
  REQUIRE(connected.result);
  // The kernel may hold the handshake's last packet back for what is written; a wait for the server must not
  // take as long as it holds it (40 ms and more).
  Outcome<std::size_t> read;
  std::array<char, 8> in{};
  scope.spawn(read_once(**connected.result, in, read));
  const int server = accept4(fd, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
  REQUIRE(server >= 0);
  REQUIRE(send(server, "220", 3, 0) == 3);
  REQUIRE(turn_until(loop, [&] { return read.times == 1; }));
  CHECK(*read.result == 3);
  close(server);
  close(fd);
}

TEST_CASE_FIXTURE(Fixture, "TCP: what goes out with the end is not lost where bytes are unread") {
  const int fd = listen_on(loopback());
  const SocketAddress address = name_of(fd);
  Acceptor acceptor(loop, fd);
  meet(acceptor, address);
  Outcome<void> asked;
  scope.spawn(write_once(**connected.result, "unread", asked));
  REQUIRE(turn_until(loop, [&] { return (*accepted.result)->probe_readable(); }));
  std::string_view expected;
  SUBCASE("an end") {
    expected = "bye";
  }
  SUBCASE("an abortive one, which must not look complete") {}
  Outcome<void> answered;
  (*accepted.result)->end_after_write();
  scope.spawn(write_once(**accepted.result, "bye", answered));
  REQUIRE(answered.times == 1);
  if (expected.empty()) (*accepted.result)->set_abortive();
  accepted.result->reset();
  Outcome<std::size_t> read;
  std::array<char, 8> in{};
  scope.spawn(read_once(**connected.result, in, read));
  REQUIRE(turn_until(loop, [&] { return read.times == 1; }));
  if (expected.empty()) {
    CHECK(read.failed_with(ErrorCode::reset));
  } else {
    REQUIRE(read.result);
    CHECK(std::string_view(in.data(), *read.result) == expected);
  }
}

TEST_CASE_FIXTURE(Fixture, "an IPv6 wildcard serves IPv4 too") {
  const Result<int> fd = open_listener(*SocketAddress::from_ip("::", 0), false);
  if (!fd) {
    MESSAGE("no IPv6 here: ", fd.error().sys);
    return;
  }
  const std::uint16_t port = name_of(*fd).port();
  Acceptor acceptor(loop, *fd);
  meet(acceptor, loopback(port));
  std::array<char, INET6_ADDRSTRLEN> text;
  CHECK((*accepted.result)->peer().ip_to(text) == "127.0.0.1");
  connected = {};
  accepted = {};
  SUBCASE("and IPv6") {
    const Result<int> probe = open_listener(*SocketAddress::from_ip("::1", 0), false);
    if (!probe) return;  // No IPv6 loopback.
    close(*probe);
    meet(acceptor, *SocketAddress::from_ip("::1", port));
    CHECK((*accepted.result)->peer().ip_to(text) == "::1");
  }
}

TEST_CASE_FIXTURE(Fixture, "a busy address is refused, unless it is shared") {
  const int fd = listen_on(loopback(), true);
  const SocketAddress address = name_of(fd);
  const Result<int> alone = open_listener(address, false);
  REQUIRE_FALSE(alone);
  CHECK(alone.error().sys == EADDRINUSE);
  const Result<int> shared = open_listener(address, true);
  CHECK(shared);
  close(fd);
  if (shared) close(*shared);
}

TEST_CASE_FIXTURE(Fixture, "Unix sockets") {
  TemporaryDirectory directory;
  const std::string path = directory.path + "/s";
  const SocketAddress address = *SocketAddress::from_unix_path(path);
  SUBCASE("connect, accept, and a file left over is replaced") {
    for (int round = 0; round < 2; ++round) {
      Acceptor acceptor(loop, listen_on(address));
      meet(acceptor, address);
      connected = {};
      accepted = {};
    }
    CHECK(std::filesystem::exists(path));
  }
  SUBCASE("a socket that is served is not taken over") {
    Acceptor acceptor(loop, listen_on(address));
    const Result<int> second = open_listener(address, false);
    REQUIRE_FALSE(second);
    CHECK(second.error().sys == EADDRINUSE);
    scope.spawn(accept_once(acceptor, accepted));  // The question whether somebody is there.
    REQUIRE(accepted.result);
    accepted = {};
    meet(acceptor, address);
  }
  SUBCASE("a served socket with a full queue neither blocks nor is taken over") {
    const int full = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE(bind(full, address.get(), address.length()) == 0);
    REQUIRE(listen(full, 0) == 0);
    std::vector<int> waiting;
    for (int err = 0; err == 0;) {
      waiting.push_back(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
      if (connect(waiting.back(), address.get(), address.length()) != 0) err = errno;
      REQUIRE(waiting.size() < 100);
    }
    const Result<int> second = open_listener(address, false);
    REQUIRE_FALSE(second);
    CHECK(second.error().sys == EADDRINUSE);
    for (const int fd : waiting) close(fd);
    close(full);
  }
  SUBCASE("another kind of file is left alone") {
    std::ofstream(path) << "precious";
    const Result<int> fd = open_listener(address, false);
    REQUIRE_FALSE(fd);
    CHECK(fd.error().sys == EADDRINUSE);
    CHECK(std::filesystem::file_size(path) == 8);
  }
  SUBCASE("no file, no server") {
    scope.spawn(connect_once(loop, address, kNever, connected));
    CHECK(connected.failed_with(ErrorCode::refused));
    CHECK(connected.result.error().retryable);
  }
}

TEST_CASE_FIXTURE(Fixture, "connect: refused") {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);  // Holds the port; does not listen.
  REQUIRE(bind(fd, loopback().get(), loopback().length()) == 0);
  scope.spawn(connect_once(loop, name_of(fd), loop.now() + kSecond, connected));
  REQUIRE(turn_until(loop, [&] { return connected.times == 1; }));
  CHECK(connected.failed_with(ErrorCode::refused));
  CHECK(connected.result.error().retryable);
  close(fd);
}

TEST_CASE_FIXTURE(Fixture, "connect: timeout where nobody answers") {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  REQUIRE(bind(fd, loopback().get(), loopback().length()) == 0);
  REQUIRE(listen(fd, 0) == 0);
  const SocketAddress address = name_of(fd);
  // The kernel drops connection requests once the queue is full. The clock stands still, so that a connect
  // that goes on waiting does so because of that.
  std::vector<std::unique_ptr<Outcome<StreamPtr>>> outcomes;
  for (int i = 0; i < 8; ++i) {
    outcomes.push_back(std::make_unique<Outcome<StreamPtr>>());
    scope.spawn(connect_once(loop, address, loop.now() + kSecond, *outcomes.back()));
    settle(loop, 4);
    if (!outcomes.back()->result) continue;
    Outcome<void> wrote;  // With the first byte a connection joins the queue.
    scope.spawn(write_once(**outcomes.back()->result, "x", wrote));
  }
  CHECK(scope.count() > 0);
  pass(loop, clock, kSecond - 20 * kMs);
  CHECK(scope.count() > 0);
  pass(loop, clock, 40 * kMs);
  CHECK(scope.count() == 0);
  CHECK(outcomes.back()->failed_with(ErrorCode::timeout));
  CHECK(outcomes.back()->result.error().retryable);
  CHECK(outcomes.front()->result);
  Outcome<StreamPtr> canceled;  // The queue is still full.
  CancelToken cancel;
  scope.spawn(connect_once(loop, address, kNever, canceled, &cancel));
  settle(loop, 4);
  CHECK(canceled.times == 0);
  cancel.cancel();
  settle(loop, 4);
  CHECK(canceled.failed_with(ErrorCode::canceled));
  close(fd);
}

TEST_CASE_FIXTURE(Fixture, "accept: all that wait, then stop") {
  const int fd = listen_on(loopback());
  const SocketAddress address = name_of(fd);
  Acceptor acceptor(loop, fd);
  std::vector<StreamPtr> streams;
  Outcome<void> outcome;
  std::array<Outcome<StreamPtr>, 20> clients;
  const auto connect_all = [&] {
    for (Outcome<StreamPtr>& client : clients) {
      scope.spawn(connect_once(loop, address, kNever, client));
    }
  };
  SUBCASE("before the first accept") {
    connect_all();
    scope.spawn(accept_all(acceptor, streams, outcome));
  }
  SUBCASE("after it") {
    scope.spawn(accept_all(acceptor, streams, outcome));
    connect_all();
  }
  REQUIRE(turn_until(loop, [&] { return streams.size() == clients.size(); }));
  CHECK(outcome.times == 0);
  acceptor.stop();
  CHECK(outcome.times == 0);
  REQUIRE(turn_until(loop, [&] { return scope.count() == 0; }));
  CHECK(outcome.failed_with(ErrorCode::canceled));
  Outcome<StreamPtr> late;
  scope.spawn(accept_once(acceptor, late));
  CHECK(late.failed_with(ErrorCode::canceled));
}

TEST_CASE_FIXTURE(Fixture, "accept: what is in the kernel's queue at stop is still handed out") {
  const int fd = listen_on(loopback());
  const SocketAddress address = name_of(fd);
  Acceptor acceptor(loop, fd);
  Outcome<StreamPtr> first;
  scope.spawn(accept_once(acceptor, first));
  settle(loop);
  std::array<int, 3> clients;
  for (int& client : clients) {  // Blocking: they are in the queue afterwards.
    client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE(connect(client, address.get(), address.length()) == 0);
  }
  acceptor.stop();
  CHECK(first.times == 0);
  REQUIRE(turn_until(loop, [&] { return first.times == 1; }));
  CHECK(first.result);
  std::vector<StreamPtr> rest;
  Outcome<void> outcome;
  scope.spawn(accept_all(acceptor, rest, outcome));
  CHECK(rest.size() == 2);
  CHECK(outcome.failed_with(ErrorCode::canceled));
  for (const int client : clients) close(client);
}

TEST_CASE_FIXTURE(Fixture, "accept: without descriptors it says so, and works again later") {
  const int fd = listen_on(loopback());
  const SocketAddress address = name_of(fd);
  Acceptor acceptor(loop, fd);
  const int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  REQUIRE(connect(client, address.get(), address.length()) == 0);
  rlimit before{};
  REQUIRE(getrlimit(RLIMIT_NOFILE, &before) == 0);
  const int lowest = fcntl(client, F_DUPFD_CLOEXEC, 0);
  close(lowest);
  const rlimit none{static_cast<rlim_t>(lowest), before.rlim_max};
  REQUIRE(setrlimit(RLIMIT_NOFILE, &none) == 0);
  scope.spawn(accept_once(acceptor, accepted));
  scope.spawn(connect_once(loop, address, kNever, connected));
  REQUIRE(setrlimit(RLIMIT_NOFILE, &before) == 0);
  CHECK(accepted.failed_with(ErrorCode::resource));
  CHECK(connected.failed_with(ErrorCode::resource));
  Outcome<StreamPtr> again;
  scope.spawn(accept_once(acceptor, again));
  REQUIRE(turn_until(loop, [&] { return again.times == 1; }));
  CHECK(again.result);
  close(client);
}
