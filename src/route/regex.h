#pragma once

// Regular expressions in time linear to the text, whatever a client sends (RE2).

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace re2 {
class RE2;
}

namespace lintel::route {

/// A compiled expression. Immutable; copies share it; any thread may match.
class Regex {
 public:
  /// Nothing if `pattern` is none; `why` then says what is wrong and where, as "missing ): at position 4".
  [[nodiscard]] static std::optional<Regex> compile(std::string_view pattern, std::string& why);

  /// Whether it is found anywhere in `text`.
  [[nodiscard]] bool found_in(std::string_view text) const noexcept;
  /// Finds it, and sets `groups` to the whole match and what its parentheses took; those that took nothing
  /// are empty. At most kMostGroups are wanted.
  [[nodiscard]] bool find(std::string_view text, std::span<std::string_view> groups) const noexcept;
  /// How many pairs of parentheses it has that take something.
  [[nodiscard]] std::size_t group_count() const noexcept;
  [[nodiscard]] const std::string& pattern() const noexcept;

  static constexpr std::size_t kMostGroups = 10;  ///< The whole match and nine more.

 private:
  explicit Regex(std::shared_ptr<const re2::RE2> compiled) noexcept : compiled_(std::move(compiled)) {}
  std::shared_ptr<const re2::RE2> compiled_;
};

}  // namespace lintel::route
