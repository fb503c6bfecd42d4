#include "app/worker.h"

#include <pthread.h>

#include <cstring>
#include <set>
#include <utility>

#include "base/random.h"
#include "proxy/client_connection.h"

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
  std::shared_ptr<ConnectionCount> count;
  proxy::Sessions sessions;
  std::size_t connections = 0;  ///< serve() that run.
  bool removed = false;         ///< No longer in the configuration.
};

/// One socket that the worker accepts on.
struct Worker::Listening {
  Listening(net::Loop& loop, int fd, std::string b) : acceptor(loop, fd), pause(loop), bind(std::move(b)) {}
  void stop() noexcept {
    stopped = true;
    acceptor.stop();
    pause.end();
  }
  net::Acceptor acceptor;
  Pause pause;
  std::string bind;
  ListenerState* listener = nullptr;
  bool stopped = false;
  net::Scope scope;  ///< accept_loop.
};

Worker::Worker(std::uint32_t index, proxy::WorkerStats& stats)
    : index_(index), stats_(stats), thread_([this] { run(); }) {}

Worker::~Worker() {
  thread_.join();
}

void Worker::run() {
  const std::string name = "lintel/" + std::to_string(index_);
  pthread_setname_np(pthread_self(), name.c_str());
  context_.emplace(loop_, connector_, stats_, random_seed());
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
  co_await close_unnamed(*publication->snapshot);
  context_->generation = proxy::Generation::build(publication->snapshot, *context_);
  if (publication->replaces_access_log) context_->access_log = std::move(publication->access_log);
  update_listeners(*publication);
  open(*publication);
  done();
}

net::Task<void> Worker::close_unnamed(const proxy::Snapshot& snapshot) {
  std::set<std::string> named;
  for (const config::Listener& listener : snapshot.config.listeners) {
    for (const Endpoint& bind : listener.bind) named.insert(bind.to_string());
  }
  for (const auto& listening : listening_) {
    if (!named.contains(listening->bind)) listening->stop();
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
      const std::string key = bind.to_string();
      for (const auto& listening : listening_) {
        if (listening->bind == key) listening->listener = listeners_[listener.name].get();
      }
    }
  }
  for (auto at = listeners_.begin(); at != listeners_.end();) {
    ListenerState& state = *at->second;
    if (state.removed) state.sessions.drain();
    state.sessions.forget_generation();
    at = state.removed && state.connections == 0 ? listeners_.erase(at) : std::next(at);
  }
}

void Worker::open(const Publication& publication) {
  for (const Publication::Socket& socket : publication.sockets) {
    auto& added = listening_.emplace_back(std::make_unique<Listening>(loop_, socket.fd, socket.bind));
    for (const config::Listener& listener : publication.snapshot->config.listeners) {
      for (const Endpoint& bind : listener.bind) {
        if (bind.to_string() == socket.bind) added->listener = listeners_[listener.name].get();
      }
    }
    added->scope.spawn(accept_loop(*added));
  }
}

// --- The end

void Worker::drain(std::function<void()> done) {
  loop_.post([this, done = std::move(done)] { control_.spawn(finish(done)); });
}

net::Task<void> Worker::finish(std::function<void()> done) {
  for (const auto& listening : listening_) listening->stop();
  for (const auto& listening : listening_) co_await listening->scope.join();
  listening_.clear();
  for (const auto& [name, state] : listeners_) state->sessions.drain();
  co_await sessions_.join();
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
  for (;;) {
    if (cutting_) co_return false;
    ListenerState& listener = *listening.listener;  // A reload may give the socket to another one.
    if (listener.count->try_take(connection_limit(listener))) co_return true;
    if (listening.stopped) co_return false;
    co_await listening.pause.wait(kLimitPause);
  }
}

net::Task<void> Worker::serve(ListenerState& listener, net::StreamPtr client) {
  const std::shared_ptr<ConnectionCount> count = listener.count;
  const std::shared_ptr<proxy::ListenerStats> stats = listener.stats;
  ++listener.connections;
  stats->accepts_ok.add();
  stats->connections.add();
  co_await proxy::serve_client(*context_, listener.sessions, listener.name, std::move(client));
  stats->connections.sub();
  --listener.connections;
  count->give();
}

}  // namespace lintel::app
