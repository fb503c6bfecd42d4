#pragma once

// The far end of a memory pair in the hands of a test: what the code under test sends collects in `received`,
// what the test sends goes out as fast as it is taken.

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "net/net_test.h"
#include "net/scope.h"

namespace lintel::net {

class Wire {
 public:
  /// `reading`: whether to take what comes from the beginning.
  Wire(Loop& loop, StreamPtr stream, bool reading = true) : loop_(loop), stream_(std::move(stream)) {
    if (reading) read_on();
  }
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;
  ~Wire() { close(); }

  /// Sends in the background, after what was sent before.
  void send(std::string_view text) {
    outbox_.append(text);
    if (writing_) return;
    writing_ = true;
    scope_.spawn(write_out(*this));
  }
  /// Half-close, once everything is sent.
  void finish() {
    finish_ = true;
    if (!writing_ && stream_) stream_->shutdown_write();
  }
  /// Closes: the other side reads what is left and then the end.
  void close() {
    if (!stream_) return;
    hold();
    stream_->cancel_write();
    while (scope_.count() != 0) loop_.turn(0);
    stream_.reset();
  }
  /// Closes abortively: the other side sees a reset.
  void reset() {
    if (stream_) stream_->set_abortive();
    close();
  }
  /// Stops reading, so that the other side's writes fill the pipe.
  void hold() {
    stream_->cancel_read();
    while (reading_) loop_.turn(0);
  }
  void read_on() {
    reading_ = true;
    scope_.spawn(collect(*this));
  }
  /// What has come since the last call.
  std::string take() { return std::exchange(received, {}); }
  [[nodiscard]] bool open() const noexcept { return stream_ != nullptr; }
  /// Whether something that was sent is still waiting to be taken.
  [[nodiscard]] bool sending() const noexcept { return writing_; }
  /// Whether there is something that was not read yet, and room for something to be sent.
  [[nodiscard]] bool readable() const noexcept { return stream_->is_readable(); }
  [[nodiscard]] bool writable() const noexcept { return !writing_ && stream_->is_writable(); }
  /// Nothing more will come: the end of the stream or a reset was seen.
  [[nodiscard]] bool over() const noexcept { return ended || error; }

  std::string received;
  bool ended = false;              ///< The end of the stream was read.
  std::optional<ErrorCode> error;  ///< Of a read.
  bool refused = false;            ///< A write failed.

 private:
  static Task<void> collect(Wire& wire) {
    for (;;) {
      const Result<std::size_t> n = co_await wire.stream_->read(wire.in_);
      if (!n && n.error().code != ErrorCode::canceled) wire.error = n.error().code;
      if (n && *n == 0) wire.ended = true;
      if (!n || *n == 0) break;
      wire.received.append(wire.in_.data(), *n);
    }
    wire.reading_ = false;
  }
  static Task<void> write_out(Wire& wire) {
    while (!wire.outbox_.empty()) {
      const std::string text = std::exchange(wire.outbox_, {});
      const WriteSpans spans(text);
      const Result<void> written = co_await wire.stream_->write(spans);
      if (!written) {
        wire.refused = written.error().code != ErrorCode::canceled;
        break;
      }
    }
    wire.writing_ = false;
    if (wire.finish_) wire.stream_->shutdown_write();
  }

  Loop& loop_;
  StreamPtr stream_;
  Scope scope_;
  std::string in_ = std::string(4096, '\0');
  std::string outbox_;
  bool reading_ = false;
  bool writing_ = false;
  bool finish_ = false;
};

}  // namespace lintel::net
