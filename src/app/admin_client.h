#pragma once

// The commands' side of the admin endpoint: one request to a daemon that runs.

#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "base/address.h"

namespace lintel::app {

struct AdminAnswer {
  int status = 0;
  std::string body{};
};

/// Asks the admin endpoint at `address`. Blocks, at most ten seconds. On failure says in one sentence why
/// there is no answer.
[[nodiscard]] tl::expected<AdminAnswer, std::string> ask_admin(const SocketAddress& address,
                                                               std::string_view method, std::string_view path,
                                                               std::string_view body = {});

/// Every byte but letters, digits and -._~ as %XX.
[[nodiscard]] std::string percent_encode(std::string_view text);

}  // namespace lintel::app
