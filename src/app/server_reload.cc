// A configuration in place of another: everything that can fail happens in prepare(), beside what runs;
// commit() cannot fail.

#include <algorithm>
#include <cstring>

#include "app/server_prepared.h"
#include "base/log.h"

namespace lintel::app {
namespace {

std::vector<std::string> names_of(const BoundAddresses& addresses) {
  std::vector<std::string> names;
  for (const auto& [name, address] : addresses) names.push_back(name);
  return names;
}

/// Whether a socket of ours is on the same port, and of the same kind.
bool shares_port(const BoundAddresses& addresses, const WantedBind& wanted) {
  const bool udp = wanted.protocol == config::Protocol::udp;
  return std::any_of(addresses.begin(), addresses.end(), [&](const auto& one) {
    return one.second.address().port() == wanted.endpoint.port &&
           (one.second.wanted().protocol == config::Protocol::udp) == udp;
  });
}

log::LogSettings log_settings(const config::Log& log) {
  log::LogSettings settings;
  settings.level = static_cast<log::Level>(log.level);
  settings.format = static_cast<log::Format>(log.format);
  settings.target = log.target;
  return settings;
}

proxy::AccessLogFormat access_log_format(const config::AccessLog& log) {
  return static_cast<proxy::AccessLogFormat>(log.format);
}

}  // namespace

tl::expected<Server::Prepared, std::string> Server::prepare(Loaded loaded) {
  Prepared prepared;
  prepared.loaded = std::move(loaded);
  const config::Config& config = prepared.loaded.snapshot->config;
  const bool only_servers = prepared.loaded.written == nullptr;
  const std::size_t automatic = only_servers ? workers_.count() : available_cpus();
  prepared.workers = config.workers != 0 ? config.workers : automatic;
  prepared.listener_change = bind_change(names_of(listeners_), listener_binds(config));
  prepared.admin_change = bind_change(names_of(admin_addresses_), admin_binds(config));
  tl::expected<void, std::string> opened = open_binds(prepared);
  if (opened) opened = open_worker_sockets(prepared);
  if (opened) opened = open_logs(prepared);
  if (opened) return prepared;
  for (const auto& [name, address] : prepared.listeners) address.remove_file();
  for (const auto& [name, address] : prepared.admin) address.remove_file();
  return tl::unexpected(opened.error());
}

tl::expected<void, std::string> Server::open_binds(Prepared& prepared) {
  for (const WantedBind& wanted : prepared.listener_change.opened) {
    // Our own socket may be on the same port, as when 127.0.0.1:80 becomes :80.
    const bool alone = !shares_port(listeners_, wanted) && !shares_port(prepared.listeners, wanted);
    auto bound = BoundAddress::open(wanted, alone);
    if (!bound) return tl::unexpected(bound.error());
    prepared.listeners.emplace(wanted.key(), std::move(*bound));
  }
  for (const WantedBind& wanted : prepared.admin_change.opened) {
    auto bound = BoundAddress::open(wanted, true);
    if (!bound) return tl::unexpected(bound.error());
    auto socket = bound->add_socket();
    if (!socket) return tl::unexpected(socket.error());
    const std::string name = wanted.key();
    prepared.admin_sockets.emplace(name, std::move(*socket));
    prepared.admin.emplace(name, std::move(*bound));
  }
  return {};
}

tl::expected<void, std::string> Server::open_worker_sockets(Prepared& prepared) {
  prepared.sockets.resize(prepared.workers);
  const std::vector<std::string>& closed = prepared.listener_change.closed;
  for (auto& [name, address] : prepared.listeners) {
    if (auto shared = share_out(prepared, name, address, 0); !shared) return shared;
  }
  for (auto& [name, address] : listeners_) {
    if (std::find(closed.begin(), closed.end(), name) != closed.end()) continue;
    if (auto shared = share_out(prepared, name, address, workers_.count()); !shared) return shared;
  }
  return {};
}

/// Gives every worker the sockets of `address` that it does not have from the time when there were
/// `workers_before`.
tl::expected<void, std::string> Server::share_out(Prepared& prepared, const std::string& name,
                                                  BoundAddress& address, std::size_t workers_before) {
  if (!address.has_queues()) {
    for (std::size_t worker = workers_before; worker < prepared.workers; ++worker) {
      auto socket = address.add_socket();
      if (!socket) return tl::unexpected(socket.error());
      prepared.sockets[worker].push_back({name, worker, std::move(*socket)});
    }
    return {};
  }
  const bool is_new = workers_before == 0;
  std::vector<OwnedFd>& added = prepared.queues[name];
  for (std::size_t queue = 0; queue < std::max(address.queues(), prepared.workers); ++queue) {
    if (queue == address.queues() + added.size()) {
      auto opened = address.open_queue();
      if (!opened) return tl::unexpected(opened.error());
      added.push_back(std::move(*opened));
    }
    const std::size_t worker = worker_of_queue(queue, prepared.workers);
    const bool is_old = queue < address.queues();
    if (!is_new && is_old && worker_of_queue(queue, workers_before) == worker) continue;
    auto socket =
        is_old ? address.queue_socket(queue) : address.duplicate(added[queue - address.queues()].get());
    if (!socket) return tl::unexpected(socket.error());
    prepared.sockets[worker].push_back({name, queue, std::move(*socket)});
  }
  return {};
}

tl::expected<void, std::string> Server::open_logs(Prepared& prepared) {
  const config::Config& config = prepared.loaded.snapshot->config;
  if (!snapshot_ || snapshot_->config.access_log != config.access_log) {
    prepared.replaces_access_log = true;
    if (config.access_log.enabled) {
      LineLog::Settings settings;
      settings.path = config.access_log.path;
      auto opened = LineLog::open(settings);
      if (!opened) {
        return tl::unexpected("cannot open the access log " + config.access_log.path + ": " +
                              std::strerror(opened.error().sys) + "; change access_log.path");
      }
      prepared.access_log = std::move(*opened);
    }
  }
  return open_log(config.log);
}

tl::expected<void, std::string> Server::open_log(const config::Log& settings) {
  if (log_settings_ == settings) return {};
  if (const auto opened = log::init(log_settings(settings)); !opened) {
    return tl::unexpected("cannot open the log " + settings.target + ": " +
                          std::strerror(opened.error().sys) + "; change log.target");
  }
  log_settings_ = settings;
  return {};
}

void Server::commit(Prepared prepared) {
  for (const std::string& warning : prepared.loaded.warnings) log::warn("{}", warning);
  if (prepared.replaces_access_log) {
    old_access_log_ = std::move(access_log_);
    access_log_ = std::move(prepared.access_log);
  }
  snapshot_ = prepared.loaded.snapshot;
  swapping_ = prepared.loaded.written == nullptr;
  if (!swapping_) adopt(prepared.loaded);
  commit_servers();
  commit_admin(prepared);  // Who waits for it is answered at once.
  auto published = publications(prepared);
  for (const std::string& name : prepared.listener_change.closed) {
    listeners_.at(name).remove_file();
    listeners_.erase(name);
  }
  listeners_.merge(prepared.listeners);
  for (auto& [name, queues] : prepared.queues) {
    for (OwnedFd& queue : queues) listeners_.at(name).keep_queue(std::move(queue));
  }
  for (auto& [name, address] : listeners_) address.spread_over(prepared.workers);
  publishing_ = true;
  workers_.publish(std::move(published), [this] { in_force(); });
}

void Server::commit_admin(Prepared& prepared) {
  for (const std::string& name : prepared.admin_change.closed) {
    admin_.stop_listening(admin_numbers_.at(name));
    admin_addresses_.at(name).remove_file();
    admin_numbers_.erase(name);
    admin_addresses_.erase(name);
  }
  for (auto& [name, socket] : prepared.admin_sockets) {
    admin_numbers_.emplace(name, admin_.listen(socket.release()));
  }
  admin_addresses_.merge(prepared.admin);
}

/// Holds what is known of pools and servers that the configuration goes on with.
void Server::commit_servers() {
  decltype(servers_) servers;
  decltype(pools_) pools;
  for (const config::Pool& pool : snapshot_->config.pools) {
    const std::shared_ptr<pool::SharedPool> shared = workers_.pools().pool(pool.name);
    pools.emplace(pool.name, shared);
    for (const config::Server& server : pool.servers) {
      std::string name = server.name();
      servers[{pool.name, name}] = shared->server(name);
    }
  }
  pools_.swap(pools);
  servers_.swap(servers);
  commit_checks(servers);
}

/// Has the servers checked that the configuration wants checked. `before`: those that there were.
void Server::commit_checks(const std::map<proxy::NamePair, std::shared_ptr<pool::SharedServer>>& before) {
  std::vector<health::Target> targets;
  for (std::size_t i = 0; i < snapshot_->config.pools.size(); ++i) {
    const config::Pool& pool = snapshot_->config.pools[i];
    if (!pool.health_check) continue;
    const auto tls = snapshot_->tls.pools.find(pool.name);
    for (std::size_t j = 0; j < pool.servers.size(); ++j) {
      health::Target target;
      target.subject.pool = pool.name;
      target.subject.server = pool.servers[j].name();
      target.subject.host = pool.servers[j].address.host;
      target.subject.address = snapshot_->addresses[i][j];
      if (pool.health_check->port) target.subject.address.set_port(*pool.health_check->port);
      target.subject.check = *pool.health_check;
      target.subject.proxy_protocol = pool.proxy_protocol;
      if (tls != snapshot_->tls.pools.end()) target.subject.tls = tls->second;
      const proxy::NamePair names(pool.name, target.subject.server);
      target.shared = servers_.at(names);
      target.is_new = !before.contains(names);
      targets.push_back(std::move(target));
    }
  }
  checks_.update(std::move(targets));
}

std::vector<std::shared_ptr<Publication>> Server::publications(Prepared& prepared) {
  std::map<std::string, std::shared_ptr<proxy::ConnectionCount>> counts;
  for (const config::Listener& listener : snapshot_->config.listeners) {
    auto& count = counts_[listener.name];
    if (!count) count = std::make_shared<proxy::ConnectionCount>();
    counts.emplace(listener.name, count);
  }
  counts_ = counts;
  std::vector<std::shared_ptr<Publication>> published;
  for (std::size_t worker = 0; worker < prepared.workers + workers_.retiring(prepared.workers); ++worker) {
    auto one = std::make_shared<Publication>();
    one->snapshot = snapshot_;
    one->counts = counts;
    one->workers = prepared.workers;
    one->place = worker;
    const bool is_retiring = worker >= prepared.workers;
    if (!is_retiring) {
      for (auto& [bind, queue, fd] : prepared.sockets[worker])
        one->sockets.push_back({bind, queue, fd.release()});
    }
    one->replaces_access_log = prepared.replaces_access_log || (!is_retiring && worker >= workers_.count());
    if (one->replaces_access_log && access_log_) {
      const proxy::AccessLogFormat format = access_log_format(snapshot_->config.access_log);
      one->access_log = std::make_unique<proxy::AccessLog>(format, access_log_->add_writer());
    }
    published.push_back(std::move(one));
  }
  return published;
}

void Server::in_force() {
  publishing_ = false;
  end_old_access_log();
  workers_.prune_stats();
  if (phase_ == Phase::starting) {
    phase_ = Phase::serving;
    log_start();
  } else if (!swapping_) {
    log::info("configuration {} is in force, {}", snapshot_->number, count_of_workers(workers_.count()));
  }
  if (stop_asked_) return stop(*stop_asked_);
  if (reload_again_) return reload();
  swap_servers();
}

void Server::end_old_access_log() {
  if (!old_access_log_) return;
  old_access_log_->stop();
  access_log_dropped_ += old_access_log_->dropped();
  access_log_lost_ += old_access_log_->lost_bytes();
  old_access_log_.reset();
}

void Server::reload() {
  reload_again_ = publishing_ || loading_;
  if (reload_again_ || phase_ != Phase::serving) return;
  loading_ = true;
  log::info("loading the configuration {} again", source_.name);
  const std::uint64_t number = snapshot_->number + 1;
  if (loader_.joinable()) loader_.join();
  loader_ = std::thread([this, number] {
    auto loaded = std::make_shared<tl::expected<Loaded, LoadFailure>>(load(source_, number, tickets_));
    loop_.post([this, loaded] { finish_load(std::move(*loaded)); });
  });
}

/// The file has been read; what it names may have to be looked up.
void Server::finish_load(tl::expected<Loaded, LoadFailure> loaded) {
  if (!loaded || phase_ != Phase::serving) return finish_reload(std::move(loaded));
  look_up_names(loaded->written->config, loaded->lists);
  const Nanos most = to_nanos(loaded->written->config.resolver.wait);
  auto kept = std::make_shared<tl::expected<Loaded, LoadFailure>>(std::move(loaded));
  names_.when_settled(most, [this, kept] { finish_reload(std::move(*kept)); });
}

void Server::finish_reload(tl::expected<Loaded, LoadFailure> loaded) {
  loading_ = false;
  if (phase_ != Phase::serving) return;
  last_reload_time_ = static_cast<double>(loop_.wall()) / 1e9;
  if (loaded) loaded->snapshot = expand(*loaded->written, loaded->lists, finder());
  if (!loaded) {
    refuse_reload(loaded.error().lines);
  } else if (auto prepared = prepare(std::move(*loaded)); !prepared) {
    look_up_names(written_->config, server_files_.lists());
    refuse_reload({prepared.error()});
  } else {
    last_reload_success_ = true;
    last_reload_error_.clear();
    ++reloads_ok_;
    commit(std::move(*prepared));
  }
  if (reload_again_) return reload();
  swap_servers();
}

void Server::refuse_reload(const std::vector<std::string>& reasons) {
  last_reload_success_ = false;
  ++reloads_failed_;
  last_reload_error_.clear();
  for (const std::string& reason : reasons) {
    log::error("{}", reason);
    last_reload_error_.append(last_reload_error_.empty() ? "" : "\n").append(reason);
  }
  log::error("reload refused, configuration {} goes on unchanged", snapshot_->number);
}

void Server::reopen_logs() {
  if (const auto opened = log::reopen(); !opened) {
    log::error("cannot open the log again: {}; the old file stays in use", std::strerror(opened.error().sys));
  }
  if (!access_log_) return;
  if (const auto opened = access_log_->reopen(); !opened) {
    log::error("cannot open the access log again: {}; the old file stays in use",
               std::strerror(opened.error().sys));
  }
  log::info("log files opened again");
}

}  // namespace lintel::app
