#include "net/proxy_header.h"

#include <doctest/doctest.h>

#include <string>

using namespace lintel;
using namespace lintel::net;
using namespace std::string_literals;

namespace {

const std::string kSignature = "\r\n\r\n\0\r\nQUIT\n"s;

std::string number(std::size_t value, int bytes) {
  std::string text;
  for (int i = bytes - 1; i >= 0; --i) text += static_cast<char>(value >> (8 * i) & 0xff);
  return text;
}

std::string tlv(int type, std::string_view value) {
  return number(static_cast<std::size_t>(type), 1) + number(value.size(), 2) + std::string(value);
}

std::string v2(int version_command, int family, const std::string& rest) {
  return kSignature + number(static_cast<std::size_t>(version_command), 1) +
         number(static_cast<std::size_t>(family), 1) + number(rest.size(), 2) + rest;
}

/// 192.0.2.1:1000 to 192.0.2.2:443.
const std::string kIpv4 = "\xc0\x00\x02\x01\xc0\x00\x02\x02\x03\xe8\x01\xbb"s;

ProxyParse parse(std::string_view in) {
  ProxyHeader header;
  return parse_proxy_header(in, header);
}

bool refused(std::string_view in) {
  const ProxyParse parsed = parse(in);
  return parsed.status == ProxyParse::Status::error && parsed.reason[0] != '\0';
}

/// The CRC-32C of `text`, bit by bit: nothing shared with the code under test.
std::uint32_t plain_crc(std::string_view text) {
  std::uint32_t crc = 0xffffffff;
  for (const char c : text) {
    crc ^= static_cast<std::uint8_t>(c);
    for (int bit = 0; bit < 8; ++bit) crc = (crc & 1) != 0 ? crc >> 1 ^ 0x82f63b78U : crc >> 1;
  }
  return ~crc;
}

}  // namespace

TEST_CASE("proxy header 1: addresses") {
  struct Row {
    std::string line;
    std::string source;
    std::string destination;
  };
  const Row rows[] = {
      {"PROXY TCP4 192.0.2.1 192.0.2.2 1000 443\r\n", "192.0.2.1:1000", "192.0.2.2:443"},
      {"PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n", "255.255.255.255:65535",
       "255.255.255.255:65535"},
      {"PROXY TCP6 2001:db8::1 ::1 0 1\r\n", "[2001:db8::1]:0", "[::1]:1"},
      {"PROXY TCP6 ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n", "", ""},
      {"PROXY UNKNOWN\r\n", "", ""},
      {"PROXY UNKNOWN ffff::1 nonsense\r\n", "", ""},
  };
  for (const Row& row : rows) {
    CAPTURE(row.line);
    ProxyHeader header;
    const ProxyParse parsed = parse_proxy_header(row.line + "GET /", header);
    if (row.line.find("...") != std::string::npos) {
      CHECK(parsed.status == ProxyParse::Status::error);
      continue;
    }
    REQUIRE(parsed.status == ProxyParse::Status::done);
    CHECK(parsed.size == row.line.size());
    CHECK(header.version == 1);
    CHECK(header.source.to_string() == row.source);
    CHECK(header.destination.to_string() == row.destination);
    for (std::size_t cut = 1; cut < row.line.size(); ++cut) {
      CHECK(parse(row.line.substr(0, cut)).status == ProxyParse::Status::need_more);
    }
  }
}

TEST_CASE("proxy header 1: what is refused") {
  const std::string_view rows[] = {
      "GET / HTTP/1.1\r\n",
      "proxy TCP4 1.2.3.4 1.2.3.4 1 2\r\n",
      "PROXY  TCP4 1.2.3.4 1.2.3.4 1 2\r\n",
      "PROXY TCP5 1.2.3.4 1.2.3.4 1 2\r\n",
      "PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n",
      "PROXY TCP4 1.2.3.4 1.2.3.4 1 2 3\r\n",
      "PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\n",
      "PROXY TCP4 1.2.3.4 1.2.3.4 01 2\r\n",
      "PROXY TCP4 1.2.3.4 1.2.3.4 -1 2\r\n",
      "PROXY TCP4 1.2.3.4 1.2.3.4 1 2 \r\n",
      "PROXY TCP4 1.2.3 1.2.3.4 1 2\r\n",
      "PROXY TCP4 01.2.3.4 1.2.3.4 1 2\r\n",
      "PROXY TCP4 ::1 ::1 1 2\r\n",
      "PROXY TCP6 1.2.3.4 1.2.3.4 1 2\r\n",
      "PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n",
      "PROXY UNKNOWNX\r\n",
  };
  for (const std::string_view row : rows) {
    CAPTURE(row);
    CHECK(refused(row));
  }
  CHECK(refused("PROXY UNKNOWN " + std::string(100, 'x') + "\r\n"));
  CHECK(parse("PROXY UNKNOWN " + std::string(91, 'x') + "\r\n").status == ProxyParse::Status::done);
}

