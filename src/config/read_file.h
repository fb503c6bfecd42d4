#pragma once

#include <optional>
#include <string>

namespace lintel::config {

/// The file's bytes; nothing, with a clause in `why`, when it cannot be read or is too large. Blocks.
[[nodiscard]] std::optional<std::string> read_file(const std::string& path, std::string& why);

}  // namespace lintel::config
