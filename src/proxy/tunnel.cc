#include "proxy/tunnel.h"

#include "net/scope.h"

namespace lintel::proxy {
namespace {

using http::BodyChunk;
using net::Task;

struct Tunnel {
  Tunnel(net::Loop& l, http::ServerTransaction& d, http::ClientTransaction& u, Nanos i,
         const bool& c) noexcept
      : loop(l), downstream(d), upstream(u), idle(i), cut(c), last_bytes(l.now()) {}

  net::Loop& loop;
  http::ServerTransaction& downstream;
  http::ClientTransaction& upstream;
  Nanos idle;
  const bool& cut;
  Nanos last_bytes;  ///< In either direction.
  EndReason reason = EndReason::tunnel_closed;

  void fail(ErrorCode code) noexcept {
    if (reason != EndReason::tunnel_closed)
      return;  // The first failure is the reason, the others follow from it.
    reason = code == ErrorCode::timeout    ? EndReason::tunnel_timeout
             : code == ErrorCode::canceled ? EndReason::local_shutdown
                                           : EndReason::tunnel_reset;
    downstream.cancel_read();
    downstream.cancel_write();
    upstream.cancel_read();
    upstream.cancel_write();
  }
};

Task<void> pass(Tunnel& tunnel, http::BodySource& from, http::BodySink& to, std::uint64_t* bytes) {
  for (unsigned pieces = 1;; ++pieces) {
    const Result<BodyChunk> chunk = co_await from.read_body();
    if (!chunk) {
      const bool other_is_busy = tunnel.loop.now() - tunnel.last_bytes < tunnel.idle;
      if (chunk.error().code == ErrorCode::timeout && other_is_busy) continue;
      tunnel.fail(chunk.error().code);
      co_return;
    }
    tunnel.last_bytes = tunnel.loop.now();
    const Result<void> written = co_await to.write_body(*chunk, nullptr);
    if (!written) {
      tunnel.fail(written.error().code);
      co_return;
    }
    if (bytes) *bytes += chunk->bytes.size();
    if (chunk->last) co_return;
    if (pieces % 16 != 0) continue;
    co_await tunnel.loop.yield();
    // What was canceled meanwhile found nobody waiting here.
    if (tunnel.cut) tunnel.fail(ErrorCode::canceled);
    if (tunnel.reason != EndReason::tunnel_closed) co_return;
  }
}

}  // namespace

Task<EndReason> run_tunnel(net::Loop& loop, http::ServerTransaction& downstream,
                           http::ClientTransaction& upstream, Nanos idle, const bool& cut, Record& record) {
  Tunnel tunnel(loop, downstream, upstream, idle, cut);
  downstream.set_body_timeout(idle);
  upstream.set_body_timeout(idle);
  net::Scope scope;
  scope.spawn(pass(tunnel, downstream, upstream, nullptr));
  co_await pass(tunnel, upstream, downstream, &record.bytes_out);
  co_await scope.join();
  co_return tunnel.reason;
}

}  // namespace lintel::proxy
