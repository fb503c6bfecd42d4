#pragma once

// The admin pages: what an operator's tools ask this process, and what an operator may change of its servers
// (app/admin_pools). GET never changes anything.

#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "app/admin_pools.h"
#include "app/local_server.h"
#include "base/clock.h"
#include "http/message.h"
#include "proxy/stats.h"

namespace lintel::app {

enum class Readiness : std::uint8_t { starting, ready, draining };

/// Where the pages get their figures from.
struct AdminView {
  std::function<Readiness()> readiness;
  std::function<proxy::StatsTotal()> totals;
  std::function<proxy::ProcessInfo()> process;
  std::function<std::vector<ServerEntry>()> servers;
  std::function<Nanos()> now;  ///< The loop's clock.
};

/// A request to these pages.
struct AdminRequest {
  http::Method method = http::Method::get;
  std::string_view path{};
  std::string_view accept{};  ///< Its Accept field.
  std::string_view body{};
  Requester from{};
};

[[nodiscard]] Reply admin_reply(const AdminView& view, const AdminRequest& request);

}  // namespace lintel::app
