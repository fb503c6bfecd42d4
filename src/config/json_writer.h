#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace lintel::config {

/// Writes one JSON value, indented by two spaces. The caller keeps the order: key before value inside
/// objects.
class JsonWriter {
 public:
  void begin_object() { open('{'); }
  void end_object() { close('}'); }
  void begin_array() { open('['); }
  void end_array() { close(']'); }
  void key(std::string_view name);
  void string(std::string_view text);  ///< UTF-8; control characters are escaped.
  void number(std::int64_t value);
  void boolean(bool value);

  void member(std::string_view name, std::string_view text) { key(name), string(text); }
  void member(std::string_view name, std::int64_t value) { key(name), number(value); }

  /// The text, with a final newline. Leaves the writer empty.
  [[nodiscard]] std::string take();

 private:
  void separate();
  void open(char bracket);
  void close(char bracket);

  std::string out_;
  std::vector<bool> empty_;  ///< For each open object or array: nothing is in it yet.
  bool after_key_ = false;
};

}  // namespace lintel::config
