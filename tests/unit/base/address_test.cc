#include "base/address.h"

#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <array>
#include <cstddef>

using lintel::Cidr;
using lintel::Endpoint;
using lintel::SocketAddress;
using Kind = lintel::Endpoint::Kind;

namespace {

std::string ip_text(const SocketAddress& address) {
  std::array<char, INET6_ADDRSTRLEN> out;
  return std::string(address.ip_to(out));
}

}  // namespace

TEST_CASE("Endpoint::parse accepts every form and prints it back") {
  struct Row {
    const char* text;
    Kind kind;
    const char* host;
    int port;
    const char* printed;
  };
  const Row rows[] = {
      {"127.0.0.1:80", Kind::ip, "127.0.0.1", 80, "127.0.0.1:80"},
      {"0.0.0.0:0", Kind::ip, "0.0.0.0", 0, "0.0.0.0:0"},
      {"[::]:443", Kind::ip, "::", 443, "[::]:443"},
      {"[0:0::1]:443", Kind::ip, "::1", 443, "[::1]:443"},
      {"[FD00::A]:65535", Kind::ip, "fd00::a", 65535, "[fd00::a]:65535"},
      {":8080", Kind::any, "", 8080, ":8080"},
      {"name.example:8080", Kind::name, "name.example", 8080, "name.example:8080"},
      {"My_App-1:9", Kind::name, "my_app-1", 9, "my_app-1:9"},
      {"unix:/run/app.sock", Kind::unix_socket, "/run/app.sock", 0, "unix:/run/app.sock"},
      {"unix:@abstract", Kind::unix_socket, "@abstract", 0, "unix:@abstract"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    std::string why;
    const auto endpoint = Endpoint::parse(row.text, why);
    REQUIRE(endpoint);
    CHECK(endpoint->kind == row.kind);
    CHECK(endpoint->host == row.host);
    CHECK(endpoint->port == row.port);
    CHECK(endpoint->to_string() == row.printed);
    CHECK(Endpoint::parse(row.printed, why) == endpoint);
  }
}

TEST_CASE("Endpoint::parse says why it refuses") {
  struct Row {
    std::string text;
    const char* why;
  };
  const Row rows[] = {
      {"", "empty"},
      {"8080", "\":8080\""},
      {"example.com", "no port"},
      {"/run/app.sock", "unix:/run/app.sock"},
      {"127.0.0.1:", "no port after"},
      {"127.0.0.1:http", "not a number"},
      {"127.0.0.1:-1", "not a number"},
      {"127.0.0.1:080", "leading zero"},
      {"127.0.0.1:65536", "above 65535"},
      {"127.0.0.1:99999999999999999999", "above 65535"},
      {"256.0.0.1:80", "not an IPv4"},
      {"1.2.3:80", "not an IPv4"},
      {"::1:80", "brackets"},
      {"[::1]", "no port"},
      {"[::1", "no \"]\""},
      {"[::g]:80", "not an IPv6"},
      {"[127.0.0.1]:80", "not an IPv6"},
      {"*:80", "\":80\""},
      {"http://a:80", "scheme"},
      {"a b:80", "neither"},
      {"-a:80", "neither"},
      {"a..b:80", "neither"},
      {std::string(64, 'a') + ":80", "neither"},
      {"unix:", "absolute path"},
      {"unix:run/app.sock", "absolute path"},
      {"unix:/" + std::string(107, 'a'), "limited to 107"},
      {std::string("unix:/a\0b", 9), "NUL"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    std::string why;
    CHECK_FALSE(Endpoint::parse(row.text, why));
    CHECK_MESSAGE(why.find(row.why) != std::string::npos, why);
  }
}

TEST_CASE("Endpoint::resolved gives an address for everything but names") {
  std::string why;
  CHECK(Endpoint::parse("10.0.0.1:80", why)->resolved()->to_string() == "10.0.0.1:80");
  CHECK(Endpoint::parse(":80", why)->resolved()->to_string() == "[::]:80");
  CHECK(Endpoint::parse("unix:/run/x", why)->resolved()->to_string() == "unix:/run/x");
  CHECK(Endpoint::parse("unix:@x", why)->resolved()->to_string() == "unix:@x");
  CHECK_FALSE(Endpoint::parse("a.test:80", why)->resolved());
}

TEST_CASE("SocketAddress properties") {
  struct Row {
    const char* ip;
    bool loopback;
    const char* shown;
    const char* printed;
  };
  const Row rows[] = {
      {"127.0.0.1", true, "127.0.0.1", "127.0.0.1:7"},
      {"127.9.9.9", true, "127.9.9.9", "127.9.9.9:7"},
      {"10.0.0.1", false, "10.0.0.1", "10.0.0.1:7"},
      {"::1", true, "::1", "[::1]:7"},
      {"::", false, "::", "[::]:7"},
      {"::ffff:127.0.0.1", true, "127.0.0.1", "127.0.0.1:7"},
      {"fd00::1", false, "fd00::1", "[fd00::1]:7"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.ip);
    const auto address = SocketAddress::from_ip(row.ip, 7);
    REQUIRE(address);
    CHECK(address->port() == 7);
    CHECK(address->is_loopback() == row.loopback);
    CHECK(ip_text(*address) == row.shown);
    CHECK(address->to_string() == row.printed);
    CHECK(*address == SocketAddress(address->get(), address->length()));
    CHECK_FALSE(*address == *SocketAddress::from_ip(row.ip, 8));
  }
  CHECK_FALSE(SocketAddress::from_ip("1.2.3", 1));
  CHECK_FALSE(SocketAddress::from_ip("[::1]", 1));
  CHECK_FALSE(SocketAddress::from_ip("", 1));
}

TEST_CASE("SocketAddress: empty, Unix and foreign families") {
  const SocketAddress empty;
  CHECK(empty.empty());
  CHECK(empty.to_string().empty());
  CHECK(ip_text(empty).empty());
  CHECK_FALSE(empty.is_loopback());
  CHECK(empty == SocketAddress());

  const auto path = SocketAddress::from_unix_path("/run/a.sock");
  REQUIRE(path);
  CHECK(path->family() == AF_UNIX);
  CHECK(path->port() == 0);
  CHECK(ip_text(*path) == "unix");
  CHECK_FALSE(*path == *SocketAddress::from_unix_path("/run/b.sock"));
  CHECK_FALSE(SocketAddress::from_unix_path(std::string(108, 'a')));
  CHECK_FALSE(SocketAddress::from_unix_path(""));
  CHECK_FALSE(SocketAddress::from_unix_path("@"));

  sockaddr_un unnamed{};
  unnamed.sun_family = AF_UNIX;
  const SocketAddress peer(reinterpret_cast<const sockaddr*>(&unnamed), sizeof(sa_family_t));
  CHECK_FALSE(peer.empty());
  CHECK(peer.to_string() == "unix:");

  sockaddr odd{};
  odd.sa_family = AF_PACKET;
  CHECK(SocketAddress(&odd, sizeof(odd)).empty());
  odd.sa_family = AF_INET6;
  CHECK(SocketAddress(&odd, sizeof(odd)).empty());
}

TEST_CASE("Cidr::contains") {
  struct Row {
    const char* network;
    const char* ip;
    bool inside;
  };
  const Row rows[] = {
      {"10.0.0.0/8", "10.255.1.2", true},
      {"10.0.0.0/8", "11.0.0.1", false},
      {"10.0.0.0/9", "10.127.0.1", true},
      {"10.0.0.0/9", "10.128.0.1", false},
      {"0.0.0.0/0", "8.8.8.8", true},
      {"0.0.0.0/0", "::1", false},
      {"::/0", "::1", true},
      {"::/0", "8.8.8.8", false},
      {"192.168.1.7", "192.168.1.7", true},
      {"192.168.1.7", "192.168.1.8", false},
      {"fd00::/8", "fdff::1", true},
      {"fd00::/8", "fe00::1", false},
      {"10.0.0.0/8", "::ffff:10.1.1.1", true},
      {"::ffff:10.0.0.0/104", "10.1.1.1", true},
      {"::1", "::1", true},
      {"::1", "::2", false},
  };
  for (const Row& row : rows) {
    CAPTURE(row.network);
    CAPTURE(row.ip);
    std::string why;
    const auto cidr = Cidr::parse(row.network, why);
    REQUIRE(cidr);
    CHECK(cidr->contains(*SocketAddress::from_ip(row.ip, 1)) == row.inside);
    CHECK(Cidr::parse(cidr->to_string(), why) == cidr);
  }
  std::string why;
  const auto any = Cidr::parse("0.0.0.0/0", why);
  CHECK_FALSE(any->contains(SocketAddress()));
  CHECK_FALSE(any->contains(*SocketAddress::from_unix_path("/x")));
}

TEST_CASE("Cidr::parse says why it refuses") {
  const std::pair<const char*, const char*> rows[] = {
      {"", "not an IP"},
      {"example.com", "not an IP"},
      {"10.0.0.0/33", "from 0 to 32"},
      {"10.0.0.0/", "from 0"},
      {"10.0.0.0/08", "from 0"},
      {"::/129", "from 0 to 128"},
      {"10.0.0.1/8", "10.0.0.0/8"},
      {"fd00::1/64", "fd00::/64"},
      {"10.0.0.0/8/8", "from 0"},
  };
  for (const auto& [text, expected] : rows) {
    CAPTURE(text);
    std::string why;
    CHECK_FALSE(Cidr::parse(text, why));
    CHECK_MESSAGE(why.find(expected) != std::string::npos, why);
  }
}
