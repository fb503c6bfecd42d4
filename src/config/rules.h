#pragma once

// What must hold between settings. Each rule is a function with one line that says what it asks for.

#include <span>
#include <string_view>

#include "config/diagnostic.h"
#include "config/model.h"

namespace lintel::config {

struct Rule {
  std::string_view name;
  std::string_view doc;  ///< One sentence; the manual prints it.
  void (*check)(const Config& config, Report& report);
};

/// Every rule, in the order of the manual.
[[nodiscard]] std::span<const Rule> rules();

/// Runs every rule. Rules keep silent about settings that the parser already refused.
void check_rules(const Config& config, Report& report);

}  // namespace lintel::config
