// What checks say to servers, and what they make of the answers.

#include "health/recipe.h"

#include <doctest/doctest.h>

#include "health/conversation.h"

using namespace lintel;
using namespace lintel::health;
using config::HealthCheck;
using config::HealthCheckType;

namespace {

std::string play(const HealthCheck& check, std::string_view answer) {
  const std::string whole = test::converse(*make_recipe(check), answer, answer.size() + 1);
  for (const std::size_t piece : {1, 2, 3, 7}) {
    CAPTURE(piece);
    CHECK(test::converse(*make_recipe(check), answer, piece) == whole);
  }
  return whole;
}

std::string play(HealthCheckType type, std::string_view answer) {
  HealthCheck check;
  check.type = type;
  return play(check, answer);
}

std::string bytes(std::string_view text) {
  return std::string(text);
}
template <std::size_t N>
std::string raw(const char (&text)[N]) {
  return {text, N - 1};
}

/// A message of PostgreSQL.
std::string message(char type, std::string_view body) {
  std::string out(1, type);
  out += raw("\0\0\0") + static_cast<char>(body.size() + 4);
  return out.append(body);
}

/// A packet of MySQL.
std::string packet(int number, std::string_view body) {
  std::string out(1, static_cast<char>(body.size()));
  out += raw("\0\0") + static_cast<char>(number);
  return out.append(body);
}

}  // namespace

TEST_CASE("tcp: what is configured is sent and expected") {
  HealthCheck check;
  check.type = HealthCheckType::tcp;
  CHECK(play(check, "") == "pass: connected");
  check.send = R"(\x01x)";
  CHECK(play(check, "") == "\x01xpass: connected");
  check.expect_text = R"(o\x00k)";
  CHECK(play(check, raw("so o\0k")) == "\x01xpass: answered with \"o\\x00k\"");
  CHECK(play(check, "") ==
        "\x01x"
        "fail: it closed without an answer");
  const std::string wrong = play(check, "no\n");
  CHECK(wrong ==
        "\x01x"
        "fail: it answered \"no\\n\", expected \"o\\x00k\"");
}

TEST_CASE("redis") {
  const auto redis = [](std::string_view answer) { return play(HealthCheckType::redis, answer); };
  CHECK(redis("+PONG\r\n") == "PING\r\npass: PING answered PONG");
  CHECK(redis("-NOAUTH Authentication required.\r\n") ==
        "PING\r\npass: PING answered that a password is needed");
  CHECK(redis("-LOADING Redis is loading the dataset in memory\r\n") ==
        "PING\r\nfail: PING answered \"-LOADING Redis is loading the dataset in memory\"");
  CHECK(redis("+PON").starts_with("PING\r\nfail: "));
  CHECK(redis("").starts_with("PING\r\nfail: "));
}

TEST_CASE("smtp") {
  const auto smtp = [](std::string_view answer) { return play(HealthCheckType::smtp, answer); };
  CHECK(smtp("220 mail.test ESMTP\r\n") == "QUIT\r\npass: greeted with 220");
  CHECK(smtp("220-a\r\n220-b\r\n220 c\r\n") == "QUIT\r\npass: greeted with 220");
  CHECK(smtp("220\r\n") == "QUIT\r\npass: greeted with 220");
  CHECK(smtp("554 go away\r\n") == "fail: greeted with \"554 go away\", expected 220");
  CHECK(smtp("2200 x\r\n").starts_with("fail: "));
  CHECK(smtp("220-a\r\n") == "fail: it does not greet as SMTP servers do");
}

