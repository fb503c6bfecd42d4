#pragma once

// From a file to a snapshot that workers can run. Blocks on files and name servers.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "base/address.h"
#include "config/loader.h"
#include "proxy/snapshot.h"
#include "tls/ticket_keys.h"

namespace lintel::app {

/// Where the configuration comes from: a file, or a text with a name for messages.
struct ConfigSource {
  std::string name;
  std::string text{};
  bool is_file = true;
};

struct Loaded {
  std::shared_ptr<const proxy::Snapshot> snapshot;
  std::vector<std::string> warnings;  ///< A line each.
};

/// Why there is nothing to run.
struct LoadFailure {
  std::string text;                ///< Every message with its place in the file, as `lintel check` prints it.
  std::vector<std::string> lines;  ///< The errors, a line each, for the log.
};

/// Finds the address of a host name. Empty: none, `why` then says it.
using Resolve = std::function<SocketAddress(const Endpoint& endpoint, std::string& why)>;

/// The system's resolver (getaddrinfo), first address. Blocks.
[[nodiscard]] SocketAddress resolve_name(const Endpoint& endpoint, std::string& why);

/// Loads, checks and resolves; reads certificates and keys. `tickets` are the process's.
[[nodiscard]] tl::expected<Loaded, LoadFailure> load(const ConfigSource& source, std::uint64_t number,
                                                     const Resolve& resolve,
                                                     const std::shared_ptr<tls::TicketKeys>& tickets);

/// 64-bit FNV-1a in hexadecimal.
[[nodiscard]] std::string hash_text(std::string_view text);

}  // namespace lintel::app
