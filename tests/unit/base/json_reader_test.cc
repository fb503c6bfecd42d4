// JSON that is read.

#include "base/json_reader.h"

#include <doctest/doctest.h>

#include "base/write_json.h"

using namespace lintel;

namespace {

std::string again(std::string_view text) {
  std::string why;
  const auto value = parse_json(text, why);
  if (!value) return "! " + why;
  Buffer out;
  JsonWriter json(out);
  write_json(json, *value);
  return std::string(out.view());
}

}  // namespace

TEST_CASE("JSON: what is read") {
  CHECK(again(R"( {"a": [1, -2.5, 1e2, 0] , "b" : {"c":null,"d":true,"e":false}, "f":""} )") ==
        R"({"a":["1","-2.5","100","0"],"b":{"c":"<null>","d":true,"e":false},"f":""})");
  CHECK(again(R"("\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00")") ==
        "\"\\\"\\\\/\\u0008\\u000c\\n\\r\\t\xc3\xa9\xf0\x9f\x98\x80\"");
  CHECK(again("[]") == "[]");
  CHECK(again("{}") == "{}");
}

TEST_CASE("JSON: what is refused") {
  for (const char* bad : {"",
                          " ",
                          "{",
                          "[",
                          "]",
                          "[1,]",
                          "{,}",
                          "{\"a\"}",
                          "{\"a\":}",
                          "{a:1}",
                          "{\"a\":1,}",
                          "[1 2]",
                          "01",
                          "-",
                          "1.",
                          ".5",
                          "1e",
                          "+1",
                          "nul",
                          "truex",
                          "True",
                          "\"",
                          "\"\\\"",
                          "\"\\x\"",
                          "\"\\u12\"",
                          "\"\\u-123\"",
                          "\"\\ud800\"",
                          "\"\\ud800\\u0041\"",
                          "\"\\udc00\"",
                          "\"a\nb\"",
                          "[1] 2",
                          "{\"a\":1,\"a\":2}",
                          "1e999",
                          "NaN",
                          "'a'",
                          "[1}",
                          "\"\\",
                          "\"\\u"}) {
    CAPTURE(bad);
    CHECK(again(bad).starts_with("! "));
  }
  CHECK(again("[1, x]") == "! no value at byte 5");
  CHECK_FALSE(again(std::string(32, '[') + std::string(32, ']')).starts_with("! "));
  CHECK(again(std::string(40, '[') + std::string(40, ']')).starts_with("! too many brackets"));
  CHECK(again(std::string(100'000, '[')).starts_with("! too many brackets"));
}

TEST_CASE("JSON: members are found by name") {
  std::string why;
  const auto value = parse_json(R"({"a": 1, "b": "two"})", why);
  REQUIRE(value);
  CHECK(value->find("a")->number == 1);
  CHECK(value->find("c") == nullptr);
  CHECK(value->text_of("b") == "two");
  CHECK(value->text_of("a").empty());
  CHECK(value->text_of("c").empty());
}
