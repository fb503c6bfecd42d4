#include "proxy/udp_listener.h"

#include <cassert>
#include <string>
#include <utility>

#include "proxy/udp_session.h"

namespace lintel::proxy {
namespace {

/// Batches received before the loop serves others.
constexpr unsigned kBatchesPerTurn = 4;

/// Batches taken from a socket that is to be closed; more than the kernel keeps.
constexpr unsigned kLastBatches = 1000;

net::DatagramBatch& batch_of(WorkerContext& worker) {
  if (!worker.datagrams) worker.datagrams = std::make_unique<net::DatagramBatch>();
  return *worker.datagrams;
}

}  // namespace

UdpListener::UdpListener(WorkerContext& worker, int fd)
    : worker_(worker),
      socket_(std::in_place, worker.loop, fd, *this),
      batch_(batch_of(worker)),
      table_(random_seed()) {}

UdpListener::~UdpListener() {
  assert(table_.size() == 0 && !waiter_);
}

void UdpListener::assign(std::string_view listener, Sessions& sessions,
                         std::shared_ptr<ConnectionCount> count, std::shared_ptr<ListenerStats> stats) {
  name_ = listener;
  sessions_ = &sessions;
  count_ = std::move(count);
  stats_ = std::move(stats);
}

void UdpListener::stop() {
  if (!socket_) return;
  // What waits in the socket would be lost with it. Its sessions get their own sockets first, so that nothing
  // further comes in for them.
  for (unsigned batches = 0; batches < kLastBatches; ++batches) {
    table_.for_each([](UdpTable::Node& node) { static_cast<UdpSession&>(node).move_out(); });
    const Result<std::size_t> got = batch_.receive(socket_->fd());
    if (got && *got == 0) break;
    if (got) forward(*got);
  }
  table_.for_each([](UdpTable::Node& node) { static_cast<UdpSession&>(node).move_out(); });
  socket_.reset();
  wake_when_done();
}

net::Task<void> UdpListener::run() {
  co_await Done(*this);
}

void UdpListener::wake_when_done() noexcept {
  if (is_done() && waiter_) worker_.loop.resume_soon(std::exchange(waiter_, nullptr));
}

void UdpListener::remove(UdpSession& session) noexcept {
  table_.remove(session);
  wake_when_done();
}

void UdpListener::on_datagrams(net::DatagramSocket& socket) {
  for (unsigned batches = 1;; ++batches) {
    // An error of an unbound socket is of one datagram that was sent long ago: there is nothing to do for it.
    const Result<std::size_t> got = batch_.receive(socket.fd());
    if (got && *got == 0) return;
    if (got) forward(*got);
    if (got && *got < net::DatagramBatch::kMost) return;
    if (batches == kBatchesPerTurn) return socket.continue_soon();
  }
}

/// Hands the batch's datagrams to their sessions, those of one client that stand together at once.
void UdpListener::forward(std::size_t count) {
  for (std::size_t first = 0; first < count;) {
    const UdpKey key(batch_[first].from, batch_[first].to);
    std::size_t last = first + 1;
    while (last < count && UdpKey(batch_[last].from, batch_[last].to) == key) ++last;
    auto* session = static_cast<UdpSession*>(table_.find(key));
    if (session == nullptr) session = open_session(key, batch_[first]);
    if (session != nullptr) {
      session->send(first, last - first);
    } else {
      stats_->datagrams_dropped.add(last - first);
    }
    first = last;
  }
}

/// A new session that has a server, or null.
UdpSession* UdpListener::open_session(const UdpKey& key, const net::Datagram& datagram) {
  const ListenerContext* listener = worker_.generation->listener(name_);
  if (listener == nullptr) return nullptr;
  const std::uint64_t most = listener->config.udp.sessions;
  if (!count_->try_take(most)) {
    stats_->accepts_limit.add();
    stats_->count(http::Limit::udp_sessions);
    if (const auto unsaid = refusals_.pass(worker_.loop.now())) {
      const std::string more = *unsaid != 0 ? " (" + std::to_string(*unsaid) + " more like this)" : "";
      log::warn({{"listener", name_}}, "a client's datagram was dropped: udp.sessions ({}) is reached{}",
                most, more);
    }
    return nullptr;
  }
  stats_->accepts_ok.add();
  auto* session = new UdpSession(*this, *sessions_, key, datagram, *listener);
  table_.insert(*session);
  const EndReason reason = session->connect();
  if (reason == EndReason::ok) return session;
  session->end(reason);
  return nullptr;
}

}  // namespace lintel::proxy
