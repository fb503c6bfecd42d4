#pragma once

#include <doctest/doctest.h>

#include <map>
#include <string>

#include "config/loader.h"

namespace lintel::config {

using Variables = std::map<std::string, std::string, std::less<>>;

inline Environment environment_of(Variables variables) {
  return [variables = std::move(variables)](std::string_view name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional(found->second);
  };
}

inline LoadResult load(std::string_view text, Variables variables = {}) {
  return load_string(text, "lintel.yaml", environment_of(std::move(variables)));
}

/// A valid file whose parts a test replaces.
inline std::string with(const std::string& listener, const std::string& pool = "",
                        const std::string& top = "") {
  return top + "\nlisteners:\n  - {name: web, bind: \":80\", pool: site" +
         (listener.empty() ? "" : ", " + listener) + "}\npools:\n  site: {servers: [10.0.0.1:80]" +
         (pool.empty() ? "" : ", " + pool) + "}\n";
}

}  // namespace lintel::config
