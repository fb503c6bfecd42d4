// What requests tell servers about their clients.

#include "proxy/forwarded.h"

#include <doctest/doctest.h>

#include "proxy/bench.h"

using namespace lintel;
using namespace lintel::proxy;
using namespace lintel::proxy::test;

namespace {

struct Row {
  const char* name;
  const char* peer;
  const char* fields;  ///< Sent by the client.
  const char* client_ip;
  const char* want;  ///< The forwarding fields as the server gets them, in order.
};

constexpr Row kRows[] = {
    {"nothing sent", "192.0.2.7", "", "192.0.2.7",
     "X-Forwarded-For: 192.0.2.7\n"
     "Forwarded: for=192.0.2.7;host=\"a.test:81\";proto=http\n"
     "X-Forwarded-Proto: http\n"
     "X-Forwarded-Host: a.test:81\n"
     "Via: 1.1 lintel\n"},
    {"forged by a stranger", "192.0.2.7",
     "X-Forwarded-For: 10.0.0.1\r\nForwarded: for=10.0.0.1\r\nX-Real-IP: 10.0.0.1\r\n"
     "X-Forwarded-Proto: https\r\nX-Forwarded-Host: evil\r\nX-Forwarded-Port: 1\r\n"
     "x-forwarded-for: 10.0.0.2\r\nX-FORWARDED-Prefix: /admin\r\n",
     "192.0.2.7",
     "X-Forwarded-For: 192.0.2.7\n"
     "Forwarded: for=192.0.2.7;host=\"a.test:81\";proto=http\n"
     "X-Forwarded-Proto: http\n"
     "X-Forwarded-Host: a.test:81\n"
     "Via: 1.1 lintel\n"},
    {"completed for a trusted peer", "10.1.0.1",
     "X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: shop.test\r\n",
     "203.0.113.9",
     "X-Forwarded-Proto: https\n"
     "X-Forwarded-Host: shop.test\n"
     "X-Forwarded-For: 203.0.113.9, 10.1.0.1\n"
     "Forwarded: for=10.1.0.1;host=\"a.test:81\";proto=http\n"
     "Via: 1.1 lintel\n"},
    {"several lines, the rightmost address that is not trusted", "10.1.0.1",
     "X-Forwarded-For: 1.1.1.1, 203.0.113.9\r\nX-Forwarded-For: 10.1.0.3 ,10.1.0.2\r\n", "203.0.113.9",
     "X-Forwarded-For: 1.1.1.1, 203.0.113.9, 10.1.0.3 ,10.1.0.2, 10.1.0.1\n"
     "Forwarded: for=10.1.0.1;host=\"a.test:81\";proto=http\n"
     "X-Forwarded-Proto: http\n"
     "X-Forwarded-Host: a.test:81\n"
     "Via: 1.1 lintel\n"},
    {"all trusted: the first", "10.1.0.1", "X-Forwarded-For: 10.1.0.9, 10.1.0.8\r\n", "10.1.0.9",
     "X-Forwarded-For: 10.1.0.9, 10.1.0.8, 10.1.0.1\n"
     "Forwarded: for=10.1.0.1;host=\"a.test:81\";proto=http\n"
     "X-Forwarded-Proto: http\n"
     "X-Forwarded-Host: a.test:81\n"
     "Via: 1.1 lintel\n"},
    {"nonsense ends the walk", "10.1.0.1", "X-Forwarded-For: 203.0.113.9, unknown, 10.1.0.2\r\n", "10.1.0.2",
     "X-Forwarded-For: 203.0.113.9, unknown, 10.1.0.2, 10.1.0.1\n"
     "Forwarded: for=10.1.0.1;host=\"a.test:81\";proto=http\n"
     "X-Forwarded-Proto: http\n"
     "X-Forwarded-Host: a.test:81\n"
     "Via: 1.1 lintel\n"},
    {"ports and brackets", "10.1.0.1", "X-Forwarded-For: [2001:db8::5]:443, 10.1.0.2:99\r\n", "2001:db8::5",
     "X-Forwarded-For: [2001:db8::5]:443, 10.1.0.2:99, 10.1.0.1\n"
     "Forwarded: for=10.1.0.1;host=\"a.test:81\";proto=http\n"
     "X-Forwarded-Proto: http\n"
     "X-Forwarded-Host: a.test:81\n"
     "Via: 1.1 lintel\n"},
    {"IPv6", "2001:db8::1", "", "2001:db8::1",
     "X-Forwarded-For: 2001:db8::1\n"
     "Forwarded: for=\"[2001:db8::1]\";host=\"a.test:81\";proto=http\n"
     "X-Forwarded-Proto: http\n"
     "X-Forwarded-Host: a.test:81\n"
     "Via: 1.1 lintel\n"},
    {"trusted IPv6, a list of its own Forwarded", "2001:db8:1::1", "Forwarded: for=x\r\nVia: 1.1 cdn\r\n",
     "2001:db8:1::1",
     "Via: 1.1 cdn\n"
     "X-Forwarded-For: 2001:db8:1::1\n"
     "Forwarded: for=x, for=\"[2001:db8:1::1]\";host=\"a.test:81\";proto=http\n"
     "X-Forwarded-Proto: http\n"
     "X-Forwarded-Host: a.test:81\n"
     "Via: 1.1 lintel\n"},
};

std::string line_value(std::string_view head, std::string_view name) {
  const std::size_t at = head.find("\r\n" + std::string(name) + ": ");
  if (at == std::string_view::npos) return "";
  const std::size_t begin = at + name.size() + 4;
  return std::string(head.substr(begin, head.find("\r\n", begin) - begin));
}

/// The lines of `head` but the first, Host and X-Request-Id.
std::string forwarding(std::string_view head) {
  std::string text;
  for (std::size_t at = head.find("\r\n") + 2; at < head.size();) {
    const std::size_t end = head.find("\r\n", at);
    const std::string_view line = head.substr(at, end - at);
    if (!line.empty() && !begins(line, "Host:") && !begins(line, "X-Request-Id:"))
      text.append(line).append("\n");
    at = end + 2;
  }
  return text;
}

void trust(Bench& bench) {
  std::string why;
  bench.listener().trusted_proxies.push_back(*Cidr::parse("10.1.0.0/16", why));
  bench.listener().trusted_proxies.push_back(*Cidr::parse("2001:db8:1::/48", why));
}

Wire& client_from(Bench& bench, const char* ip) {
  net::MemoryOptions options;
  options.first = *SocketAddress::from_ip(ip, 4321);
  return bench.client(options);
}

}  // namespace

