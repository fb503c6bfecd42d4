#pragma once

#include <sys/types.h>
#include <sys/uio.h>

#include <span>

#include "net/stream.h"

namespace lintel::net {

/// A stream that is spoken over another one, which it owns (TLS over a socket). Takes the events of the
/// stream below; deadlines, timeouts and waiters are its own.
///
/// Until it is first armed (by the first wait on it) it leaves the stream below alone, so that a handshake
/// can use that one's read() and write().
class LayeredStream : public Stream {
 public:
  ~LayeredStream() override;

  void enable_keepalive(int idle_seconds, int probes) noexcept override {
    below_->enable_keepalive(idle_seconds, probes);
  }
  [[nodiscard]] SocketAddress peer() const noexcept override { return below_->peer(); }
  [[nodiscard]] SocketAddress local() const noexcept override { return below_->local(); }

 protected:
  explicit LayeredStream(StreamPtr below) noexcept;

  [[nodiscard]] Stream& below() const noexcept { return *below_; }
  /// As Stream::try_read and try_write, of the stream below.
  [[nodiscard]] ssize_t try_read_below(std::span<char> out) const noexcept { return below_->try_read(out); }
  [[nodiscard]] ssize_t try_write_below(std::span<const iovec> parts) const noexcept {
    return below_->try_write(parts);
  }

  /// Something came from below; notify() has not been called. Not called while nobody reads.
  virtual void on_readable_below() = 0;
  /// There is room below again; notify() has not been called.
  virtual void on_writable_below() = 0;

  /// True if a reader waits that will itself try to read, so that a wake for nothing does no harm.
  [[nodiscard]] bool reader_tries() const noexcept { return reader_tries_; }
  [[nodiscard]] int arm() noexcept override;

 private:
  struct Reader final : Waiter {
    explicit Reader(LayeredStream& s) noexcept : stream(s) {}
    void on_ready(Ready why) override;
    LayeredStream& stream;
  };
  struct Writer final : Waiter {
    explicit Writer(LayeredStream& s) noexcept : stream(s) {}
    void on_ready(Ready why) override;
    LayeredStream& stream;
  };

  StreamPtr below_;
  Reader reader_below_{*this};
  Writer writer_below_{*this};
  bool armed_ = false;
};

}  // namespace lintel::net
