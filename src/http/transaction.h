#pragma once

// One request and its response, whichever HTTP version carries them. proxy/ works on these types only; what
// stands behind them (HTTP/1.1 connections today) is the business of http/.

#include <cstdint>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "http/limit.h"
#include "http/message.h"
#include "net/allowance.h"
#include "net/stream.h"
#include "net/task.h"

namespace lintel::http {

using net::Task;

/// A piece of a body. The bytes are valid until the one who got them suspends, unless told otherwise.
struct BodyChunk {
  BodyChunk() noexcept = default;
  BodyChunk(std::string_view b, bool l) noexcept : bytes(b), last(l) {}
  std::string_view bytes;
  bool last = false;  ///< The body ends with this piece, which may be empty.
};

/// A connection that was switched to another protocol (101): HTTP has nothing more to do with it.
struct Upgraded {
  Upgraded(net::Stream& s, std::string_view a) noexcept : stream(s), ahead(a) {}
  net::Stream& stream;
  std::string_view ahead;  ///< Read from it already. Valid for as long as the transaction.
};

/// One side of a body whose bytes may go over the connection without being looked at: by splicing.
struct DirectBody {
  net::Stream* stream = nullptr;        ///< Null: they may not.
  std::uint64_t bytes = 0;              ///< So many of them. All bits: to the end of the stream.
  net::Allowance* allowance = nullptr;  ///< Of a source: how long to wait for some, to be kept up to date.
};

/// A body that is pulled, a bounded piece at a time:
///
///     while (!chunk.last) {
///       Result<BodyChunk> next = co_await source.read_body();
///       if (!next) …                                    // the message is broken off
///       co_await sink.write_body(*next, source.trailers());
///     }
class BodySource {
 public:
  /// The next piece. Suspends; one reader at a time; not to be called again after the last piece.
  /// Errors: timeout, too_slow, closed (the body was cut off), reset, protocol, too_large, canceled.
  virtual Task<Result<BodyChunk>> read_body() = 0;
  /// What may be taken from the connection itself in place of read_body, which is still to be called for the
  /// rest, even if that is nothing: it says what the end means. Tell `took` of what was taken.
  [[nodiscard]] virtual DirectBody direct_source() noexcept = 0;
  virtual void took(std::uint64_t bytes) noexcept = 0;
  /// Trailer fields, after the last piece. Null where there are none.
  [[nodiscard]] virtual const Fields* trailers() const noexcept = 0;
  /// How long read_body may wait for a byte, from now on without a minimum rate. kNever: for ever.
  virtual void set_body_timeout(Nanos timeout) noexcept = 0;
  /// Makes a pending read return `canceled` in the next turn of the loop.
  virtual void cancel_read() noexcept = 0;

 protected:
  ~BodySource() = default;
};

/// Where a body goes.
class BodySink {
 public:
  /// Returns when all bytes are with the kernel, which is the back-pressure. Suspends; one writer at a time.
  /// `trailers` (may be null) go out with the last piece where the protocol can carry them. Errors: timeout,
  /// too_slow, reset, canceled.
  virtual Task<Result<void>> write_body(BodyChunk chunk, const Fields* trailers) = 0;
  /// What may be given to the connection itself in place of write_body, which is still to be called for the
  /// rest, even if that is nothing. Tell `gave` of what was given; after a failure nothing more may be
  /// written.
  [[nodiscard]] virtual DirectBody direct_sink() noexcept = 0;
  virtual void gave(std::uint64_t bytes) noexcept = 0;
  /// Makes a pending write return `canceled` in the next turn of the loop.
  virtual void cancel_write() noexcept = 0;

 protected:
  ~BodySink() = default;
};

/// Told when the client of a transaction has left. Outlives the watch.
class ClientWatcher {
 public:
  virtual void on_client_left() noexcept = 0;

 protected:
  ~ClientWatcher() = default;
};

/// One request as the server side sees it. Made by a server connection, which keeps it alive while the
/// handler runs. After a 101 response was written only upgraded() may be used.
class ServerTransaction : public BodySource, public BodySink {
 public:
  RequestHead request;
  Nanos started = 0;        ///< Loop time of the request's first byte.
  Nanos head_received = 0;  ///< Loop time at which the head was complete.

