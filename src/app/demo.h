#pragma once

// The demo: what `lintel run` serves when there is no configuration. Two small servers inside this process
// and a configuration that balances over them.

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "app/local_server.h"
#include "http/workspace.h"

namespace lintel::app {

inline constexpr std::uint16_t kDemoPort = 8080;
inline constexpr std::uint16_t kDemoAdminPort = 9901;

/// The port from LINTEL_DEMO_PORT's value (null: not set). On failure says what is wrong with it.
[[nodiscard]] tl::expected<std::uint16_t, std::string> demo_port(const char* value);

struct DemoPorts {
  std::uint16_t web = kDemoPort;
  std::uint16_t admin = kDemoAdminPort;  ///< 0: no admin listener.
  std::array<std::uint16_t, 2> servers{};
};

/// The configuration that the demo runs.
[[nodiscard]] std::string demo_configuration(const DemoPorts& ports);

/// The page that server number `server` (from 1) shows to its `count`th visitor.
[[nodiscard]] std::string demo_page(int server, std::uint64_t count, const DemoPorts& ports);

/// The two servers. Used on the loop's thread; close() and join() before the destructor.
class Demo {
 public:
  Demo(http::Workspace& workspace, std::uint16_t port);
  Demo(const Demo&) = delete;
  Demo& operator=(const Demo&) = delete;

  /// Starts the servers on free loopback ports. On failure says why.
  [[nodiscard]] tl::expected<void, std::string> start();
  [[nodiscard]] const DemoPorts& ports() const noexcept { return ports_; }
  void close() noexcept;
  net::Task<void> join();

 private:
  [[nodiscard]] Reply reply(int server, const http::RequestHead& request);

  DemoPorts ports_;
  std::array<std::uint64_t, 2> counts_{};
  std::array<std::unique_ptr<LocalServer>, 2> servers_;
};

}  // namespace lintel::app
