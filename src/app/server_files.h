#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "config/diagnostic.h"
#include "config/model.h"
#include "net/file_watch.h"
#include "net/loop.h"
#include "proxy/stats.h"

namespace lintel::app {

/// Lists of servers by the path of their file.
using ServerLists = std::map<std::string, std::vector<config::Server>>;

/// Reads the files that pools of `config` have servers in; what is wrong in them goes to `report`. Blocks.
[[nodiscard]] ServerLists load_server_lists(const config::Config& config, config::Report& report);

/// Follows the files that pools have servers in. What is wrong in a file changes nothing: the last good list
/// stays. Belongs to the main thread, and blocks it for as long as a changed file is read.
class ServerFiles {
 public:
  /// `changed` is called whenever a file lists other servers than before.
  ServerFiles(net::Loop& loop, std::function<void()> changed) : loop_(loop), changed_(std::move(changed)) {}
  ServerFiles(const ServerFiles&) = delete;
  ServerFiles& operator=(const ServerFiles&) = delete;
  ~ServerFiles() = default;

  /// From now on follows these files, which have just been read, and no others.
  void follow(const ServerLists& lists);
  [[nodiscard]] const ServerLists& lists() const noexcept { return lists_; }
  /// For the admin pages.
  [[nodiscard]] std::vector<proxy::ServersFileInfo> describe(const config::Config& config) const;

 private:
  struct File {
    std::unique_ptr<net::FileWatch> watch;
    std::uint64_t loads_ok = 0;
    std::uint64_t loads_failed = 0;
    std::string last_error;
  };

  void load(const std::string& path);

  net::Loop& loop_;
  std::function<void()> changed_;
  ServerLists lists_;
  std::map<std::string, File> files_;
};

}  // namespace lintel::app
