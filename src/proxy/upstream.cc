#include "proxy/upstream.h"

#include "net/proxy_header.h"

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
  return header;
}

}  // namespace

Task<Result<net::StreamPtr>> open_upstream(WorkerContext& worker, PoolContext& pool, std::uint32_t server,
                                           const Client& client, std::string_view id) {
  const config::Pool& config = pool.pool.config();
  const SocketAddress& address = pool.pool.servers()[server].state->address();
  const Nanos begun = worker.loop.now();
  const Nanos deadline = begun + to_nanos(config.connect_timeout);
  Result<net::StreamPtr> stream = co_await worker.connector.connect(address, deadline);
  if (!stream) co_return stream;
  pool.stats->connect.observe(worker.loop.now() - begun);
  if (config.proxy_protocol == config::SendProxy::none) co_return stream;
  Buffer& out = worker.loop.staging();
  append_proxy_header(out, header_for(client, id), config.proxy_protocol == config::SendProxy::v1 ? 1 : 2);
  const net::WriteSpans spans(out.view());
  (*stream)->set_write_timeout(to_nanos(config.connect_timeout));
  const Result<void> written = co_await (*stream)->write(spans);
  if (!written) co_return tl::unexpected<Error>(written.error());
  co_return stream;
}

}  // namespace lintel::proxy
