#include "app/commands.h"

#include <unistd.h>

#include <cstdlib>
#include <exception>
#include <iostream>

#include "app/commands_config.h"
#include "app/commands_explain.h"
#include "app/commands_server.h"
#include "app/options.h"
#include "app/server.h"

namespace lintel::app {
namespace {

constexpr int kExitBadCommandLine = 2;
constexpr int kExitInternal = 70;
constexpr const char* kSystemFile = "/etc/lintel/lintel.yaml";

int run_server(std::string file) {
  if (file.empty() && access(kSystemFile, F_OK) == 0) file = kSystemFile;
  const auto port = demo_port(std::getenv("LINTEL_DEMO_PORT"));
  if (file.empty() && !port) {
    std::cerr << "lintel: " << port.error() << "\n";
    return kExitBadCommandLine;
  }
  Server server(std::move(file), port.value_or(kDemoPort));
  return server.run();
}

int dispatch(const Options& options) {
  switch (options.verb) {
    case Verb::run:
      return run_server(options.file);
    case Verb::check: {
      const CheckArguments check{options.file, options.print_defaults, options.json, options.resolve};
      return check_command(check, std::cout, std::cerr);
    }
    case Verb::explain:
      return explain_command(options.explain, std::cout, std::cerr);
    case Verb::test:
      return test_command(options.suite, options.file, options.json, std::cout, std::cerr);
    case Verb::server:
      return server_command(options.server, std::cout, std::cerr);
    case Verb::schema:
      return schema_command(options.man, std::cout, std::cerr);
    case Verb::version:
      std::cout << version_text();
      return 0;
    case Verb::help:
      std::cout << help_text(options.topic);
      return 0;
  }
  return kExitInternal;
}

}  // namespace

int run_command(const std::vector<std::string_view>& arguments) {
  const auto options = parse_options(arguments);
  if (!options) {
    std::cerr << "lintel: " << options.error() << "\n";
    return kExitBadCommandLine;
  }
  try {
    return dispatch(*options);
  } catch (const std::exception& error) {
    std::cerr << "lintel: internal error: " << error.what() << "\n";
    return kExitInternal;
  }
}

}  // namespace lintel::app
