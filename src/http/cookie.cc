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

bool CookieReader::next(std::string_view& name, std::string_view& value) noexcept {
  while (rest_.empty()) {
    if (line_ == fields_.lines().size()) return false;
    const Fields::Line& line = fields_.lines()[line_++];
    if (!line.removed && line.id == FieldId::other && equals_ignoring_case(fields_.name(line), "cookie"))
      rest_ = fields_.value(line);
  }
  value = take_part(rest_, ';');
  name = trimmed(take_part(value, '='));
  value = trimmed(value);
  const bool quoted = value.size() >= 2 && value.front() == '"' && value.back() == '"';
  if (quoted) value = value.substr(1, value.size() - 2);
  return true;
}

bool QueryReader::next(std::string_view& name, std::string_view& value) noexcept {
  if (rest_.empty()) return false;
  value = take_part(rest_, '&');
  name = take_part(value, '=');
  return true;
}

std::string_view cookie_value(const Fields& fields, std::string_view name) noexcept {
  CookieReader cookies(fields);
  std::string_view each;
  std::string_view value;
  while (cookies.next(each, value)) {
    if (each == name) return value;
  }
  return {};
}

std::string_view query_value(std::string_view query, std::string_view name) noexcept {
  QueryReader parameters(query);
  std::string_view each;
  std::string_view value;
  while (parameters.next(each, value)) {
    if (each == name) return value;
  }
  return {};
}

}  // namespace lintel::http
