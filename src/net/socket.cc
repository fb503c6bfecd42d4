#include "net/socket.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cerrno>
#include <cstring>
#include <utility>

namespace lintel::net {

namespace {

/// Bytes that the kernel keeps for a client beyond what its window lets go out at once. The send buffer alone
/// would let a client that takes nothing hold megabytes, where segments are large.
constexpr int kMostUnsent = 128 * 1024;
/// The same where much comes at a time (BulkRoom).
constexpr int kMostUnsentOfBulk = 1024 * 1024;

/// recv(2) and send(2) without libc's cancellation points: no thread here is canceled, and in a process of
/// more than one thread each call pays for them.
ssize_t receive(int fd, std::span<char> out, int flags) noexcept {
  return syscall(SYS_recvfrom, fd, out.data(), out.size(), flags, nullptr, nullptr);
}

ssize_t send_some(int fd, const iovec& part, int flags) noexcept {
  return syscall(SYS_sendto, fd, part.iov_base, part.iov_len, flags, nullptr, 0);
}

}  // namespace

// --- SocketStream

SocketStream::SocketStream(Loop& loop, int fd, const SocketAddress& peer, Loop::Order order) noexcept
    : Stream(loop), fd_(fd), order_(order) {
  const std::size_t size = peer.family() == AF_UNIX ? sizeof(sa_family_t) : peer.length();
  peer_size_ = static_cast<std::uint8_t>(std::min(size, peer_.size()));
  std::memcpy(peer_.data(), peer.get(), peer_size_);
}

SocketAddress SocketStream::peer() const noexcept {
  return {reinterpret_cast<const sockaddr*>(peer_.data()), peer_size_};
}

SocketStream::~SocketStream() {
  if (heard_ != 0) loop().forget(*this);
  // What is held back for the end goes out before it: where bytes are unread, close() would throw it away.
  if (more_ != 0) shutdown(fd_, SHUT_WR);
  close(fd_);
}

ssize_t SocketStream::try_read(std::span<char> out) noexcept {
  if (!readable_) return -EAGAIN;
  for (;;) {
    const ssize_t n = receive(fd_, out, 0);
    if (n > 0) {
      // A short read has emptied the socket; the next byte is an event of its own (epoll(7)).
      if (static_cast<std::size_t>(n) < out.size() && !ended_) readable_ = false;
      return n;
    }
    if (n == 0) return -broken_;
    if (errno == EINTR) continue;
    if (errno == EAGAIN) {
      readable_ = false;
      return -EAGAIN;
    }
    return -errno;
  }
}

ssize_t SocketStream::try_peek(std::span<char> out, std::size_t known) noexcept {
  if (!readable_) return -EAGAIN;
  ssize_t n = 0;
  do {
    n = receive(fd_, out, MSG_PEEK);
  } while (n < 0 && errno == EINTR);
  if (n < 0) return -errno;
  // Every packet is an event of its own, also while bytes before it lie unread.
  const bool news = n == 0 || static_cast<std::size_t>(n) > known || ended_;
  return news ? n : -EAGAIN;
}

ssize_t SocketStream::try_write(std::span<const iovec> parts) noexcept {
  if (!writable_) return -EAGAIN;
  for (;;) {
    ssize_t n = 0;
    if (parts.size() == 1) {
      n = send_some(fd_, parts[0], MSG_NOSIGNAL | more_);
    } else {
      msghdr message{};
      message.msg_iov = const_cast<iovec*>(parts.data());
      message.msg_iovlen = parts.size();
      n = sendmsg(fd_, &message, MSG_NOSIGNAL | more_);
    }
    if (n >= 0) {
      ack_held_ = false;
      return n;
    }
    if (errno == EINTR) continue;
    if (errno == EAGAIN) return refused();
    // EPIPE alone says nothing of the other direction: the peer may have ended it well.
    if (errno != EPIPE) broken_ = errno;
    return -errno;
  }
}

ssize_t SocketStream::try_splice_in(int pipe, std::size_t most) noexcept {
  if (!readable_) return -EAGAIN;
  ssize_t n = 0;
  do {
    n = splice(fd_, nullptr, pipe, nullptr, most, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
  } while (n < 0 && errno == EINTR);
  if (n > 0) return n;  // A short one says nothing: a pipe is also full by the number of its pieces.
  if (n == 0) return -broken_;
  if (errno == EAGAIN) readable_ = false;
  return -errno;
}

ssize_t SocketStream::try_splice_out(int pipe, std::size_t most) noexcept {
  if (!writable_) return -EAGAIN;
  ssize_t n = 0;
  do {
    n = splice(pipe, nullptr, fd_, nullptr, most, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
  } while (n < 0 && errno == EINTR);
  if (n >= 0) return n;
  if (errno == EAGAIN) return refused();
  if (errno != EPIPE) broken_ = errno;
  return -errno;
}

/// A write found no room: from now on, if not before, epoll tells of it. Returns -EAGAIN or what failed.
ssize_t SocketStream::refused() noexcept {
  writable_ = false;
  const int err = heard_ == 0 ? 0 : hear(heard_ | EPOLLOUT);
  return err == 0 ? -EAGAIN : -err;
}

int SocketStream::hear(std::uint32_t events) noexcept {
  if (events == heard_) return 0;
  const int err =
      heard_ == 0 ? loop().watch(fd_, *this, events, order_) : loop().rewatch(fd_, *this, events, order_);
  if (err == 0) heard_ = static_cast<std::uint16_t>(events);
  return err;
}

int SocketStream::arm() noexcept {
  unheard_ = 0;
  if (ack_held_) release_ack();
  // Each call tells at once of what is asked for and there already. Room to write, which is nearly always
  // there, is only asked for by who has found none.
  return hear(heard_ | EPOLLIN | EPOLLRDHUP | (writable_ ? 0U : std::uint32_t{EPOLLOUT}));
}

/// Nothing is to be written before something is read: the peer, who may speak first, is to learn that the
/// connection stands.
void SocketStream::release_ack() noexcept {
  ack_held_ = false;
  const int on = 1;
  setsockopt(fd_, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on);
}

/// A sender that is ahead of what takes its bytes off: every packet of it would wake the loop for nothing.
bool SocketStream::is_unheard(std::uint32_t events) noexcept {
  constexpr std::uint8_t kMostUnheard = 2;  // Less would cost more, where little is sent ahead.
  if (has_reader() || !readable_ || (events & ~std::uint32_t{EPOLLIN | EPOLLOUT}) != 0) return false;
  return ++unheard_ > kMostUnheard;
}

void SocketStream::on_io(std::uint32_t events) {
  if (is_unheard(events)) static_cast<void>(hear(EPOLLRDHUP | (writable_ ? 0U : std::uint32_t{EPOLLOUT})));
  const bool failed = (events & (EPOLLERR | EPOLLHUP)) != 0;
  if (failed || (events & EPOLLRDHUP) != 0) ended_ = true;
  const bool in = failed || (events & (EPOLLIN | EPOLLRDHUP)) != 0;
  const bool out = failed || (events & EPOLLOUT) != 0;
  if (in) readable_ = true;
  if (out) writable_ = true;
  notify(in, out);
}

bool SocketStream::probe_readable() const noexcept {
  char byte = 0;
  return recv(fd_, &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0 || errno != EAGAIN;
}

PeerState SocketStream::peer_state() const noexcept {
  pollfd socket{fd_, POLLIN | POLLRDHUP, 0};
  if (poll(&socket, 1, 0) < 0) return PeerState::open;
  if (broken_ != 0 || (socket.revents & (POLLERR | POLLHUP)) != 0) return PeerState::broken;
  char byte = 0;
  const bool ended = (socket.revents & POLLRDHUP) != 0 && recv(fd_, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
  return ended ? PeerState::ended : PeerState::open;
}

std::size_t SocketStream::unacknowledged() const noexcept {
  int queued = 0;
  return ioctl(fd_, SIOCOUTQ, &queued) == 0 && queued > 0 ? static_cast<std::size_t>(queued) : 0;
}

void SocketStream::shutdown_write() noexcept {
  more_ = 0;
  shutdown(fd_, SHUT_WR);
}

void SocketStream::set_abortive() noexcept {
  more_ = 0;
  const linger hard{1, 0};
  setsockopt(fd_, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
}

void SocketStream::enable_keepalive(int idle_seconds, int probes) noexcept {
  if (peer_size_ <= sizeof(sa_family_t)) return;  // A Unix socket.
  const int on = 1;
  setsockopt(fd_, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  setsockopt(fd_, IPPROTO_TCP, TCP_KEEPIDLE, &idle_seconds, sizeof idle_seconds);
  setsockopt(fd_, IPPROTO_TCP, TCP_KEEPINTVL, &idle_seconds, sizeof idle_seconds);
  setsockopt(fd_, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
}

void SocketStream::hold_bulk(bool much) noexcept {
  const int most = much ? kMostUnsentOfBulk : kMostUnsent;
  setsockopt(fd_, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &most, sizeof most);
}

SocketAddress SocketStream::local() const noexcept {
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;
  if (getsockname(fd_, reinterpret_cast<sockaddr*>(&storage), &length) != 0) return {};
  return {reinterpret_cast<sockaddr*>(&storage), length};
}

std::optional<PeerProcess> SocketStream::peer_process() const noexcept {
  ucred who{};
  socklen_t length = sizeof who;
  if (peer().family() != AF_UNIX || getsockopt(fd_, SOL_SOCKET, SO_PEERCRED, &who, &length) != 0) return {};
  return PeerProcess{who.uid, who.pid};
}

// --- SocketConnector

namespace {

Error connect_error(int err) noexcept {
  Error error = make_system_error(err, "connect");
  error.retryable = true;
  return error;
}

}  // namespace

Task<Result<StreamPtr>> SocketConnector::connect(const SocketAddress& address, Nanos deadline,
                                                 CancelToken& cancel) {
  const int fd = socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) co_return unexpected(connect_error(errno));
  const bool is_tcp = address.family() != AF_UNIX;  // `address` may be gone once this has waited.
  if (is_tcp) {
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    // The last packet of the handshake waits for the first bytes, which follow at once, and goes with them
    // (tcp(7); a packet of its own costs as much as they do).
    const int off = 0;
    setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &off, sizeof off);
  }
  auto stream = std::make_unique<SocketStream>(loop_, fd, address, Loop::Order::urgent);
  if (::connect(fd, address.get(), address.length()) != 0) {
    if (errno != EINPROGRESS) co_return unexpected(connect_error(errno));
    // The socket becomes writable when the handshake is over, well or badly; what can be read then is told
    // too.
    stream->writable_ = false;
    stream->readable_ = false;
    stream->set_write_timeout(deadline == kNever ? kNever : deadline - loop_.now());
    const CancelToken::Wait wait(cancel, *stream);
    const Result<void> ready = co_await stream->writable();
    if (!ready) co_return unexpected(connect_error(ready.error().sys));
    int err = 0;
    socklen_t length = sizeof err;
    if (stream->ended_) getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &length);
    if (err != 0) co_return unexpected(connect_error(err));
    stream->set_write_timeout(kNever);
    stream->ack_held_ = is_tcp;
  }
  co_return StreamPtr(std::move(stream));
}

// --- Listening

namespace {

/// Removes the file of a Unix socket that nobody listens on any more.
void remove_stale(const SocketAddress& address) {
  const auto* un = reinterpret_cast<const sockaddr_un*>(address.get());
  struct stat info {};
  if (un->sun_path[0] == '\0' || stat(un->sun_path, &info) != 0 || !S_ISSOCK(info.st_mode)) return;
  // Without blocking: a server whose queue is full would hold us up.
  const int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (probe < 0) return;
  const bool refused = ::connect(probe, address.get(), address.length()) != 0 && errno == ECONNREFUSED;
  close(probe);
  if (refused) unlink(un->sun_path);
}

}  // namespace

Result<int> open_listener(const SocketAddress& address, bool reuse_port) {
  const int fd = socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return unexpected(make_system_error(errno, "socket"));
  const int on = 1;
  if (address.family() == AF_UNIX) {
    remove_stale(address);
  } else {
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (reuse_port) setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    // Accepted sockets inherit what follows.
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &kMostUnsent, sizeof kMostUnsent);
  }
  if (address.family() == AF_INET6) {
    const int off = 0;
    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  }
  const char* failed = nullptr;
  if (bind(fd, address.get(), address.length()) != 0) {
    failed = "bind";
  } else if (listen(fd, 4096) != 0) {
    failed = "listen";
  }
  if (failed) {
    const int err = errno;
    close(fd);
    return unexpected(make_system_error(err, failed));
  }
  return fd;
}

bool steer_connections(int fd, std::uint32_t sockets) noexcept {
  if (sockets == 0) {
    const int none = 0;
    return setsockopt(fd, SOL_SOCKET, SO_DETACH_REUSEPORT_BPF, &none, sizeof none) == 0;
  }
  // Runs for each SYN; what follows it finds its socket by itself.
  std::array<sock_filter, 3> program = {{
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(SKF_AD_OFF + SKF_AD_RANDOM)),
      BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, sockets),
      BPF_STMT(BPF_RET | BPF_A, 0),
  }};
  const sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
  return setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &filter, sizeof filter) == 0;
}

Result<void> probe_bind(const SocketAddress& address) {
  const int fd = socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return unexpected(make_system_error(errno, "socket"));
  const int on = 1;
  const int off = 0;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (address.family() == AF_INET6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  const int err = bind(fd, address.get(), address.length()) == 0 ? 0 : errno;
  close(fd);
  if (err != 0) return unexpected(make_system_error(err, "bind"));
  return {};
}

Acceptor::Acceptor(Loop& loop, int fd) noexcept : loop_(loop), fd_(fd) {}

Acceptor::~Acceptor() {
  assert(!waiter_);
  // Closing is not enough: the socket may have other descriptors, and then stays in the epoll set.
  if (armed_) loop_.unwatch(fd_, *this);
  close(fd_);
}

void Acceptor::try_accept() noexcept {
  error_ = EAGAIN;
  if (!ready_ && !stopped_) return;  // Once stopped, what the kernel still has must not be missed.
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;
  do {
    accepted_ = accept4(fd_, reinterpret_cast<sockaddr*>(&storage), &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
    error_ = accepted_ < 0 ? errno : 0;
  } while (error_ == EINTR || error_ == ECONNABORTED);
  if (error_ == 0) peer_ = SocketAddress(reinterpret_cast<sockaddr*>(&storage), length);
  if (error_ == EAGAIN) ready_ = false;
}

void Acceptor::on_io(std::uint32_t) {
  ready_ = true;
  if (!waiter_) return;
  try_accept();
  if (error_ != EAGAIN) std::exchange(waiter_, nullptr).resume();
}

void Acceptor::stop() noexcept {
  stopped_ = true;
  ready_ = true;  // An event that tells of more may not have been dispatched yet.
  if (!waiter_) return;
  try_accept();
  if (error_ == EAGAIN) error_ = ECANCELED;
  loop_.resume_soon(std::exchange(waiter_, nullptr));
}

bool Acceptor::AcceptAwaiter::await_ready() noexcept {
  acceptor_.try_accept();
  if (acceptor_.error_ == EAGAIN && acceptor_.stopped_) acceptor_.error_ = ECANCELED;
  return acceptor_.error_ != EAGAIN;
}

bool Acceptor::AcceptAwaiter::await_suspend(std::coroutine_handle<> frame) noexcept {
  if (!acceptor_.armed_) {
    acceptor_.error_ = acceptor_.loop_.watch(acceptor_.fd_, acceptor_, EPOLLIN);
    if (acceptor_.error_ != 0) return false;
    acceptor_.armed_ = true;
  }
  acceptor_.waiter_ = frame;
  return true;
}

Result<StreamPtr> Acceptor::AcceptAwaiter::await_resume() {
  if (acceptor_.error_ != 0) return unexpected(make_system_error(acceptor_.error_, "accept"));
  return StreamPtr(
      new SocketStream(acceptor_.loop_, std::exchange(acceptor_.accepted_, -1), acceptor_.peer_));
}

}  // namespace lintel::net
