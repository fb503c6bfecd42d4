#pragma once

// The client side of an HTTP/1.1 connection: one exchange with a server at a time.

#include <memory>
#include <string>

#include "http/h1_body.h"
#include "http/h1_parser.h"
#include "http/transaction.h"
#include "http/workspace.h"
#include "net/stream.h"

namespace lintel::http {

/// A connection to a server. Holds no buffer between exchanges.
class H1ClientConnection final : public ClientTransaction, public net::Pooled {
 public:
  struct Settings {
    HeadLimits head;
    Nanos body_timeout = 60'000'000'000;   ///< Between two reads of a response body.
    Nanos write_timeout = 60'000'000'000;  ///< Without the server taking any of the request.
  };

  H1ClientConnection(net::StreamPtr stream, Workspace& workspace) noexcept;

  /// Begins an exchange; the one before must have left the connection reusable().
  void start(const Settings& settings) noexcept;

  Task<Result<void>> write_head(const RequestHead& head, BodyChunk first, const Fields* trailers) override;
  Task<Result<void>> write_body(BodyChunk chunk, const Fields* trailers) override;
  Task<Result<BodyChunk>> read_head(ResponseHead& head) override;
  Task<Result<BodyChunk>> read_body() override;
  [[nodiscard]] const Fields* trailers() const noexcept override { return decoder_.trailers(); }
  void set_body_timeout(Nanos timeout) noexcept override {
    body_allowance_.start({.most = timeout}, stream_->loop().now());
  }
  [[nodiscard]] DirectBody direct_source() noexcept override;
  void took(std::uint64_t bytes) noexcept override { decoder_.skip(bytes); }
  [[nodiscard]] DirectBody direct_sink() noexcept override;
  void gave(std::uint64_t bytes) noexcept override { encoder_.skip(bytes); }
  [[nodiscard]] Upgraded upgraded() noexcept override;
  void set_response_deadline(Nanos at) noexcept override;
  void cancel_read() noexcept override { stream_->cancel_read(); }
  void cancel_write() noexcept override { stream_->cancel_write(); }
  [[nodiscard]] bool reused() const noexcept override { return exchanges_ > 1; }

  /// True when both messages ended as they should, the request first, and the server lets the connection
  /// live. A server that answered before it had the whole request may take the rest of it for another one.
  [[nodiscard]] bool reusable() const noexcept;
  /// What Keep-Alive: timeout the last response announced, in seconds; 0: nothing.
  [[nodiscard]] std::uint32_t announced_idle_seconds() const noexcept { return announced_idle_; }
  /// For how long it was unused before this exchange, as whoever kept it has said.
  [[nodiscard]] Nanos idle_time() const noexcept { return idle_time_; }
  void set_idle_time(Nanos time) noexcept { idle_time_ = time; }
  [[nodiscard]] net::Stream& stream() noexcept { return *stream_; }

 private:
  [[nodiscard]] Result<BodyChunk> begin_body(const ResponseHead& head, std::span<char> rest, bool buffered);

  net::StreamPtr stream_;
  Workspace& workspace_;
  ReadAhead ahead_;
  Settings settings_;
  net::Allowance body_allowance_;
  net::WritePace pace_;
  ResponseHeadParser parser_;
  BodyDecoder decoder_;
  BodyEncoder encoder_;
  Nanos response_deadline_ = kNever;
  Nanos idle_time_ = 0;
  std::uint64_t exchanges_ = 0;
  std::uint32_t announced_idle_ = 0;
  Method method_ = Method::get;
  std::string upgrade_;    ///< The protocol that the request asks to switch to; empty: none.
  bool upgraded_ = false;  ///< The server has switched to it.
  bool sent_ = false;      ///< All of the request is with the kernel.
  bool received_ = false;  ///< Some byte of a response has come.
  bool answered_ = false;  ///< A final head was read,
  bool early_ = false;     ///< and that before the request was sent in full.
  bool failed_ = false;
};

using H1ClientPtr = std::unique_ptr<H1ClientConnection>;

}  // namespace lintel::http
