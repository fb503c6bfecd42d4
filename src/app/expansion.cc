#include "app/expansion.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "config/server_list.h"

namespace lintel::app {
namespace {

constexpr std::uint32_t kMaxWeight = 1'000;
constexpr std::size_t kMostNamed = 8;  ///< Servers in a line of the log.

/// A pool's servers as they are written, those of its file last.
std::vector<config::Server> written_servers(const config::Pool& pool, const ServerLists& lists) {
  std::vector<config::Server> servers = pool.servers;
  if (pool.servers_file.empty()) return servers;
  const auto list = lists.find(config::server_list_path(pool));
  if (list != lists.end()) servers.insert(servers.end(), list->second.begin(), list->second.end());
  return servers;
}

/// The weights that a server with SRV records gives their targets: within what a configuration may say.
std::vector<std::uint32_t> srv_weights(const config::Server& server, const std::vector<Found>& found) {
  std::vector<std::uint64_t> products;
  std::uint64_t most = kMaxWeight;
  for (const Found& each : found) {
    products.push_back(std::uint64_t{server.weight} * std::max<std::uint32_t>(each.weight, 1));
    most = std::max(most, products.back());
  }
  std::vector<std::uint32_t> weights;
  for (const std::uint64_t product : products) {
    const std::uint64_t scaled = product * kMaxWeight / most;
    weights.push_back(product == 0 ? 0 : static_cast<std::uint32_t>(std::max<std::uint64_t>(scaled, 1)));
  }
  return weights;
}

/// Appends what `server`, whose name stands for `found`, is. Records of SRV names with a higher priority are
/// of a later group.
void append_found(const config::Server& server, const std::vector<Found>& found,
                  std::vector<config::Server>& out) {
  std::set<std::uint16_t> priorities;
  for (const Found& each : found) priorities.insert(each.priority);
  const std::vector<std::uint32_t> weights = srv_weights(server, found);
  for (std::size_t i = 0; i < found.size(); ++i) {
    const Found& each = found[i];
    config::Server& one = out.emplace_back(server);
    one.srv.clear();
    one.address.kind = Endpoint::Kind::name;
    one.address.host = each.host;
    if (each.port != 0) one.address.port = each.port;
    one.address.ip = each.ip;
    if (server.srv.empty()) continue;
    one.weight = weights[i];
    one.priority +=
        static_cast<std::uint32_t>(std::distance(priorities.begin(), priorities.find(each.priority)));
  }
}

std::string list_names(const std::set<std::string>& names, const std::string& word) {
  std::string text;
  std::size_t count = 0;
  for (const std::string& name : names) {
    if (++count <= kMostNamed) text += (text.empty() ? ", " + word + ' ' : ", ") + name;
  }
  if (count > kMostNamed) text += " and " + std::to_string(count - kMostNamed) + " more";
  return text;
}

}  // namespace

std::optional<Name> name_of(const config::Server& server) {
  if (!server.srv.empty()) return Name{Name::Kind::srv, server.srv};
  if (server.address.kind == Endpoint::Kind::name) return Name{Name::Kind::host, server.address.host};
  return std::nullopt;
}

std::set<Name> names_of(const config::Config& config, const ServerLists& lists) {
  std::set<Name> names;
  for (const config::Pool& pool : config.pools) {
    for (const config::Server& server : written_servers(pool, lists)) {
      if (auto name = name_of(server)) names.insert(std::move(*name));
    }
  }
  return names;
}

std::shared_ptr<const proxy::Snapshot> expand(const proxy::Snapshot& written, const ServerLists& lists,
                                              const FindName& find) {
  auto snapshot = std::make_shared<proxy::Snapshot>(written);
  for (config::Pool& pool : snapshot->config.pools) {
    std::vector<config::Server> servers;
    for (const config::Server& server : written_servers(pool, lists)) {
      const std::optional<Name> name = name_of(server);
      if (!name) {
        servers.push_back(server);
      } else if (const std::vector<Found>* found = find(*name)) {
        append_found(server, *found, servers);
      }
    }
    pool.servers = std::move(servers);
    std::vector<SocketAddress>& addresses = snapshot->addresses.emplace_back();
    for (const config::Server& server : pool.servers) addresses.push_back(server.address.resolved().value());
  }
  return snapshot;
}

std::shared_ptr<const proxy::Snapshot> expand_offline(const proxy::Snapshot& written,
                                                      const ServerLists& lists) {
  auto snapshot = std::make_shared<proxy::Snapshot>(written);
  const SocketAddress anywhere = SocketAddress::from_ip("127.0.0.1", 1).value();
  for (config::Pool& pool : snapshot->config.pools) {
    pool.servers = written_servers(pool, lists);
    std::vector<SocketAddress>& addresses = snapshot->addresses.emplace_back();
    for (const config::Server& server : pool.servers)
      addresses.push_back(server.address.resolved().value_or(anywhere));
  }
  return snapshot;
}

std::string describe_change(const config::Pool& before, const config::Pool& after) {
  std::set<std::string> added;
  std::set<std::string> removed;
  for (const config::Server& server : after.servers) added.insert(server.name());
  for (const config::Server& server : before.servers) {
    if (added.erase(server.name()) == 0) removed.insert(server.name());
  }
  if (before.servers == after.servers) return {};
  return "servers changed, " + std::to_string(after.servers.size()) + " now" + list_names(added, "added") +
         list_names(removed, "removed");
}

}  // namespace lintel::app
