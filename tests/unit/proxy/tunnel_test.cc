// Upgraded connections.

#include <doctest/doctest.h>

#include "proxy/bench.h"

using namespace lintel;
using namespace lintel::proxy;
using namespace lintel::proxy::test;

namespace {

const std::string kUpgrade =
    "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
const std::string kSwitching =
    "HTTP/1.1 101 Switching Protocols\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
    "Connection: upgrade\r\nUpgrade: websocket\r\n\r\n";

struct Tunnel : Bench {
  explicit Tunnel(std::string_view early_client = "", std::string_view early_server = "") {
    pool().timeouts.tunnel_idle = 100s;
    client_ = &client(kUpgrade + std::string(early_client));
    CHECK(has(server().received, "Connection: upgrade\r\nUpgrade: websocket\r\n\r\n"));
    server().take();
    server().send(kSwitching + std::string(early_server));
    settle();
    REQUIRE(begins(client_->received, kSwitching));
    client_->received.erase(0, kSwitching.size());
  }
  Wire& user() { return *client_; }

 private:
  Wire* client_;
};

}  // namespace

TEST_CASE("tunnel: bytes both ways, those sent early too") {
  Tunnel bench("early", "bird");
  CHECK(bench.server().take() == "early");
  CHECK(bench.user().take() == "bird");
  bench.user().send(net::pattern(300'000));
  bench.server().send(net::pattern(200'000));
  bench.settle(200);
  CHECK((bench.server().take() == net::pattern(300'000)));
  CHECK((bench.user().take() == net::pattern(200'000)));
}

TEST_CASE("tunnel: each direction ends by itself") {
  for (const bool client_first : {true, false}) {
    CAPTURE(client_first);
    Tunnel bench;
    Wire& one = client_first ? bench.user() : bench.server();
    Wire& other = client_first ? bench.server() : bench.user();
    one.send("last words");
    one.finish();
    bench.settle();
    CHECK(other.take() == "last words");
    CHECK(other.ended);
    CHECK(bench.ends().empty());
    other.send("still here");
    bench.settle();
    CHECK(one.take() == "still here");
    other.send(net::pattern(100'000));
    other.finish();
    bench.settle(100);
    CHECK((one.take() == net::pattern(100'000)));
    CHECK(one.ended);
    CHECK_FALSE(one.error);  // Not a reset.
    CHECK_FALSE(other.error);
    CHECK(bench.ends() == "tunnel.closed");
    CHECK(bench.sessions.count() == 0);
    CHECK(bench.idle() == 0);
    const StatsTotal total = bench.totals();
    const StatsTotal::Route& route = total.routes.at({"web", "app"});
    CHECK(route.request_bytes == (client_first ? 10 : 100'010));
    CHECK(route.response_bytes == (client_first ? 100'010 : 10));
    CHECK(total.servers.at({"app", "10.0.0.1:80"}).errors.empty());
  }
}

TEST_CASE("tunnel: idle counts over both directions") {
  Tunnel bench;
  for (int i = 0; i < 5; ++i) {
    bench.pass(90s);
    bench.server().send("tick");  // The client is silent all the while.
    bench.settle();
  }
  CHECK(bench.user().take() == "tickticktickticktick");
  CHECK(bench.ends().empty());
  bench.pass(99s);
  CHECK(bench.ends().empty());
  bench.pass(2s);
  CHECK(bench.ends() == "tunnel.timeout");
  CHECK(bench.user().over());
  CHECK(bench.server().over());
  CHECK(bench.sessions.count() == 0);
}

TEST_CASE("tunnel: a reset of one side reaches the other") {
  for (const bool client_first : {true, false}) {
    Tunnel bench;
    (client_first ? bench.user() : bench.server()).reset();
    bench.settle();
    CHECK(bench.ends() == "tunnel.reset");
    CHECK((client_first ? bench.server() : bench.user()).over());
    CHECK(bench.sessions.count() == 0);
  }
}

TEST_CASE("tunnel: the limit on request bodies is none on tunnels") {
  Tunnel bench;
  bench.user().close();
  bench.settle();
  bench.server().close();
  bench.settle();
  bench.ends();
  bench.listener().limits.body_size = config::Bytes{10};
  bench.publish();
  Wire& client = bench.client(kUpgrade);
  bench.server(1).send(kSwitching);
  bench.settle();
  bench.server(1).take();
  client.send(net::pattern(100));
  bench.settle();
  CHECK((bench.server(1).received == net::pattern(100)));
  CHECK(bench.ends().empty());
}

TEST_CASE("tunnel: a server that does not switch answers as to any request") {
  Bench bench;
  Wire& client = bench.client(kUpgrade);
  bench.server().send(kOk);
  bench.settle();
  CHECK(client.take() == kOk);
  CHECK(bench.idle() == 1);
  client.send(kGet);
  bench.settle();
  CHECK(begins(client.received, ""));
  CHECK(bench.ends() == "ok");
}

TEST_CASE("tunnel: cut at any moment of a busy flow") {
  for (int turns = 0; turns < 40; ++turns) {
    CAPTURE(turns);
    Tunnel bench;
    bench.user().send(net::pattern(10'000'000));
    bench.server().send(net::pattern(10'000'000));
    bench.settle(turns);
    bench.sessions.cut();
    bench.settle(10);
    CHECK(bench.sessions.count() == 0);
    CHECK(bench.ends() == "local.shutdown");
  }
}
