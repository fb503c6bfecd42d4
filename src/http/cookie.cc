#include "http/cookie.h"

namespace lintel::http {
namespace {

/// Takes the part up to `separator` off the front of `rest`.
std::string_view take_part(std::string_view& rest, char separator) noexcept {
  const std::size_t end = rest.find(separator);
  const std::string_view part = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  return part;
}

std::string_view trimmed(std::string_view text) noexcept {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

}  // namespace

std::string_view cookie_value(const Fields& fields, std::string_view name) noexcept {
  for (const Fields::Line& line : fields.lines()) {
    if (line.removed || line.id != FieldId::other || !equals_ignoring_case(fields.name(line), "cookie"))
      continue;
    for (std::string_view rest = fields.value(line); !rest.empty();) {
      std::string_view value = take_part(rest, ';');
      if (trimmed(take_part(value, '=')) != name) continue;
      value = trimmed(value);
      const bool quoted = value.size() >= 2 && value.front() == '"' && value.back() == '"';
      return quoted ? value.substr(1, value.size() - 2) : value;
    }
  }
  return {};
}

std::string_view query_value(std::string_view query, std::string_view name) noexcept {
  while (!query.empty()) {
    std::string_view value = take_part(query, '&');
    if (take_part(value, '=') == name) return value;
  }
  return {};
}

}  // namespace lintel::http
