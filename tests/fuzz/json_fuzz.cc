// JSON as the admin endpoint reads it: no input hurts, and what is read and written again is read as the
// same.

#include <cstdint>
#include <cstdlib>
#include <string>

#include "base/json.h"
#include "base/json_reader.h"

using namespace lintel;

namespace {

void write(JsonWriter& json, const JsonValue& value) {
  switch (value.kind) {
    case JsonValue::Kind::null:
    case JsonValue::Kind::number:  // What is written of numbers is not all that can be read.
      json.number(0);
      break;
    case JsonValue::Kind::boolean:
      json.boolean(value.boolean);
      break;
    case JsonValue::Kind::text:
      json.text(value.text);
      break;
    case JsonValue::Kind::array:
      json.begin_array();
      for (const JsonValue& item : value.items) write(json, item);
      json.end_array();
      break;
    case JsonValue::Kind::object:
      json.begin_object();
      for (std::size_t i = 0; i < value.items.size(); ++i) {
        json.key(std::to_string(i) + value.names[i]);  // Bytes that are no UTF-8 may become equal.
        write(json, value.items[i]);
      }
      json.end_object();
      break;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string why;
  const auto value = parse_json({reinterpret_cast<const char*>(data), size}, why);
  if (value.has_value() != why.empty()) std::abort();
  if (!value) return 0;
  Buffer first;
  JsonWriter json(first);
  write(json, *value);
  const auto read = parse_json(first.view(), why);
  if (!read || read->items.size() != value->items.size() || read->kind == JsonValue::Kind::null) std::abort();
  return 0;
}
