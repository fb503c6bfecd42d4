#include "proxy/relay.h"

#include <doctest/doctest.h>
#include <linux/tcp.h>

#include <string>

#include "net/memory_stream.h"
#include "net/socket_pair.h"

using namespace lintel;
using namespace lintel::net;
using namespace lintel::proxy;

namespace {

Task<void> relay_once(RelayEnd client, RelayEnd server, const bool& cut, RelayOutcome& outcome, bool& over) {
  outcome = co_await relay(client, server, kNever, cut);
  over = true;
}

/// How many packets the kernel has received for a connection.
std::uint32_t packets_in(int fd) {
  tcp_info info{};
  socklen_t length = sizeof info;
  REQUIRE(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) == 0);
  return info.tcpi_segs_in;
}

}  // namespace

TEST_CASE_FIXTURE(SocketPair, "relay: the end goes on in one packet with the last bytes") {
  auto [near, client] = tcp_pair();
  auto [far, server] = tcp_pair();
  StreamPtr to_client = std::make_unique<SocketStream>(*loop, near, SocketAddress());
  StreamPtr to_server = std::make_unique<SocketStream>(*loop, far, SocketAddress());
  RelayCount from_client;
  RelayCount from_server;
  RelayOutcome outcome;
  const bool cut = false;
  bool over = false;
  scope.spawn(relay_once({*to_client, {}, from_client}, {*to_server, {}, from_server}, cut, outcome, over));
  loop->turn(0);
  const std::uint32_t before = packets_in(client);
  put(server, "last words");
  shutdown(server, SHUT_WR);
  std::string got;
  bool ended = false;
  REQUIRE(until([&] {
    const ssize_t n = recv(client, in.data(), in.size(), MSG_DONTWAIT);
    if (n > 0) got.append(in.data(), static_cast<std::size_t>(n));
    return ended = ended || n == 0;
  }));
  CHECK(got == "last words");
  CHECK(packets_in(client) - before == 1);
  CHECK_FALSE(over);
  put(client, "thanks");
  shutdown(client, SHUT_WR);
  REQUIRE(until([&] { return over; }));
  to_client.reset();
  to_server.reset();
  CHECK(recv(server, in.data(), in.size(), MSG_DONTWAIT) == 6);
  CHECK(recv(server, in.data(), in.size(), MSG_DONTWAIT) == 0);
  CHECK(outcome.reason == EndReason::tunnel_closed);
  CHECK(from_server.bytes == 10);
  CHECK(from_client.bytes == 6);
  close(client);
  close(server);
}

TEST_CASE("relay: what came before a reset is passed on") {
  ManualClock clock;
  Loop loop(clock);
  Scope scope;
  auto [client, to_client] = make_memory_pair(loop, {});
  auto [to_server, server] = make_memory_pair(loop, {});
  RelayCount from_client;
  RelayCount from_server;
  RelayOutcome outcome;
  const bool cut = false;
  bool over = false;
  scope.spawn(relay_once({*to_client, {}, from_client}, {*to_server, {}, from_server}, cut, outcome, over));
  Outcome<void> wrote;
  scope.spawn(write_once(*server, "last words", wrote));
  server->reset();
  settle(loop);
  CHECK(over);
  CHECK(outcome.reason == EndReason::tunnel_reset);
  CHECK(std::string_view(outcome.detail) == "the server reset the connection");
  to_client.reset();
  std::array<char, 64> in{};
  Outcome<std::size_t> read;
  scope.spawn(read_once(*client, in, read));
  settle(loop);
  REQUIRE(read.result);
  CHECK(std::string_view(in.data(), *read.result) == "last words");
  Outcome<std::size_t> after;
  scope.spawn(read_once(*client, in, after));
  settle(loop);
  CHECK(after.failed_with(ErrorCode::reset));
}
