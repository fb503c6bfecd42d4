#include "app/names.h"

#include <doctest/doctest.h>

#include <deque>
#include <optional>

#include "net/net_test.h"

namespace lintel::app {
namespace {

using net::kMs;
using net::kSecond;
using net::Task;
using namespace std::chrono_literals;

Error error_of(ErrorCode code, const char* context) {
  Error error;
  error.code = code;
  error.context = context;
  return error;
}

net::HostAnswer addresses(std::initializer_list<const char*> ips, Nanos ttl) {
  net::HostAnswer answer;
  for (const char* ip : ips) answer.addresses.push_back(SocketAddress::from_ip(ip, 0).value());
  answer.ttl = ttl;
  return answer;
}

/// Answers from a table, at once, or not before it is told to.
class FakeResolver final : public net::Resolver {
 public:
  explicit FakeResolver(net::Loop& loop) : gate_(loop) {}

  Task<Result<net::HostAnswer>> host(std::string name, net::Families families) override {
    ++asked[name];
    had[name] = families;
    if (silent) co_await gate_.wait(3'600 * kSecond);
    if (canceled_) co_return unexpected(error_of(ErrorCode::canceled, "canceled"));
    const auto found = hosts.find(name);
    if (found == hosts.end()) co_return unexpected(error_of(ErrorCode::resolve, "there is no such name"));
    co_return found->second;
  }
  Task<Result<net::ServiceAnswer>> services(std::string name) override {
    ++asked[name];
    const auto found = records.find(name);
    if (found == records.end()) co_return unexpected(error_of(ErrorCode::resolve, "there is no such name"));
    co_return found->second;
  }
  void cancel() noexcept override {
    canceled_ = true;
    gate_.end();
  }

  std::map<std::string, Result<net::HostAnswer>> hosts;
  std::map<std::string, Result<net::ServiceAnswer>> records;
  std::map<std::string, int> asked;
  std::map<std::string, net::Families> had;
  bool silent = false;

 private:
  net::Pause gate_;
  bool canceled_ = false;
};

struct Fixture {
  ManualClock clock;
  net::Loop loop{clock};
  FakeResolver resolver{loop};
  int changes = 0;
  Names names{loop, resolver, 7, [this] { ++changes; }};
  config::Resolver settings;

