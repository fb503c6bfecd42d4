// What requests and sessions are told apart by, and that they keep their servers.

#include "proxy/hash_key.h"

#include <doctest/doctest.h>

#include <set>

#include "base/hash.h"
#include "proxy/bench.h"

using namespace lintel;
using namespace lintel::proxy;
using namespace lintel::proxy::test;

namespace {

http::RequestHead head() {
  http::RequestHead request;
  request.path = request.store("/a/b");
  request.query = request.store("user=42&x=y");
  request.has_query = true;
  request.authority = request.store("a.test");
  request.fields.add("X-User", "ann");
  request.fields.add("Cookie", "k=v; sid=77");
  return request;
}

config::HashKey named(std::string config::HashKey::*what, const char* name) {
  config::HashKey key;
  key.*what = name;
  return key;
}

config::HashKey of(config::HashSource source) {
  config::HashKey key;
  key.source = source;
  return key;
}

/// Which server gets a request with these further fields.
std::string server_of(Bench& bench, const std::string& target, const std::string& fields) {
  const std::size_t before = bench.accepted.size();
  bench.client("GET " + target + " HTTP/1.1\r\nHost: a.test\r\n" + fields + "\r\n");
  REQUIRE(bench.accepted.size() == before + 1);
  return bench.accepted.back().address;
}

}  // namespace

TEST_CASE("hash key: what is named, or else the client's address") {
  const http::RequestHead request = head();
  const auto key = [&](const config::HashKey& on) { return hash_key(on, request, "192.0.2.7"); };
  const std::uint64_t address = hash_bytes("192.0.2.7");
  CHECK(key({}) == address);
  CHECK(key(named(&config::HashKey::header, "x-user")) == hash_bytes("ann"));
  CHECK(key(named(&config::HashKey::header, "Host")) == hash_bytes("a.test"));
  CHECK(key(named(&config::HashKey::header, "X-None")) == address);
  CHECK(key(named(&config::HashKey::cookie, "sid")) == hash_bytes("77"));
  CHECK(key(named(&config::HashKey::cookie, "none")) == address);
  CHECK(key(named(&config::HashKey::query, "user")) == hash_bytes("42"));
  CHECK(key(named(&config::HashKey::query, "none")) == address);
  CHECK(key(of(config::HashSource::path)) == hash_bytes("/a/b"));
  const std::uint64_t uri = key(of(config::HashSource::uri));
  CHECK(uri != hash_bytes("/a/b"));
  http::RequestHead other = head();
  other.query = other.store("user=43");
  CHECK(hash_key(of(config::HashSource::uri), other, "192.0.2.7") != uri);
  CHECK(hash_client(*SocketAddress::from_ip("192.0.2.7", 99)) == address);
  CHECK(hash_client(*SocketAddress::from_ip("::ffff:192.0.2.7", 99)) == address);
}

TEST_CASE("consistent hash: each key keeps its server, different keys have different ones") {
  for (const config::BalanceType type : {config::BalanceType::consistent_hash, config::BalanceType::maglev}) {
    Bench bench(8);
    bench.pool().balance.type = type;
    bench.pool().balance.on.header = "X-User";
    bench.pool().keepalive.max_idle = 0;
    std::set<std::string> all;
    for (int user = 0; user < 40; ++user) {
      const std::string fields = "X-User: u" + std::to_string(user) + "\r\n";
      const std::string server = server_of(bench, "/" + std::to_string(user), fields);
      CHECK(server_of(bench, "/other", fields) == server);
      all.insert(server);
    }
    CHECK(all.size() == 8);
    const std::string nobody = server_of(bench, "/", "");
    CHECK(server_of(bench, "/x", "") == nobody);
  }
}

TEST_CASE("consistent hash: a key whose server cannot be reached goes on to another, always the same") {
  Bench bench(8);
  bench.pool().balance.type = config::BalanceType::consistent_hash;
  bench.pool().balance.on.source = config::HashSource::path;
  bench.pool().keepalive.max_idle = 0;
  bench.pool().outlier.enabled = false;
  const std::string own = server_of(bench, "/x", "");
  std::set<std::string> others;
  for (int i = 0; i < 5; ++i) {
    bench.connector.plan_next(ECONNREFUSED);
    others.insert(server_of(bench, "/x", ""));
  }
  CHECK(others.size() == 1);
  CHECK_FALSE(others.contains(own));
  CHECK(server_of(bench, "/x", "") == own);
}
