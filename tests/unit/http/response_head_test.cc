#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "head_text.h"
#include "http/h1_serializer.h"

namespace lintel::http::test {
namespace {

using namespace std::string_literals;

struct Row {
  std::string wire;
  std::string expected;
  Method method = Method::get;
};

std::string ok(const std::string& lines) {
  return "HTTP/1.1 200 OK\r\n" + lines + "\r\n";
}
std::string status(const std::string& code, const std::string& lines) {
  return "HTTP/1.1 " + code + " X\r\n" + lines + "\r\n";
}

const std::vector<Row> kRows = {
    {ok("Content-Length: 3\r\n") + "abc", "1.1 200 OK length 3 keep length=3\nleft 3"},
    {ok("Transfer-Encoding: chunked\r\n"), "1.1 200 OK chunked keep\nleft 0"},
    {ok(""), "1.1 200 OK until_close close\nleft 0"},
    {ok("Content-Length: 0\r\nConnection: close\r\n"), "1.1 200 OK length 0 close length=0\nleft 0"},
    {"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", "1.1 200  length 0 keep length=0\nleft 0"},
    {"HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n", "1.1 200  length 0 keep length=0\nleft 0"},
    {"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\n", "1.0 200 OK length 1 close length=1\nleft 0"},
    {"HTTP/1.0 200 OK\r\nContent-Length: 1\r\nConnection: keep-alive\r\n\r\n",
     "1.0 200 OK length 1 keep length=1\nleft 0"},
    {"HTTP/1.1 200 K\xc3\xb6nig\r\nContent-Length: 0\r\n\r\n",
     "1.1 200 K\xc3\xb6nig length 0 keep length=0\nleft 0"},
    {"HTTP/1.1 200 \tO K \r\nContent-Length: 0\r\n\r\n", "1.1 200 \tO K  length 0 keep length=0\nleft 0"},
    {"HTTP/1.1\t200 OK\r\n\r\n", "400"},
    {"HTTP/1.1 200\tOK\r\n\r\n", "400"},
    {ok("Content-Length: 1\r\nKeep-Alive: max=9, timeout=15\r\nUpgrade: h2c\r\nX_Y: z\r\n"),
     "1.1 200 OK length 1 keep length=1 timeout=15\nX_Y=z\nleft 0"},
    {ok("Content-Length: 1\r\nConnection: x-a\r\nX-A: 1\r\n"), "1.1 200 OK length 1 keep length=1\nleft 0"},
    {ok("Content-Length: 3\r\n"), "1.1 200 OK none keep length=3 bodyless\nleft 0", Method::head},
    {ok("Transfer-Encoding: chunked\r\n"), "1.1 200 OK none keep bodyless\nleft 0", Method::head},
    {ok(""), "1.1 200 OK none keep bodyless\nleft 0", Method::head},
    {status("304", "Content-Length: 3\r\n"), "1.1 304 X none keep length=3 bodyless\nleft 0"},
    {status("304", "Transfer-Encoding: chunked\r\n"), "1.1 304 X none keep bodyless\nleft 0"},
    {status("204", ""), "1.1 204 X none keep bodyless\nleft 0"},
    {status("204", "Content-Length: 0\r\n"), "1.1 204 X none keep bodyless\nleft 0"},
    {status("204", "Content-Length: 5\r\n"), "1.1 204 X none close bodyless\nleft 0"},
    {status("204", "Transfer-Encoding: chunked\r\n"), "1.1 204 X none close bodyless\nleft 0"},
    {status("100", ""), "1.1 100 X none keep bodyless\nleft 0"},
    {status("103", "Link: <a>\r\n") + ok(""), "1.1 103 X none keep bodyless\nLink=<a>\nleft 19"},
    {status("101", "Connection: upgrade\r\nUpgrade: websocket\r\n"),
     "1.1 101 X none close bodyless upgrade=websocket\nleft 0"},
    {status("101", "connection: x, Upgrade\r\nUpgrade: a/1\r\n"),
     "1.1 101 X none close bodyless upgrade=a/1\nleft 0"},
    {status("426", "Connection: upgrade\r\nUpgrade: a, b/2\r\nContent-Length: 0\r\n"),
     "1.1 426 X length 0 keep length=0 upgrade=a, b/2\nleft 0"},
    {status("205", "Content-Length: 0\r\n"), "1.1 205 X length 0 keep length=0\nleft 0"},
    {status("599", "Content-Length: 0\r\n"), "1.1 599 X length 0 keep length=0\nleft 0"},
    // Refused.
    {status("101", ""), "400"},
    {status("101", "Upgrade: websocket\r\n"), "400"},
    {"HTTP/1.0 101 X\r\nConnection: upgrade\r\nUpgrade: a\r\n\r\n", "400"},
    {status("101", "Connection: upgrade\r\n"), "400"},
    {status("101", "Connection: upgrade\r\nUpgrade:\r\n"), "400"},
    {status("101", "Connection: upgrade\r\nUpgrade: a\r\nUpgrade: a\r\n"), "400"},
    {status("099", ""), "400"},
    {status("600", ""), "400"},
    {status("20", ""), "400"},
    {status("2000", ""), "400"},
    {status("2x0", ""), "400"},
    {"HTTP/1.1  200 OK\r\n\r\n", "400"},
    {"HTTP/1.1\r\n\r\n", "400"},
    {"HTTP/1.1 200 OK\n\r\n", "400"},
    {"HTTP/1.1 200 O\rK\r\n\r\n", "400"},
    {"HTTP/1.1 200 \x01\r\n\r\n", "400"},
    {"HTTP/2.0 200 OK\r\n\r\n", "505"},
    {"http/1.1 200 OK\r\n\r\n", "400"},
    {"ICY 200 OK\r\n\r\n", "400"},
    {"\r\nHTTP/1.1 200 OK\r\n\r\n", "400"},
    {ok("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n"), "400"},
    {ok("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n"), "400", Method::head},
    {ok("Content-Length: 3\r\nContent-Length: 3\r\n"), "400"},
    {ok("Content-Length: 3, 3\r\n"), "400"},
    {ok("Content-Length: -1\r\n"), "400"},
    {ok("Transfer-Encoding: gzip, chunked\r\n"), "400"},
    {ok("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), "400"},
    {"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "400"},
    {status("204", "Content-Length: x\r\n"), "400"},
    {ok("A: b\r\n c\r\n"), "400"},
    {ok("A: b\nC: d\r\n"), "400"},
    {ok("A: b\rC: d\r\n"), "400"},
    {ok("A : b\r\n"), "400"},
    {ok("A: \0\r\n"s), "400"},
    {"HTTP/1.1 200 OK\r\n A: b\r\n\r\n", "400"},
    {ok("Connection: Content-Length\r\n"), "400"},
};

TEST_CASE("response heads: what becomes of them") {
  for (const Row& row : kRows) {
    CAPTURE(row.wire);
    CHECK(read_response(row.wire, row.method) == row.expected);
  }
}

TEST_CASE("response heads: every split of the input gives the same") {
  for (const Row& row : kRows) {
    CAPTURE(row.wire);
    for (std::size_t first = 0; first <= row.wire.size(); ++first)
      for (std::size_t second = first; second <= row.wire.size(); ++second)
        REQUIRE(read_response(row.wire, row.method, first, second) == row.expected);
  }
}

std::string written(const std::string& wire, const ResponseWriteOptions& options,
                    Method method = Method::get) {
  ResponseHead head;
  ResponseHeadParser parser;
  parser.start(head, {}, method);
  REQUIRE(parser.feed(wire).status == HeadStatus::done);
  Buffer out;
  write_response_head(out, head, parser.framing(), options);
  return std::string(out.view());
}

TEST_CASE("response heads: serialised") {
  CHECK(written(ok("A: b\r\nContent-Length: 3\r\nC:d \r\nE: f\r\n"), {}) ==
        "HTTP/1.1 200 OK\r\nA: b\r\nC: d\r\nE: f\r\nContent-Length: 3\r\n\r\n");
  CHECK(written("HTTP/1.0 404\r\n\r\n", {.close = true}) ==
        "HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n");
  CHECK(written(ok("Transfer-Encoding: chunked\r\nTrailer: x\r\n"), {}) ==
        "HTTP/1.1 200 OK\r\nTrailer: x\r\nTransfer-Encoding: chunked\r\n\r\n");
  CHECK(written(ok("Content-Length: 3\r\n"), {.client_version = Version::http10}) ==
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: keep-alive\r\n\r\n");
  CHECK(written(ok("Content-Length: 3\r\n"), {.keep_content_length_for_head = true}, Method::head) ==
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n");
  CHECK(written(ok("Content-Length: 3\r\n"), {}, Method::head) == "HTTP/1.1 200 OK\r\n\r\n");
  CHECK(written(status("101", "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n"),
                {}) ==
        "HTTP/1.1 101 X\r\nSec-WebSocket-Accept: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n");
}

TEST_CASE("response heads: what a server wants upgraded is told to those who can") {
  const std::string asks = status("426", "Connection: upgrade\r\nUpgrade: a, b\r\nContent-Length: 0\r\n");
  const std::string begin = "HTTP/1.1 426 X\r\nContent-Length: 0\r\n";
  CHECK(written(asks, {}) == begin + "Connection: upgrade\r\nUpgrade: a, b\r\n\r\n");
  CHECK(written(asks, {.close = true}) == begin + "Connection: close, upgrade\r\nUpgrade: a, b\r\n\r\n");
  CHECK(written(asks, {.client_version = Version::http10}) == begin + "Connection: keep-alive\r\n\r\n");
}

TEST_CASE("response heads: added and changed fields go out as given") {
  ResponseHead head;
  head.status = 200;
  head.fields.add("A", "1");
  head.fields.add("B", "");
  head.fields.add("C", "3");
  head.fields.set("a", "4");
  head.fields.remove("B");
  Buffer out;
  write_response_head(out, head, Framing::of_length(0), {});
  CHECK(out.view() == "HTTP/1.1 200 OK\r\nC: 3\r\na: 4\r\nContent-Length: 0\r\n\r\n");
}

}  // namespace
}  // namespace lintel::http::test
