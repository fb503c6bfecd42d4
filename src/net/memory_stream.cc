#include "net/memory_stream.h"

#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <vector>

#include "base/buffer.h"

namespace lintel::net {
namespace {

/// Bytes on their way from one end to the other.
class Pipe {
 public:
  Pipe(Loop& loop, const MemoryPipeOptions& options, Deadline::Fire fire, MemoryLink* link) noexcept
      : loop_(loop), options_(options), arrival_(fire, link) {}

  [[nodiscard]] std::size_t readable() const noexcept { return arrived_; }
  [[nodiscard]] bool at_end() const noexcept { return end_arrived_ && arrived_ == 0; }
  [[nodiscard]] bool ended() const noexcept { return ended_; }
  [[nodiscard]] bool end_arrived() const noexcept { return end_arrived_; }
  [[nodiscard]] bool delayed() const noexcept { return options_.delay > 0; }
  [[nodiscard]] const MemoryPipeOptions& options() const noexcept { return options_; }
  [[nodiscard]] std::size_t held() const noexcept { return data_.size() - begin_; }
  [[nodiscard]] std::size_t space() const noexcept {
    return held() < options_.capacity ? options_.capacity - held() : 0;
  }

  std::size_t take(std::span<char> out) noexcept {
    const std::size_t n = std::min({out.size(), arrived_, options_.max_read});
    if (n == 0) return 0;
    std::memcpy(out.data(), data_.data() + begin_, n);
    begin_ += n;
    arrived_ -= n;
    if (begin_ == data_.size()) {
      data_.clear();
      begin_ = 0;
    }
    return n;
  }

  [[nodiscard]] std::size_t copy(std::span<char> out) const noexcept {
    const std::size_t n = std::min(out.size(), arrived_);
    if (n != 0) std::memcpy(out.data(), data_.data() + begin_, n);
    return n;
  }

  std::size_t put(std::span<const iovec> parts) {
    std::size_t left = std::min(space(), options_.max_write);
    std::size_t taken = 0;
    for (const iovec& part : parts) {
      const std::size_t n = std::min(left, part.iov_len);
      make_room(n);
      data_.append({static_cast<const char*>(part.iov_base), n});
      taken += n;
      left -= n;
    }
    send(taken, false);
    return taken;
  }

  void end() {
    if (ended_) return;
    ended_ = true;
    send(0, true);
  }

  /// Moves in what has been on its way for long enough. True when the reader has something new.
  bool arrive() {
    auto next = flights_.begin();
    for (; next != flights_.end() && next->at <= loop_.now(); ++next) land(*next);
    const bool news = next != flights_.begin();
    flights_.erase(flights_.begin(), next);
    if (!flights_.empty()) loop_.set_deadline(arrival_, flights_.front().at);
    return news;
  }

  /// Forgets what has not arrived.
  void cut() noexcept {
    ended_ = true;
    flights_.clear();
    arrival_.clear();
  }

 private:
  struct Flight {
    Nanos at;
    std::size_t bytes;
    bool end;
  };

  void make_room(std::size_t n) {
    if (data_.capacity() - data_.size() >= n || begin_ < data_.size() / 2) return;
    const std::size_t left = held();
    if (left != 0) std::memmove(data_.data(), data_.data() + begin_, left);
    data_.truncate(left);
    begin_ = 0;
  }

  void land(const Flight& flight) noexcept {
    arrived_ += flight.bytes;
    end_arrived_ = end_arrived_ || flight.end;
  }

  void send(std::size_t bytes, bool end) {
    if (bytes == 0 && !end) return;
    const Flight flight{loop_.now() + options_.delay, bytes, end};
    if (!delayed()) {
      land(flight);
      return;
    }
    if (flights_.empty()) loop_.set_deadline(arrival_, flight.at);
    flights_.push_back(flight);
  }

  Loop& loop_;
  MemoryPipeOptions options_;
  Buffer data_;  ///< From begin_: bytes that can be read (arrived_), then those on their way.
  std::size_t begin_ = 0;
  std::size_t arrived_ = 0;
  bool ended_ = false;
  bool end_arrived_ = false;
  std::vector<Flight> flights_;
  Deadline arrival_;
};

}  // namespace

/// What both ends share; goes with the last of them.
class MemoryLink {
 public:
  MemoryLink(Loop& loop, const MemoryOptions& options) noexcept
      : pipes{Pipe(loop, options.first_to_second, &arrived<0>, this),
              Pipe(loop, options.second_to_first, &arrived<1>, this)},
        addresses{options.first, options.second} {}

  /// The pipe that `side` writes to, and the one it reads from.
  [[nodiscard]] Pipe& from(int side) noexcept { return pipes[static_cast<std::size_t>(side)]; }
  [[nodiscard]] Pipe& to(int side) noexcept { return pipes[static_cast<std::size_t>(1 - side)]; }
  [[nodiscard]] bool is_alone() const noexcept { return !ends[0] || !ends[1]; }

  void wake(int side, std::uint32_t events) noexcept {
    if (MemoryStream* end = ends[static_cast<std::size_t>(side)]) end->wake(events);
  }

