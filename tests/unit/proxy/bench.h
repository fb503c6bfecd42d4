#pragma once

// The miniature worker for unit tests: checks itself when it ends, and tells how transactions ended.

#include <doctest/doctest.h>

#include <array>
#include <string>
#include <string_view>

#include "proxy/mini_worker.h"

namespace lintel::proxy::test {

class Bench : public MiniWorker {
 public:
  using MiniWorker::MiniWorker;
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;
  /// Ends everything and checks that nothing is left behind.
  ~Bench() { CHECK(end() == ""); }

  using MiniWorker::client;
  /// A new client that has sent `text`.
  Wire& client(std::string_view text) {
    Wire& wire = client();
    wire.send(text);
    settle();
    return wire;
  }
  /// The server's end of the `n`th connection that the proxy opened.
  Wire& server(std::size_t n = 0) {
    REQUIRE(accepted.size() > n);
    return *accepted[n].wire;
  }
  /// The end reasons counted since the last call, as tokens: "ok", "ok ok upstream.reset".
  std::string ends() {
    const StatsTotal total = totals();
    std::string text;
    for (std::size_t i = 0; i < kEndReasonCount; ++i) {
      for (; seen_ends_[i] < total.end_reasons[i]; ++seen_ends_[i]) {
        if (!text.empty()) text += ' ';
        text += end_reason_token(static_cast<EndReason>(i));
      }
    }
    return text;
  }

 private:
  std::array<std::uint64_t, kEndReasonCount> seen_ends_{};
};

inline const std::string kGet = "GET /x HTTP/1.1\r\nHost: a.test\r\n\r\n";
inline const std::string kPost = "POST /x HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\n\r\nhello";
/// With a Date, so that it goes through as it is.
inline const std::string kOk =
    "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Length: 2\r\n\r\nhi";

/// `text` without the Date that the proxy adds to answers that have none.
inline std::string undated(std::string text) {
  const std::string date = "Date: Thu, 01 Jan 2026 00:00:00 GMT\r\n";
  for (std::size_t at = text.find(date); at != std::string::npos; at = text.find(date))
    text.erase(at, date.size());
  return text;
}

inline bool begins(std::string_view text, std::string_view with) {
  return text.substr(0, with.size()) == with;
}
inline bool has(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}
inline std::size_t count(std::string_view text, std::string_view part) {
  std::size_t n = 0;
  for (std::size_t at = text.find(part); at != std::string_view::npos; at = text.find(part, at + 1)) ++n;
  return n;
}
/// What follows the head.
inline std::string body_of(std::string_view message) {
  const std::size_t end = message.find("\r\n\r\n");
  return end == std::string_view::npos ? "" : std::string(message.substr(end + 4));
}

}  // namespace lintel::proxy::test
