#include "net/dns_resolver.h"

#include <doctest/doctest.h>
#include <netinet/in.h>

#include <array>
#include <memory>
#include <string>

#include "name_server.h"
#include "net/scope.h"
#include "net_test.h"

using namespace lintel;
using namespace lintel::net;

namespace {

Task<void> look_up_host(Resolver& resolver, std::string name, Families had, Outcome<HostAnswer>& outcome) {
  outcome.result = co_await resolver.host(std::move(name), had);
  ++outcome.times;
}

Task<void> look_up_services(Resolver& resolver, std::string name, Outcome<ServiceAnswer>& outcome) {
  outcome.result = co_await resolver.services(std::move(name));
  ++outcome.times;
}

std::string text_of(const HostAnswer& answer) {
  std::vector<std::string> ips;
  for (const SocketAddress& address : answer.addresses) {
    std::array<char, INET6_ADDRSTRLEN> text;
    ips.emplace_back(address.ip_to(text));
  }
  std::sort(ips.begin(), ips.end());
  std::string out;
  for (const std::string& ip : ips) out += (out.empty() ? "" : " ") + ip;
  return out;
}

struct Fixture {
  NameServer server;
  Loop loop;
  DnsSettings settings{
      .servers = {server.address()}, .timeout = 100 * kMs, .attempts = 2, .family = Family::any};
  DnsResolver resolver{loop, settings};
  Scope scope;

  HostAnswer ask(const std::string& name, Families had = {}) {
    Outcome<HostAnswer> outcome;
    scope.spawn(look_up_host(resolver, name, had, outcome));
    REQUIRE(turn_until(loop, [&] { return outcome.times == 1; }));
    if (!outcome.result) FAIL(outcome.result.error().context);
    return *outcome.result;
  }
  Error failure(const std::string& name, Families had = {}) {
    Outcome<HostAnswer> outcome;
    scope.spawn(look_up_host(resolver, name, had, outcome));
    REQUIRE(turn_until(loop, [&] { return outcome.times == 1; }));
    REQUIRE_FALSE(outcome.result);
    return outcome.result.error();
  }
};

const Says kNothing{.kind = Says::Kind::nothing};
const Says kServfail{.code = 2};
const Says kNone{};

}  // namespace

TEST_CASE("both families' addresses come, and the shortest time counts") {
  Fixture at;
  at.server.say("api.test", kA,
                {.records = {address_record("10.0.0.1", 30), address_record("10.0.0.2", 20)}});
  at.server.say("api.test", kAaaa, {.records = {address_record("2001:db8::1", 10)}});
  const HostAnswer answer = at.ask("api.test");
  CHECK(text_of(answer) == "10.0.0.1 10.0.0.2 2001:db8::1");
  CHECK(answer.ttl == 10 * kSecond);
  CHECK(answer.unknown == Families());
}

TEST_CASE("an answer that is not to be kept says so") {
  Fixture at;
  at.server.say("api.test", kA, {.records = {address_record("10.0.0.1", 0)}});
  at.server.say("api.test", kAaaa, kNone);
  CHECK(at.ask("api.test").ttl == 0);
}

TEST_CASE("only the family that is wanted is asked for") {
  Fixture at;
  at.settings.family = Family::ipv4;
  at.resolver.configure(at.settings);
  at.server.say("api.test", kA, {.records = {address_record("10.0.0.1")}});
  at.server.say("api.test", kAaaa, {.records = {address_record("2001:db8::1")}});
  CHECK(text_of(at.ask("api.test", {.ipv4 = true, .ipv6 = true})) == "10.0.0.1");
  CHECK(at.server.asked("api.test", kAaaa) == 0);
}

TEST_CASE("an alias is followed, its time counts too, and one that leads in a circle ends") {
  Fixture at;
  const Record first = cname_record("api.test", "b.test", 5);
  Record last = address_record("10.0.0.1", 50);
  last.owner = "b.test";
  at.server.say("api.test", kA, {.records = {first, last}});
  at.server.say("api.test", kAaaa, {.records = {first}});
  const HostAnswer answer = at.ask("api.test");
  CHECK(text_of(answer) == "10.0.0.1");
  CHECK(answer.ttl == 5 * kSecond);
  const Says circle{.records = {cname_record("loop.test", "b.test"), cname_record("b.test", "loop.test")}};
  at.server.say("loop.test", kA, circle);
  at.server.say("loop.test", kAaaa, circle);
  CHECK(at.failure("loop.test").code == ErrorCode::resolve);
}

