#include "net/srv_answer.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace lintel;
using namespace lintel::net;
using namespace std::string_literals;

namespace {

constexpr Nanos kSecond = 1'000'000'000;

std::string number(std::size_t value, int bytes) {
  std::string text;
  for (int i = bytes - 1; i >= 0; --i) text += static_cast<char>(value >> (8 * i) & 0xff);
  return text;
}

/// "\4_tcp\4test" and so on, by its labels.
std::string name(const std::vector<std::string>& labels) {
  std::string text;
  for (const std::string& label : labels) text += number(label.size(), 1) + label;
  return text + '\0';
}

const std::string kQuestion = name({"_tcp", "test"}) + number(33, 2) + number(1, 2);
const std::string kAsked = "\xc0\x0c"s;  ///< The name of the question, compressed.

std::string message(std::size_t answers, const std::string& records) {
  return number(0x1234, 2) + number(0x8180, 2) + number(1, 2) + number(answers, 2) + number(0, 4) +
         kQuestion + records;
}

std::string record(const std::string& data, std::size_t ttl = 60, std::size_t type = 33,
                   std::size_t network = 1) {
  return kAsked + number(type, 2) + number(network, 2) + number(ttl, 4) + number(data.size(), 2) + data;
}

std::string srv(std::size_t priority, std::size_t weight, std::size_t port, const std::string& target) {
  return number(priority, 2) + number(weight, 2) + number(port, 2) + target;
}

const std::string kHost = name({"a", "test"});

std::optional<ServiceAnswer> parse(const std::string& text) {
  // Of just its size, so that a sanitizer sees a byte too much.
  const std::vector<std::uint8_t> bytes(text.begin(), text.end());
  return parse_srv_answer(bytes);
}

}  // namespace

TEST_CASE("SRV records are read in their order, with the least TTL") {
  const auto answer = parse(
      message(2, record(srv(1, 3, 8080, kHost), 60) + record(srv(65535, 0, 65535, name({"B", "Test"})), 30)));
  REQUIRE(answer);
  CHECK(answer->ttl == 30 * kSecond);
  REQUIRE(answer->records.size() == 2);
  const ServiceRecord& first = answer->records[0];
  CHECK(first.target == "a.test");
  CHECK(first.priority == 1);
  CHECK(first.weight == 3);
  CHECK(first.port == 8080);
  const ServiceRecord& second = answer->records[1];
  CHECK(second.target == "b.test");
  CHECK(second.priority == 65535);
  CHECK(second.weight == 0);
  CHECK(second.port == 65535);
}

TEST_CASE("compressed targets are followed, and loops of pointers refused") {
  const auto answer = parse(message(1, record(srv(0, 0, 80, "\1a"s + "\xc0\x11"s))));
  REQUIRE(answer);
  REQUIRE(answer->records.size() == 1);
  CHECK(answer->records[0].target == "a.test");
  const std::size_t here = message(1, record(srv(0, 0, 80, ""))).size();
  CHECK_FALSE(parse(message(1, record(srv(0, 0, 80, "\xc0"s + number(here, 1))))));
}

TEST_CASE("a target that is no host, and port 0, are left out") {
  for (const std::string& data : {srv(0, 0, 80, name({})), srv(0, 0, 0, kHost), srv(0, 0, 80, name({"a b"})),
                                  srv(0, 0, 80, name({"a:1"})), srv(0, 0, 80, name({"10", "0", "0", "1"}))}) {
    const auto answer = parse(message(1, record(data)));
    REQUIRE(answer);
    CHECK(answer->records.empty());
  }
}

TEST_CASE("records of other types count for the TTL only, and alone are no answer") {
  const std::string alias = record(kHost, 5, 5);
  const auto answer = parse(message(2, alias + record(srv(0, 0, 80, kHost), 60)));
  REQUIRE(answer);
  CHECK(answer->ttl == 5 * kSecond);
  CHECK(answer->records.size() == 1);
  CHECK_FALSE(parse(message(1, alias)));
  CHECK_FALSE(parse(message(1, record(srv(0, 0, 80, kHost), 60, 33, 3))));  // Of another class.
  CHECK_FALSE(parse(message(0, "")));
}

TEST_CASE("a TTL with the highest bit set counts as 0") {
  CHECK(parse(message(1, record(srv(0, 0, 80, kHost), 0x80000000)))->ttl == 0);
  CHECK(parse(message(1, record(srv(0, 0, 80, kHost), 0x7fffffff)))->ttl == 0x7fffffff * kSecond);
}

TEST_CASE("no part of a message is an answer") {
  const std::string whole = message(2, record(srv(1, 3, 8080, kHost)) + record(srv(1, 3, 8081, kHost)));
  REQUIRE(parse(whole));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    CAPTURE(size);
    CHECK_FALSE(parse(whole.substr(0, size)));
  }
  CHECK(parse(whole + "more"));  // The sections after the answers are not looked at.
}

TEST_CASE("a target that reaches beyond its record is left out") {
  std::string short_data = record(srv(0, 0, 80, kHost));
  const std::size_t length_at = kAsked.size() + 8;
  short_data.replace(length_at, 2, number(6 + kHost.size() - 1, 2));
  const auto answer = parse(message(1, short_data));
  REQUIRE(answer);
  CHECK(answer->records.empty());
}