TEST_CASE("forwarded: what servers are told") {
  for (const Row& row : kRows) {
    CAPTURE(row.name);
    Bench bench;
    trust(bench);
    Wire& client = client_from(bench, row.peer);
    client.send("GET / HTTP/1.1\r\nHost: A.test.:81\r\n" + std::string(row.fields) + "\r\n");
    bench.settle();
    CHECK(forwarding(bench.server().received) == row.want);
    const std::string id = line_value(bench.server().received, "X-Request-Id");
    CHECK(id.size() == 32);
    CHECK(id.find_first_not_of("0123456789abcdef") == std::string::npos);
  }
}

TEST_CASE("forwarded: the client's address") {
  for (const Row& row : kRows) {
    CAPTURE(row.name);
    Bench bench;
    trust(bench);
    bench.publish();
    http::RequestHead request;
    http::RequestHeadParser parser;
    parser.start(request, {});
    const std::string text = "GET / HTTP/1.1\r\nHost: a\r\n" + std::string(row.fields) + "\r\n";
    REQUIRE(parser.feed(text).status == http::HeadStatus::done);
    std::array<char, kIpText> out{};
    const Peer peer(*SocketAddress::from_ip(row.peer, 1));
    CHECK(client_ip(request, *bench.worker.generation->listener("web"), peer, out) == row.client_ip);
  }
}

TEST_CASE("forwarded: request ids") {
  Bench bench;
  trust(bench);
  const std::string request = "GET / HTTP/1.1\r\nHost: a\r\nX-Request-Id: theirs\r\n\r\n";
  client_from(bench, "10.1.0.1").send(request);
  bench.settle();
  CHECK(line_value(bench.server(0).received, "X-Request-Id") == "theirs");
  client_from(bench, "192.0.2.7").send(request);
  bench.settle();
  CHECK(line_value(bench.server(1).received, "X-Request-Id").size() == 32);
  CHECK(count(bench.server(1).received, "X-Request-Id") == 1);
}

TEST_CASE("forwarded: HTTP/1.0 without Host") {
  struct Local {
    const char* ip;
    std::uint16_t port;
    std::string host;
  };
  for (const Local& row :
       {Local{"198.51.100.1", 8080, "198.51.100.1:8080"}, Local{"198.51.100.1", 80, "198.51.100.1"},
        Local{"2001:db8::1", 81, "[2001:db8::1]:81"}, Local{"", 0, "localhost"}}) {
    Bench bench;
    net::MemoryOptions options;
    options.first = *SocketAddress::from_ip("192.0.2.7", 4321);
    options.second = row.port != 0 ? *SocketAddress::from_ip(row.ip, row.port)
                                   : *SocketAddress::from_unix_path("/run/lintel.sock");
    Wire& client = bench.client(options);
    client.send("GET / HTTP/1.0\r\n\r\n");
    bench.settle();
    const std::string& got = bench.server().received;
    CHECK(has(got, "Via: 1.0 lintel\r\n"));
    CHECK(has(got, "Host: " + row.host + "\r\n"));
    CHECK(has(got, "Forwarded: for=192.0.2.7;host=\"" + row.host + "\";proto=http\r\n"));
    CHECK(client.received.empty());
  }
}

TEST_CASE("forwarded: Max-Forwards counts hops") {
  struct Count {
    const char* value;
    Hops hops;
    const char* left;
  };
  for (const Count& row : {Count{"10", Hops::left, "9"}, Count{"1", Hops::left, "0"},
                           Count{"0", Hops::none_left, "0"}, Count{"000", Hops::none_left, "000"},
                           Count{"99999999999999999999", Hops::left, "255"}, Count{"", Hops::malformed, ""},
                           Count{"-1", Hops::malformed, "-1"}, Count{"1 ,2", Hops::malformed, "1 ,2"}}) {
    CAPTURE(row.value);
    http::RequestHead request;
    request.fields.add("Max-Forwards", row.value);
    CHECK(count_hop(request) == row.hops);
    CHECK(request.fields.get("max-forwards") == row.left);
  }
  http::RequestHead request;
  CHECK(count_hop(request) == Hops::left);
  CHECK(request.fields.count() == 0);
}