  void reset() noexcept {
    was_reset = true;
    for (const int side : {0, 1}) {
      from(side).cut();
      wake(side, EPOLLIN | EPOLLOUT);
    }
  }

  std::array<MemoryStream*, 2> ends{};
  std::array<Pipe, 2> pipes;
  std::array<SocketAddress, 2> addresses;
  bool was_reset = false;

 private:
  template <int Writer>
  static void arrived(Deadline& deadline) {
    auto& link = *static_cast<MemoryLink*>(deadline.owner());
    if (link.from(Writer).arrive()) link.wake(1 - Writer, EPOLLIN);
  }
};

MemoryStream::MemoryStream(Loop& loop, std::shared_ptr<MemoryLink> link, int side) noexcept
    : Stream(loop), link_(std::move(link)), side_(side) {
  link_->ends[static_cast<std::size_t>(side_)] = this;
}

MemoryStream::~MemoryStream() {
  if (woken_ != 0) loop().forget(*this);
  link_->ends[static_cast<std::size_t>(side_)] = nullptr;
  if (abortive_) {
    link_->reset();
    return;
  }
  link_->from(side_).end();
  link_->wake(1 - side_, link_->from(side_).delayed() ? EPOLLOUT : EPOLLIN | EPOLLOUT);
}

void MemoryStream::reset() noexcept {
  link_->reset();
}

bool MemoryStream::is_readable() const noexcept {
  const Pipe& pipe = link_->to(side_);
  return pipe.readable() != 0 || pipe.at_end() || link_->was_reset;
}

PeerState MemoryStream::peer_state() const noexcept {
  if (link_->was_reset) return PeerState::broken;
  return link_->to(side_).at_end() ? PeerState::ended : PeerState::open;
}

bool MemoryStream::is_ending() const noexcept {
  return link_->was_reset || link_->to(side_).end_arrived();
}

bool MemoryStream::is_writable() const noexcept {
  const Pipe& pipe = link_->from(side_);
  if (link_->was_reset || link_->is_alone() || pipe.ended()) return true;
  return !blocked_ && pipe.space() != 0;
}

std::size_t MemoryStream::unacknowledged() const noexcept {
  return link_->from(side_).held();
}

void MemoryStream::shutdown_write() noexcept {
  Pipe& pipe = link_->from(side_);
  pipe.end();
  if (!pipe.delayed()) link_->wake(1 - side_, EPOLLIN);
}

SocketAddress MemoryStream::peer() const noexcept {
  return link_->addresses[static_cast<std::size_t>(1 - side_)];
}

SocketAddress MemoryStream::local() const noexcept {
  return link_->addresses[static_cast<std::size_t>(side_)];
}

ssize_t MemoryStream::try_read(std::span<char> out) noexcept {
  Pipe& pipe = link_->to(side_);
  const bool was_full = pipe.space() == 0;
  const std::size_t n = pipe.take(out);
  if (n != 0) {
    if (was_full) link_->wake(1 - side_, EPOLLOUT);
    return static_cast<ssize_t>(n);
  }
  if (link_->was_reset) return -ECONNRESET;
  return pipe.at_end() ? 0 : -EAGAIN;
}

ssize_t MemoryStream::try_peek(std::span<char> out, std::size_t known) noexcept {
  const Pipe& pipe = link_->to(side_);
  const std::size_t n = pipe.copy(out);
  if (n > known) return static_cast<ssize_t>(n);
  if (link_->was_reset) return -ECONNRESET;
  return pipe.end_arrived() ? static_cast<ssize_t>(n) : -EAGAIN;
}

ssize_t MemoryStream::try_write(std::span<const iovec> parts) noexcept {
  if (link_->was_reset) return -ECONNRESET;
  Pipe& pipe = link_->from(side_);
  if (pipe.ended() || link_->is_alone()) return -EPIPE;
  if (blocked_) return -EAGAIN;
  const std::size_t n = pipe.put(parts);
  if (n == 0) return -EAGAIN;
  if (n == pipe.options().max_write) {
    blocked_ = true;
    wake(EPOLLOUT);
  }
  if (!pipe.delayed()) link_->wake(1 - side_, EPOLLIN);
  return static_cast<ssize_t>(n);
}

void MemoryStream::wake(std::uint32_t events) noexcept {
  if (woken_ == 0) loop().notify_soon(*this, events);
  woken_ |= events;
}

void MemoryStream::on_io(std::uint32_t /*events*/) {
  const std::uint32_t events = std::exchange(woken_, 0U);
  blocked_ = false;
  notify((events & EPOLLIN) != 0 && is_readable(), (events & EPOLLOUT) != 0 && is_writable());
}

std::pair<std::unique_ptr<MemoryStream>, std::unique_ptr<MemoryStream>> make_memory_pair(
    Loop& loop, const MemoryOptions& options) {
  const auto link = std::make_shared<MemoryLink>(loop, options);
  return {std::unique_ptr<MemoryStream>(new MemoryStream(loop, link, 0)),
          std::unique_ptr<MemoryStream>(new MemoryStream(loop, link, 1))};
}

}  // namespace lintel::net
