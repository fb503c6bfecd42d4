#include "pool/shared.h"

#include "base/hash.h"

namespace lintel::pool {

SharedServer::SharedServer(std::shared_ptr<SharedPool> pool, std::string_view name)
    : pool_(std::move(pool)), name_(name), id_(hash_bytes(name)) {}

void SharedServer::set_admin(AdminState state, Nanos now) noexcept {
  const AdminState before = admin_.exchange(state, std::memory_order_relaxed);
  if (before == state) return;
  if (before == AdminState::down) returned_at_.store(now, std::memory_order_relaxed);
  pool_->changed();
}

void SharedServer::set_health(Health health, Nanos now) noexcept {
  const Health before = health_.exchange(health, std::memory_order_relaxed);
  if (before == health) return;
  if (health == Health::up) returned_at_.store(now, std::memory_order_relaxed);
  pool_->changed();
}

void SharedServer::eject(Nanos until) noexcept {
  ejected_until_.store(until, std::memory_order_relaxed);
  returned_at_.store(until, std::memory_order_relaxed);
  is_ejected_.store(true, std::memory_order_relaxed);
  pool_->changed();
}

void SharedServer::readmit(Nanos now) noexcept {
  if (ejected_until() <= now) return;
  ejected_until_.store(now, std::memory_order_relaxed);
  returned_at_.store(now, std::memory_order_relaxed);
  pool_->changed();
}

bool SharedServer::end_ejection(Nanos now) noexcept {
  if (!is_ejected_.load(std::memory_order_relaxed) || ejected_until() > now) return false;
  return is_ejected_.exchange(false, std::memory_order_relaxed);
}

void SharedServer::come_back(Nanos now) noexcept {
  returned_at_.store(now, std::memory_order_relaxed);
  pool_->changed();
}

std::optional<std::uint32_t> SharedServer::weight() const noexcept {
  const std::int64_t weight = weight_.load(std::memory_order_relaxed);
  if (weight == kNoWeight) return std::nullopt;
  return static_cast<std::uint32_t>(weight);
}

void SharedServer::set_weight(std::optional<std::uint32_t> weight) noexcept {
  weight_.store(weight ? static_cast<std::int64_t>(*weight) : kNoWeight, std::memory_order_relaxed);
  pool_->changed();
}

bool SharedServer::take(std::uint32_t most) noexcept {
  if (most == 0) {
    load.in_flight.fetch_add(1, std::memory_order_relaxed);
    return true;
  }
  std::uint32_t now = load.in_flight.load(std::memory_order_seq_cst);
  do {
    if (now >= most) return false;
  } while (!load.in_flight.compare_exchange_weak(now, now + 1, std::memory_order_seq_cst));
  return true;
}

// Who begins to wait is counted first and looks for a place then; who gives a place back does so first and
// looks for those who wait then. In that order, the same for all threads, one of the two sees the other.
void SharedServer::give() noexcept {
  load.in_flight.fetch_sub(1, std::memory_order_seq_cst);
  pool_->tell_waiting();
}

void SharedPool::changed() noexcept {
  epoch_.fetch_add(1, std::memory_order_seq_cst);
  tell_waiting();
}

bool SharedPool::begin_wait(std::uint32_t most) noexcept {
  std::uint32_t now = waiting_.load(std::memory_order_seq_cst);
  do {
    if (now >= most) return false;
  } while (!waiting_.compare_exchange_weak(now, now + 1, std::memory_order_seq_cst));
  return true;
}

void SharedPool::listen(Listener& listener) {
  const std::lock_guard lock(listeners_mutex_);
  listeners_.push_back(&listener);
}

void SharedPool::unlisten(Listener& listener) noexcept {
  const std::lock_guard lock(listeners_mutex_);
  std::erase(listeners_, &listener);
}

void SharedPool::tell_listeners() noexcept {
  const std::lock_guard lock(listeners_mutex_);
  for (Listener* listener : listeners_) listener->notify();
}

std::shared_ptr<SharedServer> SharedPool::server(std::string_view name) {
  const std::lock_guard lock(mutex_);
  std::weak_ptr<SharedServer>& slot = servers_[std::string(name)];
  std::shared_ptr<SharedServer> server = slot.lock();
  if (!server) {
    server = std::make_shared<SharedServer>(shared_from_this(), name);
    slot = server;
  }
  return server;
}

bool SharedPool::set_panics(bool panics) noexcept {
  if (this->panics() == panics || panics_.exchange(panics, std::memory_order_relaxed) == panics) return false;
  if (panics) panic_count_.fetch_add(1, std::memory_order_relaxed);
  return true;
}

void SharedPool::prune() {
  const std::lock_guard lock(mutex_);
  std::erase_if(servers_, [](const auto& entry) { return entry.second.expired(); });
}

std::shared_ptr<SharedPool> SharedPools::pool(std::string_view name) {
  const std::lock_guard lock(mutex_);
  std::erase_if(pools_, [](const auto& entry) { return entry.second.expired(); });
  std::weak_ptr<SharedPool>& slot = pools_[std::string(name)];
  std::shared_ptr<SharedPool> pool = slot.lock();
  if (!pool) {
    pool = std::make_shared<SharedPool>(name);
    slot = pool;
  }
  pool->prune();
  return pool;
}

}  // namespace lintel::pool