TEST_CASE("proxy header 2: addresses, and every beginning is not enough") {
  ProxyHeader header;
  const std::string text = v2(0x21, 0x11, kIpv4);
  const ProxyParse parsed = parse_proxy_header(text + "bytes", header);
  REQUIRE(parsed.status == ProxyParse::Status::done);
  CHECK(parsed.size == text.size());
  CHECK(header.version == 2);
  CHECK(header.source.to_string() == "192.0.2.1:1000");
  CHECK(header.destination.to_string() == "192.0.2.2:443");
  for (std::size_t cut = 0; cut < text.size(); ++cut) {
    const ProxyParse part = parse(text.substr(0, cut));
    CHECK(part.status == ProxyParse::Status::need_more);
  }
  const std::string six =
      v2(0x21, 0x21, std::string(15, '\0') + "\x01" + std::string(15, '\0') + "\x02" + "\0\1\0\2"s);
  REQUIRE(parse_proxy_header(six, header).status == ProxyParse::Status::done);
  CHECK(header.source.to_string() == "[::1]:1");
  CHECK(header.destination.to_string() == "[::2]:2");
  const std::string path = "/run/x.sock";
  const std::string unix_text =
      v2(0x21, 0x31, path + std::string(108 - path.size(), '\0') + std::string(108, '\0'));
  REQUIRE(parse_proxy_header(unix_text, header).status == ProxyParse::Status::done);
  CHECK(header.source.to_string() == "unix:/run/x.sock");
  CHECK(header.destination.empty());
  REQUIRE(parse_proxy_header(v2(0x21, 0x00, ""), header).status == ProxyParse::Status::done);
  CHECK(header.source.empty());
  REQUIRE(parse_proxy_header(v2(0x21, 0x10, kIpv4), header).status == ProxyParse::Status::done);
}

TEST_CASE("proxy header 2: a local connection, whatever else it says") {
  for (const std::string& rest : {""s, "junk"s, kIpv4}) {
    for (const int family : {0x00, 0x11, 0xff}) {
      ProxyHeader header;
      header.authority = "old";
      const std::string text = v2(0x20, family, rest);
      const ProxyParse parsed = parse_proxy_header(text, header);
      REQUIRE(parsed.status == ProxyParse::Status::done);
      CHECK(parsed.size == text.size());
      CHECK(header.is_local);
      CHECK(header.source.empty());
      CHECK(header.authority.empty());
    }
  }
}

TEST_CASE("proxy header 2: TLVs") {
  const std::string tls = "\x05\0\0\0\0"s + tlv(0x21, "TLSv1.3") + tlv(0x22, "client") + tlv(0x23, "AES") +
                          tlv(0x24, "SHA256") + tlv(0x25, "RSA2048") + tlv(0x7f, "?");
  const std::string text = v2(0x21, 0x11,
                              kIpv4 + tlv(1, "h2") + tlv(2, "a.test") + tlv(4, "pad") + tlv(5, "\1id") +
                                  tlv(0x20, tls) + tlv(0x30, "blue") + tlv(0xe0, "custom"));
  ProxyHeader header;
  REQUIRE(parse_proxy_header(text, header).status == ProxyParse::Status::done);
  CHECK(header.alpn == "h2");
  CHECK(header.authority == "a.test");
  CHECK(header.unique_id == "\1id");
  CHECK(header.netns == "blue");
  CHECK(header.has_tls);
  CHECK_FALSE(header.unverified);
  CHECK(header.tls_flags == 5);
  CHECK(header.tls_version == "TLSv1.3");
  CHECK(header.tls_common_name == "client");
  CHECK(header.tls_cipher == "AES");
  CHECK(header.tls_signature == "SHA256");
  CHECK(header.tls_key == "RSA2048");

  CHECK(refused(v2(0x21, 0x11, kIpv4 + "\x01")));
  CHECK(refused(v2(0x21, 0x11, kIpv4 + "\x01\0"s)));
  CHECK(refused(v2(0x21, 0x11, kIpv4 + "\x01\0\5abcd"s)));
  CHECK(refused(v2(0x21, 0x11, kIpv4 + tlv(2, "a") + tlv(2, "b"))));
  CHECK(refused(v2(0x21, 0x11, kIpv4 + tlv(5, std::string(129, 'x')))));
  CHECK(refused(v2(0x21, 0x11, kIpv4 + tlv(0x20, "\1\0\0\0"s))));
  CHECK(refused(v2(0x21, 0x11, kIpv4 + tlv(0x20, "\1\0\0\0\0\x21\0\7TLS"s))));
}