  virtual ~ServerTransaction() = default;

  /// What has come of the body together with the head. Does not suspend; call it once, before read_body. The
  /// bytes stay valid until the first read_body.
  [[nodiscard]] virtual BodyChunk buffered_body() = 0;
  /// Largest body to accept; read_body answers more with `too_large`.
  virtual void set_body_limit(std::uint64_t bytes) noexcept = 0;
  /// Body bytes read so far, of the decoded body.
  [[nodiscard]] virtual std::uint64_t body_bytes() const noexcept = 0;
  /// Fields and trailers that were dropped so far because of their names.
  [[nodiscard]] virtual std::uint32_t dropped_fields() const noexcept = 0;

  /// Sends an interim response (1xx but 101). Nothing is sent to HTTP/1.0 clients. Suspends. Errors as
  /// write_body.
  virtual Task<Result<void>> write_interim(const ResponseHead& head) = 0;
  /// Sends the final head (or 101) and the first piece of the body in one write. The body's length is told
  /// from head.content_length, or else it goes out in pieces. Suspends. Errors as write_body.
  virtual Task<Result<void>> write_head(const ResponseHead& head, BodyChunk first,
                                        const Fields* trailers) = 0;
  /// From loop time `from` on `watcher` is told, once, when the client's connection is broken, or has ended
  /// with nothing behind the request: at no cost before. Until read_body or upgraded is called, which tell by
  /// themselves. Null: no more.
  virtual void watch_client(ClientWatcher* watcher, Nanos from) noexcept = 0;
  /// The connection, once a 101 was written. The transaction makes no use of it any more.
  [[nodiscard]] virtual Upgraded upgraded() noexcept = 0;
  /// The limit because of which the connection ends with this response; none: it goes on, or ends for another
  /// reason.
  [[nodiscard]] virtual Limit closing_limit() const noexcept = 0;
  /// The response cannot be completed: the client must see that it is cut off.
  virtual void abort() noexcept = 0;
};

/// One request as the client side sees it: an exchange with one server.
class ClientTransaction : public BodySource, public BodySink {
 public:
  virtual ~ClientTransaction() = default;

  /// Sends the head and the first piece of the body in one write. Suspends. Errors: timeout, reset, canceled;
  /// `retryable` if no byte went out.
  virtual Task<Result<void>> write_head(const RequestHead& head, BodyChunk first, const Fields* trailers) = 0;
  /// Reads one head, interim or final; a final one comes with what is there of the body, valid until the
  /// caller suspends; `head` must then outlive the body. Suspends. Errors: timeout, closed, reset, protocol,
  /// too_large, canceled; `retryable` if no byte of any response has come.
  virtual Task<Result<BodyChunk>> read_head(ResponseHead& head) = 0;
  /// The moment at which read_head gives up with `timeout`; also while it waits.
  virtual void set_response_deadline(Nanos at) noexcept = 0;
  /// The connection, once a 101 was read. The transaction makes no use of it any more.
  [[nodiscard]] virtual Upgraded upgraded() noexcept = 0;
  /// True if an earlier exchange used the same connection.
  [[nodiscard]] virtual bool reused() const noexcept = 0;
};

/// Why a request was refused before it could be served.
struct Rejection {
  int status = 400;                      ///< To answer with; 0: nobody is there to be answered.
  ErrorCode code = ErrorCode::protocol;  ///< protocol, too_large, timeout, closed or reset.
  const char* reason = "";               ///< A sentence for the log. Static storage.
  Limit limit = Limit::none;             ///< That was reached, if that is why.
};

/// Limits and times of a server connection; kNever and 0 mean none where they make sense.
struct ServerSettings;

/// What a server connection calls. Lives longer than the connection.
class Handler {
 public:
  /// The settings in force, asked for before each request.
  [[nodiscard]] virtual const ServerSettings& settings() = 0;
  /// Serves one request. On return the response has been written, or abort() was called. Suspends.
  virtual Task<void> serve(ServerTransaction& transaction) = 0;
  /// Answers a request whose head is broken (request holds what could be read). Suspends.
  virtual Task<void> reject(ServerTransaction& transaction, Rejection rejection) = 0;

 protected:
  ~Handler() = default;
};

}  // namespace lintel::http
