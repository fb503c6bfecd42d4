#include "route/regex.h"

#include <re2/re2.h>

#include <algorithm>
#include <array>

namespace lintel::route {
namespace {

constexpr std::int64_t kMostMemory = 2 << 20;  ///< Per expression; past it RE2 grows slower, not larger.

re2::StringPiece piece(std::string_view text) noexcept {
  return {text.data(), text.size()};
}

}  // namespace

std::optional<Regex> Regex::compile(std::string_view pattern, std::string& why) {
  re2::RE2::Options options(re2::RE2::Latin1);  // Bytes; what clients send need not be UTF-8.
  options.set_log_errors(false);
  options.set_max_mem(kMostMemory);
  auto compiled = std::make_shared<const re2::RE2>(piece(pattern), options);
  if (compiled->ok()) return Regex(std::move(compiled));
  why = compiled->error();
  const std::size_t at =
      compiled->error_arg().empty() ? std::string_view::npos : pattern.find(compiled->error_arg());
  if (at != std::string_view::npos) why += " at position " + std::to_string(at + 1);
  return std::nullopt;
}

bool Regex::found_in(std::string_view text) const noexcept {
  return re2::RE2::PartialMatch(piece(text), *compiled_);
}

bool Regex::find(std::string_view text, std::span<std::string_view> groups) const noexcept {
  std::array<re2::StringPiece, kMostGroups> found;
  const std::size_t wanted = std::min({groups.size(), group_count() + 1, found.size()});
  const bool matches = compiled_->Match(piece(text), 0, text.size(), re2::RE2::UNANCHORED, found.data(),
                                        static_cast<int>(wanted));
  if (!matches) return false;
  for (std::size_t i = 0; i < groups.size(); ++i)
    groups[i] = i < wanted ? std::string_view(found[i].data(), found[i].size()) : std::string_view();
  return true;
}

std::size_t Regex::group_count() const noexcept {
  return static_cast<std::size_t>(compiled_->NumberOfCapturingGroups());
}

const std::string& Regex::pattern() const noexcept {
  return compiled_->pattern();
}

}  // namespace lintel::route
