#include "http/h1_connection_options.h"

#include <algorithm>

#include "http/octets.h"

namespace lintel::http {
namespace {

constexpr std::uint16_t kMostNames = 10;

bool is_protected(std::string_view name) noexcept {
  switch (field_id(name)) {
    case FieldId::content_length:
    case FieldId::transfer_encoding:
    case FieldId::host:
    case FieldId::forwarded:
      return true;
    default:
      break;
  }
  constexpr std::string_view kPrefix = "x-forwarded-";
  return equals_ignoring_case(name.substr(0, kPrefix.size()), kPrefix) ||
         equals_ignoring_case(name, "cookie") || equals_ignoring_case(name, "authorization");
}

}  // namespace

void ConnectionOptions::add(std::string_view value) noexcept {
  while (!value.empty()) {
    const std::string_view name = next_element(value);
    if (name.empty()) continue;
    if (++count > kMostNames) {
      error = "Connection lists too many names";
      return;
    }
    if (equals_ignoring_case(name, "keep-alive")) {
      keep_alive = true;
    } else if (equals_ignoring_case(name, "close")) {
      close = true;
    } else if (equals_ignoring_case(name, "upgrade")) {
      upgrade = true;
    } else if (!is_token(name)) {
      error = "Connection lists something that is no name";
      return;
    } else if (is_protected(name)) {
      error = "Connection names a field that must not be taken out";
      return;
    } else if (!equals_ignoring_case(name, "te")) {
      nominates = true;
    }
  }
}

void remove_nominated(Fields& fields, const Fields& head) noexcept {
  for (const Fields::Line& line : head.lines()) {
    if (line.id != FieldId::connection) continue;
    for (std::string_view names = head.value(line); !names.empty();) {
      const std::string_view name = next_element(names);
      if (!name.empty()) fields.remove(name);
    }
  }
}

std::uint32_t keep_alive_timeout(std::string_view value) noexcept {
  constexpr std::string_view kKey = "timeout=";
  constexpr std::uint32_t kMost = 86400;
  while (!value.empty()) {
    std::string_view element = next_element(value);
    if (!equals_ignoring_case(element.substr(0, kKey.size()), kKey)) continue;
    element.remove_prefix(kKey.size());
    std::uint32_t seconds = 0;
    for (const char c : element) {
      if (!is_digit(c)) return 0;
      seconds = std::min(seconds * 10 + static_cast<std::uint32_t>(c - '0'), kMost);
    }
    return seconds;
  }
  return 0;
}

bool lists_trailers(std::string_view value) noexcept {
  while (!value.empty())
    if (equals_ignoring_case(next_element(value), "trailers")) return true;
  return false;
}

bool is_tunnel_protocol(std::string_view value) noexcept {
  const std::size_t slash = value.find('/');
  const std::string_view name = value.substr(0, slash);
  if (!is_token(name) || (slash != std::string_view::npos && !is_token(value.substr(slash + 1))))
    return false;
  return !equals_ignoring_case(name, "h2c") && !equals_ignoring_case(name, "h2") &&
         !equals_ignoring_case(name, "http") && !equals_ignoring_case(name, "tls");
}

}  // namespace lintel::http
