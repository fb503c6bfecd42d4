#pragma once

// A pool's servers in a file of their own (servers_file).

#include <optional>
#include <string>
#include <vector>

#include "config/diagnostic.h"
#include "config/environment.h"
#include "config/model.h"

namespace lintel::config {

struct ServerListResult {
  std::optional<std::vector<Server>> servers;  ///< Set if there is no error.
  std::vector<Diagnostic> diagnostics;         ///< All errors and warnings.
};

/// Where the servers_file of `pool` is; relative ones are beside the file that names them.
[[nodiscard]] std::string server_list_path(const Pool& pool);

/// Loads the list in `path`: of the same elements as a pool's `servers`. An empty list is a list without
/// servers; a file without a list is an error. Blocks on the file.
[[nodiscard]] ServerListResult load_server_list(const std::string& path,
                                                const Environment& environment = process_environment());

}  // namespace lintel::config
