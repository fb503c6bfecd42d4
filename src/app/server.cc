#include "app/server.h"

#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <set>
#include <utility>

#include "app/server_prepared.h"
#include "app/version.h"
#include "base/log.h"
#include "base/random.h"
#include "config/units.h"

namespace lintel::app {
namespace {

constexpr int kExitInvalid = 1;
constexpr int kExitCannotListen = 3;
constexpr Nanos kCutInterval = 100'000'000;

void complain(std::string_view text) {
  std::fprintf(stderr, "lintel: %.*s\n", static_cast<int>(text.size()), text.data());
}

/// As many descriptors as the system lets this process have: each connection through the proxy takes two.
void raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

std::string join(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

}  // namespace

std::size_t available_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) != 0) return std::max(1U, std::thread::hardware_concurrency());
  return static_cast<std::size_t>(std::max(1, CPU_COUNT(&set)));
}

std::string count_of_workers(std::size_t count) {
  return std::to_string(count) + (count == 1 ? " worker" : " workers");
}

Server::Server(std::string file, std::uint16_t demo_port)
    : source_{.name = std::move(file)},
      demo_port_(demo_port),
      is_demo_(source_.name.empty()),
      workspace_(loop_, random_seed()),
      checks_(probe_tools_, random_seed()),
      admin_(workspace_, [this](const LocalRequest& request) { return answer_admin(request); }),
      names_(loop_, resolver_, random_seed(), [this] { servers_changed(); }) {}

Server::~Server() {
  if (loader_.joinable()) loader_.join();
}

int Server::run() {
  net::ignore_signals();
  raise_descriptor_limit();
  start_time_ = static_cast<double>(loop_.wall()) / 1e9;
  // Watched before anything listens: who sees it listen may already send TERM.
  watch_signals();
  const int failed = start();
  if (failed != 0) scope_.spawn(end());
  loop_.run();
  if (loader_.joinable()) loader_.join();
  for (const auto& [name, address] : listeners_) address.remove_file();
  for (const auto& [name, address] : admin_addresses_) address.remove_file();
  if (failed == 0) log::info("stopped");
  if (access_log_) access_log_->stop();
  log::shutdown();
  return failed;
}

int Server::start() {
  if (is_demo_) {
    if (const std::optional<int> failed = start_demo()) return *failed;
  }
  auto loaded = load(source_, 1, tickets_);
  if (!loaded) {
    std::fputs(loaded.error().text.c_str(), stderr);
    complain("the configuration is not valid; nothing was started");
    return kExitInvalid;
  }
  if (const auto opened = open_log(loaded->written->config.log); !opened) {  // Names may be complained of.
    complain(opened.error());
    return kExitCannotListen;
  }
  wait_for_names(*loaded);
  loaded->snapshot = expand(*loaded->written, loaded->lists, finder());
  auto prepared = prepare(std::move(*loaded));
  if (!prepared) {
    std::string text = prepared.error();
    if (is_demo_)
      text = text.substr(0, text.find(". ")) +
             ". Set LINTEL_DEMO_PORT to another port, or serve a "
             "configuration of your own: lintel run -c FILE";
    complain(text);
    return kExitCannotListen;
  }
  last_reload_time_ = start_time_;
  commit(std::move(*prepared));
  return 0;
}

std::optional<int> Server::start_demo() {
  demo_.emplace(workspace_, demo_port_);
  if (const auto started = demo_->start(); !started) {
    complain(started.error());
    return kExitCannotListen;
  }
  source_ = {.name = "the built-in demo", .text = demo_configuration(demo_->ports()), .is_file = false};
  return std::nullopt;
}

void Server::watch_signals() {
  signals_.watch(SIGHUP, [this](int) { reload(); });
  signals_.watch(SIGUSR1, [this](int) { reopen_logs(); });
  signals_.watch(SIGTERM, [this](int) { stop(true); });
  signals_.watch(SIGINT, [this](int) { stop(true); });
  signals_.watch(SIGQUIT, [this](int) { stop(false); });
}

void Server::log_start() const {
  std::string listeners;
  for (const config::Listener& listener : snapshot_->config.listeners) {
    std::vector<std::string> addresses;
    addresses.reserve(listener.bind.size());
    for (const Endpoint& bind : listener.bind) {
      addresses.push_back(listeners_.at(bind_key(bind, listener.protocol)).address().to_string());
    }
    listeners += (listeners.empty() ? "" : "; ") + listener.name + " on " + join(addresses);
  }
  std::vector<std::string> admin;
  for (const auto& [name, address] : admin_addresses_) admin.push_back(address.address().to_string());
  log::info("lintel {} started with {}: {}; {}", version(), count_of_workers(workers_.count()), listeners,
            admin.empty() ? "no admin listener" : "admin on " + join(admin));
  if (!is_demo_) return;
  if (admin.empty()) log::warn("port {} is taken: the demo runs without its admin listener", kDemoAdminPort);
  std::fprintf(stderr,
               "\n  Lintel's demo: http://127.0.0.1:%u/  Open it twice: another server answers.\n"
               "  Ctrl-C stops it. Your own configuration: lintel run -c FILE\n\n",
               unsigned{demo_port_});
}

Reply Server::answer_admin(const LocalRequest& request) {
  const AdminView view{[this] { return readiness(); }, [this] { return workers_.totals(); },
                       [this] { return process_info(); }, [this] { return server_entries(); },
                       [this] { return loop_.now(); }};
  return admin_reply(view, {.method = request.head.method,
                            .path = request.head.text(request.head.path),
                            .accept = request.head.fields.get("accept"),
                            .body = request.body,
                            .from = {request.over_unix_socket, request.sender}});
}