TEST_CASE("postgres") {
  const auto postgres = [](std::string_view answer) { return play(HealthCheckType::postgres, answer); };
  const std::string hello =
      raw("\0\0\0\x3f\0\3\0\0user\0lintel\0database\0postgres\0application_name\0lintel\0\0");
  REQUIRE(hello.size() == 0x3f);
  const std::string bye = raw("X\0\0\0\4");
  CHECK(postgres(message('R', raw("\0\0\0\0"))) == hello + bye + "pass: answers sessions");
  CHECK(postgres(message('R', raw("\0\0\0\5salt"))) == hello + bye + "pass: answers sessions");
  CHECK(postgres(message('N', raw("Mhm\0\0")) + message('R', raw("\0\0\0\0"))) ==
        hello + bye + "pass: answers sessions");
  CHECK(postgres(message('E', raw("SFATAL\0C28000\0Mrole \"lintel\" does not exist\0\0"))) ==
        hello + "pass: answers sessions");
  CHECK(postgres(message('E', raw("C3D000\0Mno such database\0\0"))) == hello + "pass: answers sessions");
  CHECK(postgres(message('E', raw("SFATAL\0C57P03\0Mthe database system is starting up\0\0"))) ==
        hello + "fail: refuses sessions: \"the database system is starting up\" (57P03)");
  CHECK(postgres(message('E', raw("C53300\0Msorry, too many clients already\0\0"))) ==
        hello + "fail: refuses sessions: \"sorry, too many clients already\" (53300)");
  CHECK(postgres(message('E', "C57P")) == hello + "fail: refuses sessions: \"\" (57P)");
  CHECK(postgres("HTTP/1.1 400") == hello + "fail: it does not speak PostgreSQL");
  CHECK(postgres(raw("R\0\0\0\3")) == hello + "fail: it does not speak PostgreSQL");
  CHECK(postgres(raw("E\x7f\0\0\0")) == hello + "fail: it does not speak PostgreSQL");
  CHECK(postgres(raw("R\0\0")).ends_with("fail: it does not answer as it should"));
}

TEST_CASE("mysql") {
  const auto mysql = [](std::string_view answer) { return play(HealthCheckType::mysql, answer); };
  const std::string greeting = packet(0, raw("\x0a"
                                             "8.0.33\0and more"));
  const std::string answer =
      packet(1, raw("\x01\x82\0\0\0\0\0\x01\x21") + std::string(23, '\0') + raw("lintel\0\0"));
  CHECK(mysql(greeting + packet(2, raw("\0\0\0\2\0\0\0"))) ==
        answer + packet(0, "\x01") + "pass: answers sessions");
  CHECK(mysql(greeting + packet(2, raw("\xff\x15\x04#28000Access denied"))) ==
        answer + "pass: answers sessions");
  CHECK(mysql(greeting + packet(2, raw("\xfemysql_native_password\0salt")) +
              packet(4, raw("\xff\x15\x04#28000Access denied"))) ==
        answer + packet(3, "") + "pass: answers sessions");
  CHECK(mysql(greeting + packet(2, raw("\xff\x10\x04#08004Too many connections"))) ==
        answer + "fail: refuses sessions: \"Too many connections\" (1040)");
  CHECK(mysql(packet(0, raw("\xffj\x04Host is not allowed"))) ==
        "fail: refuses sessions: \"Host is not allowed\" (1130)");
  CHECK(mysql(packet(0, raw("\x09"
                            "3.23\0"))) == "fail: it does not speak MySQL");
  CHECK(mysql(packet(1, raw("\x0a"
                            "8.0\0"))) == "fail: it does not speak MySQL");
  CHECK(mysql(packet(0, "\xff")) == "fail: it does not speak MySQL");
  CHECK(mysql("SSH-2.0-OpenSSH") == "fail: it does not speak MySQL");
  CHECK(mysql(greeting) == answer + "fail: it does not answer as it should");
  CHECK(mysql(bytes("")) == "fail: it does not answer as it should");
}

TEST_CASE("databases are asked as the configured user") {
  HealthCheck check;
  check.user = "probe";
  check.type = HealthCheckType::postgres;
  CHECK(play(check, message('R', raw("\0\0\0\0"))).find(raw("user\0probe\0")) != std::string::npos);
  check.type = HealthCheckType::mysql;
  CHECK(play(check, packet(0, raw("\x0a"
                                  "8\0")))
            .find(raw("probe\0\0")) != std::string::npos);
}
