#include "proxy/client_connection.h"

#include <algorithm>
#include <cassert>
#include <optional>
#include <string>

#include "proxy/client_tls.h"
#include "proxy/forwarded.h"
#include "proxy/http_session.h"
#include "proxy/tcp_session.h"

namespace lintel::proxy {
namespace {

using net::Task;

/// Why a connection was closed before its session began.
struct Refusal {
  EndReason reason = EndReason::ok;  ///< ok: it was not.
  const char* detail = "";           ///< In words. Static storage.
};

/// What comes first on a connection, before its session: a PROXY header, the name that TLS asks for, or
/// whether it is TLS at all. Nothing may be read that belongs to the session, so bytes are looked at before
/// they are taken.
class Opening final : public Session {
 public:
  Opening(WorkerContext& worker, Sessions& sessions, Client& client) noexcept
      : Session(sessions), worker_(worker), client_(client) {}

  [[nodiscard]] static bool is_needed(const ListenerContext& listener) noexcept {
    return listener.config.proxy_protocol || listener.passes_tls() || may_be_plain(listener.config);
  }
  Task<Refusal> run();

  void forget_generation() noexcept override {}
  void drain() noexcept override { client_.draining = true; }
  void cut() noexcept override {
    client_.stream->cancel_read();
    client_.stream->cancel_write();
  }

 private:
  [[nodiscard]] static bool may_be_plain(const config::Listener& listener) noexcept {
    return listener.tls && listener.tls->plain_http != config::PlainHttp::reject;
  }
  [[nodiscard]] bool trusts_peer(const config::ProxyProtocol& settings) const noexcept;
  Task<Refusal> read_proxy_header(const config::ProxyProtocol& settings);
  Task<Refusal> look_at_hello();
  Task<Refusal> look_at_first_byte();
  void set_deadline(config::milliseconds timeout) noexcept {
    client_.stream->set_read_deadline(worker_.loop.now() + to_nanos(timeout));
  }

