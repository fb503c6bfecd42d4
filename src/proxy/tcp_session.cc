#include "proxy/tcp_session.h"

#include <algorithm>
#include <array>

#include "proxy/forwarded.h"
#include "proxy/hash_key.h"
#include "proxy/outcome.h"
#include "proxy/placing.h"
#include "proxy/relay.h"
#include "proxy/request_id.h"
#include "proxy/upstream.h"

namespace lintel::proxy {
namespace {

using net::Task;

class TcpSession final : public ClientSession, private net::Waiter {
 public:
  TcpSession(WorkerContext& worker, Sessions& sessions, Client& client) noexcept
      : ClientSession(sessions),
        worker_(worker),
        client_(client),
        route_(client_.listener->route_for_name(server_name(client_))),
        id_(worker.workspace.random) {}

  Task<void> run() override;

  /// What goes on is all that there will be, and belongs to the generation that it began with.
  void forget_generation() noexcept override {}
  void drain() noexcept override {}
  void cut() noexcept override {
    cut_ = true;
    opening_.cancel();
    if (waiting_) waiting_->leave();
    for (net::Stream* stream : {client_.stream.get(), server_.get()}) {
      if (!stream) continue;
      stream->cancel_read();
      stream->cancel_write();
    }
  }

 private:
  Task<EndReason> refuse_name();
  Task<EndReason> connect();
  Task<EndReason> place(const pool::PickContext& context);
  Task<EndReason> attempt(std::uint32_t index);
  void on_ready(net::Ready why) override;
  Task<void> relay_bytes();
  void finish();

  /// The name that the client asked for; empty: none, or it is not known.
  [[nodiscard]] static std::string_view server_name(const Client& client) noexcept {
    if (client.hello) return client.hello->server_name;
    return client.tls ? client.tls->server_name() : std::string_view();
  }
  [[nodiscard]] PoolContext& pool() const noexcept { return *route_.pool; }

