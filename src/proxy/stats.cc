#include "proxy/stats.h"

namespace lintel::proxy {

KeyedCounters::~KeyedCounters() {
  const Chunk* chunk = first_.load(std::memory_order_relaxed);
  while (chunk != nullptr) {
    const Chunk* next = chunk->next.load(std::memory_order_relaxed);
    delete chunk;
    chunk = next;
  }
}

KeyedCounters::Slot* KeyedCounters::find(std::uint32_t key) {
  std::atomic<Chunk*>* link = &first_;
  Chunk* last = nullptr;
  for (Chunk* chunk = link->load(std::memory_order_relaxed); chunk != nullptr;
       chunk = link->load(std::memory_order_relaxed)) {
    const std::size_t used = chunk->used.load(std::memory_order_relaxed);
    for (std::size_t i = 0; i < used; ++i) {
      if (chunk->slots[i].key.load(std::memory_order_relaxed) == key) return &chunk->slots[i];
    }
    last = chunk;
    link = &chunk->next;
  }
  if (count_ + 1 >= kMaxKeys && key != kOtherKey) return find(kOtherKey);

  // A slot and a chunk are complete before they are published by `used` and `next`.
  std::size_t used = last == nullptr ? 0 : last->used.load(std::memory_order_relaxed);
  if (last == nullptr || used == last->slots.size()) {
    last = new Chunk;
    used = 0;
    link->store(last, std::memory_order_release);
  }
  last->slots[used].key.store(key, std::memory_order_relaxed);
  last->used.store(used + 1, std::memory_order_release);
  ++count_;
  return &last->slots[used];
}

namespace {

template <typename Map, typename Key>
auto find_or_make(std::mutex& mutex, Map& map, Key&& key) {
  const std::lock_guard lock(mutex);
  auto& slot = map[std::forward<Key>(key)];
  if (slot == nullptr) slot = std::make_shared<typename Map::mapped_type::element_type>();
  return slot;
}

NamePair pair_of(std::string_view first, std::string_view second) {
  return {std::string(first), std::string(second)};
}

void add(std::map<std::uint32_t, std::uint64_t>& sums, const KeyedCounters& counters) {
  counters.for_each([&](std::uint32_t key, std::uint64_t value) { sums[key] += value; });
}

void add(HistogramTotal& sum, const DurationHistogram& histogram) {
  for (std::size_t i = 0; i < sum.buckets.size(); ++i) {
    const std::uint64_t n = histogram.bucket(i);
    sum.buckets[i] += n;
    sum.count += n;
  }
  sum.sum_ns += histogram.sum();
}

void add(StatsTotal::Listener& sum, const ListenerStats& stats) {
  sum.connections += stats.connections.value();
  sum.accepts_ok += stats.accepts_ok.value();
  sum.accepts_limit += stats.accepts_limit.value();
  sum.accepts_error += stats.accepts_error.value();
  sum.datagrams_dropped += stats.datagrams_dropped.value();
  add(sum.handshakes, stats.handshakes);
  sum.fields_dropped += stats.fields_dropped.value();
  for (std::size_t i = 0; i < sum.limits.size(); ++i) sum.limits[i] += stats.limits[i].value();
}

void add(StatsTotal::Route& sum, const RouteStats& stats) {
  add(sum.requests, stats.requests);
  add(sum.duration, stats.duration);
  sum.request_bytes += stats.request_bytes.value();
  sum.response_bytes += stats.response_bytes.value();
  sum.in_flight += stats.in_flight.value();
  for (std::size_t i = 0; i < sum.mirrored.size(); ++i) sum.mirrored[i] += stats.mirrored[i].value();
}

void add(StatsTotal::Sessions& sum, const SessionStats& stats) {
  sum.open += stats.open.value();
  sum.closed += stats.closed.value();
  add(sum.duration, stats.duration);
  sum.bytes_in += stats.bytes_in.value();
  sum.bytes_out += stats.bytes_out.value();
}

void add(StatsTotal::Pool& sum, const PoolStats& stats) {
  add(sum.connect, stats.connect);
  add(sum.first_byte, stats.first_byte);
  add(sum.queue, stats.queue);
  sum.waiting += stats.waiting.value();
  add(sum.retries, stats.retries);
  sum.budget_exhausted += stats.budget_exhausted.value();
  sum.hedges += stats.hedges.value();
  sum.hedges_won += stats.hedges_won.value();
}

void add(StatsTotal::Server& sum, const ServerStats& stats) {
  add(sum.requests, stats.requests);
  add(sum.errors, stats.errors);
  sum.sessions += stats.sessions.value();
  sum.active += stats.active.value();
  sum.idle += stats.idle.value();
}

template <typename Sums, typename Map>
void add_all(Sums& sums, const Map& map) {
  for (const auto& [name, stats] : map) add(sums[name], *stats);
}

}  // namespace

std::shared_ptr<ListenerStats> WorkerStats::listener(std::string_view name) {
  return find_or_make(mutex_, listeners_, std::string(name));
}

std::shared_ptr<RouteStats> WorkerStats::route(std::string_view listener, std::string_view route) {
  return find_or_make(mutex_, routes_, pair_of(listener, route));
}

std::shared_ptr<SessionStats> WorkerStats::sessions(std::string_view listener, std::string_view route) {
  return find_or_make(mutex_, sessions_, pair_of(listener, route));
}

std::shared_ptr<PoolStats> WorkerStats::pool(std::string_view name) {
  return find_or_make(mutex_, pools_, std::string(name));
}

std::shared_ptr<ServerStats> WorkerStats::server(std::string_view pool, std::string_view server) {
  return find_or_make(mutex_, servers_, pair_of(pool, server));
}

void WorkerStats::prune() {
  const std::lock_guard lock(mutex_);
  // Nobody can take a new hold meanwhile, because that needs the lock.
  const auto unheld = [](const auto& item) { return item.second.use_count() == 1; };
  std::erase_if(listeners_, unheld);
  std::erase_if(routes_, unheld);
  std::erase_if(sessions_, unheld);
  std::erase_if(pools_, unheld);
  std::erase_if(servers_, unheld);
}

StatsTotal collect(std::span<const WorkerStats* const> workers) {
  StatsTotal total;
  for (const WorkerStats* worker : workers) {
    const std::lock_guard lock(worker->mutex_);
    add_all(total.listeners, worker->listeners_);
    add_all(total.routes, worker->routes_);
    add_all(total.sessions, worker->sessions_);
    add_all(total.pools, worker->pools_);
    add_all(total.servers, worker->servers_);
    for (std::size_t i = 0; i < kEndReasonCount; ++i) total.end_reasons[i] += worker->end_reasons_[i].value();
  }
  return total;
}

}  // namespace lintel::proxy
