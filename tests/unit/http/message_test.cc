#include "http/message.h"

#include <doctest/doctest.h>

#include <string>

#include "http/date.h"
#include "http/octets.h"

namespace lintel::http::test {
namespace {

TEST_CASE("field names: ids without regard to case") {
  struct Row {
    const char* name;
    FieldId id;
  };
  constexpr Row kRows[] = {
      {"connection", FieldId::connection},
      {"content-length", FieldId::content_length},
      {"content-type", FieldId::content_type},
      {"date", FieldId::date},
      {"expect", FieldId::expect},
      {"forwarded", FieldId::forwarded},
      {"host", FieldId::host},
      {"http2-settings", FieldId::http2_settings},
      {"keep-alive", FieldId::keep_alive},
      {"proxy-connection", FieldId::proxy_connection},
      {"referer", FieldId::referer},
      {"server", FieldId::server},
      {"te", FieldId::te},
      {"trailer", FieldId::trailer},
      {"transfer-encoding", FieldId::transfer_encoding},
      {"upgrade", FieldId::upgrade},
      {"user-agent", FieldId::user_agent},
      {"via", FieldId::via},
      {"x-forwarded-for", FieldId::x_forwarded_for},
      {"x-forwarded-host", FieldId::x_forwarded_host},
      {"x-forwarded-port", FieldId::x_forwarded_port},
      {"x-forwarded-proto", FieldId::x_forwarded_proto},
      {"x-real-ip", FieldId::x_real_ip},
      {"x-request-id", FieldId::x_request_id},
  };
  CHECK(std::size(kRows) == static_cast<std::size_t>(FieldId::x_request_id));
  for (const Row& row : kRows) {
    std::string name = row.name;
    CAPTURE(name);
    CHECK(field_id(name) == row.id);
    CHECK(field_id(name + "x") != row.id);
    for (char& c : name) {
      const char original = c;
      c = static_cast<char>(c >= 'a' && c <= 'z' ? c - 32 : c);
      CHECK(field_id(name) == row.id);
      c = static_cast<char>(original ^ 0x40);
      CHECK(field_id(name) == FieldId::other);
      if (original < 'a') {  // "-" and digits have no other case.
        c = static_cast<char>(original ^ 0x20);
        CHECK(field_id(name) == FieldId::other);
      }
      c = original;
    }
  }
  CHECK(field_id("") == FieldId::other);
}

TEST_CASE("control characters are found at every place") {
  for (std::size_t size = 1; size < 40; ++size) {
    for (std::size_t at = 0; at < size; ++at) {
      for (int octet = 0; octet < 256; ++octet) {
        std::string text(size, 'a');
        text[at] = static_cast<char>(octet);
        REQUIRE(has_control(text) == ((octet < 0x20 && octet != '\t') || octet == 0x7f));
      }
    }
  }
}

TEST_CASE("fields: add, set, remove, find") {
  Fields fields;
  fields.add("Via", "1.1 a");
  fields.add("X-A", "1");
  fields.add("x-a", "2");
  CHECK(fields.get("X-a") == "1");
  CHECK(fields.get(FieldId::via) == "1.1 a");
  CHECK(fields.count() == 3);
  fields.set("X-A", "3");
  CHECK(fields.count() == 2);
  CHECK(fields.get("x-a") == "3");
  CHECK(fields.remove(FieldId::via) == 1);
  CHECK(fields.find("via") == nullptr);
  CHECK(fields.get("none") == "");
  fields.clear();
  CHECK(fields.count() == 0);
}

TEST_CASE("requests: host without port") {
  RequestHead head;
  head.authority = head.store("a.test:8080");
  CHECK(head.host() == "a.test");
  head.authority = head.store("[::1]:8080");
  CHECK(head.host() == "[::1]");
  head.authority = head.store("b");
  CHECK(head.host() == "b");
  head.clear();
  CHECK(head.host() == "");
}

TEST_CASE("dates: IMF-fixdate, cached by second") {
  DateCache dates;
  CHECK(dates.at(784111777) == "Sun, 06 Nov 1994 08:49:37 GMT");
  CHECK(dates.at(784111777) == "Sun, 06 Nov 1994 08:49:37 GMT");
  CHECK(dates.at(0) == "Thu, 01 Jan 1970 00:00:00 GMT");
  CHECK(dates.at(1709210096) == "Thu, 29 Feb 2024 12:34:56 GMT");
}

}  // namespace
}  // namespace lintel::http::test
