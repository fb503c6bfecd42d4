#pragma once

#include <string_view>
#include <vector>

namespace lintel::app {

/// Does what the arguments (without the program's name) say. Returns the exit code.
int run_command(const std::vector<std::string_view>& arguments);

}  // namespace lintel::app
