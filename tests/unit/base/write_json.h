#pragma once

#include <cstddef>
#include <cstdio>
#include <string>

#include "base/json.h"
#include "base/json_reader.h"

namespace lintel {

/// Writes a value again, so that a test can see it whole; null as "<null>", numbers as texts.
/// `numbers_names`: each name with its place before it, for names that are no UTF-8 may become equal.
inline void write_json(JsonWriter& json, const JsonValue& value, bool numbers_names = false) {
  char number[32];
  switch (value.kind) {
    case JsonValue::Kind::null:
      json.text("<null>");
      break;
    case JsonValue::Kind::boolean:
      json.boolean(value.boolean);
      break;
    case JsonValue::Kind::number:
      std::snprintf(number, sizeof number, "%.17g", value.number);
      json.text(number);
      break;
    case JsonValue::Kind::text:
      json.text(value.text);
      break;
    case JsonValue::Kind::array:
      json.begin_array();
      for (const JsonValue& item : value.items) write_json(json, item, numbers_names);
      json.end_array();
      break;
    case JsonValue::Kind::object:
      json.begin_object();
      for (std::size_t i = 0; i < value.items.size(); ++i) {
        json.key((numbers_names ? std::to_string(i) : "") + value.names[i]);
        write_json(json, value.items[i], numbers_names);
      }
      json.end_object();
      break;
  }
}

}  // namespace lintel
