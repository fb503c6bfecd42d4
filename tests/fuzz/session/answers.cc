#include "session/answers.h"

#include <array>
#include <cstdio>
#include <iterator>

#include "session/requests.h"

namespace lintel::fuzz {
namespace {

constexpr std::size_t kSizes[] = {0, 1, 12, 400, 5000, 9000, 20'000, 70'000};

/// Heads that no server may send, each with what would be its content. "%" stands for the marker.
constexpr std::string_view kBadHeads[] = {
    "HTTP/1.1 200 OK\r\nX-Answer: %\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    "HTTP/1.1 200 OK\r\nX-Answer: %\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nX-Answer: %\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nX-Answer: %\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: "
    "chunked\r\n\r\n0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nX-Answer: %\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "HTTP/1.0 200 OK\r\nX-Answer: %\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nX-Answer: %\r\nContent-Length: -1\r\n\r\nabc",
    "HTTP/1.1 200 OK\r\nX-Answer: %\r\nContent-Length: 3, 3\r\n\r\nabc",
    "HTTP/1.1 200 OK\r\nX-Answer: %\r\nContent-Length: 99999999999999999999\r\n\r\nabc",
    "HTTP/1.1 200 OK\r\nX-Answer: %\r\nX: a\r\n b\r\nContent-Length: 3\r\n\r\nabc",
    "HTTP/1.1 200 OK\r\nX-Answer: %\r\nX: a\nContent-Length: 3\r\n\r\nabc",
    "HTTP/1.1 200 OK\r\nX-Answer: %\r\nX: a\rb\r\nContent-Length: 3\r\n\r\nabc",
    "HTTP/1.1 200 OK\r\nX-Answer: %\r\nX Y: a\r\nContent-Length: 3\r\n\r\nabc",
    "HTTP/1.1 200 OK\r\nX-Answer: %\r\nno colon\r\nContent-Length: 3\r\n\r\nabc",
    "HTTP/1.1 200 OK\r\n X-Answer: %\r\nContent-Length: 3\r\n\r\nabc",
    "HTTP/1.1 20 OK\r\nX-Answer: %\r\nContent-Length: 3\r\n\r\nabc",
    "HTTP/1.1 999 Much\r\nX-Answer: %\r\nContent-Length: 3\r\n\r\nabc",
    "HTTP/2.0 200 OK\r\nX-Answer: %\r\nContent-Length: 3\r\n\r\nabc",
    "HTTP/1.1  200 OK\r\nX-Answer: %\r\nContent-Length: 3\r\n\r\nabc",
    "\r\nHTTP/1.1 200 OK\r\nX-Answer: %\r\nContent-Length: 3\r\n\r\nabc",
    "HTTP/1.1 200 O\x01K\r\nX-Answer: %\r\nContent-Length: 3\r\n\r\nabc",
    "GET / HTTP/1.1\r\nHost: x\r\nX-Answer: %\r\n\r\n",
    "<html>%</html>",
    "HTTP/1.1 101 Switching Protocols\r\nX-Answer: %\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
};
/// Content in chunks that breaks off after the tagged part.
constexpr std::string_view kBadChunks[] = {"zz\r\n", "5;\x01\r\n",       "-1\r\n", "5\n",
                                           "\r\n",   "0\r\nbad\r\n\r\n", "0\n\n",  "ffffffffffffffff1\r\n"};

std::string put_marker(std::string_view text, std::string_view marker) {
  std::string result;
  for (const char c : text) {
    if (c == '%') {
      result.append(marker);
    } else {
      result.push_back(c);
    }
  }
  return result;
}

std::string head(int status, std::string_view marker, std::string_view fields) {
  std::string text = "HTTP/1.1 " + std::to_string(status) + " Said\r\nX-Answer: ";
  return text.append(marker).append("\r\n").append(fields).append("\r\n");
}

std::string chunk(std::string_view bytes) {
  if (bytes.empty()) return {};
  std::array<char, 24> size{};
  std::snprintf(size.data(), size.size(), "%zx\r\n", bytes.size());
  return std::string(size.data()).append(bytes).append("\r\n");
}

std::string length_field(std::size_t size) {
  return "Content-Length: " + std::to_string(size) + "\r\n";
}

/// A message with content by length or in chunks, in one piece.
void respond(Answer& answer, int status, bool chunked, bool has_content, std::string_view fields = {}) {
  const std::string framing = chunked ? "Transfer-Encoding: chunked\r\n" : length_field(answer.body.size());
  std::string text = head(status, answer.marker, std::string(fields).append(framing));
  if (has_content) text.append(chunked ? chunk(answer.body).append("0\r\n\r\n") : answer.body);
  answer.pieces = {std::move(text)};
}

void split(Answer& answer, std::size_t size) {
  std::string all;
  for (const std::string& piece : answer.pieces) all += piece;
  answer.pieces.clear();
  // Small pieces for the head and what follows it, the rest in one.
  for (std::size_t at = 0; at < all.size();) {
    const std::size_t n = at < 400 ? size : all.size() - at;
    answer.pieces.push_back(all.substr(at, n));
    at += n;
  }
}

/// Interim responses before the final one.
void precede(Answer& answer, std::uint8_t how) {
  static constexpr std::string_view kInterim[] = {
      "HTTP/1.1 100 Continue\r\n\r\n",
      "HTTP/1.1 103 Early Hints\r\nX-Interim: %\r\n\r\n",
      "HTTP/1.1 102 Processing\r\nContent-Length: 0\r\nX-Interim: %\r\n\r\n",
  };
  std::string text;
  for (unsigned i = 0; i <= how % 3; ++i)
    text += put_marker(kInterim[(how + i) % std::size(kInterim)], answer.marker);
  if (how % 2 == 0) {
    answer.pieces.insert(answer.pieces.begin(), text);
  } else {
    answer.pieces.front().insert(0, text);
  }
}

/// Ends before it is complete.
void cut_off(Answer& answer, std::uint8_t how, bool has_content) {
  respond(answer, 200, how % 2 == 1, has_content);
  std::string& text = answer.pieces.front();
  const std::size_t most = text.size();
  text.resize(how % 4 < 2 ? most / 2 : most - 1);
  answer.after = how % 3 == 0 ? After::reset : how % 3 == 1 ? After::close : After::finish;
  // Half of it may be all that there is to be told, as with HEAD.
  answer.whole = answer.benign = false;
}

void break_chunks(Answer& answer, std::uint8_t how, bool has_content) {
  const std::string_view broken = kBadChunks[how % std::size(kBadChunks)];
  answer.pieces = {head(200, answer.marker, "Transfer-Encoding: chunked\r\n")};
  answer.benign = false;
  if (!has_content) {
    answer.poison = broken;  // The head was the whole message.
    return;
  }
  answer.pieces.front().append(chunk(answer.body)).append(broken);
  if (how % 2 == 1) answer.pieces.emplace_back("0\r\n\r\n");
  answer.whole = false;
}

void answer_early(Answer& answer, std::uint8_t how, bool has_content) {
  respond(answer, how % 2 == 0 ? 413 : 200, how % 4 == 1, has_content);
  answer.when = how % 8 < 4 ? When::head : When::some_body;
  answer.after = static_cast<After>(how / 8 % 4);
  answer.benign = false;
}

void poison(Answer& answer, std::uint8_t how, bool has_content) {
  respond(answer, 200, how % 4 == 1, has_content);
  answer.poison = how % 8 < 6 ? unasked(answer.marker + "p") : std::string(1U + how, 'x');
  answer.late = how % 2 == 0;
  answer.benign = false;
}

}  // namespace

std::string unasked(std::string_view marker) {
  return head(200, marker, length_field(marker.size())).append(marker);
}

Answer make_answer(std::string_view marker, const Manner& manner, const Asked& asked) {
  Answer answer;
  answer.marker = marker;
  const std::uint8_t how = manner.how;
  answer.body = tagged(answer.marker, kSizes[how % std::size(kSizes)]);
  const bool has_content = asked.method != "HEAD";
  switch (manner.kind % 16) {
    case 0:
    case 1:
    default:
      respond(answer, 200, manner.kind % 16 == 1, has_content);
      if (how >= 128) split(answer, 1U + how % 64U);
      break;
    case 2:  // Until the end of the connection.
      answer.pieces = {head(200, marker, "") + (has_content ? answer.body : "")};
      answer.after = how % 4 == 3 ? After::reset : After::close;
      answer.whole = answer.benign = answer.after == After::close;
      break;
    case 3:
      answer.body.clear();
      answer.pieces = {head(how % 2 == 0 ? 204 : 304, marker, how % 4 == 1 ? "Content-Length: 5\r\n" : "")};
      break;
    case 4:
      respond(answer, 200, how % 2 == 0, has_content);
      precede(answer, how);
      break;
    case 5:
      answer_early(answer, how, has_content);
      break;
    case 6:  // 101, also where nobody asked for it.
      answer.body = tagged(answer.marker, kSizes[how % 4]);
      answer.pieces = {head(101, marker, "Connection: upgrade\r\nUpgrade: websocket\r\n") + answer.body};
      answer.tunnel = asked.upgrade;
      answer.valid = asked.upgrade;
      answer.after = how % 8 < 4 ? After::keep : static_cast<After>(how % 4);
      answer.whole = answer.benign = false;
      break;
    case 7:  // Nothing at all.
      answer.body.clear();
      answer.after = how % 4 == 0 ? After::keep : static_cast<After>(how % 4);
      answer.when = how >= 128 ? When::head : When::complete;
      answer.whole = answer.benign = false;
      break;
    case 8:
      cut_off(answer, how, has_content);
      break;
    case 9:
      answer.pieces = {put_marker(kBadHeads[how % std::size(kBadHeads)], marker)};
      answer.valid = answer.whole = answer.benign = false;
      answer.valid = how % std::size(kBadHeads) == std::size(kBadHeads) - 1 && asked.upgrade;
      answer.tunnel = answer.valid;
      if (answer.tunnel) answer.body.clear();
      break;
    case 10:
      poison(answer, how, has_content);
      break;
    case 11:  // Content where none can be.
      answer.pieces = {head(how % 2 == 0 ? 204 : 200, marker, "Content-Length: 5\r\n")};
      answer.poison = unasked(answer.marker + "p");
      answer.body = how % 2 == 0 || !has_content ? "" : answer.poison.substr(0, 5);
      answer.benign = false;
      break;
    case 12:
      break_chunks(answer, how, has_content);
      break;
    case 13:
      respond(answer, 200, how % 2 == 0, has_content,
              how % 4 < 2 ? "Connection: close\r\n"
                          : "Keep-Alive: timeout=5\r\nConnection: keep-alive, x-hop\r\nX-Hop: 1\r\n");
      if (how % 4 < 2) answer.after = After::close;
      break;
    case 14:  // Trailers, some of which may not be there.
      respond(answer, 200, true, has_content);
      if (has_content) {
        std::string& text = answer.pieces.front();
        text.resize(text.size() - 2);
        text.append("X-Trailer: ").append(marker).append("\r\nContent-Length: 3\r\n\r\n");
      }
      break;
    case 15:  // Sends its answer and goes.
      respond(answer, 200, how % 2 == 0, has_content);
      answer.after = how % 4 < 2 ? After::close : After::finish;
      break;
  }
  if (!has_content && !answer.tunnel) answer.body.clear();
  // Then the head is all there is.
  if (!has_content && answer.valid && !answer.pieces.empty() && answer.pieces.front().ends_with("\r\n\r\n"))
    answer.whole = true;
  return answer;
}

}  // namespace lintel::fuzz