  ~Fixture() {
    names.end();
    net::settle(loop);
  }
  void follow(std::initializer_list<Name> list) {
    names.follow(list, settings);
    net::settle(loop);
  }
  void pass(Nanos by) { net::pass_slowly(loop, clock, by, 100 * kMs); }
  std::string found(const Name& name) {
    const std::vector<Found>* list = names.find(name);
    if (list == nullptr) return "unknown";
    std::string text;
    for (const Found& each : *list) text += (text.empty() ? "" : " ") + each.ip;
    return text;
  }
  proxy::ResolverInfo info() {
    proxy::ResolverInfo info;
    names.describe(info);
    return info;
  }
};

const Name kApi{Name::Kind::host, "api.test"};
const Name kService{Name::Kind::srv, "_http._tcp.api.test"};

TEST_CASE("a name is looked up again when the time of its answer is over, and not before") {
  Fixture at;
  at.settings.min_ttl = 1s;
  at.resolver.hosts["api.test"] = addresses({"10.0.0.2", "10.0.0.1"}, 10 * kSecond);
  at.follow({kApi});
  CHECK(at.found(kApi) == "10.0.0.1 10.0.0.2");  // In the same order whatever the name server's is.
  CHECK(at.changes == 1);
  at.resolver.hosts["api.test"] = addresses({"10.0.0.3"}, 10 * kSecond);
  at.pass(9'900 * kMs);
  CHECK(at.resolver.asked["api.test"] == 1);
  CHECK(at.found(kApi) == "10.0.0.1 10.0.0.2");
  at.pass(1'300 * kMs);  // A tenth more, at random.
  CHECK(at.resolver.asked["api.test"] == 2);
  CHECK(at.found(kApi) == "10.0.0.3");
  CHECK(at.changes == 2);
  at.pass(12 * kSecond);
  CHECK(at.resolver.asked["api.test"] == 3);
  CHECK(at.changes == 2);  // The same answer changes nothing.
}

TEST_CASE("the time of an answer has a floor and a ceiling") {
  struct Row {
    Nanos ttl;
    Nanos before, after;
  };
  for (const Row& row : {Row{0, 1'900 * kMs, 400 * kMs}, Row{3600 * kSecond, 19'900 * kMs, 2'300 * kMs}}) {
    Fixture at;
    at.settings.min_ttl = 2s;
    at.settings.max_ttl = 20s;
    at.resolver.hosts["api.test"] = addresses({"10.0.0.1"}, row.ttl);
    at.follow({kApi});
    at.pass(row.before);
    CHECK(at.resolver.asked["api.test"] == 1);
    at.pass(row.after);
    CHECK(at.resolver.asked["api.test"] == 2);
  }
}

TEST_CASE("look-ups of many names are spread") {
  Fixture at;
  std::set<Name> names;
  for (int i = 0; i < 40; ++i) {
    const std::string name = "n" + std::to_string(i) + ".test";
    at.resolver.hosts[name] = addresses({"10.0.0.1"}, 100 * kSecond);
    names.insert({Name::Kind::host, name});
  }
  at.names.follow(names, at.settings);
  net::settle(at.loop);
  const auto again = [&] {
    int count = 0;
    for (const auto& [name, asked] : at.resolver.asked) count += asked - 1;
    return count;
  };
  at.pass(100 * kSecond - 100 * kMs);
  CHECK(again() == 0);
  at.pass(5 * kSecond);
  CHECK(again() > 8);
  CHECK(again() < 32);
  at.pass(5'500 * kMs);
  CHECK(again() == 40);
}

TEST_CASE("a name that fails keeps its last good answer, and is tried again with growing patience") {
  Fixture at;
  at.settings.retry = 1s;
  at.settings.max_retry = 4s;
  at.resolver.hosts["api.test"] = addresses({"10.0.0.1"}, 5 * kSecond);
  at.follow({kApi});
  at.resolver.hosts["api.test"] = unexpected(error_of(ErrorCode::timeout, "no name server answers in time"));
  at.pass(5'700 * kMs);
  CHECK(at.resolver.asked["api.test"] == 2);
  CHECK(at.found(kApi) == "10.0.0.1");
  CHECK(at.changes == 1);
  REQUIRE(at.info().names.size() == 1);
  CHECK(at.info().names[0].failures == 1);
  CHECK(at.info().names[0].last_error == "no name server answers in time");
  CHECK(at.info().names[0].age >= 5 * kSecond);
  CHECK(at.info().lookups_timeout == 1);
  at.pass(60 * kSecond);  // After 1, 2, 4, 4, 4… seconds and up to a tenth.
  CHECK(at.resolver.asked["api.test"] >= 2 + 15);
  CHECK(at.resolver.asked["api.test"] <= 2 + 17);
  CHECK(at.found(kApi) == "10.0.0.1");
  at.resolver.hosts["api.test"] = addresses({"10.0.0.2"}, 50 * kSecond);
  at.pass(4'500 * kMs);
  CHECK(at.found(kApi) == "10.0.0.2");
  CHECK(at.info().names[0].failures == 0);
  CHECK(at.info().names[0].last_error.empty());
  CHECK(at.changes == 2);
}

TEST_CASE("a family that cannot be asked for keeps its addresses, and is asked for again soon") {
  Fixture at;
  at.settings.retry = 1s;
  at.resolver.hosts["api.test"] = addresses({"10.0.0.1", "2001:db8::1"}, 10 * kSecond);
  at.follow({kApi});
  CHECK(at.resolver.had["api.test"] == net::Families());
  net::HostAnswer part = addresses({"10.0.0.2"}, 10 * kSecond);
  part.unknown.ipv6 = true;
  part.failure = error_of(ErrorCode::timeout, "no name server answers in time");
  at.resolver.hosts["api.test"] = part;
  at.pass(11'200 * kMs);
  CHECK(at.resolver.had["api.test"] == net::Families{.ipv4 = true, .ipv6 = true});
  CHECK(at.found(kApi) == "10.0.0.2 2001:db8::1");
  CHECK(at.info().lookups_partial == 1);
  CHECK(at.info().names[0].failures == 0);
  CHECK(at.info().names[0].last_error == "IPv6 addresses of api.test: no name server answers in time");
  at.pass(1'200 * kMs);
  CHECK(at.info().lookups_partial == 2);
  CHECK(at.changes == 2);
  at.resolver.hosts["api.test"] = addresses({"10.0.0.2"}, 10 * kSecond);  // Now they are gone.
  at.pass(1'200 * kMs);
  CHECK(at.found(kApi) == "10.0.0.2");
  CHECK(at.info().names[0].last_error.empty());
  CHECK(at.info().lookups_partial == 2);
}

TEST_CASE("a name that vanishes keeps its answer too") {
  Fixture at;
  at.resolver.hosts["api.test"] = addresses({"10.0.0.1"}, kSecond);
  at.follow({kApi});
  at.resolver.hosts.clear();
  at.pass(3 * kSecond);
  CHECK(at.found(kApi) == "10.0.0.1");
  CHECK(at.info().lookups_not_found >= 1);
}

TEST_CASE("waiting for first answers: until all are there, however they are, or time is up") {
  Fixture at;
  at.settings.retry = 100s;
  at.settings.max_retry = 100s;
  at.resolver.hosts["api.test"] = addresses({"10.0.0.1"}, 100 * kSecond);
  int settled = 0;
  at.follow({kApi, {Name::Kind::host, "lost.test"}});
  at.names.when_settled(2 * kSecond, [&] { ++settled; });
  CHECK(settled == 1);

  at.resolver.silent = true;
  at.follow({kApi, {Name::Kind::host, "slow.test"}});
  at.names.when_settled(2 * kSecond, [&] { ++settled; });
  at.pass(1'900 * kMs);
  CHECK(settled == 1);
  at.pass(300 * kMs);
  CHECK(settled == 2);
  CHECK(at.found({Name::Kind::host, "slow.test"}) == "unknown");
}

TEST_CASE("names that are not followed any more are forgotten; hurry tries those that fail") {
  Fixture at;
  at.settings.retry = 30s;
  const Name lost{Name::Kind::host, "lost.test"};
  at.resolver.hosts["api.test"] = addresses({"10.0.0.1"}, 100 * kSecond);
  at.follow({kApi, lost});
  CHECK(at.resolver.asked["lost.test"] == 1);
  at.names.hurry();
  net::settle(at.loop);
  CHECK(at.resolver.asked["lost.test"] == 2);
  CHECK(at.resolver.asked["api.test"] == 1);
  at.follow({lost});
  CHECK(at.found(kApi) == "unknown");
  CHECK(at.info().names.size() == 1);
  at.pass(200 * kSecond);
  CHECK(at.resolver.asked["api.test"] == 1);
}

TEST_CASE("of an answer without end only so many addresses are used, always the same ones") {
  Fixture at;
  net::HostAnswer answer;
  answer.ttl = 10 * kSecond;
  for (int i = 299; i >= 0; --i)
    answer.addresses.push_back(
        SocketAddress::from_ip("10.0." + std::to_string(i / 100) + '.' + std::to_string(i % 100), 0).value());
  at.resolver.hosts["api.test"] = answer;
  at.follow({kApi});
  REQUIRE(at.names.find(kApi) != nullptr);
  CHECK(at.names.find(kApi)->size() == Names::kMostAddresses);
  std::reverse(answer.addresses.begin(), answer.addresses.end());
  at.resolver.hosts["api.test"] = answer;
  at.pass(12 * kSecond);
  CHECK(at.changes == 1);
}

TEST_CASE("SRV: the targets' addresses with ports and weights; the shortest time counts") {
  Fixture at;
  at.resolver.records["_http._tcp.api.test"] = net::ServiceAnswer{
      {{"a.test", 8001, 10, 3}, {"b.test", 8002, 10, 1}, {"b.test", 8003, 20, 0}}, 60 * kSecond};
  at.resolver.hosts["a.test"] = addresses({"10.0.0.1"}, 30 * kSecond);
  at.resolver.hosts["b.test"] = addresses({"10.0.0.2", "2001:db8::2"}, 5 * kSecond);
  at.follow({kService});
  REQUIRE(at.names.find(kService) != nullptr);
  const std::vector<Found> expected = {{"a.test", 8001, "10.0.0.1", 10, 3},
                                       {"b.test", 8002, "10.0.0.2", 10, 1},
                                       {"b.test", 8002, "2001:db8::2", 10, 1},
                                       {"b.test", 8003, "10.0.0.2", 20, 0},
                                       {"b.test", 8003, "2001:db8::2", 20, 0}};
  CHECK(*at.names.find(kService) == expected);
  CHECK(at.resolver.asked["b.test"] == 1);
  at.pass(5'600 * kMs);
  CHECK(at.resolver.asked["_http._tcp.api.test"] == 2);
}

TEST_CASE("SRV: a target that cannot be looked up keeps its addresses, one that is gone loses them") {
  Fixture at;
  at.resolver.records["_http._tcp.api.test"] =
      net::ServiceAnswer{{{"a.test", 80, 0, 1}, {"b.test", 80, 0, 1}}, 10 * kSecond};
  at.resolver.hosts["a.test"] = addresses({"10.0.0.1"}, 10 * kSecond);
  at.resolver.hosts["b.test"] = addresses({"10.0.0.2"}, 10 * kSecond);
  at.follow({kService});
  CHECK(at.found(kService) == "10.0.0.1 10.0.0.2");
  at.resolver.hosts["a.test"] = unexpected(error_of(ErrorCode::timeout, "no name server answers in time"));
  at.pass(11'200 * kMs);
  CHECK(at.found(kService) == "10.0.0.1 10.0.0.2");
  at.resolver.hosts.erase("b.test");
  at.pass(3 * kSecond);  // What was not complete is asked for again soon.
  CHECK(at.found(kService) == "10.0.0.1");
  at.resolver.hosts.clear();
  at.pass(20 * kSecond);  // Nothing at all is no answer.
  CHECK(at.found(kService) == "10.0.0.1");
  CHECK(at.info().names[0].failures > 0);
}

TEST_CASE("SRV: a target's family that cannot be asked for keeps its addresses") {
  Fixture at;
  at.resolver.records["_http._tcp.api.test"] =
      net::ServiceAnswer{{{"a.test", 80, 0, 1}, {"a.test", 81, 3, 2}}, kSecond};
  at.resolver.hosts["a.test"] = addresses({"10.0.0.1", "2001:db8::1"}, kSecond);
  at.follow({kService});
  net::HostAnswer part = addresses({"10.0.0.1"}, kSecond);
  part.unknown.ipv6 = true;
  part.failure = error_of(ErrorCode::timeout, "no name server answers in time");
  at.resolver.hosts["a.test"] = part;
  at.resolver.records["_http._tcp.api.test"] =
      net::ServiceAnswer{{{"a.test", 80, 0, 5}, {"a.test", 82, 3, 2}}, kSecond};
  at.pass(1'500 * kMs);
  REQUIRE(at.names.find(kService) != nullptr);
  const std::vector<Found> expected = {{"a.test", 80, "10.0.0.1", 0, 5},
                                       {"a.test", 80, "2001:db8::1", 0, 5},
                                       {"a.test", 82, "10.0.0.1", 3, 2}};
  CHECK(*at.names.find(kService) == expected);
  CHECK(at.info().lookups_partial >= 1);
}

TEST_CASE("SRV: a service that is said not to be offered has no servers") {
  Fixture at;
  at.resolver.records["_http._tcp.api.test"] = net::ServiceAnswer{{{"a.test", 80, 0, 1}}, kSecond};
  at.resolver.hosts["a.test"] = addresses({"10.0.0.1"}, kSecond);
  at.follow({kService});
  CHECK(at.found(kService) == "10.0.0.1");
  at.resolver.records["_http._tcp.api.test"] = net::ServiceAnswer{{}, kSecond};
  at.pass(2 * kSecond);
  CHECK(at.found(kService).empty());
  CHECK(at.changes == 2);
}

TEST_CASE("the end does not wait for name servers") {
  ManualClock clock;
  net::Loop loop(clock);
  FakeResolver resolver(loop);
  resolver.silent = true;
  Names names(loop, resolver, 1, [] {});
  names.follow({kApi}, config::Resolver());
  net::settle(loop);
  names.end();
  net::settle(loop);
  CHECK(names.find(kApi) == nullptr);
}

}  // namespace
}  // namespace lintel::app
