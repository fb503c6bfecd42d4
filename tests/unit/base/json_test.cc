#include "base/json.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <string>

namespace lintel {
namespace {

std::string escaped(std::string_view text) {
  Buffer out;
  append_json_text(out, text);
  return std::string(out.view());
}

TEST_CASE("text is escaped; what is not UTF-8 is replaced") {
  using namespace std::string_literals;
  struct Row {
    std::string text;
    std::string expected;
  };
  const std::string bad = "\xef\xbf\xbd";
  for (const Row& row : {Row{"plain/~\x7f", "plain/~\x7f"},
                         Row{"\"\\\n\r\t\x01\x1f\0"s, "\\\"\\\\\\n\\r\\t\\u0001\\u001f\\u0000"},
                         Row{"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"},
                         Row{"a\xff"
                             "b",
                             "a" + bad + "b"},
                         Row{"\xc0\xaf", bad + bad},                      // Overlong.
                         Row{"\xe0\x80\x80", bad + bad + bad},            // Overlong.
                         Row{"\xed\xa0\x80", bad + bad + bad},            // A surrogate.
                         Row{"\xf4\x90\x80\x80", bad + bad + bad + bad},  // Above U+10FFFF.
                         Row{"\xe2\x82", bad + bad},                      // Cut short.
                         Row{"\xe2\"", bad + "\\\""}}) {
    CAPTURE(row.expected);
    CHECK(escaped(row.text) == row.expected);
  }
}

TEST_CASE("documents") {
  Buffer out;
  JsonWriter json(out);
  json.begin_object();
  json.key("a").number(1).key("b").begin_array().text("x\"").signed_number(-5).end_array();
  json.key("c").begin_object().end_object();
  json.key("d").boolean(true).key("e").decimal(12'045);
  json.key("f").signed_number(INT64_MIN);
  json.end_object();
  CHECK(out.view() == R"({"a":1,"b":["x\"",-5],"c":{},"d":true,"e":12.045,"f":-9223372036854775808})");
}

TEST_CASE("documents for people") {
  Buffer out;
  JsonWriter json(out, JsonWriter::Style::indented);
  json.begin_object().member("a", 1).key("b").begin_array().text("x").begin_object().end_object().end_array();
  json.key("c").begin_array().end_array().member("d", "e").end_object();
  CHECK(out.view() ==
        "{\n  \"a\": 1,\n  \"b\": [\n    \"x\",\n    {}\n  ],\n  \"c\": [],\n  \"d\": \"e\"\n}");
}

}  // namespace
}  // namespace lintel
