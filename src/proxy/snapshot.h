#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/address.h"
#include "config/model.h"

namespace lintel::proxy {

/// One configuration in force, as the main thread publishes it to the workers: what the file says, and what
/// had to be looked up to use it. Immutable; shared by all threads.
struct Snapshot {
  config::Config config;
  /// Per pool, per server, in the order of the configuration: where it is. Empty: the name has no address.
  std::vector<std::vector<SocketAddress>> addresses;
  std::uint64_t number = 0;  ///< Counts the configurations of this process, from 1.
  std::string hash;          ///< Of the effective configuration, for lintel_config_info.
};

}  // namespace lintel::proxy
