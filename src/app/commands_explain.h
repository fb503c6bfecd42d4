#pragma once

// The commands that say what a configuration would do with requests: `lintel explain` and `lintel test`.

#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

namespace lintel::app {

struct ExplainArguments {
  std::string file{};  ///< The configuration.
  std::string method{};
  std::string url{};
  std::vector<std::string> fields{};  ///< "Name: value".
  std::string listener{};             ///< Empty: found by the URL.
  std::string client_ip = "127.0.0.1";
  std::string sni{};
  std::optional<std::string> client_cert_subject{};
  bool json = false;

  friend bool operator==(const ExplainArguments&, const ExplainArguments&) = default;
};

/// Prints which route, pool and server the request would take and why. Returns 0, 1 if the configuration is
/// not valid or no listener fits, 2 if the request makes no sense.
int explain_command(const ExplainArguments& arguments, std::ostream& out, std::ostream& err);

/// Runs the tests of a suite (config/suite.h). `file`: of a configuration to be used in place of the suite's;
/// empty: the suite's. Returns 0 if all hold, 1 if not or if a file is not valid.
int test_command(const std::string& suite, const std::string& file, bool json, std::ostream& out,
                 std::ostream& err);

}  // namespace lintel::app
