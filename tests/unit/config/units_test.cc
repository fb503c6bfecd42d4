#include "config/units.h"

#include <doctest/doctest.h>

#include <string>
#include <tuple>

using namespace lintel::config;

TEST_CASE("durations: accepted forms and their printed form") {
  struct Row {
    const char* text;
    milliseconds value;
    const char* printed;
  };
  const Row rows[] = {{"250ms", 250ms, "250ms"}, {"5s", 5s, "5s"},
                      {"1m", 1min, "1m"},        {"2h", 2h, "2h"},
                      {"365d", 8760h, "365d"},   {"24h", 24h, "1d"},
                      {"1d12h", 36h, "36h"},     {"1h30m", 90min, "90m"},
                      {"75s", 75s, "75s"},       {"1m30s500ms", 90500ms, "90500ms"},
                      {"0s", 0ms, "0s"},         {"0ms", 0ms, "0s"}};
  for (const Row& row : rows) {
    CAPTURE(row.text);
    std::string why;
    CHECK(parse_duration(row.text, why) == row.value);
    CHECK(format_duration(row.value) == row.printed);
    CHECK(parse_duration(row.printed, why) == row.value);
  }
}

TEST_CASE("durations: refused forms say why") {
  const std::pair<const char*, const char*> rows[] = {
      {"", "not a duration"},     {"10", "has no unit; a duration is a number with ms, s, m, h or d"},
      {"0", "has no unit"},       {"1.5s", "fraction"},
      {"1w", "not a duration"},   {"5 s", "not a duration"},
      {"-5s", "not a duration"},  {"1s1m", "not a duration"},
      {"1s1s", "not a duration"}, {"s", "not a duration"},
      {"5S", "not a duration"},   {"9223372036854775807h", "too large"},
      {"1s5", "not a duration"},  {"99999999999999999999s", "not a duration"},
  };
  for (const auto& [text, expected] : rows) {
    CAPTURE(text);
    std::string why;
    CHECK_FALSE(parse_duration(text, why));
    CHECK_MESSAGE(why.find(expected) != std::string::npos, why);
  }
}

TEST_CASE("rates of bytes") {
  for (const auto& [text, value, printed] :
       {std::tuple("240B/s", 240U, "240B/s"), std::tuple("8KiB/s", 8192U, "8KiB/s"),
        std::tuple("8k/s", 8192U, "8KiB/s"), std::tuple("0B/s", 0U, "0B/s")}) {
    CAPTURE(text);
    std::string why;
    CHECK(parse_byte_rate(text, why) == ByteRate{value});
    CHECK(format_byte_rate(ByteRate{value}) == printed);
  }
  const std::pair<const char*, const char*> refused[] = {
      {"240", "has no unit; a rate is a size with /s, for example 240B/s"},
      {"240B", "is not a rate; a rate is"},
      {"240/s", "is not a rate"},
      {"/s", "is not a rate"},
      {"1.5k/s", "fraction"},
      {"8KiB/m", "is not a rate"},
      {"", "is not a rate"},
  };
  for (const auto& [text, expected] : refused) {
    CAPTURE(text);
    std::string why;
    CHECK_FALSE(parse_byte_rate(text, why));
    CHECK_MESSAGE(why.find(expected) != std::string::npos, why);
  }
}

TEST_CASE("sizes") {
  struct Row {
    const char* text;
    std::uint64_t value;
    const char* printed;
  };
  const Row rows[] = {{"64KiB", 65536, "64KiB"},   {"10MiB", 10485760, "10MiB"}, {"1GiB", 1073741824, "1GiB"},
                      {"64k", 65536, "64KiB"},     {"10m", 10485760, "10MiB"},   {"1g", 1073741824, "1GiB"},
                      {"1K", 1024, "1KiB"},        {"1500B", 1500, "1500B"},     {"0B", 0, "0B"},
                      {"2048kib", 2097152, "2MiB"}};
  for (const Row& row : rows) {
    CAPTURE(row.text);
    std::string why;
    CHECK(parse_size(row.text, why) == Bytes{row.value});
    CHECK(format_size(Bytes{row.value}) == row.printed);
  }
  const std::pair<const char*, const char*> refused[] = {
      {"1024", "has no unit; a size is a number with B, KiB"},
      {"10MB", "write 10MiB"},
      {"1.5m", "fraction"},
      {"KiB", "not a size"},
      {"", "not a size"},
      {"-1k", "not a size"},
      {"9223372036854775807k", "too large"}};
  for (const auto& [text, expected] : refused) {
    CAPTURE(text);
    std::string why;
    CHECK_FALSE(parse_size(text, why));
    CHECK_MESSAGE(why.find(expected) != std::string::npos, why);
  }
}

TEST_CASE("integers and booleans") {
  std::string why;
  CHECK(parse_integer("0", why) == 0);
  CHECK(parse_integer("-7", why) == -7);
  CHECK(parse_integer("9223372036854775807", why) == 9223372036854775807);
  for (const char* text :
       {"", "-", "010", "00", "0x50", "1_000", "1e3", "1.0", "+1", "9223372036854775808"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_integer(text, why));
  }
  for (const char* text : {"true", "True", "TRUE", "on", "On", "ON", "yes", "Yes", "YES"}) {
    CHECK(parse_boolean(text) == true);
  }
  for (const char* text : {"false", "off", "no", "No", "OFF"}) CHECK(parse_boolean(text) == false);
  for (const char* text : {"", "1", "0", "y", "n", "tRUE", "enabled"}) CHECK_FALSE(parse_boolean(text));
}

TEST_CASE("statuses") {
  std::string why;
  struct Row {
    const char* text;
    int first;
    int last;
  };
  for (const Row& row : {Row{"2xx", 200, 299}, Row{"200-299", 200, 299}, Row{"404", 404, 404},
                         Row{"101-101", 101, 101}, Row{"5xx", 500, 599}}) {
    CAPTURE(row.text);
    const auto range = parse_statuses(row.text, why);
    REQUIRE(range);
    CHECK(range->first == row.first);
    CHECK(range->last == row.last);
    CHECK(range->contains(row.first));
    CHECK(range->contains(row.last));
    CHECK_FALSE(range->contains(row.first - 1));
    CHECK_FALSE(range->contains(row.last + 1));
  }
  for (const char* bad : {"", "2", "2x", "0xx", "6xx", "99", "600", "xxx", "200-", "-200", "299-200",
                          "20-300", "200-299-300", "+20", "2000"}) {
    CAPTURE(bad);
    why.clear();
    CHECK_FALSE(parse_statuses(bad, why));
    CHECK(why.find("no HTTP status") != std::string::npos);
  }
}

TEST_CASE("bytes with escapes") {
  std::string why;
  const auto bytes = parse_bytes(R"(a\r\n\t\0\\\x41\xfFz)", why);
  REQUIRE(bytes);
  CHECK(*bytes == std::string("a\r\n\t\0\\A\xffz", 9));
  CHECK(parse_bytes("plain", why) == "plain");
  for (const char* bad : {"\\", "a\\", "\\q", "\\x", "\\x4", "\\x4g", "\\xg4", "\\x-1"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_bytes(bad, why));
  }
}
