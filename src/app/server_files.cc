#include "app/server_files.h"

#include "base/log.h"
#include "config/server_list.h"

namespace lintel::app {

ServerLists load_server_lists(const config::Config& config, config::Report& report) {
  ServerLists lists;
  for (const config::Pool& pool : config.pools) {
    if (pool.servers_file.empty()) continue;
    const std::string path = config::server_list_path(pool);
    if (lists.contains(path)) continue;
    config::ServerListResult result = config::load_server_list(path);
    for (config::Diagnostic& diagnostic : result.diagnostics) report.adopt(std::move(diagnostic));
    if (result.servers) lists[path] = std::move(*result.servers);
  }
  return lists;
}

void ServerFiles::follow(const ServerLists& lists) {
  lists_ = lists;
  std::erase_if(files_, [&](const auto& entry) { return !lists_.contains(entry.first); });
  for (const auto& [path, servers] : lists_) {
    File& file = files_[path];
    file.last_error.clear();
    if (file.watch) {
      ++file.loads_ok;
      continue;
    }
    // It tells of the file once at first, and so of what has changed since it was read.
    file.watch = std::make_unique<net::FileWatch>(loop_, path, [this, path = path] { load(path); });
  }
}

void ServerFiles::load(const std::string& path) {
  File& file = files_.at(path);
  config::ServerListResult result = config::load_server_list(path);
  if (!result.servers) {
    ++file.loads_failed;
    const std::string text = result.diagnostics.front().render();
    file.last_error = text.substr(0, text.find('\n'));
    log::error({{"file", path}}, "the servers stay as they were: {}", file.last_error);
    return;
  }
  ++file.loads_ok;
  file.last_error.clear();
  for (const config::Diagnostic& diagnostic : result.diagnostics) {
    const std::string text = diagnostic.render();
    log::warn({{"file", path}}, "{}", text.substr(0, text.find('\n')));
  }
  std::vector<config::Server>& servers = lists_.at(path);
  if (servers == *result.servers) return;
  log::info({{"file", path}}, "the file has changed: {} servers now", result.servers->size());
  servers = std::move(*result.servers);
  changed_();
}

std::vector<proxy::ServersFileInfo> ServerFiles::describe(const config::Config& config) const {
  std::vector<proxy::ServersFileInfo> all;
  for (const config::Pool& pool : config.pools) {
    if (pool.servers_file.empty()) continue;
    const std::string path = config::server_list_path(pool);
    const auto file = files_.find(path);
    if (file == files_.end()) continue;
    proxy::ServersFileInfo& info = all.emplace_back();
    info.pool = pool.name;
    info.path = path;
    info.servers = lists_.at(path).size();
    info.loads_ok = file->second.loads_ok;
    info.loads_failed = file->second.loads_failed;
    info.last_error = file->second.last_error;
  }
  return all;
}

}  // namespace lintel::app
