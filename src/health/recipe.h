#pragma once

// What a check says to a server and makes of its answers, as plain bytes: no sockets and no time. The bytes
// come from servers, so nothing about them is trusted.

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "config/model.h"

namespace lintel::health {

/// What a check came to.
struct Outcome {
  Outcome() = default;
  Outcome(bool p, std::string r) : passed(p), reason(std::move(r)) {}
  bool passed = false;
  std::string reason;  ///< In words, of a check that passed too.
};

/// What is next in a conversation.
struct Step {
  enum class Verdict : std::uint8_t { more, passed, failed };
  Verdict verdict = Verdict::more;  ///< More: read on.
  std::string send{};               ///< Before anything else; after a verdict as far as it goes.
  std::string reason{};             ///< With a verdict.
  std::size_t consumed = 0;         ///< Bytes that are not to be shown again.

  [[nodiscard]] static Step say(std::string text, std::size_t consumed = 0) {
    return {.send = std::move(text), .consumed = consumed};
  }
  [[nodiscard]] static Step pass(std::string why, std::string farewell = {}) {
    return {.verdict = Verdict::passed, .send = std::move(farewell), .reason = std::move(why)};
  }
  [[nodiscard]] static Step fail(std::string why) {
    return {.verdict = Verdict::failed, .reason = std::move(why)};
  }
};

/// The client's side of one conversation. One object for each.
class Recipe {
 public:
  /// The most that a server may say before it is clear what to make of it.
  static constexpr std::size_t kMostAnswer = 16 * 1024;

  virtual ~Recipe() = default;
  [[nodiscard]] virtual Step begin() = 0;
  /// `in`: all bytes received and not consumed, at least one. Any split of the input gives the same verdict.
  [[nodiscard]] virtual Step received(std::string_view in) = 0;
  /// Why it fails when neither a verdict nor more of the answer comes: the server has closed, or has said
  /// more than kMostAnswer.
  [[nodiscard]] virtual std::string unfinished() const { return "it does not answer as it should"; }
};

/// The recipe for a check of one of the types but http and exec.
[[nodiscard]] std::unique_ptr<Recipe> make_recipe(const config::HealthCheck& check);

}  // namespace lintel::health