std::vector<ServerEntry> Server::server_entries() const {
  std::vector<ServerEntry> entries;
  if (!snapshot_) return entries;
  std::set<proxy::NamePair> seen;
  for (const config::Pool& pool : snapshot_->config.pools) {
    for (const config::Server& server : pool.servers) {
      const proxy::NamePair names(pool.name, server.name());
      if (!seen.insert(names).second) continue;  // Listed twice.
      entries.push_back(
          {pool.name, names.second, server.weight, servers_.at(names), checks_.findings(names)});
    }
  }
  return entries;
}

// --- The end

void Server::stop(bool bounded) {
  if (!snapshot_) {  // The start goes on, or failed; then the end is on its way.
    stop_asked_ = bounded;
    return;
  }
  if (phase_ == Phase::delaying || phase_ == Phase::draining) {
    if (!bounded || std::exchange(cutting_, true)) return;
    log::warn("stopping at once");
    if (phase_ == Phase::delaying) drain();
    return cut();
  }
  stop_asked_ = bounded;
  if (publishing_) return;  // in_force() comes back here.
  phase_ = Phase::delaying;
  const config::Shutdown& settings = snapshot_->config.shutdown;
  if (settings.delay.count() > 0) {
    log::info("not ready any more; listeners close in {}", config::format_duration(settings.delay));
    return loop_.set_deadline(stop_deadline_, loop_.now() + to_nanos(settings.delay));
  }
  drain();
}

void Server::drain() {
  phase_ = Phase::draining;
  const config::Shutdown& settings = snapshot_->config.shutdown;
  stop_deadline_.clear();
  if (*stop_asked_) {
    log::info("stopping; requests in flight have {}", config::format_duration(settings.timeout));
    loop_.set_deadline(stop_deadline_, loop_.now() + to_nanos(settings.timeout));
  } else {
    log::info("stopping; requests in flight have all the time they need");
  }
  for (auto& [name, address] : listeners_) address.close_queues();
  workers_.drain([this] { scope_.spawn(end()); });
}

void Server::on_stop_deadline(net::Deadline& deadline) {
  auto* server = static_cast<Server*>(deadline.owner());
  if (server->phase_ == Phase::delaying) return server->drain();
  if (!std::exchange(server->cutting_, true)) log::warn("the time to stop is up: ending what is in flight");
  server->cut();
}

void Server::cut() {
  workers_.cut();
  // What is cut may begin something else on its way out.
  loop_.set_deadline(stop_deadline_, loop_.now() + kCutInterval);
}

net::Task<void> Server::end() {
  stop_deadline_.clear();
  admin_.close();
  checks_.stop();
  names_.end();
  if (demo_) demo_->close();
  co_await admin_.join();
  co_await checks_.join();
  co_await names_.join();
  if (demo_) co_await demo_->join();
  loop_.stop();
}

// --- What the admin pages show

Readiness Server::readiness() const noexcept {
  if (phase_ == Phase::starting) return Readiness::starting;
  return phase_ == Phase::serving ? Readiness::ready : Readiness::draining;
}

proxy::ProcessInfo Server::process_info() const {
  proxy::ProcessInfo info;
  info.version = version();
  info.config_hash = snapshot_->hash;
  info.start_time = start_time_;
  info.workers = static_cast<std::uint32_t>(workers_.count());
  info.generation = snapshot_->number;
  info.last_reload_success = last_reload_success_;
  info.last_reload_error = last_reload_error_;
  info.last_reload_time = last_reload_time_;
  info.reloads_ok = reloads_ok_;
  info.reloads_failed = reloads_failed_;
  info.access_log_dropped = access_log_dropped_;
  info.access_log_lost_bytes = access_log_lost_;
  for (const LineLog* log : {access_log_.get(), old_access_log_.get()}) {
    if (log == nullptr) continue;
    info.access_log_dropped += log->dropped();
    info.access_log_lost_bytes += log->lost_bytes();
  }
  info.error_log_dropped = log::dropped();
  for (const auto& [listener, context] : snapshot_->tls.listeners) {
    for (tls::CertificateInfo& one : context->certificates()) {
      info.certificates.push_back({listener, std::move(one.name), std::move(one.kind), one.not_after});
    }
  }
  add_conditions(info);
  names_.describe(info.resolver);
  info.servers_files = server_files_.describe(written_->config);
  info.server_changes = server_changes_;
  return info;
}

void Server::add_conditions(proxy::ProcessInfo& info) const {
  for (const config::Pool& pool : snapshot_->config.pools) {
    info.pool_conditions[pool.name] = proxy::condition_of(*pools_.at(pool.name), pool, loop_.now());
    for (const config::Server& server : pool.servers) {
      const proxy::NamePair names(pool.name, server.name());
      const pool::SharedServer& shared = *servers_.at(names);
      info.server_weights[names] = shared.weight().value_or(server.weight);
      proxy::ServerCondition& condition = info.servers[names];
      condition.up = shared.health() == pool::Health::up;
      condition.state = admin_state_name(shared.admin());
      condition.traffic = proxy::condition_of(shared, pool, loop_.now());
      const health::Findings* findings = checks_.findings(names);
      if (findings == nullptr) continue;
      condition.is_checked = true;
      condition.went_up = findings->went_up;
      condition.went_down = findings->went_down;
      condition.checks_passed = findings->passed;
      condition.checks_failed = findings->failed;
      condition.last_passed = findings->last.passed;
      condition.last_reason = findings->last.reason;
      condition.last_duration_ns = findings->last_duration;
    }
  }
}

}  // namespace lintel::app
