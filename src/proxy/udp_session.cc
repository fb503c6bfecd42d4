#include "proxy/udp_session.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "proxy/exchange.h"
#include "proxy/forwarded.h"
#include "proxy/hash_key.h"
#include "proxy/outcome.h"
#include "proxy/udp_listener.h"

namespace lintel::proxy {
namespace {

/// Larger first datagrams are not kept for another server: questions are small.
constexpr std::size_t kLargestKept = 4096;
/// A session whose worker or listener is to go ends after this much silence: nothing is likely to be under
/// way.
constexpr Nanos kDrainingSilence = 5'000'000'000;
/// Batches of one server's answers before the loop serves others.
constexpr unsigned kBatchesPerTurn = 4;

/// Whether a send or receive failed because of the server, as an ICMP message told.
bool is_servers_fault(int err) noexcept {
  return err == ECONNREFUSED || err == EHOSTUNREACH || err == ENETUNREACH || err == EHOSTDOWN;
}

}  // namespace

UdpSession::UdpSession(UdpListener& owner, Sessions& sessions, const UdpKey& key, const net::Datagram& first,
                       const ListenerContext& listener)
    : Session(sessions),
      Node(key),
      owner_(owner),
      generation_(owner.worker_.generation),
      count_(owner.count_),
      stats_(owner.stats_),
      listener_(listener),
      route_(listener.routes.back()) {
  client_.to = first.from;
  client_.from = first.to;
  record_.protocol = config::Protocol::udp;
  record_.started = owner.worker_.loop.now();
  record_.pool = route_.pool->pool.config().name;
  stats_->connections.add();
  route_.sessions->open.add();
}

UdpSession::~UdpSession() {
  stats_->connections.sub();
  route_.sessions->open.sub();
  count_->give();
}

SocketAddress UdpSession::client_address() const noexcept {
  const bool v4 = client_.to.sin6_family == AF_INET;
  const socklen_t size = v4 ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
  return {reinterpret_cast<const sockaddr*>(&client_.to), size};
}

EndReason UdpSession::connect() {
  pool::Pool& pool = route_.pool->pool;
  EndReason reason = route_.pool->no_server();
  const std::uint64_t hash = pool.hashes() ? hash_client(client_address()) : 0;
  for (std::uint32_t most = pool.config().retry.attempts; record_.attempt_count < most;) {
    const Nanos now = owner_.worker_.loop.now();
    lease_ = pool.take({.tried = {tried_.data(), tried_count_}, .hash = hash, .now = now});
    if (!lease_ && tried_count_ == 0) {
      reason = refusal_reason(lease_.refusal());
      // Datagrams do not wait.
      const bool full = reason == EndReason::pool_no_server &&
                        pool.is_only_full({.tried = {}, .hash = hash, .now = now}, std::nullopt);
      if (full) reason = EndReason::pool_queue_full;
    }
    if (!lease_) return reason;
    const std::uint32_t index = lease_.server();
    const pool::Server& server = pool.servers()[index];
    record_.server = server.name;
    attempt_begun_ = now;
    route_.pool->server_stats[index]->active.add();
    const Result<int> fd = net::connect_datagrams(server.state->address());
    Result<void> started = fd ? Result<void>() : Result<void>(tl::unexpected(fd.error()));
    if (fd) started = server_.emplace(owner_.worker_.loop, *fd, *this).start(net::Loop::Order::urgent);
    if (started) {
      route_.pool->server_stats[index]->sessions.add();
      touch();
      return EndReason::ok;
    }
    reason = upstream_reason(started.error(), Phase::connect);
    leave_server(reason);
  }
  return reason;
}

/// Closes the connection to the server and notes how it was.
void UdpSession::leave_server(EndReason reason) noexcept {
  ServerStats& stats = *route_.pool->server_stats[lease_.server()];
  stats.active.sub();
  if (reason != EndReason::ok) {
    stats.errors.add(static_cast<std::uint32_t>(reason));
    note_server(reason);
  }
  server_.reset();
  record_.add_attempt({record_.server, 0, reason, owner_.worker_.loop.now() - attempt_begun_});
  if (tried_count_ < tried_.size()) tried_[tried_count_++] = lease_.server();
  lease_.end();
}

void UdpSession::note_server(EndReason reason) noexcept {
  const Nanos now = owner_.worker_.loop.now();
  note_outcome(route_.pool->pool, lease_.server(), {.reason = reason, .begun = attempt_begun_, .now = now});
}

/// Goes on with another server after this one refused. False, and the session is gone, if there is none.
bool UdpSession::fail_over(int err) {
  const EndReason reason = upstream_reason(make_system_error(err, "send"), Phase::connect);
  leave_server(reason);
  route_.pool->stats->retries.add(static_cast<std::uint32_t>(reason));
  if (connect() == EndReason::ok) return true;
  end(reason);
  return false;
}

void UdpSession::touch() noexcept {
  Nanos silence = to_nanos(listener_.config.udp.idle);
  if (draining_) silence = std::min(silence, kDrainingSilence);
  net::Loop& loop = owner_.worker_.loop;
  loop.set_deadline(idle_, cut_ ? loop.now() : loop.now() + silence);
}

void UdpSession::drain() noexcept {
  draining_ = true;
  touch();
}

void UdpSession::cut() noexcept {
  cut_ = true;
  touch();
}

void UdpSession::expire(net::Deadline& deadline) {
  auto& session = *static_cast<UdpSession*>(deadline.owner());
  if (session.cut_) return session.end(EndReason::local_shutdown);
  // Some services never answer (logs, statistics): their silence is no failure.
  session.end(EndReason::ok);
}

/// The refusal is heard after the datagram has gone. What the client sends later it must send again itself.
void UdpSession::send_first_again() {
  if (first_.empty()) return;
  (void)::send(server_->fd(), first_.data(), first_.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
}

bool UdpSession::send(std::size_t first, std::size_t count) {
  touch();
  if (record_.bytes_in == 0 && record_.answers == 0) {
    const std::span<char> bytes = owner_.batch_[first].bytes;
    if (bytes.size() <= kLargestKept) first_.assign(bytes.data(), bytes.size());
  }
  const std::size_t end = first + count;
  // Each refusal was for what was sent before; it leaves this datagram unsent.
  while (first < end) {
    const net::DatagramsSent result =
        net::send_datagrams(server_->fd(), owner_.batch_, first, end - first, nullptr);
    for (std::size_t i = first; i < first + result.sent; ++i) {
      const std::size_t size = owner_.batch_[i].bytes.size();
      record_.bytes_in += size;
      route_.sessions->bytes_in.add(size);
    }
    first += result.sent;
    if (result.error == 0) return true;
    if (is_servers_fault(result.error)) {
      if (!fail_over(result.error)) return false;
      send_first_again();
      continue;
    }
    stats_->datagrams_dropped.add(1);
    ++first;
  }
  return true;
}

void UdpSession::on_datagrams(net::DatagramSocket& socket) {
  for (unsigned batches = 1;; ++batches) {
    const Result<std::size_t> got = owner_.batch_.receive(socket.fd());
    if (!got && &socket == &*server_ && is_servers_fault(got.error().sys)) {
      if (fail_over(got.error().sys)) send_first_again();
      return;
    }
    if (!got || *got == 0) return;
    const bool alive = &socket == &*server_ ? answer(*got) : send(0, *got);
    if (!alive || *got < net::DatagramBatch::kMost) return;
    if (batches == kBatchesPerTurn) return socket.continue_soon();
  }
}

/// Passes datagrams of the batch on to the client. False: the session is gone.
bool UdpSession::answer(std::size_t count) {
  if (record_.first_byte < 0) {
    record_.first_byte = owner_.worker_.loop.now() - attempt_begun_;
    note_server(EndReason::ok);
  }
  std::size_t first = 0;
  while (first < count) {
    const net::DatagramsSent result =
        own_ ? net::send_datagrams(own_->fd(), owner_.batch_, first, count - first, nullptr)
             : net::send_datagrams(owner_.socket_->fd(), owner_.batch_, first, count - first, &client_);
    for (std::size_t i = first; i < first + result.sent; ++i) {
      const std::size_t size = owner_.batch_[i].bytes.size();
      record_.bytes_out += size;
      route_.sessions->bytes_out.add(size);
    }
    first += result.sent;
    if (result.error == 0) break;
    stats_->datagrams_dropped.add(1);
    ++first;
  }
  record_.answers += count;
  first_.clear();
  const std::uint64_t expected = listener_.config.udp.responses;
  if (expected != 0 && record_.answers >= expected) {
    end(EndReason::ok);
    return false;
  }
  touch();
  return true;
}

void UdpSession::move_out() {
  if (own_) return;
  const Result<int> fd = net::connect_datagrams_from(owner_.socket_->fd(), client_);
  Result<void> moved = fd ? Result<void>() : Result<void>(tl::unexpected(fd.error()));
  if (fd) moved = own_.emplace(owner_.worker_.loop, *fd, *this).start(net::Loop::Order::normal);
  if (!moved) end(EndReason::local_resource);
}

void UdpSession::end(EndReason reason) {
  if (server_) leave_server(EndReason::ok);
  write_record(reason);
  owner_.remove(*this);
  delete this;
}

void UdpSession::write_record(EndReason reason) {
  WorkerContext& worker = owner_.worker_;
  record_.end_reason = reason;
  record_.done = worker.loop.now();
  route_.sessions->closed.add();
  route_.sessions->duration.observe(record_.done - record_.started);
  worker.stats.count_end(reason);
  if (!worker.access_log) return;
  const Peer peer(client_address());
  record_.client_ip = record_.peer_ip = peer.ip();
  record_.client_port = peer.address.port();
  record_.listener = listener_.config.name;
  record_.route = route_.name;
  worker.access_log->write(record_, worker.loop.wall());
}

}  // namespace lintel::proxy
