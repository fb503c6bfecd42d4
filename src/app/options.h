#pragma once

// The command line, as plain values.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "app/commands_explain.h"
#include "app/commands_server.h"

namespace lintel::app {

enum class Verb : std::uint8_t { run, check, explain, test, server, schema, version, help };

struct Options {
  Verb verb = Verb::help;
  std::string file{};           ///< run, check, test: the configuration; run, test: empty if none was given.
  bool print_defaults = false;  ///< check.
  bool json = false;            ///< check, test.
  bool resolve = false;         ///< check.
  bool man = false;             ///< schema.
  ExplainArguments explain{};   ///< explain.
  std::string suite{};          ///< test: the file with the tests.
  ServerArguments server{};     ///< server.
  Verb topic = Verb::help;      ///< help: what about; Verb::help: everything.

  friend bool operator==(const Options&, const Options&) = default;
};

/// Reads the arguments (without the program's name). On failure returns one line for people that says what to
/// do.
[[nodiscard]] tl::expected<Options, std::string> parse_options(std::span<const std::string_view> arguments);

/// What `lintel help` (Verb::help) or `lintel help VERB` prints.
[[nodiscard]] std::string help_text(Verb topic);

/// What `lintel version` prints.
[[nodiscard]] std::string version_text();

}  // namespace lintel::app
