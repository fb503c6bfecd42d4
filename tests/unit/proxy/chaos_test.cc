// Clients and servers that do anything at any moment. Whatever they do, every session ends, no connection and
// no gauge is left over, and (under sanitizers) no memory is misused.

#include <doctest/doctest.h>

#include <array>
#include <cerrno>
#include <string>

#include "base/random.h"
#include "proxy/bench.h"

using namespace lintel;
using namespace lintel::proxy;
using namespace lintel::proxy::test;

namespace {

const std::string kRequests[] = {
    kGet,
    kPost,
    "GET / HT",
    "\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
    "5\r\nhello\r\n",
    "0\r\n\r\n",
    "0\r\nX-T: 1\r\n\r\n",
    "zz\r\n",
    "PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n",
    "hello",
    "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET / HTTP/1.0\r\n\r\n",
    "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
    net::pattern(3000),
    net::pattern(100'000),
};
const std::string kAnswers[] = {
    kOk,
    kOk,
    "HTTP/1.1 200 OK\r\n",
    "\r\n",
    "HTTP/1.1 100 Continue\r\n\r\n",
    "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
    "5\r\nhello\r\n",
    "0\r\n\r\n",
    "zz\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n",
    "HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig",
    "HTTP/1.1 204 No Content\r\n\r\n",
    "HTTP/1.1 200 OK\r\n\r\nuntil the end",
    "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
    net::pattern(3000),
    net::pattern(100'000),
};

class Chaos {
 public:
  explicit Chaos(std::uint64_t seed) : random_(seed) {
    std::string why;
    bench_ = std::make_unique<Bench>(2, options());
    bench_->listener().trusted_proxies.push_back(*Cidr::parse("192.0.2.0/24", why));
    bench_->listener().limits.requests_per_connection = 5;
    bench_->pool().keepalive.max_idle = 2;
    bench_->pool().timeouts.tunnel_idle = 30s;
    if (chance(3)) bench_->listener().limits.body_size = config::Bytes{50'000};
  }
  void run() {
    for (int i = 0; i < 150; ++i) step();
    // Left alone, everybody silent, everything ends by itself.
    // Pipes of a byte a turn take their time.
    for (int i = 0; i < 5000 && (i < 40 || bench_->sessions.count() != 0); ++i) bench_->pass(300s);
    CHECK(bench_->sessions.count() == 0);
    CHECK(bench_->idle(0) + bench_->idle(1) == 0);
    const StatsTotal total = bench_->totals();
    for (const auto& [name, server] : total.servers) CHECK(server.active == 0);
    for (const auto& [name, route] : total.routes) CHECK(route.in_flight == 0);
  }

 private:
  std::size_t below(std::size_t n) { return static_cast<std::size_t>(random_.below(n)); }
  bool chance(std::size_t n) { return below(n) == 0; }
  net::MemoryOptions options() {
    static constexpr std::array<std::size_t, 4> kSizes = {1000, 5000, 64 * 1024, 1'000'000};
    net::MemoryOptions all;
    for (net::MemoryPipeOptions* pipe : {&all.first_to_second, &all.second_to_first}) {
      pipe->capacity = kSizes[below(kSizes.size())];
      if (chance(3)) pipe->max_read = 1 + below(200);
      if (chance(3)) pipe->max_write = 1 + below(200);
    }
    return all;
  }
  void poke(Wire& wire, const std::string& text) {
    if (!wire.open()) return;
    switch (below(16)) {
      case 0:
        return wire.close();
      case 1:
        return wire.reset();
      case 2:
        return wire.finish();
      case 3:
        return wire.hold();
      case 4:
        wire.hold();
        return wire.read_on();
      default:
        return wire.send(chance(6) ? text.substr(0, below(text.size()) + 1) : text);
    }
  }
  void step() {
    switch (below(24)) {
      case 0:
      case 1:
      case 2:
        bench_->client(options());
        break;
      case 3:
        bench_->connector.plan_next(chance(2) ? ECONNREFUSED : 0,
                                    static_cast<Nanos>(below(5)) * net::kSecond);
        break;
      case 4:
        bench_->pass(std::chrono::seconds(below(20)));
        break;
      case 5:
        bench_->publish();
        break;
      case 6:
        if (chance(8)) bench_->sessions.drain();
        if (chance(8)) bench_->sessions.cut();
        break;
      default:
        break;
    }
    if (!bench_->clients.empty())
      poke(*bench_->clients[below(bench_->clients.size())], kRequests[below(std::size(kRequests))]);
    bench_->settle(static_cast<int>(below(4)));
    if (!bench_->accepted.empty()) {
      const std::size_t recent = std::min<std::size_t>(bench_->accepted.size(), 6);
      poke(*bench_->accepted[bench_->accepted.size() - 1 - below(recent)].wire,
           kAnswers[below(std::size(kAnswers))]);
    }
    bench_->settle(static_cast<int>(below(4)));
  }

  Random random_;
  std::unique_ptr<Bench> bench_;
};

}  // namespace

TEST_CASE("chaos: anything at any moment") {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    CAPTURE(seed);
    Chaos(seed).run();
  }
}
