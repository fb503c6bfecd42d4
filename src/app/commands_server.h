#pragma once

// `lintel server`: the servers of a daemon that runs, over its admin endpoint.

#include <array>
#include <iosfwd>
#include <string>
#include <string_view>

namespace lintel::app {

inline constexpr std::array<std::string_view, 5> kServerActions = {"list", "drain", "ready", "down",
                                                                   "weight"};

struct ServerArguments {
  std::string action{};  ///< One of kServerActions.
  std::string target{};  ///< "POOL/SERVER"; of list, a pool, or empty: all.
  std::string weight{};  ///< Of weight; empty: the configuration's again.
  std::string file{};    ///< The configuration that names the admin endpoint,
  std::string admin{};   ///< or where it is: a Unix socket's path, or an address; empty: as the file says.
  bool json = false;

  friend bool operator==(const ServerArguments&, const ServerArguments&) = default;
};

/// Returns 0, 1 if the configuration is not valid, 2 if the arguments make no sense, 4 if nobody answers, 5
/// if the daemon refuses.
int server_command(const ServerArguments& arguments, std::ostream& out, std::ostream& err);

}  // namespace lintel::app
