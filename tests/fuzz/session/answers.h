#pragma once

// What the servers of a fuzzed session answer, rightly and wrongly.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace lintel::fuzz {

/// How a server answers one request; every value of every member is allowed.
struct Manner {
  std::uint8_t kind = 0;
  std::uint8_t how = 0;
};

enum class After : std::uint8_t { keep, close, reset, finish };
enum class When : std::uint8_t { complete, head, some_body };

/// One final response, with all that is sent before and after it.
struct Answer {
  std::string marker;               ///< In its X-Answer field and its content.
  std::vector<std::string> pieces;  ///< Sent one after the other, a turn of the loop between them.
  /// Bytes that follow the response and answer nothing; sent together with the last piece, or, if `late`,
  /// when the connection is idle.
  std::string poison;
  bool late = false;
  std::string body;   ///< What the client may get of it.
  bool whole = true;  ///< The pieces are a complete message; else the client must be able to tell.
  bool valid = true;  ///< The head is one that may be passed on.
  bool tunnel = false;
  bool benign = true;  ///< A client gets it in full.
  When when = When::complete;
  After after = After::keep;
};

/// What of a request its answer depends on.
struct Asked {
  std::string_view method;
  bool upgrade = false;
};

[[nodiscard]] Answer make_answer(std::string_view marker, const Manner& manner, const Asked& asked);
/// A whole response that nobody asked for.
[[nodiscard]] std::string unasked(std::string_view marker);

}  // namespace lintel::fuzz
