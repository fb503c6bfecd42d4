#include "proxy/upstream.h"

#include "base/log.h"
#include "net/proxy_header.h"
#include "proxy/exchange.h"

namespace lintel::proxy {
namespace {

using net::Task;

/// What a server is told of `client`. What a trusted load balancer before us said goes on.
net::ProxyHeader header_for(const Client& client, std::string_view id) {
  net::ProxyHeader header;
  if (client.proxy) header = *client.proxy;
  header.is_local = false;
  if (header.source.empty() || header.destination.empty()) {
    header.source = client.stream->peer();
    header.destination = client.stream->local();
  }
  if (header.unique_id.empty()) header.unique_id = id;
  if (client.hello && header.authority.empty()) header.authority = client.hello->server_name;
  if (client.tls) {
    header.authority = client.tls->server_name();
    header.alpn = client.tls->protocol();
    header.has_tls = true;
    header.tls_flags = 1;
    header.tls_version = client.tls->version();
    header.tls_cipher = client.tls->cipher();
  }
  return header;
}

Task<Result<void>> send_proxy_header(WorkerContext& worker, const config::Pool& pool, const Client& client,
                                     std::string_view id, net::Stream& stream) {
  Buffer& out = worker.loop.staging();
  append_proxy_header(out, header_for(client, id), pool.proxy_protocol == config::SendProxy::v1 ? 1 : 2);
  const net::WriteSpans spans(out.view());
  stream.set_write_timeout(to_nanos(pool.connect_timeout));
  co_return co_await stream.write(spans);
}

void tell(WorkerContext& worker, const PoolContext& pool, const pool::Server& server, const Error& error) {
  const auto unsaid = worker.handshake_errors.pass(worker.loop.now());
  if (!unsaid) return;
  const std::string more = *unsaid == 0 ? "" : " (" + std::to_string(*unsaid) + " more like this)";
  const char* what = error.code == ErrorCode::untrusted ? "its certificate is not accepted: " : "";
  log::warn({{"pool", pool.pool.config().name}, {"server", server.name}}, "no TLS with this server: {}{}{}",
            what, error.context, more);
}

Task<Result<net::StreamPtr>> begin_tls(WorkerContext& worker, PoolContext& pool, std::uint32_t index,
                                       net::StreamPtr below, Nanos deadline) {
  const pool::Server& server = pool.pool.servers()[index];
  const std::string& host = pool.pool.config().servers[index].address.host;
  tls::TlsStreamPtr stream = pool.tls->connect(std::move(below), host, server.state->tls_sessions());
  const Result<void> done = co_await stream->handshake(deadline);
  if (done) co_return net::StreamPtr(std::move(stream));
  Error error = done.error();
  error.retryable = true;
  error.source = ErrorSource::upstream;
  if (error.code == ErrorCode::protocol || error.code == ErrorCode::untrusted) {
    tell(worker, pool, server, error);
  }
  co_return tl::unexpected<Error>(error);
}

}  // namespace

Task<Result<net::StreamPtr>> open_upstream(WorkerContext& worker, PoolContext& pool, std::uint32_t server,
                                           const Client* client, std::string_view id,
                                           net::CancelToken& cancel, ConnectTimes& times) {
  const config::Pool& config = pool.pool.config();
  const SocketAddress& address = pool.pool.servers()[server].state->address();
  const Nanos begun = worker.loop.now();
  const Nanos deadline = begun + to_nanos(config.connect_timeout);
  Result<net::StreamPtr> stream = co_await worker.connector.connect(address, deadline, cancel);
  times.connect = worker.loop.now() - begun;
  if (!stream) co_return stream;
  pool.stats->connect.observe(times.connect);
  const net::CancelToken::Wait wait(cancel, **stream);  // Also beneath TLS, until that is agreed on.
  if (client && config.proxy_protocol != config::SendProxy::none) {
    const Result<void> written = co_await send_proxy_header(worker, config, *client, id, **stream);
    if (!written) co_return tl::unexpected<Error>(written.error());
  }
  if (pool.tls) {
    const Nanos connected = worker.loop.now();
    stream = co_await begin_tls(worker, pool, server, std::move(*stream), deadline);
    times.tls = worker.loop.now() - connected;
  }
  co_return stream;
}

EndReason open_reason(const Error& error) noexcept {
  if (error.source == ErrorSource::upstream) {
    if (error.code == ErrorCode::untrusted) return EndReason::upstream_tls_verify;
    if (error.code != ErrorCode::timeout && error.code != ErrorCode::canceled) {
      return EndReason::upstream_tls_handshake;
    }
  }
  return upstream_reason(error, Phase::connect);
}

}  // namespace lintel::proxy