  WorkerContext& worker_;
  Client& client_;
};

Task<Refusal> Opening::run() {
  const ListenerContext& listener = *client_.listener;
  Refusal refusal;
  if (listener.config.proxy_protocol) refusal = co_await read_proxy_header(*listener.config.proxy_protocol);
  if (refusal.reason == EndReason::ok && listener.passes_tls()) refusal = co_await look_at_hello();
  if (refusal.reason == EndReason::ok && may_be_plain(listener.config)) {
    refusal = co_await look_at_first_byte();
  }
  client_.stream->set_read_deadline(kNever);
  co_return refusal;
}

bool Opening::trusts_peer(const config::ProxyProtocol& settings) const noexcept {
  const SocketAddress peer = client_.stream->peer();
  if (peer.family() == AF_UNIX) return true;  // Its file says who may connect.
  return std::any_of(settings.trusted.begin(), settings.trusted.end(),
                     [&peer](const Cidr& network) { return network.contains(peer); });
}

/// For a read that failed before what was waited for had come. `late`: the reason for a timeout.
Refusal refusal_for(const Error& error, EndReason late) noexcept {
  if (error.code == ErrorCode::canceled) return {EndReason::local_shutdown, ""};
  if (error.code == ErrorCode::timeout) return {late, "it did not come in time"};
  return {EndReason::client_abort_header, "the connection ended within its beginning"};
}

Task<Refusal> Opening::read_proxy_header(const config::ProxyProtocol& settings) {
  if (!trusts_peer(settings))
    co_return Refusal{EndReason::client_untrusted, "the peer is not in proxy_protocol.trusted"};
  net::Stream& stream = *client_.stream;
  set_deadline(settings.timeout);
  constexpr EndReason kLate = EndReason::client_timeout_proxy_header;
  auto header = std::make_unique<net::ProxyHeader>();
  std::size_t known = 0;
  for (;;) {
    const std::span<char> scratch = worker_.loop.scratch().first(net::kMaxProxyHeader + 1);
    const Result<std::size_t> got = co_await stream.peek(scratch, known);
    if (!got) co_return refusal_for(got.error(), kLate);
    if (*got == 0) co_return Refusal{EndReason::client_idle_close, ""};
    if (*got <= known) co_return refusal_for({ErrorCode::closed}, kLate);
    known = *got;
    const net::ProxyParse parsed = net::parse_proxy_header({scratch.data(), known}, *header);
    if (parsed.status == net::ProxyParse::Status::need_more) continue;
    if (parsed.status == net::ProxyParse::Status::error) {
      co_return Refusal{EndReason::client_proxy_header, parsed.reason};
    }
    const std::span<char> taken = scratch.first(parsed.size);
    const Result<std::size_t> read = co_await stream.read(taken);  // All of it is there.
    if (!read) co_return refusal_for(read.error(), kLate);
    client_.proxy = std::move(header);
    co_return Refusal{};
  }
}

/// Reads the name that a TLS client asks for and leaves everything where it is.
Task<Refusal> Opening::look_at_hello() {
  constexpr EndReason kLate = EndReason::client_timeout_hello;
  set_deadline(client_.listener->config.timeouts.handshake);
  auto hello = std::make_unique<net::ClientHello>();
  std::size_t known = 0;
  for (;;) {
    const std::span<char> scratch = worker_.loop.scratch().first(net::kMaxClientHello + 1);
    const Result<std::size_t> got = co_await client_.stream->peek(scratch, known);
    if (!got) co_return refusal_for(got.error(), kLate);
    if (*got == 0) co_return Refusal{EndReason::client_idle_close, ""};
    if (*got <= known) co_return refusal_for({ErrorCode::closed}, kLate);
    known = *got;
    const net::HelloParse parsed = net::parse_client_hello({scratch.data(), known}, *hello);
    if (parsed.status == net::HelloParse::Status::need_more) continue;
    if (parsed.status == net::HelloParse::Status::error) {
      co_return Refusal{EndReason::client_hello, parsed.reason};
    }
    client_.hello = std::move(hello);
    co_return Refusal{};
  }
}

/// Tells TLS from plain HTTP, which never begins as a TLS record does.
Task<Refusal> Opening::look_at_first_byte() {
  set_deadline(client_.listener->config.timeouts.handshake);
  const std::span<char> scratch = worker_.loop.scratch().first(1);
  const Result<std::size_t> got = co_await client_.stream->peek(scratch);
  if (!got && got.error().code == ErrorCode::canceled) co_return Refusal{EndReason::local_shutdown, ""};
  if (!got || *got == 0) co_return Refusal{EndReason::client_idle_close, ""};
  client_.plain_on_tls = !net::begins_tls(scratch[0]);
  co_return Refusal{};
}

/// Counts and logs a connection that has no session.
void note_refusal(WorkerContext& worker, const Client& client, const Refusal& refusal, Nanos began) {
  worker.stats.count_end(refusal.reason);
  client.listener->stats->count(limit_of(refusal.reason));
  if (!worker.access_log || refusal.reason == EndReason::client_idle_close) return;
  const Peer peer(client.stream->peer());
  Record record;
  record.protocol = config::Protocol::tcp;  // Nothing else was spoken yet.
  record.client_ip = record.peer_ip = peer.ip();
  record.client_port = peer.address.port();
  record.listener = client.listener->config.name;
  record.started = began;
  record.done = worker.loop.now();
  record.end_reason = refusal.reason;
  record.limit = limit_of(refusal.reason);
  record.detail = refusal.detail;
  worker.access_log->write(record, worker.loop.wall());
}

/// Counts the connection for its client's address. False if that has too many already: the connection is then
/// to be closed, which resets it.
bool take_place(WorkerContext& worker, Client& client, ConnectionCount& count, AddressCounts::Place& place) {
  const std::uint64_t most = client.listener->config.limits.connections_per_ip;
  if (most == 0) return true;
  const SocketAddress address = client.address();
  const std::optional<AddressKey> key = AddressKey::of(address);
  if (!key || client.listener->trusts(address)) return true;
  if (std::optional<AddressCounts::Place> taken = count.addresses().take(*key, most)) {
    place = std::move(*taken);
    return true;
  }
  client.stream->set_abortive();
  client.listener->stats->count(http::Limit::connections_per_ip);
  if (const auto unsaid = count.may_log_refusal(worker.loop.now())) {
    const std::string more =
        *unsaid != 0 ? "; " + std::to_string(*unsaid) + " more since the last such line" : "";
    log::warn({{"listener", client.listener->config.name}, {"client", Peer(address).ip()}},
              "a connection was refused: the address has limits.connections_per_ip ({}) open already{}", most,
              more);
  }
  return false;
}

/// What comes first on the connection. False if it is to be closed.
Task<bool> open_client(WorkerContext& worker, Sessions& sessions, Client& client) {
  const Nanos began = worker.loop.now();
  Opening opening(worker, sessions, client);
  const Refusal refusal = co_await opening.run();
  if (refusal.reason == EndReason::ok) co_return true;
  client.stream->set_abortive();
  note_refusal(worker, client, refusal, began);
  co_return false;
}

/// Whether anything comes before the session.
bool has_beginning(const ListenerContext& listener) noexcept {
  return listener.tls || Opening::is_needed(listener);
}

/// All that comes before the session. False if the connection is to be closed.
Task<bool> begin_client(WorkerContext& worker, Sessions& sessions, ConnectionCount& count, Client& client,
                        AddressCounts::Place& place) {
  const ListenerContext& listener = *client.listener;
  if (Opening::is_needed(listener)) {
    const bool opened = co_await open_client(worker, sessions, client);
    if (!opened) co_return false;
  }
  if (listener.config.proxy_protocol && !take_place(worker, client, count, place)) co_return false;
  if (!listener.tls || client.plain_on_tls) co_return true;
  const bool agreed = co_await begin_tls(worker, sessions, client);
  co_return agreed;
}

/// UDP has no connections.
std::unique_ptr<ClientSession> make_session(WorkerContext& worker, Sessions& sessions, Client& client) {
  const bool is_http = client.listener->config.protocol == config::Protocol::http;
  return is_http ? make_http_session(worker, sessions, client) : make_tcp_session(worker, sessions, client);
}

}  // namespace

SocketAddress Client::address() const noexcept {
  return proxy && !proxy->source.empty() ? proxy->source : stream->peer();
}

// Its frame lives as long as an idle connection: what is needed for a while only is in frames of its own.
Task<void> serve_client(WorkerContext& worker, Sessions& sessions, ConnectionCount& count,
                        std::string_view listener, net::StreamPtr stream) {
  assert(worker.generation->listener(listener));
  Client client(std::move(stream), worker.generation, *worker.generation->listener(listener));
  AddressCounts::Place place;
  // Where a PROXY header comes first, that says who the client is.
  if (!client.listener->config.proxy_protocol && !take_place(worker, client, count, place)) {
    client.listener->stats->accepts_limit.add();
    co_return;
  }
  client.listener->stats->accepts_ok.add();
  bool begun = true;
  if (has_beginning(*client.listener)) begun = co_await begin_client(worker, sessions, count, client, place);
  if (!begun) co_return;
  const std::unique_ptr<ClientSession> session = make_session(worker, sessions, client);
  co_await session->run();
}

}  // namespace lintel::proxy
