#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lintel {

/// A JSON document in memory (RFC 8259).
struct JsonValue {
  enum class Kind : unsigned char { null, boolean, number, text, array, object };
  Kind kind = Kind::null;
  bool boolean = false;
  double number = 0;
  std::string text;
  std::vector<std::string> names;  ///< Of an object's members.
  std::vector<JsonValue> items;    ///< Of an array or, in the order of `names`, of an object.

  /// An object's member; null where there is none.
  [[nodiscard]] const JsonValue* find(std::string_view name) const noexcept;
  /// A member's text; empty where there is none.
  [[nodiscard]] std::string_view text_of(std::string_view name) const noexcept;
};

/// Reads one document and nothing else; strict. Refuses names that an object has twice, and more than 32
/// brackets inside each other. On failure `why` says what is wrong and at which byte.
[[nodiscard]] std::optional<JsonValue> parse_json(std::string_view text, std::string& why);

}  // namespace lintel
