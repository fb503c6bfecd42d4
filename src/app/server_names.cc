// What the names and files of servers stand for: waited for when a configuration comes into force, and
// swapped in whenever it changes.

#include <utility>

#include "app/expansion.h"
#include "app/server_prepared.h"
#include "base/log.h"

namespace lintel::app {
namespace {

/// The least time between two swaps: what changes together comes into force together.
constexpr Nanos kSwapGap = 200'000'000;

}  // namespace

FindName Server::finder() const {
  return [this](const Name& name) { return names_.find(name); };
}

/// Begins to follow the names of a configuration, beside those in force. Who reloads wants to see tried again
/// what fails.
void Server::look_up_names(const config::Config& written, const ServerLists& lists) {
  std::set<Name> names = names_of(written, lists);
  if (written_) names.merge(names_of(written_->config, server_files_.lists()));
  resolver_.configure(dns_settings(written.resolver));
  names_.follow(names, written.resolver);
  names_.hurry();
}

/// Nothing else goes on at the start: turns the loop until the names are looked up, or long enough.
void Server::wait_for_names(const Loaded& loaded) {
  look_up_names(loaded.written->config, loaded.lists);
  loading_ = true;  // A HUP meanwhile is for later.
  bool settled = false;
  names_.when_settled(to_nanos(loaded.written->config.resolver.wait), [&settled] { settled = true; });
  while (!settled && !stop_asked_) loop_.turn(kNever);
  if (!settled) names_.when_settled(0, nullptr);
  loading_ = false;
}

/// What is looked at from now on is what this configuration names.
void Server::adopt(const Loaded& loaded) {
  written_ = loaded.written;
  server_files_.follow(loaded.lists);
  names_.follow(names_of(written_->config, loaded.lists), written_->config.resolver);
}

void Server::servers_changed() {
  servers_changed_ = true;
  swap_servers();
}

/// Puts into force what names and files stand for now, unless something else is on its way, which comes back
/// here.
void Server::swap_servers() {
  if (!servers_changed_ || publishing_ || loading_ || phase_ != Phase::serving) return;
  const Nanos now = loop_.clock().now();
  if (now < swapped_at_ + kSwapGap) return loop_.set_deadline(swap_deadline_, swapped_at_ + kSwapGap);
  servers_changed_ = false;
  names_.follow(names_of(written_->config, server_files_.lists()), written_->config.resolver);
  Loaded loaded;
  loaded.snapshot = expand(*written_, server_files_.lists(), finder());
  if (loaded.snapshot->config.pools == snapshot_->config.pools) return;
  swapped_at_ = now;
  ++server_changes_;
  log_changes(*loaded.snapshot);
  auto prepared = prepare(std::move(loaded));
  if (!prepared) return log::error("the servers stay as they were: {}", prepared.error());
  commit(std::move(*prepared));
}

void Server::on_swap_deadline(net::Deadline& deadline) {
  static_cast<Server*>(deadline.owner())->swap_servers();
}

void Server::log_changes(const proxy::Snapshot& after) const {
  for (std::size_t i = 0; i < after.config.pools.size(); ++i) {
    const config::Pool& pool = after.config.pools[i];
    const std::string change = describe_change(snapshot_->config.pools[i], pool);
    if (!change.empty()) log::info({{"pool", pool.name}}, "{}", change);
  }
}

}  // namespace lintel::app
