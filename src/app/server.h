#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <tl/expected.hpp>
#include <vector>

#include "app/admin.h"
#include "app/demo.h"
#include "app/expansion.h"
#include "app/loading.h"
#include "app/local_server.h"
#include "app/names.h"
#include "app/server_files.h"
#include "app/sockets.h"
#include "app/worker_set.h"
#include "base/line_log.h"
#include "health/checks.h"
#include "http/workspace.h"
#include "net/dns_resolver.h"
#include "net/loop.h"
#include "net/scope.h"
#include "net/signals.h"
#include "proxy/stats.h"

namespace lintel::app {

/// The process: configuration, sockets, workers, admin pages, reload and the end. Lives on the main thread;
/// no request passes through it.
class Server {
 public:
  /// An empty `file` is the demo on `demo_port`.
  Server(std::string file, std::uint16_t demo_port);
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server();

  /// Serves until a signal ends it. Returns the exit code; what went wrong at the start is on stderr.
  int run();

 private:
  enum class Phase : std::uint8_t { starting, serving, delaying, draining };
  /// A configuration with everything opened that it needs, before anything is changed.
  struct Prepared;

  // Start (server.cc)
  [[nodiscard]] int start();
  [[nodiscard]] std::optional<int> start_demo();
  void watch_signals();
  void log_start() const;
  net::Task<void> end();

  // What names and files stand for (server_names.cc)
  void look_up_names(const config::Config& written, const ServerLists& lists);
  void wait_for_names(const Loaded& loaded);
  void adopt(const Loaded& loaded);
  void servers_changed();
  void swap_servers();
  void log_changes(const proxy::Snapshot& after) const;
  [[nodiscard]] FindName finder() const;
  static void on_swap_deadline(net::Deadline& deadline);

  // One configuration after the other (server_reload.cc)
  [[nodiscard]] tl::expected<Prepared, std::string> prepare(Loaded loaded);
  [[nodiscard]] tl::expected<void, std::string> open_binds(Prepared& prepared);
  [[nodiscard]] tl::expected<void, std::string> open_worker_sockets(Prepared& prepared);
  [[nodiscard]] tl::expected<void, std::string> share_out(Prepared& prepared, const std::string& name,
                                                          BoundAddress& address, std::size_t workers_before);
  [[nodiscard]] tl::expected<void, std::string> open_logs(Prepared& prepared);
  [[nodiscard]] tl::expected<void, std::string> open_log(const config::Log& settings);
  void commit(Prepared prepared);
  void commit_admin(Prepared& prepared);
  void commit_servers();
  void commit_checks(const std::map<proxy::NamePair, std::shared_ptr<pool::SharedServer>>& before);
  [[nodiscard]] std::vector<std::shared_ptr<Publication>> publications(Prepared& prepared);
  void in_force();
  void end_old_access_log();
  void reload();
  void finish_load(tl::expected<Loaded, LoadFailure> loaded);
  void finish_reload(tl::expected<Loaded, LoadFailure> loaded);
  void refuse_reload(const std::vector<std::string>& reasons);
  void reopen_logs();

  // Stop (server.cc)
  void stop(bool bounded);
  void drain();
  void cut();
  static void on_stop_deadline(net::Deadline& deadline);

  [[nodiscard]] Readiness readiness() const noexcept;
  [[nodiscard]] proxy::ProcessInfo process_info() const;
  [[nodiscard]] Reply answer_admin(const LocalRequest& request);
  [[nodiscard]] std::vector<ServerEntry> server_entries() const;
  void add_conditions(proxy::ProcessInfo& info) const;

  ConfigSource source_;
  std::uint16_t demo_port_;
  bool is_demo_;

  net::Loop loop_;
  http::Workspace workspace_;
  net::SocketConnector connector_{loop_};
  const health::ProbeTools probe_tools_{loop_, connector_, workspace_};
  net::Signals signals_{loop_};
  net::Scope scope_;
  WorkerSet workers_{loop_};
  health::Checks checks_;
  LocalServer admin_;
  std::optional<Demo> demo_;

  net::DnsResolver resolver_{loop_, {}};
  Names names_;
  ServerFiles server_files_{loop_, [this] { servers_changed(); }};
  std::shared_ptr<const proxy::Snapshot> written_;   ///< The configuration in force, as it is written.
  std::shared_ptr<const proxy::Snapshot> snapshot_;  ///< The same with what its names stand for.
  std::shared_ptr<tls::TicketKeys> tickets_ = std::make_shared<tls::TicketKeys>();
  BoundAddresses listeners_;
  BoundAddresses admin_addresses_;
  std::map<std::string, int> admin_numbers_;  ///< LocalServer's, by bind.
  /// The servers of the configuration in force, by (pool, server).
  std::map<proxy::NamePair, std::shared_ptr<pool::SharedServer>> servers_;
  std::map<std::string, std::shared_ptr<pool::SharedPool>>
      pools_;  ///< The same for pools; some have no server.
  std::map<std::string, std::shared_ptr<proxy::ConnectionCount>> counts_;
  std::unique_ptr<LineLog> access_log_;
  std::unique_ptr<LineLog> old_access_log_;  ///< Until every worker has the new one.
  std::uint64_t access_log_dropped_ = 0;     ///< Of access logs that are gone; lines.
  std::uint64_t access_log_lost_ = 0;        ///< The same; bytes.

  Phase phase_ = Phase::starting;
  bool publishing_ = false;       ///< Workers have not all confirmed.
  bool loading_ = false;          ///< loader_ is at work.
  bool reload_again_ = false;     ///< Asked for meanwhile.
  bool servers_changed_ = false;  ///< Names or files say something else than snapshot_.
  bool swapping_ = false;         ///< What is being published differs by its servers alone.
  std::uint64_t server_changes_ = 0;
  Nanos swapped_at_ = 0;
  net::Deadline swap_deadline_{on_swap_deadline, this};
  std::optional<config::Log> log_settings_;  ///< Those of the log as it is open.
  std::optional<bool> stop_asked_;           ///< Asked for while starting or publishing: bounded or not.
  bool cutting_ = false;                     ///< Nothing in flight is waited for any more.
  std::thread loader_;
  net::Deadline stop_deadline_{on_stop_deadline, this};

  double start_time_ = 0;
  bool last_reload_success_ = true;
  std::string last_reload_error_;
  double last_reload_time_ = 0;
  std::uint64_t reloads_ok_ = 0;
  std::uint64_t reloads_failed_ = 0;
};

/// CPUs that this process may use; at least 1.
[[nodiscard]] std::size_t available_cpus();
/// "1 worker", "2 workers".
[[nodiscard]] std::string count_of_workers(std::size_t count);

}  // namespace lintel::app
