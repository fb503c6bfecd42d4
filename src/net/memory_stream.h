#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <utility>

#include "base/address.h"
#include "base/clock.h"
#include "net/loop.h"
#include "net/stream.h"

namespace lintel::net {

/// How one direction of a memory pair behaves.
struct MemoryPipeOptions {
  std::size_t capacity = 64 * 1024;  ///< Bytes written and not yet read at which a write is refused.
  std::size_t max_read = std::numeric_limits<std::size_t>::max();  ///< Bytes that one read gives at most.
  /// Bytes that one write takes at most. A write cut short by this is refused until the loop has turned, as
  /// a full socket would.
  std::size_t max_write = std::numeric_limits<std::size_t>::max();
  /// Nanoseconds from the write until the bytes (or the end of the stream) can be read, by the loop's clock.
  /// Up to a tick of the deadline wheel later.
  Nanos delay = 0;
};

struct MemoryOptions {
  MemoryPipeOptions first_to_second;
  MemoryPipeOptions second_to_first;
  SocketAddress first;   ///< What the first end calls local() and the second peer().
  SocketAddress second;  ///< The other way round.
};

class MemoryLink;

/// One end of a pair of streams in memory, for unit tests and fuzzers. Both ends belong to one loop. Waiters
/// are told in the next turn of the loop, never from within the other end's call.
///
/// Ends like a TCP connection does: destroying an end lets the other read what is left and then the end of
/// the stream, and refuses its writes (EPIPE); after set_abortive, and on both ends after reset(), what had
/// become readable is still read, then reads and writes fail with ECONNRESET. Unlike TCP, unread bytes at
/// destruction do not reset, and the first write to an end that is gone fails already.
class MemoryStream final : public Stream, private IoHandler {
 public:
  ~MemoryStream() override;

  /// Cuts the connection: both ends see ECONNRESET.
  void reset() noexcept;

  [[nodiscard]] bool is_readable() const noexcept override;
  [[nodiscard]] PeerState peer_state() const noexcept override;
  [[nodiscard]] bool is_ending() const noexcept override;
  [[nodiscard]] bool is_writable() const noexcept override;
  /// What the other end has not read.
  [[nodiscard]] std::size_t unacknowledged() const noexcept override;
  void shutdown_write() noexcept override;
  void set_abortive() noexcept override { abortive_ = true; }
  void enable_keepalive(int /*idle_seconds*/, int /*probes*/) noexcept override {}
  [[nodiscard]] SocketAddress peer() const noexcept override;
  [[nodiscard]] SocketAddress local() const noexcept override;

 private:
  friend class MemoryLink;
  friend std::pair<std::unique_ptr<MemoryStream>, std::unique_ptr<MemoryStream>> make_memory_pair(
      Loop& loop, const MemoryOptions& options);
  MemoryStream(Loop& loop, std::shared_ptr<MemoryLink> link, int side) noexcept;

  [[nodiscard]] ssize_t try_read(std::span<char> out) noexcept override;
  [[nodiscard]] ssize_t try_peek(std::span<char> out, std::size_t known) noexcept override;
  [[nodiscard]] ssize_t try_write(std::span<const iovec> parts) noexcept override;
  [[nodiscard]] int arm() noexcept override { return 0; }
  void on_io(std::uint32_t events) override;
  /// Has on_io called in the next turn, once for all events of this one.
  void wake(std::uint32_t events) noexcept;

  std::shared_ptr<MemoryLink> link_;
  int side_;                 ///< 0: first, 1: second.
  std::uint32_t woken_ = 0;  ///< Events for the coming on_io.
  bool blocked_ = false;     ///< The last write was cut short by max_write in this turn.
  bool abortive_ = false;
};

/// Two connected ends. Each may be moved into a StreamPtr.
[[nodiscard]] std::pair<std::unique_ptr<MemoryStream>, std::unique_ptr<MemoryStream>> make_memory_pair(
    Loop& loop, const MemoryOptions& options = {});

}  // namespace lintel::net
