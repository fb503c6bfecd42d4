#pragma once

// ${NAME} and ${NAME:-default} inside values.

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace lintel::config {

/// The value of an environment variable, or nothing when it is not set.
using Environment = std::function<std::optional<std::string>(std::string_view name)>;

/// The environment of this process.
[[nodiscard]] Environment process_environment();

/// `text` with ${NAME} and ${NAME:-default} replaced (the default also where the variable is empty, as in the
/// shell) and "$$" as "$". Values are not expanded again. On failure nothing, and `why` is one sentence.
[[nodiscard]] std::optional<std::string> expand(std::string_view text, const Environment& environment,
                                                std::string& why);

/// `text` such that `expand` gives it back.
[[nodiscard]] std::string escape_dollars(std::string_view text);

}  // namespace lintel::config
