// When servers are checked, and what becomes of the results.

#include "health/checks.h"

#include <doctest/doctest.h>

#include <cerrno>
#include <chrono>
#include <set>

#include "base/log.h"
#include "net/memory_connector.h"
#include "net/net_test.h"

using namespace lintel;
using namespace lintel::health;
using lintel::net::kMs;
using lintel::net::kSecond;
using lintel::net::settle;
using namespace std::chrono_literals;

namespace {

/// Servers in memory, well or not; checks of type tcp connect to them.
class Network final : public net::Connector {
 public:
  explicit Network(net::Loop& loop) : memory_(loop), loop_(loop) {}
  net::Task<Result<net::StreamPtr>> connect(const SocketAddress& address, Nanos deadline,
                                            net::CancelToken& cancel) override {
    const std::string name = address.to_string();
    starts[name].push_back(loop_.now());
    ++open;
    most_open = std::max(most_open, open);
    memory_.plan_next(down.contains(name) ? ECONNREFUSED : 0, hanging.contains(name) ? kNever : 0);
    Result<net::StreamPtr> stream = co_await memory_.connect(address, deadline, cancel);
    --open;
    while (memory_.take()) {
    }
    co_return stream;
  }

  std::set<std::string> down;
  std::set<std::string> hanging;
  std::map<std::string, std::vector<Nanos>> starts;
  std::size_t open = 0;
  std::size_t most_open = 0;

 private:
  net::MemoryConnector memory_;
  net::Loop& loop_;
};

struct Fixture {
  ManualClock clock;
  net::Loop loop{clock};
  Network network{loop};
  http::Workspace workspace{loop, 1};
  ProbeTools tools{loop, network, workspace};
  Checks checks{tools, 7};
  pool::SharedPools pools;
  config::HealthCheck check;

  Fixture() {
    check.type = config::HealthCheckType::tcp;
    log::set_level(log::Level::critical);
  }
  ~Fixture() {
    log::set_level(log::Level::info);
    checks.stop();
    settle(loop);
  }
  static std::string name_of(int number) { return "10.0.0." + std::to_string(number) + ":80"; }
  std::shared_ptr<pool::SharedServer> server(int number) {
    return pools.pool("site")->server(name_of(number));
  }
  Target target(int number, bool is_new = true) {
    Target target;
    target.subject.pool = "site";
    target.subject.server = name_of(number);
    target.subject.address = *SocketAddress::from_ip("10.0.0." + std::to_string(number), 80);
    target.subject.check = check;
    target.shared = server(number);
    target.is_new = is_new;
    return target;
  }
  void update(std::initializer_list<int> numbers, bool is_new = true) {
    std::vector<Target> targets;
    for (const int number : numbers) targets.push_back(target(number, is_new));
    checks.update(std::move(targets));
  }
  void pass(Nanos by) { net::pass_slowly(loop, clock, by, 10 * kMs); }
  std::size_t count(int number) { return network.starts[name_of(number)].size(); }
  bool is_up(int number) { return server(number)->health() == pool::Health::up; }
  const Findings& findings(int number) { return *checks.findings({"site", name_of(number)}); }
};

}  // namespace

TEST_CASE("a new server is down until it was checked, and that is at once") {
  Fixture fixture;
  const auto held = fixture.server(1);
  const auto other = fixture.server(2);
  fixture.network.down.insert(Fixture::name_of(2));
  fixture.update({1, 2});
  for (const auto& each : {held, other}) CHECK(each->health() == pool::Health::unchecked);
  settle(fixture.loop);
  CHECK(fixture.is_up(1));
  CHECK(other->health() == pool::Health::down);
  CHECK(fixture.findings(1).went_up == 1);
  CHECK(fixture.findings(2).went_down == 0);
  CHECK(fixture.findings(2).last.reason == "the connection is refused");
  fixture.network.down.clear();
  fixture.pass(6 * kSecond);
  CHECK(fixture.is_up(2));  // One check that passes is enough.
}

