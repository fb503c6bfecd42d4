#pragma once

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "net/scope.h"
#include "net/socket.h"
#include "net_test.h"

namespace lintel::net {

/// Two connected non-blocking sockets.
inline std::pair<int, int> tcp_pair() {
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

inline std::pair<int, int> unix_pair() {
  int fds[2];
  REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
  return {fds[0], fds[1]};
}

inline std::size_t open_descriptors() {
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) ++count;
  return count;
}

/// Counted once libuv has opened what it keeps for the process with its first loop.
inline std::size_t descriptors_before() {
  { const Loop first; }
  return open_descriptors();
}

/// A test's two connected streams; no descriptor may be left over at the end.
struct SocketPair {
  std::size_t descriptors = descriptors_before();
  ManualClock clock;
  std::unique_ptr<Loop> loop = std::make_unique<Loop>(clock);
  Scope scope;
  StreamPtr a;
  StreamPtr b;
  int fd_a = -1;
  int fd_b = -1;
  std::array<char, 64 * 1024> in{};

  ~SocketPair() {
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

inline Task<void> wait_ready(Stream& stream, ReadyAwaiter::For what, Outcome<void>& outcome) {
  outcome.result = co_await ReadyAwaiter(stream, what);
  ++outcome.times;
}

struct IdleWaiter final : Waiter {
  std::vector<Ready> calls;
  void on_ready(Ready why) override { calls.push_back(why); }
};

/// Fills the socket until it takes no more.
inline void fill(int fd) {
  const std::string junk(65536, 'j');
  while (send(fd, junk.data(), junk.size(), MSG_NOSIGNAL) > 0) {
  }
}

inline void drain(int fd) {
  std::array<char, 65536> junk;
  while (recv(fd, junk.data(), junk.size(), 0) > 0) {
  }
}

inline void put(int fd, std::string_view text) {
  REQUIRE(send(fd, text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size()));
}

}  // namespace lintel::net
