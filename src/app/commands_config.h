#pragma once

// The commands that only read configuration: `lintel check` and `lintel schema`. Each returns the exit code.

#include <iosfwd>
#include <string>

namespace lintel::app {

struct CheckArguments {
  std::string file;
  bool print_defaults = false;  ///< Print the effective configuration with every default, as YAML.
  bool json = false;            ///< Print the result as one JSON object.
  bool resolve = false;         ///< Warn of names of servers that do not resolve now.
};

/// Loads the file and prints every error and warning to `err`, and to `out` "ok" with a summary, the
/// effective configuration or the JSON result. Returns 0 if the file is valid (warnings allowed), 1 if not, 2
/// if there is no file name or both forms of output are asked for.
int check_command(const CheckArguments& arguments, std::ostream& out, std::ostream& err);

/// Prints the JSON Schema, or with `man` the manual page lintel.yaml(5), to `out`. Returns 0, or 70 when
/// writing failed.
int schema_command(bool man, std::ostream& out, std::ostream& err);

}  // namespace lintel::app
