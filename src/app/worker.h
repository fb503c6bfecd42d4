#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/log.h"
#include "net/loop.h"
#include "net/scope.h"
#include "net/socket.h"
#include "proxy/access_log.h"
#include "proxy/connection_count.h"
#include "proxy/generation.h"
#include "proxy/sessions.h"
#include "proxy/snapshot.h"
#include "proxy/stats.h"

namespace lintel::app {

/// A new configuration as one worker gets it.
struct Publication {
  struct Socket {
    std::string bind;   ///< bind_key; by this and the queue a socket is found again.
    std::size_t queue;  ///< Of the bind: see worker_of_queue.
    int fd;             ///< The worker's own from now on.
  };
  std::shared_ptr<const proxy::Snapshot> snapshot;
  std::size_t workers = 1;      ///< In service.
  std::size_t place = 0;        ///< Of this one among them; `workers` or more: it retires.
  std::vector<Socket> sockets;  ///< Those that the worker does not have yet.
  std::map<std::string, std::shared_ptr<proxy::ConnectionCount>> counts;  ///< By listener; all of them.
  bool replaces_access_log = false;
  std::unique_ptr<proxy::AccessLog> access_log;  ///< If replaced; null: none is written.
};

/// One thread with one loop: accepts and serves. Its functions are for the main thread; what they ask for
/// happens on the worker's.
class Worker {
 public:
  /// Starts the thread. `stats` outlives the worker; `pools` are the process's.
  Worker(std::uint32_t index, proxy::WorkerStats& stats, std::shared_ptr<pool::SharedPools> pools);
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;
  /// Waits for the thread, which ends when it has drained.
  ~Worker();

  /// Puts a configuration in force. Sockets that it does not name, and queues that are another worker's now,
  /// are closed after the connections that wait in them were accepted. `done` is called on the worker's
  /// thread; no other publication and no drain before.
  void publish(std::shared_ptr<Publication> publication, std::function<void()> done);
  /// Accepts what waits, closes all sockets, lets sessions end after their current request, or their next one
  /// if they wait for that; then `done` is called on the worker's thread, which ends.
  void retire(std::function<void()> done);
  /// The same, but sessions that wait for a request end at once.
  void drain(std::function<void()> done);
  /// Makes a worker that retires drain.
  void hurry();
  /// Ends all sessions now. For use after retire() or drain().
  void cut();

 private:
  struct ListenerState;
  struct Listening;
  struct Receiving;

  void run();
  net::Task<void> apply(std::shared_ptr<Publication> publication, std::function<void()> done);
  net::Task<void> close_unnamed(const Publication& publication);
  void update_listeners(const Publication& publication);
  void open(const Publication& publication);
  void open_stream(const Publication::Socket& socket, ListenerState& listener);
  void open_datagrams(const Publication::Socket& socket, ListenerState& listener);
  void stop_receiving(const std::set<std::string>& except);
  net::Task<void> finish(bool gently, std::function<void()> done);
  void cut_now() noexcept;

  net::Task<void> accept_loop(Listening& listening);
  net::Task<void> wait_after_error(Listening& listening, Error error);
  net::Task<bool> wait_for_place(Listening& listening);
  net::Task<void> serve(ListenerState& listener, net::StreamPtr client);
  net::Task<void> receive(std::unique_ptr<Receiving> receiving);
  [[nodiscard]] std::uint64_t connection_limit(const ListenerState& listener) const noexcept;

  std::uint32_t index_;
  proxy::WorkerStats& stats_;
  std::shared_ptr<pool::SharedPools> pools_;
  net::Loop loop_;
  net::SocketConnector connector_{loop_};
  std::optional<proxy::WorkerContext> context_;  ///< While the thread runs.
  std::map<std::string, std::unique_ptr<ListenerState>> listeners_;
  std::list<std::unique_ptr<Listening>> listening_;
  std::vector<Receiving*> receiving_;  ///< Owned by receive().
  net::Scope control_;                 ///< apply and finish.
  net::Scope sessions_;                ///< serve and receive.
  bool cutting_ = false;
  log::RateLimit accept_errors_{1};
  std::thread thread_;
};

}  // namespace lintel::app
