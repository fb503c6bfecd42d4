#include "proxy/udp_table.h"

#include <arpa/inet.h>
#include <doctest/doctest.h>

#include <cstring>
#include <memory>
#include <vector>

using namespace lintel;
using namespace lintel::proxy;

namespace {

sockaddr_in6 v4(std::uint32_t ip, std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(ip);
  address.sin_port = htons(port);
  sockaddr_in6 out;
  std::memset(&out, 0xab, sizeof out);  // What lies behind an IPv4 address must not matter.
  std::memcpy(&out, &address, sizeof address);
  return out;
}

sockaddr_in6 v6(const char* ip, std::uint16_t port, std::uint32_t scope = 0) {
  sockaddr_in6 out{};
  out.sin6_family = AF_INET6;
  REQUIRE(inet_pton(AF_INET6, ip, &out.sin6_addr) == 1);
  out.sin6_port = htons(port);
  out.sin6_scope_id = scope;
  return out;
}

net::LocalAddress to_v4(std::uint8_t last) {
  net::LocalAddress out;
  out.kind = net::LocalAddress::Kind::v4;
  out.bytes[3] = std::byte{last};
  return out;
}

}  // namespace

TEST_CASE("a session's key is the client's address and port and the address of ours") {
  const UdpKey key(v4(0x0a000001, 53), to_v4(1));
  sockaddr_in6 same = v4(0x0a000001, 53);
  std::memset(reinterpret_cast<char*>(&same) + sizeof(sockaddr_in), 0, sizeof same - sizeof(sockaddr_in));
  CHECK(key == UdpKey(same, to_v4(1)));
  CHECK(key.hash(7) == UdpKey(same, to_v4(1)).hash(7));
  CHECK(key.hash(7) != key.hash(8));
  CHECK_FALSE(key == UdpKey(v4(0x0a000002, 53), to_v4(1)));
  CHECK_FALSE(key == UdpKey(v4(0x0a000001, 54), to_v4(1)));
  CHECK_FALSE(key == UdpKey(v4(0x0a000001, 53), to_v4(2)));
  CHECK_FALSE(key == UdpKey(v4(0x0a000001, 53), net::LocalAddress()));
  CHECK_FALSE(UdpKey(v6("fe80::1", 53, 1), {}) == UdpKey(v6("fe80::1", 53, 2), {}));
  CHECK_FALSE(UdpKey(v6("2001:db8::1", 53), {}) == UdpKey(v6("2001:db8::2", 53), {}));
}

TEST_CASE("keys that differ little spread over the table") {
  // Addresses and ports in a row, as a scan or a large NAT has them.
  std::vector<unsigned> slots(1024);
  for (std::uint32_t i = 0; i < 8192; ++i) {
    const UdpKey key(v4(0x0a000000 + i / 64, static_cast<std::uint16_t>(1024 + i % 64)), to_v4(1));
    ++slots[key.hash(1234567) & 1023];
  }
  unsigned most = 0;
  for (const unsigned n : slots) most = std::max(most, n);
  CHECK(most < 30);  // 8 on average; a random function stays below 24 with near certainty.
}

TEST_CASE("what was put into the table is found until it is removed") {
  UdpTable table(42);
  std::vector<std::unique_ptr<UdpTable::Node>> nodes;
  for (std::uint16_t port = 1; port <= 1000; ++port) {
    nodes.push_back(std::make_unique<UdpTable::Node>(UdpKey(v4(0x7f000001, port), to_v4(1))));
    CHECK(table.find(nodes.back()->key()) == nullptr);
    table.insert(*nodes.back());
  }
  CHECK(table.size() == 1000);
  for (const auto& node : nodes) CHECK(table.find(node->key()) == node.get());
  for (std::size_t i = 0; i < nodes.size(); i += 2) table.remove(*nodes[i]);
  CHECK(table.size() == 500);
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    CHECK(table.find(nodes[i]->key()) == (i % 2 == 0 ? nullptr : nodes[i].get()));
  }
}
