#include "pool/server.h"

#include <algorithm>

namespace lintel::pool {
namespace {

constexpr Nanos kSecond = 1'000'000'000;

/// How long to keep a connection that its server announced to close after `seconds`.
Nanos announced_limit(std::uint32_t seconds) noexcept {
  return seconds <= 1 ? kSecond / 2 : static_cast<Nanos>(seconds - 1) * kSecond;
}

}  // namespace

/// One idle connection; waits for the server to close it or for its time to be up.
class ServerState::Idle final : private net::Waiter, public net::Pooled {
 public:
  Idle(ServerState& owner, http::H1ClientPtr connection, Nanos now, Nanos limit) noexcept
      : owner_(owner), connection_(std::move(connection)), since_(now) {
    connection_->stream().set_read_deadline(now + limit);
    connection_->stream().set_idle_waiter(this);
  }
  ~Idle() {
    if (connection_) connection_->stream().set_idle_waiter(nullptr);
  }
  Idle(const Idle&) = delete;
  Idle& operator=(const Idle&) = delete;

  [[nodiscard]] http::H1ClientPtr release() noexcept {
    connection_->stream().set_idle_waiter(nullptr);
    return std::move(connection_);
  }
  [[nodiscard]] Nanos age() const noexcept { return owner_.loop_.now() - since_; }
  [[nodiscard]] bool is_dead() const noexcept { return connection_->stream().is_readable(); }

  Idle* newer = nullptr;
  Idle* older = nullptr;

 private:
  void on_ready(net::Ready why) override {
    ServerState& owner = owner_;
    if (why == net::Ready::io) owner.idle_limit_->learn(age(), owner.loop_.now());
    owner.unlink(*this);
    delete this;
  }

  ServerState& owner_;
  http::H1ClientPtr connection_;
  Nanos since_;
};

ServerState::~ServerState() {
  while (newest_) {
    Idle* idle = newest_;
    unlink(*idle);
    delete idle;
  }
}

void ServerState::link(Idle& idle) noexcept {
  idle.older = newest_;
  if (newest_) newest_->newer = &idle;
  newest_ = &idle;
  if (!oldest_) oldest_ = &idle;
  set_count(count_ + 1);
}

void ServerState::unlink(Idle& idle) noexcept {
  (idle.newer ? idle.newer->older : newest_) = idle.older;
  (idle.older ? idle.older->newer : oldest_) = idle.newer;
  set_count(count_ - 1);
}

void ServerState::set_count(std::size_t count) noexcept {
  count_ = count;
  if (gauge_) gauge_->set(static_cast<std::int64_t>(count));
}

void ServerState::show_idle(std::shared_ptr<Gauge> gauge) noexcept {
  gauge_ = std::move(gauge);
  set_count(count_);
}

http::H1ClientPtr ServerState::take_idle(bool probe) {
  while (newest_) {
    Idle* idle = newest_;
    unlink(*idle);
    const bool dead = idle->is_dead();
    const Nanos age = idle->age();
    http::H1ClientPtr connection = idle->release();
    delete idle;
    connection->set_idle_time(age);
    if (!dead && !(probe && connection->stream().probe_readable())) return connection;
    note_dead(*connection);
  }
  return nullptr;
}

void ServerState::put_idle(http::H1ClientPtr connection, Nanos limit, std::size_t most) {
  if (most == 0 || connection->stream().is_readable()) return;
  limit = std::min(limit, idle_limit_->limit(loop_.now()));
  if (const std::uint32_t seconds = connection->announced_idle_seconds(); seconds != 0) {
    limit = std::min(limit, announced_limit(seconds));
  }
  while (count_ >= most) {
    Idle* idle = oldest_;
    unlink(*idle);
    delete idle;
  }
  link(*new Idle(*this, std::move(connection), loop_.now(), limit));
}

std::shared_ptr<ServerState> ServerStates::find(std::string_view pool, const SocketAddress& address,
                                                std::string_view tls_identity) {
  std::erase_if(states_, [](const auto& entry) { return entry.second.expired(); });
  std::weak_ptr<ServerState>& slot =
      states_[{std::string(pool), address.to_string(), std::string(tls_identity)}];
  std::shared_ptr<ServerState> state = slot.lock();
  if (!state) {
    state = std::make_shared<ServerState>(loop_, address);
    slot = state;
  }
  return state;
}

}  // namespace lintel::pool