  WorkerContext& worker_;
  Client& client_;
  const RouteContext& route_;
  net::StreamPtr server_;
  pool::Lease lease_;
  RequestId id_;
  Record record_;
  net::CancelToken opening_;         ///< Of the server's connection.
  pool::Waiter* waiting_ = nullptr;  ///< For a place with a server.
  bool cut_ = false;
};

Task<void> TcpSession::run() {
  record_.protocol = config::Protocol::tcp;
  record_.request_id = id_.text();
  record_.started = worker_.loop.now();
  if (route_.pool) record_.pool = pool().pool.config().name;
  route_.sessions->open.add();
  record_.end_reason = route_.pool ? co_await connect() : co_await refuse_name();
  if (server_) {
    co_await relay_bytes();
  } else if (route_.pool) {
    client_.stream->set_abortive();  // No answer is to be mistaken for an empty one.
  }
  finish();
}

/// No route is for the name: says so in TLS's own words (RFC 6066, 3).
Task<EndReason> TcpSession::refuse_name() {
  static constexpr std::string_view kUnrecognizedName("\x15\x03\x01\0\2\2\x70", 7);
  // The ClientHello is still unread, and closing a socket that has unread bytes would reset the connection.
  static_cast<void>(co_await client_.stream->read(worker_.loop.scratch()));
  const net::WriteSpans alert(kUnrecognizedName);
  client_.stream->set_write_timeout(to_nanos(client_.listener->config.timeouts.handshake));
  static_cast<void>(co_await client_.stream->write(alert));
  client_.stream->shutdown_write();
  co_return EndReason::route_none;
}

/// Servers in turn until one is reached. Nothing has been exchanged yet, so each is as good as the first.
Task<EndReason> TcpSession::connect() {
  std::array<std::uint32_t, Record::kMaxAttempts> tried{};
  std::size_t tried_count = 0;
  EndReason reason = pool().no_server();
  const std::uint64_t hash = pool().pool.hashes() ? hash_client(client_.address()) : 0;
  const std::uint32_t most = pool().pool.config().retry.attempts;
  for (std::uint32_t servers = 0; servers < most; ++servers) {
    const EndReason placed =
        co_await place({.tried = {tried.data(), tried_count}, .hash = hash, .now = worker_.loop.now()});
    // Of a second attempt it is the first one's failure that counts.
    if (!lease_) co_return placed == EndReason::pool_no_server ? reason : placed;
    if (servers != 0) pool().stats->retries.add(static_cast<std::uint32_t>(reason));
    reason = co_await attempt(lease_.server());
    if (cut_) co_return EndReason::local_shutdown;
    if (server_) break;
    if (tried_count < tried.size()) tried[tried_count++] = lease_.server();
    lease_.end();
  }
  co_return reason;
}

/// Takes a place with a server, after a wait if need be.
Task<EndReason> TcpSession::place(const pool::PickContext& context) {
  lease_ = pool().pool.take(context);
  if (lease_) co_return EndReason::ok;
  if (lease_.refusal() != pool::Refusal::no_server) co_return refusal_reason(lease_.refusal());
  // What the client has sent stays where it is meanwhile; only that the connection breaks is of interest.
  client_.stream->set_read_deadline(kNever);
  client_.stream->set_idle_waiter(this);
  Placement placement = co_await wait_for_place(worker_, pool(), context, std::nullopt, waiting_, record_);
  client_.stream->set_idle_waiter(nullptr);
  if (cut_) co_return EndReason::local_shutdown;
  lease_ = std::move(placement.lease);
  co_return placement.reason == EndReason::local_shutdown ? EndReason::client_abort_response
                                                          : placement.reason;
}

/// Something has come from the client while it waits for a place.
void TcpSession::on_ready(net::Ready /*why*/) {
  if (client_.stream->peer_state() != net::PeerState::broken) {
    client_.stream->set_idle_waiter(this);
  } else if (waiting_) {
    waiting_->leave();
  }
}

Task<EndReason> TcpSession::attempt(std::uint32_t index) {
  const pool::Server& server = pool().pool.servers()[index];
  const Nanos begun = worker_.loop.now();
  Result<net::StreamPtr> stream =
      co_await open_upstream(worker_, pool(), index, &client_, record_.request_id, opening_, record_);
  record_.server = server.name;
  EndReason reason = EndReason::ok;
  if (!stream) {
    reason = open_reason(stream.error());
    if (!cut_) pool().server_stats[index]->errors.add(static_cast<std::uint32_t>(reason));
  } else {
    if (!cut_) server_ = std::move(*stream);
  }
  const Nanos took = worker_.loop.now() - begun;
  if (!cut_)
    pool().pool.note_latency(index, stream ? took : std::max(took, pool::Pool::kFailed), worker_.loop.now());
  record_.add_attempt({server.name, 0, reason, took});
  if (!cut_) note_outcome(pool().pool, index, {.reason = reason, .begun = begun, .now = worker_.loop.now()});
  co_return reason;
}

Task<void> TcpSession::relay_bytes() {
  ServerStats& stats = *pool().server_stats[lease_.server()];
  stats.sessions.add();
  stats.active.add();
  RelayCount in{0, &route_.sessions->bytes_in};
  RelayCount out{0, &route_.sessions->bytes_out};
  const RelayEnd client(*client_.stream, {}, in);
  const RelayEnd server(*server_, {}, out);
  const Nanos idle = to_nanos(pool().pool.config().timeouts.tunnel_idle);
  const RelayOutcome outcome = co_await relay(client, server, idle, cut_);
  stats.active.sub();
  record_.bytes_in = in.bytes;
  record_.bytes_out = out.bytes;
  record_.end_reason = outcome.reason;
  record_.detail = outcome.detail;
}

void TcpSession::finish() {
  record_.done = worker_.loop.now();
  route_.sessions->open.sub();
  route_.sessions->closed.add();
  route_.sessions->duration.observe(record_.done - record_.started);
  worker_.stats.count_end(record_.end_reason);
  if (!worker_.access_log) return;
  const Peer peer(client_.address());
  const Peer other_end(client_.stream->peer());
  record_.client_ip = peer.ip();
  record_.peer_ip = other_end.ip();
  record_.proxy = client_.proxy.get();
  record_.client_port = peer.address.port();
  record_.listener = client_.listener->config.name;
  record_.sni = server_name(client_);
  if (client_.tls) {
    record_.tls_version = client_.tls->version();
    record_.tls_cipher = client_.tls->cipher();
  }
  record_.route = route_.name;
  worker_.access_log->write(record_, worker_.loop.wall());
}

}  // namespace

std::unique_ptr<ClientSession> make_tcp_session(WorkerContext& worker, Sessions& sessions, Client& client) {
  return std::make_unique<TcpSession>(worker, sessions, client);
}

}  // namespace lintel::proxy
