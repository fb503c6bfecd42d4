// JSON as the admin endpoint reads it: no input hurts, and what is read and written again is read as the
// same.

#include <cstdint>
#include <cstdlib>

#include "base/write_json.h"

using namespace lintel;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string why;
  const auto value = parse_json({reinterpret_cast<const char*>(data), size}, why);
  if (value.has_value() != why.empty()) std::abort();
  if (!value) return 0;
  Buffer first;
  JsonWriter json(first);
  write_json(json, *value, true);
  const auto read = parse_json(first.view(), why);
  if (!read || read->items.size() != value->items.size() || read->kind == JsonValue::Kind::null) std::abort();
  return 0;
}
