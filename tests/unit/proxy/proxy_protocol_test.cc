// The PROXY protocol on both sides of sessions.

#include <doctest/doctest.h>

#include "net/proxy_header.h"
#include "proxy/bench.h"

using namespace lintel;
using namespace lintel::proxy;
using namespace lintel::proxy::test;

namespace {

const std::string kLine = "PROXY TCP4 203.0.113.9 192.0.2.1 5555 80\r\n";

struct Behind : Bench {
  explicit Behind(std::string_view trusted = "192.0.2.0/24") {
    std::string why;
    listener().proxy_protocol.emplace().trusted.push_back(*Cidr::parse(trusted, why));
  }
};

}  // namespace

TEST_CASE("proxy protocol: the client is whom the header names") {
  Behind bench;
  Wire& client = bench.client(kLine + kGet);
  CHECK(has(bench.server().received, "X-Forwarded-For: 203.0.113.9\r\n"));
  bench.server().send(kOk);
  bench.settle();
  CHECK(has(client.take(), "200 OK"));
  client.send(kGet);  // The header comes once.
  bench.settle();
  bench.server().send(kOk);
  bench.settle();
  CHECK(bench.ends() == "ok ok");
}

TEST_CASE("proxy protocol: a header byte by byte") {
  Behind bench;
  Wire& client = bench.client();
  for (const char c : kLine + kGet) {
    client.send(std::string_view(&c, 1));
    bench.settle(4);
  }
  bench.settle();
  CHECK(has(bench.server().received, "X-Forwarded-For: 203.0.113.9\r\n"));
}

TEST_CASE("proxy protocol: who says nothing of a client is the client") {
  for (const std::string& header :
       {std::string("PROXY UNKNOWN\r\n"), std::string("\r\n\r\n\0\r\nQUIT\n\x20\0\0\0", 16)}) {
    Behind bench;
    bench.client(header + kGet);
    CHECK(has(bench.server().received, "X-Forwarded-For: 192.0.2.7\r\n"));
  }
}

TEST_CASE("proxy protocol: refused connections") {
  struct Row {
    std::string sent;
    std::string end;
  };
  const Row rows[] = {
      {kGet, "client.proxy_header"}, {"PROXY TCP4 nonsense\r\n", "client.proxy_header"}, {"PROXY TC", ""}};
  for (const Row& row : rows) {
    CAPTURE(row.sent);
    Behind bench;
    Wire& client = bench.client(row.sent);
    CHECK(bench.ends() == row.end);
    if (row.end.empty()) {
      bench.pass(6s);
      CHECK(bench.ends() == "client.timeout_proxy_header");
    }
    bench.settle();
    CHECK(client.error == ErrorCode::reset);
    CHECK(bench.accepted.empty());
  }
  Behind untrusting("198.51.100.0/24");
  Wire& client = untrusting.client(kLine + kGet);
  CHECK(untrusting.ends() == "client.untrusted");
  untrusting.settle();
  CHECK(client.error == ErrorCode::reset);
}

TEST_CASE("proxy protocol: ends and cuts within the header") {
  {
    Behind bench;
    Wire& client = bench.client();
    client.finish();  // As a health check does.
    bench.settle();
    CHECK(bench.ends() == "client.idle_close");
  }
  {
    Behind bench;
    Wire& client = bench.client("PROXY");
    client.finish();
    bench.settle();
    CHECK(bench.ends() == "client.abort_header");
  }
  {
    Behind bench;
    bench.client("PROXY");
    bench.sessions.drain();
    bench.settle();
    CHECK(bench.sessions.count() == 1);
    bench.sessions.cut();
    bench.settle();
    CHECK(bench.ends() == "local.shutdown");
    CHECK(bench.sessions.count() == 0);
  }
  {
    Behind bench;  // Drained while it opens: one request is served, and no more.
    Wire& client = bench.client("PROXY");
    bench.sessions.drain();
    client.send(kLine.substr(5) + kGet);
    bench.settle();
    bench.server().send(kOk);
    bench.settle();
    CHECK(has(client.received, "Connection: close\r\n"));
    CHECK(client.ended);
  }
}

TEST_CASE("proxy protocol: a tcp session begins after the header") {
  Behind bench;
  bench.listener().protocol = config::Protocol::tcp;
  bench.client(kLine + "hello");
  CHECK(bench.server().take() == "hello");
}

TEST_CASE("proxy protocol: servers are told who the client is") {
  for (const bool tcp : {false, true}) {
    CAPTURE(tcp);
    Bench bench;
    if (tcp) bench.listener().protocol = config::Protocol::tcp;
    bench.pool().proxy_protocol = config::SendProxy::v1;
    bench.client(kGet);
    CHECK(begins(bench.server().received, "PROXY TCP4 192.0.2.7 192.0.2.1 4321 80\r\nGET /x HTTP/1.1\r\n"));
  }
}

TEST_CASE("proxy protocol: what came from before goes on, with an id") {
  Behind bench;
  bench.pool().proxy_protocol = config::SendProxy::v2;
  net::ProxyHeader sent;
  sent.source = *SocketAddress::from_ip("203.0.113.9", 5555);
  sent.destination = *SocketAddress::from_ip("198.51.100.1", 443);
  sent.authority = "a.test";
  Buffer out;
  append_proxy_header(out, sent, 2);
  bench.client(std::string(out.view()) + kGet);
  net::ProxyHeader got;
  const net::ProxyParse parsed = net::parse_proxy_header(bench.server().received, got);
  REQUIRE(parsed.status == net::ProxyParse::Status::done);
  CHECK(got.source == sent.source);
  CHECK(got.destination == sent.destination);
  CHECK(got.authority == "a.test");
  CHECK(got.unique_id.size() == 32);
  CHECK(begins(std::string_view(bench.server().received).substr(parsed.size), "GET /x"));
}

TEST_CASE("proxy protocol: a connection that names a client is not another's") {
  Bench bench;
  bench.pool().proxy_protocol = config::SendProxy::v2;
  for (std::size_t i = 0; i < 3; ++i) {
    Wire& client = bench.client(kGet);
    bench.server(i).send(kOk);
    bench.settle();
    CHECK(has(client.received, "200 OK"));
    CHECK(bench.idle() == 0);
    CHECK(bench.server(i).over());
  }
}
