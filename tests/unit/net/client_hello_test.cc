#include "net/client_hello.h"

#include <doctest/doctest.h>

#include <string>

using namespace lintel::net;
using namespace std::string_literals;

namespace {

std::string number(std::size_t value, int bytes) {
  std::string text;
  for (int i = bytes - 1; i >= 0; --i) text += static_cast<char>(value >> (8 * i) & 0xff);
  return text;
}

std::string counted(const std::string& text, int bytes) {
  return number(text.size(), bytes) + text;
}

std::string extension(std::size_t type, const std::string& value) {
  return number(type, 2) + counted(value, 2);
}

std::string server_name(const std::string& name) {
  return extension(0, counted("\0"s + counted(name, 2), 2));
}

/// A handshake message.
std::string hello(const std::string& extensions) {
  const std::string body = "\x03\x03"s + std::string(32, 'r') + counted(std::string(32, 's'), 1) +
                           counted("\x13\x01\x13\x02"s, 2) + counted("\0"s, 1) + counted(extensions, 2);
  return "\1"s + counted(body, 3);
}

/// `message` in records of at most `each` bytes.
std::string records(const std::string& message, std::size_t each = 16384) {
  std::string text;
  for (std::size_t at = 0; at < message.size(); at += each) {
    text += "\x16\x03\x01"s + counted(message.substr(at, each), 2);
  }
  return text;
}

const std::string kExtensions = extension(0x0a0a, "") + server_name("Shop.Example") +
                                extension(16, counted(counted("h2", 1) + counted("http/1.1", 1), 2)) +
                                extension(43, counted("\x7a\x7a\x03\x04\x03\x03"s, 1));

bool refused(const std::string& in) {
  ClientHello out;
  const HelloParse parsed = parse_client_hello(in, out);
  return parsed.status == HelloParse::Status::error && parsed.reason[0] != '\0';
}

}  // namespace

TEST_CASE("client hello: name, protocols and version, in any records and packets") {
  const std::string message = hello(kExtensions);
  for (const std::size_t each : {std::size_t{16384}, std::size_t{100}, std::size_t{5}, std::size_t{1}}) {
    CAPTURE(each);
    const std::string text = records(message, each);
    for (std::size_t cut = 0; cut < text.size(); ++cut) {
      ClientHello part;
      REQUIRE(parse_client_hello(text.substr(0, cut), part).status == HelloParse::Status::need_more);
    }
    ClientHello got;
    REQUIRE(parse_client_hello(text, got).status == HelloParse::Status::done);
    CHECK(got.server_name == "shop.example");
    CHECK(got.alpn == "h2,http/1.1");
    CHECK(got.version == 0x0304);
    CHECK_FALSE(got.encrypted);
  }
}

TEST_CASE("client hello: what need not be there") {
  ClientHello got;
  const std::string body =
      "\x03\x03"s + std::string(32, 'r') + counted("", 1) + counted("\x13\x01"s, 2) + counted("\0"s, 1);
  REQUIRE(parse_client_hello(records("\1"s + counted(body, 3)), got).status == HelloParse::Status::done);
  CHECK(got.server_name.empty());
  CHECK(got.version == 0x0303);
  REQUIRE(parse_client_hello(records(hello("")), got).status == HelloParse::Status::done);
  REQUIRE(parse_client_hello(records(hello(extension(0xfe0d, "x"))), got).status == HelloParse::Status::done);
  CHECK(got.encrypted);
  REQUIRE(parse_client_hello(records(hello(server_name("a.test."))), got).status == HelloParse::Status::done);
  CHECK(got.server_name == "a.test");
}

TEST_CASE("client hello: what is refused") {
  CHECK(refused("GET / HTTP/1.1\r\n"));
  CHECK(refused("\x15\x03\x01\0\2\1\0"s));  // An alert.
  CHECK(refused("\x16\x02"s));              // SSL 2.
  CHECK(refused("\x16\x03\x01\0\0"s));      // An empty record.
  CHECK(refused("\x16\x03\x01\x40\x01"s));  // A record over 16 KiB.
  CHECK(refused(records("\2"s + counted("server hello", 3))));
  CHECK(refused(records("\1\1\0\0"s)));  // 64 KiB of it.
  CHECK(refused(records(hello(kExtensions) + "x")));
  CHECK(refused(records(hello(server_name("a.test") + server_name("b.test")))));
  for (const std::string& name :
       {""s, "a b"s, "a\0b"s, "a/b"s, ".a"s, "a..b"s, std::string(254, 'a'), "."s}) {
    CAPTURE(name);
    CHECK(refused(records(hello(server_name(name)))));
  }
  CHECK(refused(records(hello(extension(0, "")))));
  CHECK(refused(records(hello(extension(0, counted("\1"s + counted("a", 2), 2))))));
  CHECK(refused(records(hello(extension(16, counted("", 2))))));
  CHECK(refused(records(hello(extension(16, counted(counted("", 1), 2))))));
  CHECK(refused(records(hello(extension(43, "\3\3\4"s)))));
  CHECK(refused(records(hello("\0\0\0\5ab"s))));
  CHECK(refused(records("\1"s + counted("\x03\x03", 3))));
  CHECK(refused("\x16\x03\x01\0\1\1"s + "\x17\x03\x03\0\1x"s));
  // Crumbs without an end.
  std::string crumbs;
  const std::string large = hello(extension(21, std::string(15'000, '\0')));
  for (const char c : large) crumbs += "\x16\x03\x01\0\1"s + c;
  CHECK(refused(crumbs.substr(0, kMaxClientHello)));
}
