#pragma once

// The servers of all pools as an operator sees and changes them while the process runs: /v1/pools.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "app/local_server.h"
#include "base/clock.h"
#include "health/checks.h"
#include "net/stream.h"
#include "pool/shared.h"

namespace lintel::app {

struct ServerEntry {
  std::string pool;
  std::string server;
  std::uint32_t configured_weight = 1;
  std::shared_ptr<pool::SharedServer> shared;
  const health::Findings* findings = nullptr;  ///< Null: it is not checked.
};

/// Who asks. Only who comes over a Unix socket, whose file's mode says who may, changes anything.
struct Requester {
  bool over_unix_socket = false;
  std::optional<net::PeerProcess> process;
};

/// The server that "/v1/pools/POOL/servers/SERVER" names; SERVER may be percent-encoded.
struct ServerPath {
  std::string pool;
  std::string server;
  [[nodiscard]] static std::optional<ServerPath> parse(std::string_view path);
};

/// "ready", "drain", "down".
[[nodiscard]] std::string_view admin_state_name(pool::AdminState state) noexcept;

/// An error as RFC 9457 wants it.
[[nodiscard]] Reply problem(int status, std::string_view detail,
                            std::vector<std::pair<std::string, std::string>> fields = {});

/// All servers.
[[nodiscard]] Reply pools_reply(const std::vector<ServerEntry>& servers, Nanos now);
/// One of them.
[[nodiscard]] Reply server_reply(const std::vector<ServerEntry>& servers, const ServerPath& path, Nanos now);
/// Does what a JSON object asks for: {"state": "ready|drain|down", "weight": number or null}, either or both;
/// all of it or nothing. Writes a line to the log for each change. Answers with the server as it is then.
[[nodiscard]] Reply change_server(const std::vector<ServerEntry>& servers, const ServerPath& path,
                                  std::string_view body, const Requester& from, Nanos now);

}  // namespace lintel::app
