#include "proxy/relay.h"

#include <algorithm>
#include <optional>
#include <span>
#include <utility>

#include "net/scope.h"
#include "net/splice.h"

namespace lintel::proxy {
namespace {

using net::Task;

/// After this many pieces without waiting for anything the loop serves its other connections first.
constexpr unsigned kPiecesPerTurn = 16;
constexpr Nanos kProbeAfter = kProbeSeconds * Nanos{1'000'000'000};

struct Relay {
  Relay(net::Stream& c, net::Stream& s, Nanos i, const bool& cut_flag) noexcept
      : client(c),
        server(s),
        loop(c.loop()),
        idle(i),
        cut(cut_flag),
        last_bytes(loop.now()),
        probe_at(last_bytes + kProbeAfter) {}

  net::Stream& client;
  net::Stream& server;
  net::Loop& loop;
  Nanos idle;
  const bool& cut;
  Nanos last_bytes;          ///< In either direction.
  Nanos probe_at;            ///< From then on dead peers are looked for; kNever: they are.
  int writes = 0;            ///< Directions that wait for their receiver.
  bool half_closed = false;  ///< One direction is over.
  RelayOutcome outcome;

  [[nodiscard]] bool over() noexcept {
    if (cut) fail(ErrorCode::canceled, client);
    return outcome.reason != EndReason::tunnel_closed;
  }
  [[nodiscard]] Nanos silent_at() const noexcept { return idle == kNever ? kNever : last_bytes + idle; }
  void moved() noexcept { last_bytes = loop.now(); }
  void begin_write() noexcept {
    moved();
    ++writes;
  }
  void end_write() noexcept {
    --writes;
    moved();
  }
  /// How long a read may wait before something is to be seen to.
  [[nodiscard]] Nanos read_until() const noexcept { return std::min(silent_at(), probe_at); }
  void probe() noexcept {
    if (loop.now() < probe_at) return;
    probe_at = kNever;
    for (net::Stream* stream : {&client, &server}) stream->enable_keepalive(kProbeSeconds, kProbes);
  }

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
struct Direction {
  Direction(Relay& r, RelayEnd f, net::Stream& t) noexcept
      : relay(r),
        from(f),
        to(t),
        can_splice(f.stream.can_splice() && t.can_splice()),
        pipe(r.loop),
        room(t),
        piece(f.pending) {
    if (!piece.empty()) known = piece.size();
  }

  Relay& relay;
  RelayEnd from;
  net::Stream& to;
  bool can_splice;
  net::BulkFlow flow;
  net::SplicePipe pipe;
  net::BulkRoom room;
  std::string_view piece;  ///< In the loop's scratch; empty: it is in the pipe.
  /// What receiving again gives, where that is known: how much is in `piece` from before the relay, or, once
  /// the last bytes are in it, the end or a failure.
  std::optional<Result<std::size_t>> known;

  [[nodiscard]] bool splices() const noexcept { return can_splice && flow.is_bulk(); }
  void spliced(std::size_t bytes) noexcept {
    flow.spliced(bytes);
    if (&to != &relay.client) return;  // Only what clients may hold is bounded.
    if (flow.is_bulk()) {
      room.take();
    } else {
      room.give();
    }
  }

  /// So much is in the loop's scratch. Where the end is known to follow, it is looked for now, so that it
  /// goes on in one packet with the last bytes.
  [[nodiscard]] std::size_t took(std::size_t bytes) noexcept {
    const std::span<char> scratch = relay.loop.scratch();
    flow.read(bytes);
    while (bytes != 0 && bytes < scratch.size() && from.stream.is_ending()) {
      net::ReadAwaiter more = from.stream.read(scratch.subspan(bytes));
      if (!more.await_ready()) break;
      const Result<std::size_t> got = more.await_resume();
      if (!got || *got == 0) {
        known = got;
        if (got) to.end_after_write();
        break;
      }
      bytes += *got;
    }
    piece = {scratch.data(), bytes};
    return bytes;
  }

  /// Whether to receive again after it failed.
  [[nodiscard]] bool goes_on_after(const Error& error) noexcept {
    if (error.code == ErrorCode::resource && splices()) {
      flow.stop();  // No pipe is to be had: what comes is read.
      return true;
    }
    if (relay.writes != 0) relay.moved();  // A write has its own timeout.
    relay.probe();
    const bool other_is_busy = relay.loop.now() < relay.silent_at();
    return error.code == ErrorCode::timeout && other_is_busy && !relay.over();
  }
};

Task<void> pass(Relay& relay, RelayEnd from, net::Stream& to) {
  Direction way(relay, from, to);
  for (unsigned pieces = 1;; ++pieces) {
    Result<std::size_t> got;
    if (way.known) {
      got = *std::exchange(way.known, std::nullopt);
    } else {
      way.piece = {};
      from.stream.set_read_deadline(relay.read_until());
      if (way.splices()) {
        got = co_await net::splice_in(from.stream, way.pipe, net::kSpliceMost);
        if (got) way.spliced(*got);
      } else {
        got = co_await from.stream.read(relay.loop.scratch());
        if (got) got = way.took(*got);
      }
    }
    if (!got) {
      if (way.goes_on_after(got.error())) continue;
      relay.fail(got.error().code, from.stream);
      co_return;
    }
    if (*got == 0) {
      // The second end of two plain sockets is their closing, which comes next.
      if (!relay.half_closed || !way.can_splice) to.shutdown_write();
      relay.half_closed = true;
      co_return;
    }
    relay.begin_write();
    Result<void> written;
    if (way.pipe.held() != 0) {
      written = co_await net::splice_out(way.pipe, to);
    } else {
      const net::WriteSpans spans(way.piece);
      written = co_await to.write(spans);
    }
    relay.end_write();
    if (written) {
      from.sent.add(*got);
    } else {
      relay.fail(written.error().code, to);
    }
    if (relay.over()) co_return;
    if (pieces % kPiecesPerTurn == 0) {
      co_await relay.loop.yield();
      if (relay.over()) co_return;  // What was canceled meanwhile found nobody waiting here.
    }
  }
}

}  // namespace

Task<RelayOutcome> relay(RelayEnd client, RelayEnd server, Nanos idle, const bool& cut) {
  Relay relay(client.stream, server.stream, idle, cut);
  for (net::Stream* stream : {&client.stream, &server.stream}) stream->set_write_timeout(idle);
  net::Scope scope;
  scope.spawn(pass(relay, client, server.stream));
  co_await pass(relay, server, client.stream);
  co_await scope.join();
  co_return relay.outcome;
}

}  // namespace lintel::proxy
