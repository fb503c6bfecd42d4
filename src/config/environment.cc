#include "config/environment.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>

namespace lintel::config {
namespace {

/// A value that grows past this is a mistake, or an attempt to use up memory.
constexpr std::size_t kMaxExpanded = 1 << 20;

bool is_variable_name(std::string_view name) {
  const auto allowed = [](unsigned char c) { return std::isalnum(c) != 0 || c == '_'; };
  return !name.empty() && std::isdigit(static_cast<unsigned char>(name.front())) == 0 &&
         std::all_of(name.begin(), name.end(), allowed);
}

/// The value of `inside`, what stands between "${" and "}".
std::optional<std::string> look_up(std::string_view inside, const Environment& environment,
                                   std::string& why) {
  const std::size_t mark = inside.find(":-");
  const std::string_view name = inside.substr(0, mark);
  if (inside.find("${") != std::string_view::npos) {
    why = "\"${...}\" cannot stand inside another \"${...}\"";
    return std::nullopt;
  }
  if (!is_variable_name(name)) {
    why = "\"${" + std::string(inside.substr(0, 40)) +
          "}\" does not name a variable; write ${NAME}, ${NAME:-default}, or $$ for a dollar sign";
    return std::nullopt;
  }
  std::optional<std::string> value = environment(name);
  if (mark != std::string_view::npos && (!value || value->empty()))
    return std::string(inside.substr(mark + 2));
  if (!value) {
    why = "the environment variable " + std::string(name) + " is not set; set it or write ${" +
          std::string(name) + ":-default}";
  }
  return value;
}

}  // namespace

Environment process_environment() {
  return [](std::string_view name) -> std::optional<std::string> {
    const char* value = std::getenv(std::string(name).c_str());
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
  };
}

std::optional<std::string> expand(std::string_view text, const Environment& environment, std::string& why) {
  std::string out;
  while (!text.empty()) {
    const std::size_t dollar = text.find('$');
    out += text.substr(0, dollar);
    if (dollar == std::string_view::npos) break;
    text.remove_prefix(dollar);
    if (text.substr(0, 2) != "${") {
      out += '$';
      text.remove_prefix(text.substr(0, 2) == "$$" ? 2 : 1);
      continue;
    }
    const std::size_t close = text.find('}');
    if (close == std::string_view::npos) {
      why =
          "\"${\" has no closing \"}\"; inside [ ] or { } quote the whole value, and write $$ for a dollar "
          "sign";
      return std::nullopt;
    }
    const auto value = look_up(text.substr(2, close - 2), environment, why);
    if (!value) return std::nullopt;
    out += *value;
    text.remove_prefix(close + 1);
    if (out.size() > kMaxExpanded) {
      why = "the value is longer than 1 MiB after its variables are replaced";
      return std::nullopt;
    }
  }
  return out;
}

std::string escape_dollars(std::string_view text) {
  std::string out;
  for (const char c : text) out.append(c == '$' ? 2 : 1, c);
  return out;
}

}  // namespace lintel::config
