#pragma once

// From a file to a configuration that only lacks the addresses of names. Blocks on files.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "app/server_files.h"
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
  std::shared_ptr<const proxy::Snapshot> written;   ///< Without addresses: see expand().
  ServerLists lists;                                ///< What its files list.
  std::shared_ptr<const proxy::Snapshot> snapshot;  ///< To be run; load() leaves it null.
  std::vector<std::string> warnings;                ///< A line each.
};

/// Why there is nothing to run.
struct LoadFailure {
  std::string text;                ///< Every message with its place in the file, as `lintel check` prints it.
  std::vector<std::string> lines;  ///< The errors, a line each, for the log.
};

/// Loads and checks; reads certificates, keys and lists of servers, asks no name server. `tickets` are the
/// process's.
[[nodiscard]] tl::expected<Loaded, LoadFailure> load(const ConfigSource& source, std::uint64_t number,
                                                     const std::shared_ptr<tls::TicketKeys>& tickets);

/// 64-bit FNV-1a in hexadecimal.
[[nodiscard]] std::string hash_text(std::string_view text);

}  // namespace lintel::app
