// A small request on connections that are there already takes no memory from the heap. Under sanitizers
// frames come from plain malloc: there is nothing to count there.

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <string>
#include <string_view>

#include "base/line_log.h"
#include "counting_new.h"
#include "net/scope.h"
#include "net/socket.h"
#include "proxy/client_connection.h"

namespace lintel::proxy {
namespace {

/// Connects to sockets of this process, whose other ends it hands out as descriptors.
class PairConnector final : public net::Connector {
 public:
  explicit PairConnector(net::Loop& loop) noexcept : loop_(loop) {}
  net::Task<Result<net::StreamPtr>> connect(const SocketAddress& address, Nanos /*deadline*/,
                                            net::CancelToken& /*cancel*/) override {
    std::array<int, 2> ends{};
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()) == 0);
    server = ends[1];
    ++connects;
    co_return net::StreamPtr(std::make_unique<net::SocketStream>(loop_, ends[0], address));
  }
  int server = -1;
  int connects = 0;

 private:
  net::Loop& loop_;
};

/// Turns the loop until something can be read from `fd`; returns how much.
std::size_t turn_and_read(net::Loop& loop, int fd, std::array<char, 4096>& in) {
  for (int i = 0; i < 1000; ++i) {
    counting = true;
    loop.turn(0);
    counting = false;
    const ssize_t n = recv(fd, in.data(), in.size(), 0);
    if (n > 0) return static_cast<std::size_t>(n);
  }
  return 0;
}

/// A route that asks for, and changes, as much as one can.
void add_route(config::Listener& listener) {
  config::Route& route = listener.routes.emplace_back();
  route.name = "r";
  route.match.path_regex = "^/some/(path|other)$";
  for (const char* name : {"Accept", "User-Agent"}) route.match.header.emplace_back().name = name;
  route.match.header.front().regex = "^[*]/";
  route.match.query.emplace_back().name = "with";
  route.match.query.front().is = {"query"};
  std::string why;
  route.match.client_ip = {*Cidr::parse("192.0.2.0/24", why)};
  route.match.none.emplace_back().cookie.emplace_back().name = "none";
  route.split = {{"app", 1}, {"app", 2}};
  route.split_key = "{client_ip}{path}";
  route.rewrite.emplace().regex = config::RewriteRegex{"^/some", "/{header.accept}/%7e"};
  route.rewrite->host = "inner.test";
  route.headers.request.set = {{"X-Client", "{client_ip} {uri}"}};
  route.headers.response.set = {{"X-By", "{route} {pool} {status}"}};
}

}  // namespace

TEST_CASE("allocations: none for a small request in steady state") {
  const SocketAddress peer = *SocketAddress::from_ip("192.0.2.7", 4321);
  net::Loop loop;
  WorkerStats stats;
  PairConnector connector(loop);
  WorkerContext worker(loop, connector, stats, 1);
  LineLog::Settings log_settings;
  log_settings.path = "/dev/null";
  const auto log = *LineLog::open(log_settings);
  worker.access_log = std::make_unique<AccessLog>(AccessLogFormat::json, log->add_writer());

  auto snapshot = std::make_shared<Snapshot>();
  config::Listener& listener = snapshot->config.listeners.emplace_back();
  listener.name = "web";
  listener.pool = "app";
  listener.proxy_status = true;
  std::string added = "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\nProxy-Status: lintel; received-status=200\r\n";
  SUBCASE("plain") {}
  SUBCASE("by a route that changes much") {
    add_route(listener);
    added += "X-By: r app 200\r\n";
  }
  config::Pool& pool = snapshot->config.pools.emplace_back();
  pool.name = "app";
  std::string why;
  SUBCASE("with a cookie and a limit") {
    pool.sticky.emplace().cookie = "LB";
    pool.balance.type = config::BalanceType::peak_ewma;
    added += "Set-Cookie: LB=0123456789abcdef; Path=/; HttpOnly; SameSite=Lax\r\n";
  }
  pool.servers.emplace_back().address = *Endpoint::parse("10.0.0.1:80", why);
  pool.servers.back().max_connections = 1;
  snapshot->addresses.push_back({*SocketAddress::from_ip("10.0.0.1", 80)});
  worker.generation = Generation::build(std::move(snapshot), worker);

  std::array<int, 2> ends{};
  REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()) == 0);
  Sessions sessions;
  ConnectionCount count;
  net::Scope scope;
  scope.spawn(
      serve_client(worker, sessions, count, "web", std::make_unique<net::SocketStream>(loop, ends[1], peer)));

  const std::string request =
      "GET /some/path?with=query HTTP/1.1\r\nHost: shop.test\r\nUser-Agent: test/1\r\nAccept: */*\r\n\r\n";
  const std::string answer =
      "HTTP/1.1 200 OK\r\nContent-Length: 128\r\nContent-Type: text/plain\r\n\r\n" + std::string(128, 'x');
  std::array<char, 4096> in{};
  constexpr int kWarmUp = 50;
  constexpr int kMeasured = 1000;
  for (int i = 0; i < kWarmUp + kMeasured; ++i) {
    if (i == kWarmUp) {
      CHECK(allocations != 0);  // They are counted.
      allocations = 0;
    }
    REQUIRE(send(ends[0], request.data(), request.size(), 0) == static_cast<ssize_t>(request.size()));
    if (i == 0) {
      for (int turns = 0; turns < 10 && connector.server < 0; ++turns) loop.turn(0);
      REQUIRE(connector.server >= 0);
    }
    REQUIRE(turn_and_read(loop, connector.server, in) > request.size());
    REQUIRE(send(connector.server, answer.data(), answer.size(), 0) == static_cast<ssize_t>(answer.size()));
    REQUIRE(turn_and_read(loop, ends[0], in) == answer.size() + added.size());
  }
  CHECK(allocations == 0);
  CHECK(connector.connects == 1);

  close(ends[0]);
  for (int turns = 0; turns < 100 && scope.count() != 0; ++turns) loop.turn(1'000'000);
  CHECK(scope.count() == 0);
  worker.generation.reset();
  close(connector.server);
}

}  // namespace lintel::proxy

#endif
