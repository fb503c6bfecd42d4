#pragma once

#include <cstdint>
#include <string_view>

#include "base/buffer.h"

namespace lintel {

/// Appends `text` as the inside of a JSON string: quotes, backslashes and control characters escaped, each
/// byte that is not part of valid UTF-8 replaced by U+FFFD.
void append_json_text(Buffer& out, std::string_view text);

/// Writes one JSON document into a buffer. The caller keeps brackets in balance and gives every value in an
/// object a key first.
///
///   JsonWriter json(out);
///   json.begin_object().key("schema").number(1).key("names").begin_array().text("a").end_array().end_object();
class JsonWriter {
 public:
  /// For programs, without spaces, or for people: a line for each value, indented by two spaces.
  enum class Style : std::uint8_t { compact, indented };
  explicit JsonWriter(Buffer& out, Style style = Style::compact) noexcept
      : out_(out), indented_(style == Style::indented) {}
  JsonWriter& begin_object();
  JsonWriter& end_object();
  JsonWriter& begin_array();
  JsonWriter& end_array();
  JsonWriter& key(std::string_view name);
  JsonWriter& text(std::string_view value);
  JsonWriter& number(std::uint64_t value);
  JsonWriter& signed_number(std::int64_t value);
  /// `thousandths` / 1000, for example 12.345.
  JsonWriter& decimal(std::uint64_t thousandths);
  JsonWriter& boolean(bool value);
  /// A key with its value.
  JsonWriter& member(std::string_view name, std::string_view value) { return key(name).text(value); }
  JsonWriter& member(std::string_view name, std::int64_t value) { return key(name).signed_number(value); }

 private:
  enum class Before : std::uint8_t { nothing, key, value };

  void separate();
  void break_line();
  JsonWriter& begin(char bracket);
  JsonWriter& end(char bracket);

  Buffer& out_;
  bool indented_;
  Before before_ = Before::nothing;  ///< What stands before the next value in its object or array.
  unsigned depth_ = 0;
};

/// Appends `value` / 10^digits with exactly `digits` digits after the point, for example 1.234.
void append_fixed(Buffer& out, std::uint64_t value, unsigned digits);

}  // namespace lintel
