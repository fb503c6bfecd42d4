#include "proxy/redirect.h"

#include <doctest/doctest.h>

#include <string>

#include "http/h1_parser.h"

using namespace lintel;
using namespace lintel::proxy;

TEST_CASE("redirect: Location") {
  struct Row {
    std::string request;  ///< First line and Host.
    config::Redirect redirect;
    std::string want;
  };
  const Row rows[] = {
      {"GET /p?q=1 HTTP/1.1\r\nHost: a.test", {"https", "", {}, "", 308}, "https://a.test/p?q=1"},
      {"GET /p?q=1 HTTP/1.1\r\nHost: a.test:8080", {"https", "", {}, "", 308}, "https://a.test/p?q=1"},
      {"GET /p HTTP/1.1\r\nHost: a.test:8080", {"https", "", 8443, "", 308}, "https://a.test:8443/p"},
      {"GET /p HTTP/1.1\r\nHost: a.test:8080", {"", "b.test", {}, "", 308}, "http://b.test/p"},
      {"GET /p HTTP/1.1\r\nHost: a.test:8080", {"", "", {}, "/new", 308}, "http://a.test:8080/new"},
      {"GET /p?q HTTP/1.1\r\nHost: a.test", {"", "", {}, "/new", 308}, "http://a.test/new"},
      {"GET /p? HTTP/1.1\r\nHost: a.test", {"https", "", {}, "", 308}, "https://a.test/p?"},
      {"GET /a/../b HTTP/1.1\r\nHost: A.TEST.", {"https", "", {}, "", 308}, "https://a.test/b"},
      {"GET /p HTTP/1.1\r\nHost: [::1]:80", {"https", "", {}, "", 308}, "https://[::1]/p"},
      {"GET /p HTTP/1.1\r\nHost: [::1]:81", {"", "", 444, "", 308}, "http://[::1]:444/p"},
      {"GET /p HTTP/1.0", {"https", "", {}, "", 308}, "/p"},
      {"GET /p HTTP/1.0", {"", "b.test", 81, "/x", 308}, "http://b.test:81/x"},
      {"GET http://a.test/p HTTP/1.1\r\nHost: a.test", {"https", "", {}, "", 308}, "https://a.test/p"},
      {"OPTIONS * HTTP/1.1\r\nHost: a.test", {"https", "", {}, "", 308}, "https://a.test/"},
      // Without a host, "//b.test" would name one.
      {"GET //b.test/p HTTP/1.0", {"", "", {}, "", 308}, "/b.test/p"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.request);
    http::RequestHead request;
    http::RequestHeadParser parser;
    parser.start(request, {});
    const std::string text = std::string(row.request) + "\r\n\r\n";
    REQUIRE(parser.feed(text).status == http::HeadStatus::done);
    CHECK(redirect_location(row.redirect, "http", request) == row.want);
  }
}
