#include "proxy/relay.h"

#include "net/scope.h"

namespace lintel::proxy {
namespace {

using net::Task;

/// After this many pieces without waiting for anything the loop serves its other connections first.
constexpr unsigned kPiecesPerTurn = 16;

struct Relay {
  Relay(net::Stream& c, net::Stream& s, Nanos i, const bool& cut_flag) noexcept
      : client(c), server(s), loop(c.loop()), idle(i), cut(cut_flag), last_bytes(loop.now()) {}

  net::Stream& client;
  net::Stream& server;
  net::Loop& loop;
  Nanos idle;
  const bool& cut;
  Nanos last_bytes;  ///< In either direction.
  int writes = 0;    ///< Directions that wait for their receiver.
  RelayOutcome outcome;

  [[nodiscard]] bool over() noexcept {
    if (cut) fail(ErrorCode::canceled, client);
    return outcome.reason != EndReason::tunnel_closed;
  }
  [[nodiscard]] Nanos silent_at() const noexcept { return idle == kNever ? kNever : last_bytes + idle; }
  void moved() noexcept { last_bytes = loop.now(); }

  /// Ends both directions because of what happened on `at`.
  void fail(ErrorCode code, const net::Stream& at) noexcept {
    if (outcome.reason != EndReason::tunnel_closed)
      return;  // The first failure is the reason, the others follow from it.
    const bool by_client = &at == &client;
    if (code == ErrorCode::timeout) {
      outcome.reason = EndReason::tunnel_timeout;
    } else if (code == ErrorCode::canceled) {
      outcome.reason = EndReason::local_shutdown;
    } else {
      outcome.reason = EndReason::tunnel_reset;
      outcome.detail = by_client ? "the client reset the connection" : "the server reset the connection";
    }
    for (net::Stream* stream : {&client, &server}) {
      if (code != ErrorCode::timeout) stream->set_abortive();
      stream->cancel_read();
      stream->cancel_write();
    }
  }
};

/// One direction.
Task<void> pass(Relay& relay, RelayEnd from, net::Stream& to) {
  std::string_view piece = from.pending;
  for (unsigned pieces = 1;; ++pieces) {
    if (piece.empty()) {
      from.stream.set_read_deadline(relay.silent_at());
      const Result<std::size_t> got = co_await from.stream.read(relay.loop.scratch());
      if (!got) {
        if (relay.writes != 0) relay.moved();  // A write has its own timeout.
        const bool other_is_busy = relay.loop.now() < relay.silent_at();
        if (got.error().code == ErrorCode::timeout && other_is_busy && !relay.over()) continue;
        relay.fail(got.error().code, from.stream);
        co_return;
      }
      if (*got == 0) {
        to.shutdown_write();
        co_return;
      }
      relay.moved();
      piece = {relay.loop.scratch().data(), *got};
    }
    const std::size_t size = piece.size();
    const net::WriteSpans spans(piece);
    ++relay.writes;
    const Result<void> written = co_await to.write(spans);
    --relay.writes;
    if (!written) {
      relay.fail(written.error().code, to);
      co_return;
    }
    relay.moved();
    from.sent.add(size);
    piece = {};
    if (pieces % kPiecesPerTurn == 0) co_await relay.loop.yield();
    if (relay.over()) co_return;  // What was canceled meanwhile found nobody waiting here.
  }
}

}  // namespace

Task<RelayOutcome> relay(RelayEnd client, RelayEnd server, Nanos idle, const bool& cut) {
  Relay relay(client.stream, server.stream, idle, cut);
  for (net::Stream* stream : {&client.stream, &server.stream}) {
    stream->set_write_timeout(idle);
    stream->enable_keepalive(kProbeSeconds, kProbes);
  }
  net::Scope scope;
  scope.spawn(pass(relay, client, server.stream));
  co_await pass(relay, server, client.stream);
  co_await scope.join();
  co_return relay.outcome;
}

}  // namespace lintel::proxy