TEST_CASE("initial: up is for those that have time") {
  Fixture fixture;
  fixture.check.initial = config::InitialHealth::up;
  fixture.network.down.insert(Fixture::name_of(1));
  fixture.update({1});
  CHECK(fixture.is_up(1));
  fixture.pass(1 * kSecond);
  CHECK(fixture.is_up(1));
  fixture.pass(3 * kSecond);
  CHECK_FALSE(fixture.is_up(1));
}

TEST_CASE("intervals are as configured, with jitter, and shorter while the state is about to change") {
  Fixture fixture;
  fixture.update({1});
  fixture.pass(100 * kSecond);
  const std::vector<Nanos> calm = fixture.network.starts[Fixture::name_of(1)];
  CHECK(calm.size() >= 17);
  CHECK(calm.size() <= 27);
  std::set<Nanos> lengths;
  for (std::size_t i = 2; i < calm.size(); ++i) {
    CHECK(calm[i] - calm[i - 1] >= 4 * kSecond);
    CHECK(calm[i] - calm[i - 1] <= 6 * kSecond + 20 * kMs);
    lengths.insert((calm[i] - calm[i - 1]) / (100 * kMs));
  }
  CHECK(lengths.size() > 5);

  fixture.network.down.insert(Fixture::name_of(1));
  const std::size_t before = fixture.count(1);
  while (fixture.count(1) == before) fixture.pass(10 * kMs);
  CHECK(fixture.is_up(1));
  fixture.pass(2500 * kMs);  // Two more, at most 1.2 s apart.
  CHECK_FALSE(fixture.is_up(1));
  CHECK(fixture.count(1) == before + 3);
  CHECK(fixture.findings(1).went_down == 1);

  fixture.network.down.clear();
  const std::size_t down = fixture.count(1);
  while (fixture.count(1) == down) fixture.pass(10 * kMs);
  CHECK_FALSE(fixture.is_up(1));
  fixture.pass(1300 * kMs);
  CHECK(fixture.is_up(1));
  CHECK(fixture.findings(1).went_up == 2);
}

TEST_CASE("a fast interval that is longer than the interval is not kept") {
  Fixture fixture;
  fixture.check.interval = 200ms;
  fixture.check.fast_interval = 1s;
  fixture.check.jitter = 0;
  fixture.update({1});
  fixture.pass(1 * kSecond);
  fixture.network.down.insert(Fixture::name_of(1));
  fixture.pass(650 * kMs);
  CHECK_FALSE(fixture.is_up(1));
}

TEST_CASE("a check that hangs ends when its time is up, and the next one comes in time") {
  Fixture fixture;
  fixture.check.jitter = 0;
  fixture.network.hanging.insert(Fixture::name_of(1));
  fixture.update({1});
  fixture.pass(1990 * kMs);
  CHECK(fixture.network.open == 1);
  fixture.pass(50 * kMs);
  CHECK(fixture.network.open == 0);
  CHECK(fixture.findings(1).last.reason == "connecting took longer than 2s");
  CHECK(fixture.findings(1).last_duration >= 2 * kSecond);
}

TEST_CASE("a reload before the end of the first check leaves a server unchecked") {
  Fixture fixture;
  const auto held = fixture.server(1);
  fixture.network.hanging.insert(Fixture::name_of(1));
  fixture.update({1});
  settle(fixture.loop);
  fixture.check.interval = 4s;
  fixture.update({1}, false);
  settle(fixture.loop);
  CHECK(held->health() == pool::Health::unchecked);
  fixture.network.hanging.clear();
  fixture.check.interval = 3s;
  fixture.update({1}, false);
  settle(fixture.loop);
  CHECK(fixture.is_up(1));
}

TEST_CASE("a reload that changes no check disturbs none") {
  Fixture fixture;
  fixture.network.down.insert(Fixture::name_of(2));
  fixture.update({1, 2});
  fixture.pass(20 * kSecond);
  const std::size_t checks = fixture.count(1);
  CHECK_FALSE(fixture.is_up(2));
  for (int i = 0; i < 50; ++i) fixture.update({1, 2}, false);
  settle(fixture.loop);
  CHECK(fixture.count(1) == checks);
  CHECK(fixture.is_up(1));
  CHECK_FALSE(fixture.is_up(2));
  CHECK(fixture.findings(1).went_up == 1);
}

