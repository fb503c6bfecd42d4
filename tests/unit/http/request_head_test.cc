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
};

std::string get(const std::string& lines) {
  return "GET / HTTP/1.1\r\nHost: a\r\n" + lines + "\r\n";
}
std::string post(const std::string& lines) {
  return "POST / HTTP/1.1\r\nHost: a\r\n" + lines + "\r\n";
}
std::string target(const std::string& text) {
  return "GET " + text + " HTTP/1.1\r\nHost: a\r\n\r\n";
}
std::string host(const std::string& text) {
  return "GET / HTTP/1.1\r\nHost: " + text + "\r\n\r\n";
}

const std::vector<Row> kAccepted = {
    // Request line and Host.
    {get(""), "1.1 GET GET [a] / none keep\nleft 0"},
    {get("") + "GET /next", "1.1 GET GET [a] / none keep\nleft 9"},
    {"\r\n\r\n" + get(""), "1.1 GET GET [a] / none keep\nleft 0"},
    {"GET / HTTP/1.2\r\nHost: a\r\n\r\n", "1.1 GET GET [a] / none keep\nleft 0"},
    {"GET / HTTP/1.0\r\n\r\n", "1.0 GET GET [] / none close\nleft 0"},
    {"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", "1.0 GET GET [] / none keep\nleft 0"},
    {"GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", "1.0 GET GET [] / none close\nleft 0"},
    {"PURGE /x?y#z HTTP/1.1\r\nHost: a\r\n\r\n", "400"},
    {"PURGE /x?y=/../%zz HTTP/1.1\r\nHost: a\r\n\r\n", "1.1 PURGE OTHER [a] /x?y=/../%zz none keep\nleft 0"},
    {"get / HTTP/1.1\r\nHost: a\r\n\r\n", "1.1 get OTHER [a] / none keep\nleft 0"},
    {"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "1.1 OPTIONS OPTIONS [a] * none keep\nleft 0"},
    {"OPTIONS http://a HTTP/1.1\r\nHost: a\r\n\r\n", "1.1 OPTIONS OPTIONS [a] * none keep\nleft 0"},
    {"CONNECT a:443 HTTP/1.1\r\nHost: A:443\r\n\r\n", "1.1 CONNECT CONNECT [a:443]  none keep\nleft 0"},
    {"GET http://A.test./p/./q?r HTTP/1.1\r\nHost: a.TEST:80\r\n\r\n",
     "1.1 GET GET [a.test] /p/q?r none keep\nleft 0"},
    {"GET HTTPS://a?r HTTP/1.1\r\nHost: a\r\n\r\n", "1.1 GET GET [a] /?r none keep\nleft 0"},
    {"GET http://a/ HTTP/1.0\r\n\r\n", "1.0 GET GET [a] / none close\nleft 0"},
    {target("/a/../b/%7e%2f%2E/c?d=%2e"), "1.1 GET GET [a] /b/~%2F./c?d=%2e none keep\nleft 0"},
    {target("/x?\x80"), "400"},
    {target("/x?a|b\\c[]{}^`\"<>"), "1.1 GET GET [a] /x?a|b\\c[]{}^`\"<> none keep\nleft 0"},
    {target("/x?"), "1.1 GET GET [a] /x? none keep\nleft 0"},
    {host("A.Test:08080"), "1.1 GET GET [a.test:8080] / none keep\nleft 0"},
    {host("a.test.:"), "1.1 GET GET [a.test] / none keep\nleft 0"},
    {host("a.test:443"), "1.1 GET GET [a.test:443] / none keep\nleft 0"},
    {host("[2001:DB8::1]:80"), "1.1 GET GET [[2001:db8::1]] / none keep\nleft 0"},
    // Fields.
    {get("A:b\r\nC: \t d\t \r\nE:\r\nF: x y\tz\r\n"),
     "1.1 GET GET [a] / none keep\nA=b\nC=d\nE=\nF=x y\tz\nleft 0"},
    {post("Content-Length: \t 5 \t\r\n"), "1.1 POST POST [a] / length 5 keep\nleft 0"},
    {get("A: \x80\xff\r\n"), "1.1 GET GET [a] / none keep\nA=\x80\xff\nleft 0"},
    {get("X_Y: 1\r\nContent_Length: 5\r\nA.B: 2\r\n"), "1.1 GET GET [a] / none keep\nA.B=2\nleft 0"},
    // Framing.
    {post("Content-Length: 0\r\n"), "1.1 POST POST [a] / length 0 keep\nleft 0"},
    {post("content-LENGTH: 007\r\n"), "1.1 POST POST [a] / length 7 keep\nleft 0"},
    {post("Content-Length: 9223372036854775807\r\n"),
     "1.1 POST POST [a] / length 9223372036854775807 keep\nleft 0"},
    {post("Transfer-Encoding: Chunked\r\n"), "1.1 POST POST [a] / chunked keep\nleft 0"},
    // Hop-by-hop and nominated fields.
    {get("Connection: close\r\n"), "1.1 GET GET [a] / none close\nleft 0"},
    {get("Connection: x-a,, X-B\r\nX-A: 1\r\nx-b: 2\r\nX-A: 3\r\nX-C: 4\r\n"),
     "1.1 GET GET [a] / none keep\nX-C=4\nleft 0"},
    {get("Keep-Alive: timeout=5\r\nProxy-Connection: x\r\nHTTP2-Settings: y\r\nTrailer: z\r\n"),
     "1.1 GET GET [a] / none keep\nTrailer=z\nleft 0"},
    {get("TE: trailers, deflate\r\nConnection: TE\r\n"), "1.1 GET GET [a] / none keep trailers\nleft 0"},
    {get("TE: gzip\r\n"), "1.1 GET GET [a] / none keep\nleft 0"},
    {get("Connection: Upgrade\r\nUpgrade: websocket\r\n"),
     "1.1 GET GET [a] / none keep upgrade=websocket\nleft 0"},
    {get("Upgrade: websocket\r\n"), "1.1 GET GET [a] / none keep\nleft 0"},
    {get("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n"),
     "1.1 GET GET [a] / none keep\nleft 0"},
    {get("Connection: Upgrade\r\nUpgrade: websocket, h2c\r\n"), "1.1 GET GET [a] / none keep\nleft 0"},
    {get("Connection: Upgrade\r\nUpgrade: websocket\r\nUpgrade: h2c\r\n"),
     "1.1 GET GET [a] / none keep\nleft 0"},
    {get("Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 0\r\n"),
     "1.1 GET GET [a] / length 0 keep\nleft 0"},
    {post("Connection: Upgrade\r\nUpgrade: websocket\r\n"), "1.1 POST POST [a] / none keep\nleft 0"},
    // Expect.
    {post("Expect: 100-Continue\r\nContent-Length: 3\r\n"),
     "1.1 POST POST [a] / length 3 keep continue\nleft 0"},
    {post("Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n"),
     "1.1 POST POST [a] / chunked keep continue\nleft 0"},
    {post("Expect: 100-continue\r\nContent-Length: 0\r\n"), "1.1 POST POST [a] / length 0 keep\nleft 0"},
    {get("Expect: 100-continue\r\n"), "1.1 GET GET [a] / none keep\nleft 0"},
    {get("Expect: 200-ok\r\n"), "417"},
    {get("Expect: 100-continue\r\nExpect: x\r\n"), "417"},
    {"POST / HTTP/1.0\r\nExpect: x\r\nContent-Length: 1\r\n\r\n",
     "1.0 POST POST [] / length 1 close\nleft 0"},
};

const std::vector<std::string> kRefused = {
    // Request line.
    "GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /  HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET / HTTP/1.1 \r\nHost: a\r\n\r\n",
    " GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /\tHTTP/1.1\r\nHost: a\r\n\r\n",
    "GET / HTTP/1.1\nHost: a\r\n\r\n",
    "GET / HTTP/1.1\r\r\nHost: a\r\n\r\n",
    "GET / HTTP/1.1\rHost: a\r\n\r\n",
    "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "\rGET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /\r\n\r\n",
    "GET\r\n\r\n",
    "GET / http/1.1\r\nHost: a\r\n\r\n",
    "GET / HTTP/1\r\nHost: a\r\n\r\n",
    "GET / HTTP/1.10\r\nHost: a\r\n\r\n",
    "GET / HTTP/01.1\r\nHost: a\r\n\r\n",
    "GET / XTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n",
    "G@T / HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n"s,
    "\x16\x03\x01\x02",
    "G\0ET / HTTP/1.1\r\nHost: a\r\n\r\n"s,
    "\r\n\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET : HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET  HTTP/1.1\r\nHost: a\r\n\r\n",
    // Targets.
    "GET * HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET a HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET http://a:81/ HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET http:///x HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n",
    "CONNECT / HTTP/1.1\r\nHost: a\r\n\r\n",
    "CONNECT b:1 HTTP/1.1\r\nHost: a:1\r\n\r\n",
    "CONNECT a HTTP/1.1\r\nHost: a\r\n\r\n",
    "OPTIONS *a HTTP/1.1\r\nHost: a\r\n\r\n",
    target("/%00"),
    target("/%0d"),
    target("/%1F"),
    target("/%7f"),
    target("/%5c"),
    target("/a\\b"),
    target("/%"),
    target("/%4"),
    target("/%4g"),
    target("/.."),
    target("/a/../.."),
    target("/%2e%2e"),
    target("/a#b"),
    target("/\x80"),
    target("/a?b#c"),
    target("/a?\x7f"),
    target("/a?b\x01"),
    // Host.
    "GET / HTTP/1.1\r\n\r\n",
    get("Host: a\r\n"),
    get("Host: b\r\n"),
    host(""),
    host("a b"),
    host("u@a"),
    host("a,b"),
    host("a/b"),
    host("a:b"),
    host("a:65536"),
    host("a:0"),
    host("a:1:2"),
    host("[::1"),
    host("[::1]x"),
    host("[x]"),
    host("[]"),
    host("a..b"),
    host(".a"),
    host("."),
    host("a%41"),
    host("a\\b"),
    host("a#"),
    host("a\xc3\xa4"),
    host("a:99999999999999999999"),
    host(":80"),
    // Line structure: bare LF and CR, folding, names.
    "GET / HTTP/1.1\r\nHost: a\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\n\n",
    get("A: b\nC: d\r\n"),
    get("A: b\rC: d\r\n"),
    get("A: b\r\n c\r\n"),
    get("A: b\r\n\tc\r\n"),
    get("A:\r\n b\r\n"),
    get("A : b\r\n"),
    get("A\t: b\r\n"),
    get(" A: b\r\n"),
    get("A B: c\r\n"),
    get(": b\r\n"),
    get("A\r\n"),
    get("A: \0\r\n"s),
    get("A: b\x01\r\n"),
    get("A: b\x7f\r\n"),
    get("A\0: b\r\n"s),
    get("A(: b\r\n"),
    get("\xc3\xa4: b\r\n"),
    get("A: b\r\r\n"),
    get("A: b\r\n\r"),
    "GET / HTTP/1.1\r\n Host: a\r\n\r\n",
    "GET / HTTP/1.1\r\n\tX: y\r\nHost: a\r\n\r\n",
    get("A: b\r\n\nGET /x HTTP/1.1\r\nHost: a\r\n"),
    get("Content-Length\x0b: 5\r\n"),
    get("Transfer-Encoding: chunked\x0b\r\n"),
    get("A: b\x0c\r\n"),
    // Framing: CL.TE, TE.CL, TE.TE, CL.CL and numbers that readers may understand differently.
    post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"),
    post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"),
    post("Content-Length: 0\r\nTransfer-Encoding: chunked\r\n"),
    post("Content-Length: 5\r\nContent-Length: 5\r\n"),
    post("Content-Length: 5\r\nContent-Length: 6\r\n"),
    post("Content-Length: 5, 5\r\n"),
    post("Content-Length: +5\r\n"),
    post("Content-Length: -5\r\n"),
    post("Content-Length: 0x5\r\n"),
    post("Content-Length: 5 5\r\n"),
    post("Content-Length: 5;\r\n"),
    post("Content-Length: \r\n"),
    post("Content-Length: 1e3\r\n"),
    post("Content-Length: 9223372036854775808\r\n"),
    post("Content-Length: 18446744073709551621\r\n"),
    post("Content-Length: 5\x0b\r\n"),
    post("Content-Length : 5\r\n"),
    post("Content-Length: 99999999999999999999999999\r\n"),
    post("Transfer-Encoding: gzip, chunked\r\n"),
    post("Transfer-Encoding: chunked, gzip\r\n"),
    post("Transfer-Encoding: chunked, chunked\r\n"),
    post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
    post("Transfer-Encoding: identity\r\n"),
    post("Transfer-Encoding: xchunked\r\n"),
    post("Transfer-Encoding: chunked;q=1\r\n"),
    post("Transfer-Encoding: \r\n"),
    post("Transfer-Encoding: \"chunked\"\r\n"),
    post("Transfer-Encoding: chunked,\r\n"),
    post("Transfer-Encoding:\r\n chunked\r\n"),
    post("Transfer-Encoding : chunked\r\n"),
    post("X: y\nTransfer-Encoding: chunked\r\n"),
    post("Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n"),
    post("Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n"),
    post("Transfer-Encoding\r\n : chunked\r\n"),
    "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
    "POST / HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n",
    // Connection.
    get("Connection: Content-Length\r\n"),
    get("Connection: close, host\r\n"),
    get("Connection: Authorization\r\n"),
    get("Connection: cookie\r\n"),
    get("Connection: Forwarded\r\n"),
    get("Connection: X-Forwarded-For\r\n"),
    get("Connection: x-forwarded-anything\r\n"),
    get("Connection: Transfer-Encoding\r\n"),
    get("Connection: a,b,c,d,e,f,g,h,i,j,k\r\n"),
    get("Connection: a b\r\n"),
    get("Connection: \"close\"\r\n"),
    get("Connection: a,b,c,d,e,f\r\nConnection: g,h,i,j,k\r\n"),
};

TEST_CASE("request heads: accepted forms and what becomes of them") {
  for (const Row& row : kAccepted) {
    CAPTURE(row.wire);
    CHECK(read_request(row.wire) == row.expected);
  }
}

TEST_CASE("request heads: refused forms") {
  for (const std::string& wire : kRefused) {
    CAPTURE(wire);
    CHECK(read_request(wire) == "400");
  }
  CHECK(read_request("GET / HTTP/2.0\r\nHost: a\r\n\r\n") == "505");
  CHECK(read_request("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n") == "505");
  CHECK(read_request("GET / HTTP/0.9\r\n\r\n") == "505");
}

TEST_CASE("request heads: every split of the input gives the same") {
  std::vector<std::string> wires = kRefused;
  for (const Row& row : kAccepted) wires.push_back(row.wire);
  for (const std::string& wire : wires) {
    CAPTURE(wire);
    const std::string whole = read_request(wire);
    for (std::size_t first = 0; first <= wire.size(); ++first)
      for (std::size_t second = first; second <= wire.size(); ++second)
        REQUIRE(read_request(wire, first, second) == whole);
  }
}

TEST_CASE("request heads: incomplete ones want more") {
  const std::string wire = "\r\n" + post("Content-Length: 3\r\nA: b\r\n");
  for (std::size_t size = 0; size < wire.size(); ++size)
    REQUIRE(read_request(wire.substr(0, size)) == "need_more");
}

TEST_CASE("request heads: what is not HTTP is refused before a line ends") {
  const std::string wire = "\x16\x03\x01";
  for (std::size_t cut = 0; cut <= wire.size(); ++cut) CHECK(read_request(wire, cut, wire.size()) == "400");
  for (std::size_t cut = 0; cut <= 5; ++cut) CHECK(read_request("GET\r ", cut, 5) == "400");
}

TEST_CASE("request heads: limits") {
  HeadLimits limits{.head = 200, .field = 60, .target = 40, .count = 5};
  const auto sized = [](std::size_t size) { return target("/" + std::string(size - 1, 'a')); };
  CHECK(read_request(sized(40), limits).starts_with("1.1"));
  CHECK(read_request(sized(41), limits) == "414");
  CHECK(read_request("GET /" + std::string(140, 'a'), limits) == "414");
  const auto field = [](std::size_t size) { return get("A: " + std::string(size - 5, 'b') + "\r\n"); };
  CHECK(read_request(field(60), limits).starts_with("1.1"));
  CHECK(read_request(field(61), limits) == "431");
  CHECK(read_request("GET / HTTP/1.1\r\nA: " + std::string(60, 'b'), limits) == "431");
  CHECK(read_request(get("A: b\r\nA: b\r\nA: b\r\nA: b\r\n"), limits).starts_with("1.1"));
  CHECK(read_request(get("A: b\r\nA: b\r\nA: b\r\nA: b\r\nA: b\r\n"), limits) == "431");
  const auto filled =
      [](std::size_t size) {  // A head of that size; 27 bytes are there without the three fields.
        const std::size_t rest = size - 27 - 2 * 58;
        return get("A: " + std::string(53, 'b') + "\r\nA: " + std::string(53, 'b') +
                   "\r\nA: " + std::string(rest - 5, 'b') + "\r\n");
      };
  REQUIRE(filled(200).size() == 200);
  CHECK(read_request(filled(200), limits).starts_with("1.1"));
  CHECK(read_request(filled(200) + "more", limits).ends_with("left 4"));
  CHECK(read_request(filled(201), limits) == "431");
  CHECK(read_request(filled(201), 150, 200, limits) == "431");
}

TEST_CASE("request heads: no more is buffered than the limit") {
  RequestHead head;
  RequestHeadParser parser;
  parser.start(head, HeadLimits{.head = 1000, .field = 100000});
  HeadProgress progress = parser.feed(std::string("GET / HTTP/1.1\r\nA: "));
  for (int i = 0; i < 100 && progress.status == HeadStatus::need_more; ++i)
    progress = parser.feed(std::string(300, 'b'));
  CHECK(progress.status == HeadStatus::fields_too_large);
  CHECK(head.fields.bytes().size() <= 1000);
}

TEST_CASE("request heads: dropped underscores are counted, one parser serves many requests") {
  RequestHead head;
  RequestHeadParser parser;
  parser.start(head, {});
  CHECK(parser.feed(get("A_B: 1\r\nC_: 2\r\nD: 3\r\n")).status == HeadStatus::done);
  CHECK(parser.dropped_underscore() == 2);
  CHECK(head.fields.count() == 1);
  parser.start(head, {});
  CHECK(parser.feed(post("Content-Length: 3\r\n")).status == HeadStatus::done);
  CHECK(parser.dropped_underscore() == 0);
  CHECK(head.method == Method::post);
  CHECK(head.content_length == 3U);
  CHECK(head.text(head.target) == "/");
}

TEST_CASE("request heads: strict paths arrive in their canonical form or not at all") {
  const RequestRules strict{.strict_paths = true};
  for (const std::string path : {"/", "/a/b", "/a%2Fb", "/a%20b/", "/.well-known/x", "/a..b", "//",
                                 "/a?x=/../%2e", "http://a", "http://a?q", "http://a/b", "/a%C3%A4"}) {
    CAPTURE(path);
    CHECK(read_request(target(path), {}, strict) == read_request(target(path)));
    CHECK(read_request(target(path), {}, strict).starts_with("1.1"));
  }
  for (const std::string path :
       {"/a/./b", "/a/../b", "/a/..", "/.", "/%61", "/a%2fb", "/%7E", "/a/%2e%2e/b", "http://a/./b",
        "/a/./b?q", "/a/..;/b", "/..;", "/a/..%3Bx", "http://a/.;/"}) {
    CAPTURE(path);
    CHECK(read_request(target(path)).starts_with("1.1"));
    CHECK(read_request(target(path), {}, strict) == "400");
  }
  CHECK(read_request("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", {}, strict).starts_with("1.1"));
}

TEST_CASE("request heads: escaped slashes may be refused") {
  const RequestRules rules{.no_encoded_slash = true};
  for (const char* path : {"/a%2Fb", "/a%2fb", "/%2F", "http://a/x%2f"}) {
    CAPTURE(path);
    CHECK(read_request(target(path)).starts_with("1.1"));
    CHECK(read_request(target(path), {}, rules) == "400");
  }
  for (const char* path : {"/a/b?c=%2F", "/a%252Fb", "/%2B"}) {
    CAPTURE(path);
    CHECK(read_request(target(path), {}, rules).starts_with("1.1"));
  }
}

TEST_CASE("request heads: underscores in names are dropped, refused or kept") {
  const std::string wire = get("X_Y: 1\r\nA: 2\r\n");
  const auto read = [&wire](UnderscoreNames names) {
    return read_request(wire, {}, RequestRules{.underscore_names = names});
  };
  CHECK(read(UnderscoreNames::drop) == "1.1 GET GET [a] / none keep\nA=2\nleft 0");
  CHECK(read(UnderscoreNames::keep) == "1.1 GET GET [a] / none keep\nX_Y=1\nA=2\nleft 0");
  CHECK(read(UnderscoreNames::reject) == "400");
  CHECK(read_request(get("A: x_y\r\n"), {}, RequestRules{.underscore_names = UnderscoreNames::reject})
            .starts_with("1.1"));
}

TEST_CASE("request heads: parse, serialise, parse is the identity") {
  for (const Row& row : kAccepted) {
    CAPTURE(row.wire);
    RequestHead head;
    RequestHeadParser parser;
    parser.start(head, {});
    if (parser.feed(row.wire).status != HeadStatus::done || head.method == Method::connect ||
        head.authority.size == 0)
      continue;
    Buffer out;
    write_request_head(out, head, parser.framing(), true);
    RequestHead again;
    RequestHeadParser second;
    second.start(again, {});
    const HeadProgress progress = second.feed(out.span());
    REQUIRE(progress.status == HeadStatus::done);
    CHECK(progress.consumed == out.size());
    again.version = head.version;
    const auto without_persistence = [](std::string text) {
      for (const char* word : {" keep", " close"})
        if (const auto at = text.find(word); at != std::string::npos)
          text.erase(at, std::string_view(word).size());
      return text;
    };
    CHECK(without_persistence(describe(again, second)) == without_persistence(describe(head, parser)));
  }
}

}  // namespace
}  // namespace lintel::http::test
