#pragma once

// From files to a checked Config.

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/diagnostic.h"
#include "config/environment.h"
#include "config/model.h"

namespace lintel::config {

struct LoadResult {
  std::optional<Config> config;         ///< Set if there is no error; warnings do not prevent it.
  std::vector<Diagnostic> diagnostics;  ///< All errors and warnings of all files.
  std::vector<std::string> files;       ///< Every file that was read, the main file first.

  [[nodiscard]] bool ok() const { return config.has_value(); }
  [[nodiscard]] std::size_t errors() const;
  [[nodiscard]] std::size_t warnings() const;
  /// Every diagnostic rendered, one after the other.
  [[nodiscard]] std::string render() const;
};

/// What others have to check of a configuration that is in itself without error, certificates say. May add
/// messages at the keys of settings ("listeners[0].tls.certificates[1].cert").
using FurtherCheck = std::function<void(const Config& config, Report& report)>;

/// Loads `path` and what it includes. Blocks on file reads; throws nothing but std::bad_alloc.
[[nodiscard]] LoadResult load_file(const std::string& path,
                                   const Environment& environment = process_environment(),
                                   const FurtherCheck& further = nullptr);

/// Loads `text`, which messages call `name`. Includes are relative to `name`'s directory.
[[nodiscard]] LoadResult load_string(std::string_view text, const std::string& name = "lintel.yaml",
                                     const Environment& environment = process_environment(),
                                     const FurtherCheck& further = nullptr);

}  // namespace lintel::config