TEST_CASE("a check that a reload changes begins anew, with what is known of the server") {
  Fixture fixture;
  fixture.network.down.insert(Fixture::name_of(2));
  fixture.update({1, 2});
  fixture.pass(20 * kSecond);
  fixture.check.interval = 1s;
  fixture.update({1, 2}, false);
  CHECK(fixture.is_up(1));
  CHECK_FALSE(fixture.is_up(2));
  CHECK(fixture.findings(1).went_up == 1);
  fixture.network.starts.clear();
  fixture.pass(10 * kSecond);
  CHECK(fixture.count(1) >= 8);
  CHECK(fixture.count(1) <= 13);
  fixture.network.down.clear();
  fixture.pass(3 * kSecond);
  CHECK(fixture.is_up(2));
}

TEST_CASE("a check that is added to servers at work takes nothing away from them") {
  Fixture fixture;
  const auto held = fixture.server(1);
  fixture.update({1}, false);
  CHECK(fixture.is_up(1));
  fixture.pass(6 * kSecond);
  CHECK(fixture.count(1) >= 1);
  fixture.network.down.insert(Fixture::name_of(1));
  fixture.pass(9 * kSecond);
  CHECK_FALSE(fixture.is_up(1));
}

TEST_CASE("what is not in the configuration any more is not checked, and held for well") {
  Fixture fixture;
  const auto held = fixture.server(2);
  fixture.network.down.insert(Fixture::name_of(2));
  fixture.update({1, 2});
  fixture.pass(1 * kSecond);
  CHECK_FALSE(fixture.is_up(2));
  fixture.update({1});
  CHECK(fixture.is_up(2));
  CHECK(fixture.checks.findings({"site", Fixture::name_of(2)}) == nullptr);
  const std::size_t checks = fixture.count(2);
  fixture.pass(20 * kSecond);
  CHECK(fixture.count(2) == checks);
  CHECK(fixture.count(1) > 3);
}

TEST_CASE("a check that hangs ends with the configuration that asked for it") {
  Fixture fixture;
  fixture.network.hanging.insert(Fixture::name_of(1));
  fixture.update({1});
  settle(fixture.loop);
  CHECK(fixture.network.open == 1);
  fixture.update({});
  settle(fixture.loop);
  CHECK(fixture.network.open == 0);
}

TEST_CASE("a server that is listed twice is checked once") {
  Fixture fixture;
  fixture.update({1, 1});
  settle(fixture.loop);
  CHECK(fixture.count(1) == 1);
}

TEST_CASE("many servers are checked a bounded number at a time, and not all at once for long") {
  Fixture fixture;
  std::vector<Target> targets;
  constexpr std::size_t kServers = 1000;
  for (std::size_t i = 0; i < kServers; ++i) {
    Target target = fixture.target(1);
    target.subject.server = "s" + std::to_string(i);
    target.subject.address =
        *SocketAddress::from_ip("10.1." + std::to_string(i / 250) + '.' + std::to_string(i % 250 + 1), 80);
    target.shared = fixture.pools.pool("site")->server(target.subject.server);
    fixture.network.hanging.insert(target.subject.address.to_string());
    targets.push_back(std::move(target));
  }
  fixture.checks.update(std::move(targets));
  fixture.pass(1 * kSecond);
  CHECK(fixture.network.open == Checks::kMostAtOnce);
  fixture.pass(9 * kSecond);
  CHECK(fixture.network.starts.size() == kServers);  // All had their turn.
  CHECK(fixture.network.most_open == Checks::kMostAtOnce);

  fixture.network.hanging.clear();
  fixture.pass(30 * kSecond);
  fixture.network.starts.clear();
  fixture.pass(5 * kSecond);
  std::map<Nanos, std::size_t> by_tick;
  std::size_t all = 0;
  for (const auto& [name, starts] : fixture.network.starts) {
    for (const Nanos start : starts) ++by_tick[start / (100 * kMs)];
    all += starts.size();
  }
  CHECK(all > kServers * 9 / 10);
  for (const auto& [tick, starts] : by_tick) CHECK(starts < kServers / 10);  // A fiftieth if it were even.
}