TEST_CASE("proxy header 2: the checksum") {
  CHECK(plain_crc("123456789") == 0xe3069283);
  std::string text = v2(0x21, 0x11, kIpv4 + tlv(3, "\0\0\0\0"s) + tlv(2, "a.test"));
  const std::size_t at = 16 + kIpv4.size() + 3;
  text.replace(at, 4, number(plain_crc(text), 4));
  CHECK(parse(text).status == ProxyParse::Status::done);
  for (std::size_t i = 16; i < text.size(); ++i) {
    const bool framing = (i >= at - 3 && i < at) || (i >= at + 4 && i < at + 7);
    if (framing) continue;
    std::string bad = text;
    bad[i] = static_cast<char>(bad[i] ^ 1);
    CAPTURE(i);
    CHECK(refused(bad));
  }
  CHECK(refused(v2(0x21, 0x11, kIpv4 + tlv(3, "abc"))));
}

TEST_CASE("proxy header 2: what is refused") {
  CHECK(refused(v2(0x11, 0x11, kIpv4)));  // Version 1 in a header of version 2.
  CHECK(refused(v2(0x22, 0x11, kIpv4)));  // A command that nobody knows.
  CHECK(refused(v2(0x21, 0x41, kIpv4)));  // A family that nobody knows.
  CHECK(refused(v2(0x21, 0x13, kIpv4)));  // A transport that nobody knows.
  CHECK(refused(v2(0x21, 0x12, kIpv4)));  // Datagrams.
  CHECK(refused(v2(0x21, 0x11, "short")));
  CHECK(refused(v2(0x21, 0x21, kIpv4)));
  CHECK(refused(v2(0x21, 0x11, std::string(20'000, 'x'))));
  CHECK(refused("\r\n\r\nHELLO"));
}

TEST_CASE("proxy header: what is written is read again") {
  const auto ip = [](std::string_view text, std::uint16_t port) {
    return *SocketAddress::from_ip(text, port);
  };
  ProxyHeader header;
  header.source = ip("192.0.2.1", 1000);
  header.destination = ip("192.0.2.2", 443);
  header.authority = "a.test";
  header.alpn = "h2";
  header.unique_id = "42";
  header.has_tls = true;
  header.tls_flags = 1;
  header.tls_version = "TLSv1.3";
  header.tls_cipher = "AES";
  Buffer out;
  append_proxy_header(out, header, 2);
  ProxyHeader read;
  REQUIRE(parse_proxy_header(out.view(), read).status == ProxyParse::Status::done);
  CHECK(read.source == header.source);
  CHECK(read.destination == header.destination);
  CHECK(read.authority == "a.test");
  CHECK(read.alpn == "h2");
  CHECK(read.unique_id == "42");
  CHECK(read.has_tls);
  CHECK(read.tls_version == "TLSv1.3");
  CHECK(read.tls_cipher == "AES");

  const auto line = [](const SocketAddress& from, const SocketAddress& to) {
    ProxyHeader one;
    one.source = from;
    one.destination = to;
    Buffer text;
    append_proxy_header(text, one, 1);
    return std::string(text.view());
  };
  CHECK(line(header.source, header.destination) == "PROXY TCP4 192.0.2.1 192.0.2.2 1000 443\r\n");
  CHECK(line(ip("::ffff:192.0.2.1", 1), ip("::ffff:192.0.2.2", 2)) ==
        "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n");
  CHECK(line(ip("::1", 1), ip("::2", 2)) == "PROXY TCP6 ::1 ::2 1 2\r\n");
  CHECK(line(ip("::1", 1), header.source) == "PROXY UNKNOWN\r\n");
  CHECK(line({}, {}) == "PROXY UNKNOWN\r\n");
}