TEST_CASE("what fails tells how") {
  struct Row {
    const char* what;
    Says says;
    ErrorCode code;
    std::string context;
  };
  const Row rows[] = {
      {"no such name", {.code = 3}, ErrorCode::resolve, "there is no such name"},
      {"no address", kNone, ErrorCode::resolve, "the name has no record of that kind"},
      {"silence", kNothing, ErrorCode::timeout, "no name server answers in time"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.what);
    Fixture at;
    at.server.say("api.test", kA, row.says);
    at.server.say("api.test", kAaaa, row.says);
    const Error error = at.failure("api.test");
    CHECK(error.code == row.code);
    CHECK(error.context == row.context);
  }
}

TEST_CASE("a name server that cannot say is no name that does not exist") {
  for (const int code : {2, 4, 5}) {  // SERVFAIL, NOTIMP, REFUSED.
    Fixture at;
    at.server.say("api.test", kA, {.code = code});
    at.server.say("api.test", kAaaa, {.code = code});
    const Error error = at.failure("api.test");
    CHECK((error.code == ErrorCode::refused || error.code == ErrorCode::system));
  }
}

TEST_CASE("garbage is no answer, and does no harm") {
  Fixture at;
  at.server.say("api.test", kA, {.kind = Says::Kind::garbage});
  at.server.say("api.test", kAaaa, {.kind = Says::Kind::garbage});
  static_cast<void>(at.failure("api.test"));
  Record cut = address_record("10.0.0.1");
  cut.data.resize(3);
  at.server.say("cut.test", kA, {.records = {cut}});
  at.server.say("cut.test", kAaaa, kNone);
  static_cast<void>(at.failure("cut.test"));
  at.server.say("api.test", kA, {.records = {address_record("10.0.0.1")}});
  at.server.say("api.test", kAaaa, kNone);
  CHECK(text_of(at.ask("api.test")) == "10.0.0.1");
}

TEST_CASE("a name server that is not there is told of") {
  Fixture at;
  at.settings.servers = {*SocketAddress::from_ip("127.0.0.1", 1)};
  at.resolver.configure(at.settings);
  const Error error = at.failure("api.test");
  CHECK((error.code == ErrorCode::refused || error.code == ErrorCode::timeout));
}

TEST_CASE("a family that fails beside the other is unknown, if there was something of it") {
  for (const Says& failing : {kNothing, kServfail}) {
    Fixture at;
    at.server.say("api.test", kA, {.records = {address_record("10.0.0.1")}});
    at.server.say("api.test", kAaaa, failing);
    HostAnswer answer = at.ask("api.test");
    CHECK(text_of(answer) == "10.0.0.1");
    CHECK(answer.unknown == Families());
    answer = at.ask("api.test", {.ipv4 = true, .ipv6 = true});
    CHECK(text_of(answer) == "10.0.0.1");
    CHECK(answer.unknown == Families{.ipv6 = true});
    CHECK(std::string_view(answer.failure.context) != "");

    at.server.say("api.test", kA, failing);
    at.server.say("api.test", kAaaa, {.records = {address_record("2001:db8::1")}});
    answer = at.ask("api.test", {.ipv4 = true, .ipv6 = true});
    CHECK(text_of(answer) == "2001:db8::1");
    CHECK(answer.unknown == Families{.ipv4 = true});
  }
}

TEST_CASE("a family that has gone is not unknown, and one that is there after all is taken") {
  Fixture at;
  at.server.say("api.test", kA, {.records = {address_record("10.0.0.1")}});
  for (const Says& gone : {kNone, Says{.code = 3}}) {
    at.server.say("api.test", kAaaa, gone);
    const HostAnswer answer = at.ask("api.test", {.ipv4 = true, .ipv6 = true});
    CHECK(text_of(answer) == "10.0.0.1");
    CHECK(answer.unknown == Families());
  }
  // Both attempts of the first question fail; the second question finds them.
  at.server.say("api.test", kAaaa, {.records = {address_record("2001:db8::1", 7)}, .from = 3});
  const HostAnswer answer = at.ask("api.test", {.ipv6 = true});
  CHECK(text_of(answer) == "10.0.0.1 2001:db8::1");
  CHECK(answer.ttl == 7 * kSecond);
  CHECK(answer.unknown == Families());
}

