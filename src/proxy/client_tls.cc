#include "proxy/client_tls.h"

#include <array>

#include "base/log.h"
#include "proxy/forwarded.h"

namespace lintel::proxy {
namespace {

/// A connection in its handshake, so that it can be ended from outside.
class Handshake final : public Session {
 public:
  Handshake(Sessions& sessions, Client& client, tls::TlsStream& stream) noexcept
      : Session(sessions), client_(client), stream_(stream) {}

  void forget_generation() noexcept override {}
  void drain() noexcept override { client_.draining = true; }
  void cut() noexcept override { stream_.cancel_handshake(); }

 private:
  Client& client_;
  tls::TlsStream& stream_;
};

HandshakeResult result_of(const Error& error) noexcept {
  switch (error.code) {
    case ErrorCode::timeout:
      return HandshakeResult::timeout;
    case ErrorCode::closed:
    case ErrorCode::reset:
      return HandshakeResult::closed;
    case ErrorCode::untrusted:
      return HandshakeResult::untrusted;
    case ErrorCode::canceled:
      return HandshakeResult::canceled;
    default:
      return HandshakeResult::failed;
  }
}

void tell(WorkerContext& worker, const Client& client, const Error& error) {
  const auto unsaid = worker.handshake_errors.pass(worker.loop.now());
  if (!unsaid || !log::enabled(log::Level::info)) return;
  const Peer peer(client.address());
  const std::string more = *unsaid == 0 ? "" : " (" + std::to_string(*unsaid) + " more like this)";
  log::info({{"listener", client.listener->config.name}, {"client", peer.ip()}}, "TLS handshake failed: {}{}",
            error.code == ErrorCode::timeout ? "it took too long" : error.context, more);
}

}  // namespace

std::string_view handshake_result_label(HandshakeResult result) noexcept {
  static constexpr std::array<std::string_view, kHandshakeResults> kLabels = {
      "ok", "resumed", "timeout", "closed", "failed", "untrusted", "canceled"};
  return kLabels[static_cast<std::size_t>(result)];
}

net::Task<bool> begin_tls(WorkerContext& worker, Sessions& sessions, Client& client) {
  const Nanos deadline = worker.loop.now() + to_nanos(client.listener->config.timeouts.handshake);
  tls::TlsStreamPtr stream = client.listener->tls->accept(std::move(client.stream));
  tls::TlsStream& tls = *stream;
  client.tls = stream.get();
  client.stream = std::move(stream);
  Result<void> done;
  {
    const Handshake handshake(sessions, client, tls);
    done = co_await tls.handshake(deadline);
  }
  KeyedCounters& counters = client.listener->stats->handshakes;
  if (!done) {
    const HandshakeResult result = result_of(done.error());
    counters.add(handshake_key(0, result));
    if (result == HandshakeResult::timeout) client.listener->stats->count(http::Limit::handshake_timeout);
    if (result != HandshakeResult::closed && result != HandshakeResult::canceled) {
      tell(worker, client, done.error());
    }
    co_return false;
  }
  const std::uint32_t minor = tls.version() == "TLSv1.3" ? 3 : 2;
  counters.add(handshake_key(minor, tls.resumed() ? HandshakeResult::resumed : HandshakeResult::ok));
  co_return true;
}

}  // namespace lintel::proxy
