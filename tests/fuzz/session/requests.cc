#include "session/requests.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <iterator>

namespace lintel::fuzz {
namespace {

/// "%" stands for the request's number, "@" for another whole request, "#" for the length of that.
constexpr std::string_view kTricks[] = {
    // Content-Length against Transfer-Encoding.
    "POST /r/% HTTP/1.1\r\nHost: a.test\r\nX-Id: %\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n"
    "0\r\n\r\n@",
    "POST /r/% HTTP/1.1\r\nHost: a.test\r\nX-Id: %\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n"
    "3e\r\n@\r\n0\r\n\r\n",
    "POST /r/% HTTP/1.1\r\nHost: a.test\r\nX-Id: %\r\nContent-Length: 5\r\nTransfer-Encoding : "
    "chunked\r\n\r\n"
    "0\r\n\r\n@",
    "POST /r/% HTTP/1.1\r\nHost: a.test\r\nX-Id: %\r\nContent-Length: 5\r\nTransfer-Encoding: "
    "xchunked\r\n\r\n"
    "0\r\n\r\n@",
    "POST /r/% HTTP/1.1\r\nHost: a.test\r\nX-Id: %\r\nContent-Length: 5\r\nTransfer-Encoding:\x0b"
    "chunked\r\n\r\n0\r\n\r\n@",
    "POST /r/% HTTP/1.1\r\nHost: a.test\r\nX-Id: %\r\nContent-Length: 5\r\n Transfer-Encoding: "
    "chunked\r\n\r\n"
    "0\r\n\r\n@",
    "POST /r/% HTTP/1.1\r\nHost: a.test\r\nX-Id: %\r\nX: y\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n@",
    "POST /r/% HTTP/1.1\r\nHost: a.test\r\nX-Id: %\r\nX: y\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n@",
    "POST /r/% HTTP/1.1\r\nHost: a.test\r\nX-Id: %\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n@",
    "POST /r/% HTTP/1.1\r\nHost: a.test\r\nX-Id: %\r\nTransfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n@",
    "POST /r/% HTTP/1.1\r\nHost: a.test\r\nX-Id: %\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: "
    "identity\r\n\r\n0\r\n\r\n@",
    "POST /r/% HTTP/1.1\r\nHost: a.test\r\nX-Id: %\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n@",
    "POST /r/% HTTP/1.1\r\nHost: a.test\r\nX-Id: %\r\nTransfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n@",
    "POST /r/% HTTP/1.1\r\nHost: a.test\r\nX-Id: %\r\nTransfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n@",
    "POST /r/% HTTP/1.1\r\nHost: a.test\r\nX-Id: %\r\ntransfer-encoding:  ChunKed \t\r\n\r\n0\r\n\r\n@",
    "POST /r/% HTTP/1.1\r\nHost: a.test\r\nX-Id: %\r\nTransfer_Encoding: chunked\r\n\r\n0\r\n\r\n@",
    "POST /r/% HTTP/1.1\r\nHost: a.test\r\nX-Id: %\r\nContent_Length: 5\r\n\r\n0\r\n\r\n@",
    "POST /r/% HTTP/1.0\r\nHost: a.test\r\nX-Id: %\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n@",
    "POST /r/% HTTP/1.0\r\nHost: a.test\r\nConnection: keep-alive\r\nX-Id: %\r\nContent-Length: "
    "3\r\n\r\nabc@",
    "POST /r/% HTTP/1.1\r\nHost: a.test\r\nX-Id: %\r\nConnection: Transfer-Encoding\r\nTransfer-Encoding: "
    "chunked\r\n\r\n0\r\n\r\n@",
    "POST /r/% HTTP/1.1\r\nHost: a.test\r\nX-Id: %\r\nConnection: Content-Length\r\nContent-Length: "
    "5\r\n\r\nhello@",
    // Content-Length by itself.
    "POST /r/% HTTP/1.1\r\nHost: a.test\r\nX-Id: %\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello@",
    "POST /r/% HTTP/1.1\r\nHost: a.test\r\nX-Id: %\r\nContent-Length: 5\r\nContent-Length: 0\r\n\r\nhello@",
    "POST /r/% HTTP/1.1\r\nHost: a.test\r\nX-Id: %\r\nContent-Length: 5, 5\r\n\r\nhello@",
    "POST /r/% HTTP/1.1\r\nHost: a.test\r\nX-Id: %\r\nContent-Length: +5\r\n\r\nhello@",
    "POST /r/% HTTP/1.1\r\nHost: a.test\r\nX-Id: %\r\nContent-Length: -5\r\n\r\nhello@",
    "POST /r/% HTTP/1.1\r\nHost: a.test\r\nX-Id: %\r\nContent-Length: 0x5\r\n\r\nhello@",
    "POST /r/% HTTP/1.1\r\nHost: a.test\r\nX-Id: %\r\nContent-Length: 5 \t\r\n\r\nhello@",
    "POST /r/% HTTP/1.1\r\nHost: a.test\r\nX-Id: %\r\nContent-Length: 5 5\r\n\r\nhello@",
    "POST /r/% HTTP/1.1\r\nHost: a.test\r\nX-Id: %\r\nContent-Length: "
    "0000000000000000000000005\r\n\r\nhello@",
    "POST /r/% HTTP/1.1\r\nHost: a.test\r\nX-Id: %\r\nContent-Length: 18446744073709551621\r\n\r\nhello@",
    "POST /r/% HTTP/1.1\r\nHost: a.test\r\nX-Id: %\r\nContent-Length:\r\n\r\n@",
    "POST /r/% HTTP/1.1\r\nHost: a.test\r\nX-Id: %\r\nContent-Length: 5\r\n : 0\r\n\r\nhello@",
    "GET /r/% HTTP/1.1\r\nHost: a.test\r\nX-Id: %\r\nContent-Length: 0\r\n\r\n@",
    "GET /r/% HTTP/1.1\r\nHost: a.test\r\nX-Id: %\r\nContent-Length: #\r\n\r\n@",
    "HEAD /r/% HTTP/1.1\r\nHost: a.test\r\nX-Id: %\r\nContent-Length: #\r\n\r\n@",
    "DELETE /local/% HTTP/1.1\r\nHost: a.test\r\nX-Id: %\r\nContent-Length: #\r\n\r\n@",
    "POST /local/% HTTP/1.1\r\nHost: a.test\r\nX-Id: %\r\nExpect: 100-continue\r\nContent-Length: #\r\n\r\n@",
    "POST /r/% HTTP/1.1\r\nHost: a.test\r\nX-Id: %\r\nExpect: 100-continue\r\nContent-Length: #\r\n\r\n@",
    "POST /r/% HTTP/1.1\r\nHost: a.test\r\nX-Id: %\r\nExpect: 200-ok\r\nContent-Length: #\r\n\r\n@",
    // Chunks.
    "POST /r/% HTTP/1.1\r\nHost: a.test\r\nX-Id: %\r\nTransfer-Encoding: "
    "chunked\r\n\r\n5\nhello\r\n0\r\n\r\n@",
    "POST /r/% HTTP/1.1\r\nHost: a.test\r\nX-Id: %\r\nTransfer-Encoding: "
    "chunked\r\n\r\n5\r\nhelloXX0\r\n\r\n@",
    "POST /r/% HTTP/1.1\r\nHost: a.test\r\nX-Id: %\r\nTransfer-Encoding: "
    "chunked\r\n\r\n5\r\nhello\n0\r\n\r\n@",
    "POST /r/% HTTP/1.1\r\nHost: a.test\r\nX-Id: %\r\nTransfer-Encoding: "
    "chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n"
    "@",
    "POST /r/% HTTP/1.1\r\nHost: a.test\r\nX-Id: %\r\nTransfer-Encoding: "
    "chunked\r\n\r\n5;a=\"\n\"\r\nhello\r\n0"
    "\r\n\r\n@",
    "POST /r/% HTTP/1.1\r\nHost: a.test\r\nX-Id: %\r\nTransfer-Encoding: "
    "chunked\r\n\r\n5;\nhello\r\n0\r\n\r\n@",
    "POST /r/% HTTP/1.1\r\nHost: a.test\r\nX-Id: %\r\nTransfer-Encoding: "
    "chunked\r\n\r\n5;a=b;c\r\nhello\r\n0;d"
    "\r\n\r\n@",
    "POST /r/% HTTP/1.1\r\nHost: a.test\r\nX-Id: %\r\nTransfer-Encoding: "
    "chunked\r\n\r\n5\rX\nhello\r\n0\r\n\r\n"
    "@",
    "POST /r/% HTTP/1.1\r\nHost: a.test\r\nX-Id: %\r\nTransfer-Encoding: chunked\r\n\r\n10000000000000005\r\n"
    "hello\r\n0\r\n\r\n@",
    "POST /r/% HTTP/1.1\r\nHost: a.test\r\nX-Id: %\r\nTransfer-Encoding: chunked\r\n\r\n000\r\n\r\n@",
    "POST /r/% HTTP/1.1\r\nHost: a.test\r\nX-Id: %\r\nTransfer-Encoding: chunked\r\n\r\n0\n\n@",
    "POST /r/% HTTP/1.1\r\nHost: a.test\r\nX-Id: %\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\n@",
    "POST /r/% HTTP/1.1\r\nHost: a.test\r\nX-Id: %\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: "
    "70"
    "\r\nX-Id: 7\r\n\r\n@",
    "POST /r/% HTTP/1.1\r\nHost: a.test\r\nX-Id: %\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n bad: "
    "1\r\n\r\n@",
    "POST /r/% HTTP/1.1\r\nHost: a.test\r\nX-Id: %\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nGET /evil/% "
    "HTTP/1"
    ".1\r\n\r\n@",
    "POST /r/% HTTP/1.1\r\nHost: a.test\r\nX-Id: %\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n\r\n@",
    "POST /r/% HTTP/1.1\r\nHost: a.test\r\nX-Id: %\r\nTransfer-Encoding: chunked\r\n\r\n\r\n0\r\n\r\n@",
    // Lines.
    "GET /r/% HTTP/1.1\r\nHost: a.test\r\nX-Id: %\r\nX: a\r\n b\r\n\r\n@",
    "GET /r/% HTTP/1.1\r\nHost: a.test\r\nX-Id: %\r\nX : a\r\n\r\n@",
    "GET /r/% HTTP/1.1\r\nHost: a.test\r\nX-Id: %\r\n: a\r\n\r\n@",
    "GET /r/% HTTP/1.1\r\nHost: a.test\r\nX-Id: %\r\nno colon\r\n\r\n@",
    "GET /r/% HTTP/1.1\r\n Host: a.test\r\nX-Id: %\r\n\r\n@",
    "GET /r/% HTTP/1.1\nHost: a.test\nX-Id: %\n\n@",
    "GET /r/% HTTP/1.1\r\nHost: a.test\r\nX-Id: %\r\n\n@",
    "GET /r/% HTTP/1.1\r\nHost: a.test\r\nX-Id: %\r\n\r@",
    "GET /r/% HTTP/1.1\r\nHost: a.test\r\nX-Id: %\r\nX: a\r\rb\r\n\r\n@",
    "GET /r/% HTTP/1.1\r\nHost: a.test\r\nX-Id: %\r\nX: \xc0\xae\xff\r\n\r\n@",
    "GET /r/% HTTP/1.1\r\nHost: a.test\r\nX-Id: %\r\nConnection: X-Id, close\r\n\r\n@",
    "GET /r/% HTTP/1.1\r\nHost: a.test\r\nX-Id: %\r\nConnection: Host\r\n\r\n@",
    "GET /r/% HTTP/1.1\r\nHost: a.test\r\nX-Id: %\r\nConnection: X-Forwarded-For, te\r\nTE: trailers, "
    "gzip\r\n"
    "X-Forwarded-For: 1.2.3.4\r\n\r\n@",
    // First lines and targets.
    "\r\n\r\nGET /r/% HTTP/1.1\r\nHost: a.test\r\nX-Id: %\r\n\r\n@",
    "\nGET /r/% HTTP/1.1\r\nHost: a.test\r\nX-Id: %\r\n\r\n@",
    "GET  /r/% HTTP/1.1\r\nHost: a.test\r\nX-Id: %\r\n\r\n@",
    "GET\t/r/% HTTP/1.1\r\nHost: a.test\r\nX-Id: %\r\n\r\n@",
    "GET /r/% HTTP/1.1 \r\nHost: a.test\r\nX-Id: %\r\n\r\n@",
    "GET /r/% x HTTP/1.1\r\nHost: a.test\r\nX-Id: %\r\n\r\n@",
    "GET /r/%\r\n\r\n@",
    "GET /r/% HTTP/1.2\r\nHost: a.test\r\nX-Id: %\r\n\r\n@",
    "GET /r/% http/1.1\r\nHost: a.test\r\nX-Id: %\r\n\r\n@",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n@",
    "GET http://a.test/r/% HTTP/1.1\r\nHost: a.test\r\nX-Id: %\r\n\r\n@",
    "GET http://b.test/r/% HTTP/1.1\r\nHost: a.test\r\nX-Id: %\r\n\r\n@",
    "GET //b.test/r/% HTTP/1.1\r\nHost: a.test\r\nX-Id: %\r\n\r\n@",
    "GET /x/%2e%2e/r/%%20HTTP/1.1 HTTP/1.1\r\nHost: a.test\r\nX-Id: %\r\n\r\n@",
    "GET /local/..%2fr/% HTTP/1.1\r\nHost: a.test\r\nX-Id: %\r\n\r\n@",
    "GET /r/../local/% HTTP/1.1\r\nHost: a.test\r\nX-Id: %\r\n\r\n@",
    "GET /r/%?a=b?c=/../local HTTP/1.1\r\nHost: a.test\r\nX-Id: %\r\n\r\n@",
    "GET /r/% HTTP/1.1\r\nX-Id: %\r\n\r\n@",
    "GET /r/% HTTP/1.1\r\nHost: a.test\r\nHost: b.test\r\nX-Id: %\r\n\r\n@",
    "GET /r/% HTTP/1.1\r\nHost: u@a.test\r\nX-Id: %\r\n\r\n@",
    "GET /r/% HTTP/1.1\r\nHost: A.Test.:80\r\nX-Id: %\r\n\r\n@",
    "OPTIONS * HTTP/1.1\r\nHost: a.test\r\nX-Id: %\r\n\r\n@",
    "CONNECT a.test:80 HTTP/1.1\r\nHost: a.test:80\r\nX-Id: %\r\n\r\n@",
    "TRACE /r/% HTTP/1.1\r\nHost: a.test\r\nX-Id: %\r\n\r\n@",
    // Changes of protocol.
    "GET /r/% HTTP/1.1\r\nHost: a.test\r\nX-Id: %\r\nConnection: upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
    "HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n\r\n@",
    "POST /r/% HTTP/1.1\r\nHost: a.test\r\nX-Id: %\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"
    "Content-Length: #\r\n\r\n@",
    "GET /r/% HTTP/1.1\r\nHost: a.test\r\nX-Id: %\r\nUpgrade: websocket\r\n\r\n@",
    "GET /r/% HTTP/1.0\r\nHost: a.test\r\nX-Id: %\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n@",
    "GET /local/% HTTP/1.1\r\nHost: a.test\r\nX-Id: %\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n@",
};

constexpr std::string_view kMethods[] = {"GET", "POST", "HEAD", "PUT", "GET", "DELETE", "BREW", "OPTIONS"};
constexpr std::size_t kSizes[] = {0, 1, 10, 300, 5000, 9000, 20'000, 70'000};

/// A request that is never meant to be one: the content of another, or what follows an ambiguous end. 62
/// bytes for every number of three digits.
std::string evil(unsigned id) {
  return "GET /evil/" + std::to_string(id) + " HTTP/1.1\r\nHost: a.test\r\nX-Id: evil\r\nX: 12345\r\n\r\n";
}

std::string chunks(std::string_view body, std::size_t most) {
  std::string text;
  std::array<char, 24> size{};
  for (std::size_t at = 0; at < body.size(); at += most) {
    const std::string_view piece = body.substr(at, most);
    std::snprintf(size.data(), size.size(), "%zx\r\n", piece.size());
    text.append(size.data()).append(piece).append("\r\n");
  }
  return text;
}

enum Extra : std::uint8_t {
  kClose = 1,
  kOld = 2,
  kAbsolute = 4,
  kUpgrade = 8,
  kLocal = 16,
  kTrailers = 32,
  kExpect = 64,
  kMoreFields = 128,
};

}  // namespace

std::string tagged(std::string_view tag, std::size_t size) {
  std::string text;
  text.reserve(size + 64);
  while (text.size() < size) {
    const std::string at = std::to_string(text.size());
    text.append("<").append(tag).append(":").append(at).append(">");
    if (size > 1000) text.append(40, '.');  // Fewer pieces of long ones.
  }
  text.resize(size);
  return text;
}

bool asks_upgrade(const Shape& shape) {
  return (shape.extras & (kUpgrade | kOld)) == kUpgrade && shape.method % std::size(kMethods) == 0 &&
         shape.body % 3 == 0;
}

std::string plain_request(unsigned id, const Shape& shape) {
  const std::string number = std::to_string(id);
  const bool old = (shape.extras & kOld) != 0;
  const unsigned framing = shape.body % 3;
  const bool chunked = framing == 2 && !old;
  const std::string body =
      framing == 0 ? "" : tagged("r" + number, kSizes[shape.body / 3 % std::size(kSizes)]);
  std::string text(kMethods[shape.method % std::size(kMethods)]);
  text.append((shape.extras & kAbsolute) != 0 ? " http://a.test" : " ");
  text.append((shape.extras & kLocal) != 0 ? "/local/" : "/r/").append(number).append("?n=").append(number);
  text.append(old ? " HTTP/1.0" : " HTTP/1.1").append("\r\nHost: a.test\r\nX-Id: ").append(number);
  if ((shape.extras & kMoreFields) != 0) {
    text.append("\r\nCookie: a=").append(number).append("\r\nCookie: b=").append(number);
    text.append("\r\nX-Nominated: ").append(number).append("\r\nConnection: x-nominated\r\nX_Id: other");
  }
  if ((shape.extras & kClose) != 0) text.append("\r\nConnection: ").append(old ? "keep-alive" : "close");
  if (asks_upgrade(shape)) text.append("\r\nConnection: Upgrade\r\nUpgrade: websocket");
  if ((shape.extras & kExpect) != 0 && framing != 0) text.append("\r\nExpect: 100-continue");
  if ((shape.extras & kTrailers) != 0) text.append("\r\nTE: trailers");
  if (chunked) {
    text.append("\r\nTransfer-Encoding: chunked\r\n\r\n").append(chunks(body, 1 + body.size() / 3));
    text.append("0\r\n").append((shape.extras & kTrailers) != 0 ? "X-Trailer: " + number + "\r\n" : "");
    return text.append("\r\n");
  }
  if (framing != 0) text.append("\r\nContent-Length: ").append(std::to_string(body.size()));
  return text.append("\r\n\r\n").append(body);
}

std::size_t trick_count() {
  return std::size(kTricks);
}

std::string trick_request(unsigned id, std::size_t trick, bool variant) {
  std::string text;
  for (const char c : kTricks[trick % std::size(kTricks)]) {
    if (c == '%') {
      text.append(std::to_string(id));
    } else if (c == '@') {
      text.append(variant ? evil(id) : "");
    } else if (c == '#') {
      text.append(std::to_string(evil(id).size()));
    } else {
      text.push_back(c);
    }
  }
  return text;
}

void edit(std::string& text, std::uint8_t where, std::uint8_t how, std::uint8_t what) {
  static constexpr char kDelicate[] = "\r\n \t:;,=%/.\0\x7f\xff\x0b\"\\chunked0159-+_";
  static constexpr std::string_view kBytes(kDelicate, sizeof kDelicate - 1);
  if (text.empty()) return;
  // The first kilobyte holds all that is delicate.
  const std::size_t at = std::size_t{where} * std::min<std::size_t>(text.size(), 1024) / 256;
  const char byte = what < 128 ? kBytes[what % kBytes.size()] : static_cast<char>(what * 7);
  switch (how % 5) {
    case 0:
      text.insert(at, 1, byte);
      break;
    case 1:
      text[at] = byte;
      break;
    case 2:
      text.erase(at, 1U + what % 8U);
      break;
    case 3:
      text.insert(at,
                  text.substr(at, 1U + what % 48U));  // Never a whole request, which could not be told apart.
      break;
    default:
      text.resize(at);
      break;
  }
}

}  // namespace lintel::fuzz