TEST_CASE("a look-up that waits can be canceled, at any stage, and the next one works") {
  Fixture at;
  at.server.say("api.test", kA, {.records = {address_record("10.0.0.1")}});
  at.server.say("api.test", kAaaa, kNothing);
  at.settings.timeout = 60 * kSecond;
  at.resolver.configure(at.settings);
  Outcome<HostAnswer> outcome;
  at.scope.spawn(look_up_host(at.resolver, "api.test", {.ipv6 = true}, outcome));
  REQUIRE(turn_until(at.loop, [&] { return at.server.asked("api.test", kAaaa) == 1; }));
  CHECK(outcome.times == 0);
  at.resolver.cancel();
  settle(at.loop);
  CHECK(outcome.failed_with(ErrorCode::canceled));

  at.settings.timeout = 300 * kMs;  // The second question is the one that is canceled.
  at.settings.attempts = 1;
  at.resolver.configure(at.settings);
  at.server.say("api.test", kAaaa, kNothing);
  outcome = {};
  at.scope.spawn(look_up_host(at.resolver, "api.test", {.ipv6 = true}, outcome));
  REQUIRE(turn_until(at.loop, [&] { return at.server.asked("api.test", kAaaa) == 2; }));
  CHECK(outcome.times == 0);
  at.resolver.cancel();
  settle(at.loop);
  CHECK(outcome.failed_with(ErrorCode::canceled));

  at.server.say("api.test", kAaaa, kNone);
  CHECK(text_of(at.ask("api.test")) == "10.0.0.1");
}

TEST_CASE("with other settings others are asked, and what waits is canceled") {
  Fixture at;
  at.server.say("api.test", kA, kNothing);
  at.server.say("api.test", kAaaa, kNothing);
  at.settings.timeout = 60 * kSecond;
  at.resolver.configure(at.settings);
  Outcome<HostAnswer> outcome;
  at.scope.spawn(look_up_host(at.resolver, "api.test", {}, outcome));
  REQUIRE(turn_until(at.loop, [&] { return at.server.asked("api.test", kA) == 1; }));
  at.resolver.configure(at.settings);  // The same.
  settle(at.loop);
  CHECK(outcome.times == 0);
  NameServer other;
  other.say("api.test", kA, {.records = {address_record("10.0.0.9")}});
  at.settings.servers = {other.address()};
  at.resolver.configure(at.settings);
  settle(at.loop);
  CHECK(outcome.failed_with(ErrorCode::canceled));
  CHECK(text_of(at.ask("api.test")) == "10.0.0.9");
}

TEST_CASE("many look-ups go on beside each other") {
  Fixture at;
  constexpr int kCount = 200;
  std::vector<std::unique_ptr<Outcome<HostAnswer>>> outcomes;
  for (int i = 0; i < kCount; ++i) {
    const std::string name = "n" + std::to_string(i) + ".test";
    at.server.say(name, kA, {.records = {address_record("10.0.0." + std::to_string(i))}});
    outcomes.push_back(std::make_unique<Outcome<HostAnswer>>());
    at.scope.spawn(look_up_host(at.resolver, name, {}, *outcomes.back()));
  }
  REQUIRE(turn_until(at.loop, [&] { return at.scope.count() == 0; }));
  for (int i = 0; i < kCount; ++i) {
    REQUIRE(outcomes[i]->result);
    CHECK(text_of(*outcomes[i]->result) == "10.0.0." + std::to_string(i));
  }
}

TEST_CASE("SRV records, or why there are none") {
  Fixture at;
  at.server.say("_http._tcp.api.test", kSrv, {.records = {srv_record("A.test", 8001, 9)}});
  at.server.say("_lost._tcp.api.test", kSrv, kNone);
  Outcome<ServiceAnswer> outcome;
  at.scope.spawn(look_up_services(at.resolver, "_http._tcp.api.test", outcome));
  REQUIRE(turn_until(at.loop, [&] { return outcome.times == 1; }));
  REQUIRE(outcome.result);
  REQUIRE(outcome.result->records.size() == 1);
  CHECK(outcome.result->records[0].target == "a.test");
  CHECK(outcome.result->records[0].port == 8001);
  CHECK(outcome.result->ttl == 9 * kSecond);
  for (const char* name : {"_lost._tcp.api.test", "_none._tcp.api.test"}) {
    outcome = {};
    at.scope.spawn(look_up_services(at.resolver, name, outcome));
    REQUIRE(turn_until(at.loop, [&] { return outcome.times == 1; }));
    CHECK(outcome.failed_with(ErrorCode::resolve));
  }
}

TEST_CASE("names of /etc/hosts are not asked for") {
  Fixture at;
  at.server.say("localhost", kA, {.records = {address_record("10.0.0.1")}});
  const HostAnswer answer = at.ask("localhost");
  CHECK(answer.addresses[0].is_loopback());
  CHECK(at.server.asked("localhost", kA) == 0);
}
