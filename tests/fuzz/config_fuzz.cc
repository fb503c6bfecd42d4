// The configuration loader on arbitrary bytes. What loads must print as YAML that loads to an equal Config.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string_view>

#include "config/emit.h"
#include "config/loader.h"

using namespace lintel::config;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (text.find("include") != std::string_view::npos) return 0;  // would read this machine's files
  const Environment environment = [](std::string_view name) -> std::optional<std::string> {
    return name.size() == 1 ? std::optional<std::string>(name) : std::nullopt;
  };
  const LoadResult first = load_string(text, "fuzz.yaml", environment);
  (void)first.render();
  if (!first.ok()) {
    if (first.errors() == 0) std::abort();
    return 0;
  }
  for (const bool defaults : {false, true}) {
    const std::string printed = to_yaml(*first.config, {.defaults = defaults});
    const LoadResult second = load_string(printed, "printed.yaml", environment);
    if (second.ok() && *second.config == *first.config) continue;
    std::cerr << printed << second.render();
    std::abort();
  }
  return 0;
}
