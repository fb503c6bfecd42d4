#include "http/cookie.h"

#include <doctest/doctest.h>

using namespace lintel::http;

TEST_CASE("cookie_value: the first of that name, in whichever line") {
  struct Row {
    const char* first;
    const char* second;
    const char* want;
  };
  const Row rows[] = {{"id=1", "", "1"},
                      {"a=b; id=2; c=d", "", "2"},
                      {"a=b;id=3", "", "3"},
                      {"a=b", "id=4; id=5", "4"},
                      {"xid=1", "", ""},
                      {"id", "", ""},
                      {"id=", "", ""},
                      {"ID=1", "", ""},
                      {"id = 7 ; b=c", "", "7"},
                      {"id=\"a b\"", "", "a b"},
                      {"id=a=b; c", "", "a=b"},
                      {";;; id=8", "", "8"},
                      {"", "", ""},
                      {"id=\"", "", "\""},
                      {"a=\"x; id=9\"", "", "9\""}};
  for (const Row& row : rows) {
    CAPTURE(row.first);
    Fields fields;
    fields.add("X-Cookie", "id=wrong");
    fields.add("cookie", row.first);
    fields.add("Cookie", row.second);
    CHECK(cookie_value(fields, "id") == row.want);
  }
  Fields removed;
  removed.add("Cookie", "id=1");
  removed.remove("cookie");
  CHECK(cookie_value(removed, "id").empty());
}

TEST_CASE("query_value") {
  CHECK(query_value("a=1&b=2&b=3", "b") == "2");
  CHECK(query_value("a=1&b", "b").empty());
  CHECK(query_value("ab=1&xb=2", "b").empty());
  CHECK(query_value("", "b").empty());
  CHECK(query_value("&&b=x=y&", "b") == "x=y");
}
