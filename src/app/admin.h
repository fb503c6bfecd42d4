#pragma once

// The admin pages: what an operator's tools ask this process. Reading only.

#include <cstdint>
#include <functional>
#include <string_view>

#include "app/local_server.h"
#include "http/message.h"
#include "proxy/stats.h"

namespace lintel::app {

enum class Readiness : std::uint8_t { starting, ready, draining };

/// Where the pages get their figures from.
struct AdminView {
  std::function<Readiness()> readiness;
  std::function<proxy::StatsTotal()> totals;
  std::function<proxy::ProcessInfo()> process;
};

/// The answer to a request for `path`; `accept` is its Accept field.
[[nodiscard]] Reply admin_reply(const AdminView& view, http::Method method, std::string_view path,
                                std::string_view accept);

}  // namespace lintel::app
