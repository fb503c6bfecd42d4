#include "app/worker.h"

#include <pthread.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "app/sockets.h"
#include "base/random.h"
#include "http/limit.h"
#include "net/pause.h"
#include "proxy/client_connection.h"
#include "proxy/udp_listener.h"

namespace lintel::app {
namespace {

constexpr Nanos kErrorPause = 100'000'000;
constexpr Nanos kLimitPause = 10'000'000;
/// Connections accepted in one turn, before the connections that are there already are looked at again.
constexpr int kBatch = 16;
/// Connections accepted from a queue that is to be closed: as many as the kernel keeps in one.
constexpr int kBacklog = 4096;

}  // namespace

/// What a worker knows of one listener of the configuration.
struct Worker::ListenerState {
  explicit ListenerState(std::string_view n, std::shared_ptr<proxy::ListenerStats> s)
      : name(n), stats(std::move(s)) {}
  std::string name;
  std::shared_ptr<proxy::ListenerStats> stats;
  std::shared_ptr<proxy::ConnectionCount> count;
  proxy::Sessions sessions;
  std::size_t connections = 0;  ///< serve() that run.
  bool removed = false;         ///< No longer in the configuration.
  log::RateLimit full{1, 10'000'000'000};

  /// A client was accepted for which there is no place: it waits, and those behind it.
  void note_full(std::uint64_t limit, Nanos now) {
    stats->count(http::Limit::connections);
    const auto unsaid = full.pass(now);
    if (!unsaid) return;
    const std::string more = *unsaid != 0 ? " (" + std::to_string(*unsaid) + " more like this)" : "";
    log::warn({{"listener", name}},
              "limits.connections ({}) are open: further clients wait until others leave{}", limit, more);
  }
};

/// One socket that the worker accepts on.
struct Worker::Listening {
  Listening(net::Loop& loop, int fd, std::string b, std::size_t q)
      : acceptor(loop, fd), pause(loop), bind(std::move(b)), queue(q) {}
  void stop() noexcept {
    stopped = true;
    acceptor.stop();
    pause.end();
  }
  net::Acceptor acceptor;
  net::Pause pause;
  std::string bind;
  std::size_t queue;
  ListenerState* listener = nullptr;
  bool stopped = false;
  net::Scope scope;  ///< accept_loop.
};

/// One socket that the worker receives datagrams on.
struct Worker::Receiving {
  Receiving(proxy::WorkerContext& worker, int fd, std::string b) : udp(worker, fd), bind(std::move(b)) {}
  void assign(ListenerState& listener) {
    udp.assign(listener.name, listener.sessions, listener.count, listener.stats);
  }
  proxy::UdpListener udp;
  std::string bind;
};

Worker::Worker(std::uint32_t index, proxy::WorkerStats& stats, std::shared_ptr<pool::SharedPools> pools)
    : index_(index), stats_(stats), pools_(std::move(pools)), thread_([this] { run(); }) {}

Worker::~Worker() {
  thread_.join();
}

void Worker::run() {
  const std::string name = "lintel/" + std::to_string(index_);
  pthread_setname_np(pthread_self(), name.c_str());
  context_.emplace(loop_, connector_, stats_, random_seed());
  context_->shared_pools = pools_;
  loop_.run();
  listeners_.clear();
  context_.reset();
}

// --- Configurations

void Worker::publish(std::shared_ptr<Publication> publication, std::function<void()> done) {
  loop_.post([this, publication = std::move(publication), done = std::move(done)] {
    control_.spawn(apply(publication, done));
  });
}

net::Task<void> Worker::apply(std::shared_ptr<Publication> publication, std::function<void()> done) {
  const bool retires = publication->place >= publication->workers;  // finish() closes its sockets.
  if (!retires) co_await close_unnamed(*publication);
  context_->generation = proxy::Generation::build(publication->snapshot, *context_);
  if (publication->replaces_access_log) context_->access_log = std::move(publication->access_log);
  update_listeners(*publication);
  open(*publication);
  done();
}

net::Task<void> Worker::close_unnamed(const Publication& publication) {
  std::set<std::string> named;
  for (const config::Listener& listener : publication.snapshot->config.listeners) {
    for (const Endpoint& bind : listener.bind) named.insert(bind_key(bind, listener.protocol));
  }
  stop_receiving(named);
  for (const auto& listening : listening_) {
    const bool is_ours = worker_of_queue(listening->queue, publication.workers) == publication.place;
    if (!named.contains(listening->bind) || !is_ours) listening->stop();
  }
  for (auto at = listening_.begin(); at != listening_.end();) {
    if (!(*at)->stopped) {
      ++at;
      continue;
    }
    co_await (*at)->scope.join();
    at = listening_.erase(at);
  }
}

void Worker::update_listeners(const Publication& publication) {
  for (auto& [name, state] : listeners_) state->removed = true;
  for (const auto& [name, count] : publication.counts) {
    auto& state = listeners_[name];
    if (!state) state = std::make_unique<ListenerState>(name, stats_.listener(name));
    state->removed = false;
    state->count = count;
  }
  for (const config::Listener& listener : publication.snapshot->config.listeners) {
    for (const Endpoint& bind : listener.bind) {
      const std::string key = bind_key(bind, listener.protocol);
      for (const auto& listening : listening_) {
        if (listening->bind == key) listening->listener = listeners_[listener.name].get();
      }
      for (Receiving* receiving : receiving_) {
        if (receiving->bind == key) receiving->assign(*listeners_[listener.name]);
      }
    }
  }
  for (auto at = listeners_.begin(); at != listeners_.end();) {
    ListenerState& state = *at->second;
    if (state.removed) state.sessions.drain();
    state.sessions.forget_generation();
    at = state.removed && state.connections == 0 && state.sessions.count() == 0 ? listeners_.erase(at)
                                                                                : std::next(at);
  }
}

void Worker::open(const Publication& publication) {
  for (const Publication::Socket& socket : publication.sockets) {
    for (const config::Listener& listener : publication.snapshot->config.listeners) {
      for (const Endpoint& bind : listener.bind) {
        if (bind_key(bind, listener.protocol) != socket.bind) continue;
        ListenerState& state = *listeners_[listener.name];
        if (listener.protocol == config::Protocol::udp) {
          open_datagrams(socket, state);
        } else {
          open_stream(socket, state);
        }
      }
    }
  }
}

void Worker::open_stream(const Publication::Socket& socket, ListenerState& listener) {
  auto& added =
      listening_.emplace_back(std::make_unique<Listening>(loop_, socket.fd, socket.bind, socket.queue));
  added->listener = &listener;
  added->scope.spawn(accept_loop(*added));
}

void Worker::open_datagrams(const Publication::Socket& socket, ListenerState& listener) {
  auto added = std::make_unique<Receiving>(*context_, socket.fd, socket.bind);
  added->assign(listener);
  if (const Result<void> started = added->udp.start(); !started) {
    log::error({{"listener", listener.name}, {"bind", socket.bind}}, "cannot receive datagrams: {}",
               std::strerror(started.error().sys));
    added->udp.stop();
    return;
  }
  receiving_.push_back(added.get());
  sessions_.spawn(receive(std::move(added)));
}

/// Stops what no configuration names; the sessions that are there go on.
void Worker::stop_receiving(const std::set<std::string>& except) {
  const auto kept = [&](const Receiving* one) { return except.contains(one->bind); };
  const auto gone = std::stable_partition(receiving_.begin(), receiving_.end(), kept);
  for (auto at = gone; at != receiving_.end(); ++at) (*at)->udp.stop();
  receiving_.erase(gone, receiving_.end());
}

// --- The end

void Worker::retire(std::function<void()> done) {
  loop_.post([this, done = std::move(done)] { control_.spawn(finish(true, done)); });
}

void Worker::drain(std::function<void()> done) {
  loop_.post([this, done = std::move(done)] { control_.spawn(finish(false, done)); });
}

void Worker::hurry() {
  loop_.post([this] {
    for (const auto& [name, state] : listeners_) state->sessions.drain();
  });
}

net::Task<void> Worker::finish(bool gently, std::function<void()> done) {
  stop_receiving({});
  for (const auto& listening : listening_) listening->stop();
  for (const auto& listening : listening_) co_await listening->scope.join();
  listening_.clear();
  for (const auto& [name, state] : listeners_) {
    if (gently) {
      state->sessions.retire();
    } else {
      state->sessions.drain();
    }
  }
  co_await sessions_.join();
  context_->mirrors.cut();  // Nobody waits for their answers.
  co_await context_->mirrors.join();
  context_->generation.reset();
  context_->access_log.reset();
  done();
  loop_.stop();
}

void Worker::cut() {
  loop_.post([this] { cut_now(); });
}

void Worker::cut_now() noexcept {
  cutting_ = true;
  for (const auto& [name, state] : listeners_) state->sessions.cut();
}

// --- Connections

std::uint64_t Worker::connection_limit(const ListenerState& listener) const noexcept {
  const proxy::ListenerContext* found = context_->generation->listener(listener.name);
  return found ? found->config.limits.connections : 0;
}

net::Task<void> Worker::accept_loop(Listening& listening) {
  int batch = 0;
  for (int after_stop = 0; after_stop < kBacklog; after_stop += listening.stopped ? 1 : 0) {
    Result<net::StreamPtr> client = co_await listening.acceptor.accept();
    if (!client && listening.stopped) co_return;
    if (!client) {
      co_await wait_after_error(listening, client.error());
      continue;
    }
    const bool served = co_await wait_for_place(listening);
    if (!served) {
      listening.listener->stats->accepts_limit.add();
      continue;
    }
    sessions_.spawn(serve(*listening.listener, std::move(*client)));
    if (++batch % kBatch == 0) co_await loop_.yield();
  }
}

net::Task<void> Worker::wait_after_error(Listening& listening, Error error) {
  listening.listener->stats->accepts_error.add();
  if (const auto unsaid = accept_errors_.pass(loop_.now())) {
    const std::string advice = error.code == ErrorCode::resource ? "; raise the limit of open files" : "";
    const std::string more = *unsaid != 0 ? " (" + std::to_string(*unsaid) + " more like this)" : "";
    log::error({{"listener", listening.listener->name}, {"bind", listening.bind}},
               "cannot accept connections: {}{}{}", std::strerror(error.sys), advice, more);
  }
  co_await listening.pause.wait(kErrorPause);
}

/// Holds an accepted client back until its listener has a place for it; nothing more is accepted on the
/// socket meanwhile. False if there is none and the socket is to be closed.
net::Task<bool> Worker::wait_for_place(Listening& listening) {
  for (bool counted = false;;) {
    if (cutting_) co_return false;
    ListenerState& listener = *listening.listener;  // A reload may give the socket to another one.
    if (listener.count->try_take(connection_limit(listener))) co_return true;
    if (!std::exchange(counted, true)) listener.note_full(connection_limit(listener), loop_.now());
    if (listening.stopped) co_return false;
    co_await listening.pause.wait(kLimitPause);
  }
}

net::Task<void> Worker::serve(ListenerState& listener, net::StreamPtr client) {
  const std::shared_ptr<proxy::ConnectionCount> count = listener.count;  // A reload may bring another.
  ++listener.connections;                                                // Which keeps the listener here.
  listener.stats->connections.add();
  co_await proxy::serve_client(*context_, listener.sessions, *count, listener.name, std::move(client));
  listener.stats->connections.sub();
  --listener.connections;
  count->give();
}

/// Keeps a socket's sessions until the last one has ended.
net::Task<void> Worker::receive(std::unique_ptr<Receiving> receiving) {
  co_await receiving->udp.run();
}

}  // namespace lintel::app
