#include "proxy/tunnel.h"

#include "net/scope.h"

namespace lintel::proxy {
namespace {

using http::BodyChunk;
using net::Task;

struct Tunnel {
  Tunnel(net::Loop& l, http::ServerTransaction& d, http::ClientTransaction& u, Nanos i) noexcept
      : loop(l), downstream(d), upstream(u), idle(i), last_bytes(l.now()) {}

  net::Loop& loop;
  http::ServerTransaction& downstream;
  http::ClientTransaction& upstream;
  Nanos idle;
  Nanos last_bytes;  ///< In either direction.
  EndReason reason = EndReason::tunnel_closed;

  void fail(const Error& error) noexcept {
    if (reason != EndReason::tunnel_closed)
      return;  // The first failure is the reason, the others follow from it.
    reason = error.code == ErrorCode::timeout    ? EndReason::tunnel_timeout
             : error.code == ErrorCode::canceled ? EndReason::local_shutdown
                                                 : EndReason::tunnel_reset;
    downstream.cancel_read();
    downstream.cancel_write();
    upstream.cancel_read();
    upstream.cancel_write();
  }
};

Task<void> pass(Tunnel& tunnel, http::BodySource& from, http::BodySink& to, std::uint64_t& bytes) {
  for (unsigned pieces = 1;; ++pieces) {
    const Result<BodyChunk> chunk = co_await from.read_body();
    if (!chunk) {
      const bool other_is_busy = tunnel.loop.now() - tunnel.last_bytes < tunnel.idle;
      if (chunk.error().code == ErrorCode::timeout && other_is_busy) continue;
      tunnel.fail(chunk.error());
      co_return;
    }
    tunnel.last_bytes = tunnel.loop.now();
    const Result<void> written = co_await to.write_body(*chunk, nullptr);
    if (!written) {
      tunnel.fail(written.error());
      co_return;
    }
    bytes += chunk->bytes.size();
    if (chunk->last) co_return;
    if (pieces % 16 == 0) co_await tunnel.loop.yield();
  }
}

}  // namespace

Task<EndReason> run_tunnel(net::Loop& loop, http::ServerTransaction& downstream,
                           http::ClientTransaction& upstream, Nanos idle, Record& record) {
  Tunnel tunnel(loop, downstream, upstream, idle);
  downstream.set_body_timeout(idle);
  upstream.set_body_timeout(idle);
  net::Scope scope;
  scope.spawn(pass(tunnel, downstream, upstream, record.bytes_in));
  co_await pass(tunnel, upstream, downstream, record.bytes_out);
  co_await scope.join();
  co_return tunnel.reason;
}

}  // namespace lintel::proxy
