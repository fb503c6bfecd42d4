#pragma once

// The server side of an HTTP/1.1 connection: reads requests one after the other, hands each to a Handler as a
// version-neutral transaction, and decides whether the connection lives on.

#include <memory>
#include <span>

#include "http/h1_body.h"
#include "http/h1_parser.h"
#include "http/transaction.h"
#include "http/workspace.h"
#include "net/stream.h"

namespace lintel::http {

/// One client connection. While it waits for a request it holds no buffer, no parser and no header table.
class H1ServerConnection {
 public:
  /// All arguments must outlive the connection.
  H1ServerConnection(net::Stream& stream, Workspace& workspace, Handler& handler) noexcept;
  H1ServerConnection(const H1ServerConnection&) = delete;
  H1ServerConnection& operator=(const H1ServerConnection&) = delete;

  /// Serves until the connection ends, whoever ends it. Suspends. The stream may be destroyed afterwards.
  Task<void> run();
  /// Once run() is over: the limit that ended the connection while it had no request, or none.
  [[nodiscard]] Limit ended_by() const noexcept { return ended_by_; }
  /// No further request: an idle connection ends at once, a busy one with the response that is being served.
  void drain() noexcept;
  /// As drain(), but an idle connection waits on, for one last request, as long as it may be idle.
  void retire() noexcept { draining_ = true; }
  /// Ends everything now: whatever waits on the stream gets `canceled`.
  void cut() noexcept;
  /// True while it waits for the first byte of a request.
  [[nodiscard]] bool idle() const noexcept { return idle_; }
  /// Requests begun so far.
  [[nodiscard]] std::uint32_t requests() const noexcept { return requests_; }

 private:
  friend class H1ServerTransaction;

  [[nodiscard]] std::size_t skip_empty_lines(std::span<const char> in) noexcept;
  class FirstRead;
  [[nodiscard]] std::span<char> begun_by(const Result<std::size_t>& got, bool waited) noexcept;
  Task<bool> serve_one(std::span<char> first);
  Task<Rejection> read_request(H1ServerTransaction& transaction, std::span<char> first);
  Task<bool> finish(H1ServerTransaction& transaction);
  Task<void> linger();
  [[nodiscard]] Limit reached_limit(const ServerSettings& settings) const noexcept;
  [[nodiscard]] std::unique_ptr<H1ServerTransaction> take_transaction();

  net::Stream& stream_;
  Workspace& workspace_;
  Handler& handler_;
  ReadAhead ahead_;
  Nanos expires_ = kNever;
  std::uint32_t requests_ = 0;
  std::uint32_t pipelined_ = 0;  ///< Requests in a row that were there when the one before ended.
  Limit ended_by_ = Limit::none;
  std::uint8_t blank_ = 0;  ///< Bytes of empty lines since the last request.
  bool draining_ = false;
  bool cut_ = false;
  bool idle_ = false;
};

/// A request on an HTTP/1.1 connection. Recycled by the workspace.
class H1ServerTransaction final : public ServerTransaction, private net::Waiter {
 public:
  [[nodiscard]] BodyChunk buffered_body() override;
  Task<Result<BodyChunk>> read_body() override;
  [[nodiscard]] const Fields* trailers() const noexcept override { return decoder_.trailers(); }
  void set_body_timeout(Nanos timeout) noexcept override {
    body_allowance_.start({.most = timeout}, connection_->stream_.loop().now());
  }
  void set_body_limit(std::uint64_t bytes) noexcept override { decoder_.set_limit(bytes); }
  [[nodiscard]] std::uint64_t body_bytes() const noexcept override { return decoder_.bytes(); }
  [[nodiscard]] std::uint32_t dropped_fields() const noexcept override {
    return parser_.dropped_underscore() + decoder_.dropped_underscore();
  }
  void cancel_read() noexcept override;

  Task<Result<void>> write_interim(const ResponseHead& head) override;
  Task<Result<void>> write_head(const ResponseHead& head, BodyChunk first, const Fields* trailers) override;
  Task<Result<void>> write_body(BodyChunk chunk, const Fields* trailers) override;
  void cancel_write() noexcept override;
  [[nodiscard]] DirectBody direct_source() noexcept override;
  void took(std::uint64_t bytes) noexcept override { decoder_.skip(bytes); }
  [[nodiscard]] DirectBody direct_sink() noexcept override;
  void gave(std::uint64_t bytes) noexcept override { encoder_.skip(bytes); }
  void watch_client(ClientWatcher* watcher, Nanos from) noexcept override;
  [[nodiscard]] Upgraded upgraded() noexcept override;
  [[nodiscard]] Limit closing_limit() const noexcept override {
    const Limit of_trailers = decoder_.reached_limit();
    return of_trailers != Limit::none ? of_trailers : closing_limit_;
  }
  void abort() noexcept override;

 private:
  friend class H1ServerConnection;

  /// Request bodies up to this length are read to the end after an early answer, so that the connection lives
  /// on.
  static constexpr std::uint64_t kDiscard = 64 * 1024;

  void start(H1ServerConnection& connection, const ServerSettings& settings) noexcept;
  [[nodiscard]] Framing response_framing(const ResponseHead& head, const BodyChunk& first,
                                         const Fields* trailers) const noexcept;
  [[nodiscard]] bool must_close(const ResponseHead& head) noexcept;
  void expect_body(const ServerSettings& settings) noexcept;
  void ask_for_body() noexcept;
  void stop_watching() noexcept;
  void on_ready(net::Ready why) override;
  void look_for_client() noexcept;
  [[nodiscard]] Result<void> note_write(Result<void> written) noexcept;
  void announce_end() noexcept;

  H1ServerConnection* connection_ = nullptr;
  RequestHeadParser parser_;
  BodyDecoder decoder_;
  BodyEncoder encoder_;
  net::Allowance body_allowance_;
  net::WritePace pace_;
  ClientWatcher* watcher_ = nullptr;
  Limit closing_limit_ = Limit::none;
  bool watching_ = false;    ///< For watcher_, from now on.
  bool body_begun_ = false;  ///< read_body was called, or an interim response asked for the body.
  bool continued_ = false;   ///< 100 was sent.
  bool head_sent_ = false;
  bool upgraded_ = false;  ///< By a 101 response.
  bool close_ = false;     ///< The response announced the end of the connection.
  bool rejected_ = false;  ///< The head was refused; what follows it is not known.
  bool broken_ = false;    ///< Reading or writing failed: nothing more can be said on this connection.
  bool aborted_ = false;   ///< The response was given up midway.
};

}  // namespace lintel::http
