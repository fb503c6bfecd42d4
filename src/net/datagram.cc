#include "net/datagram.h"

#include <sys/epoll.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace lintel::net {
namespace {

/// Bursts wait in the kernel while a turn of the loop lasts; it grants what its own limits allow.
constexpr int kReceiveBuffer = 4 * 1024 * 1024;

LocalAddress local_address(msghdr& header) noexcept {
  LocalAddress local;
  for (cmsghdr* c = CMSG_FIRSTHDR(&header); c != nullptr; c = CMSG_NXTHDR(&header, c)) {
    if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
      in_pktinfo info;
      std::memcpy(&info, CMSG_DATA(c), sizeof info);
      local.kind = LocalAddress::Kind::v4;
      std::memcpy(local.bytes.data(), &info.ipi_addr, sizeof info.ipi_addr);
    } else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
      in6_pktinfo info;
      std::memcpy(&info, CMSG_DATA(c), sizeof info);
      local.kind = LocalAddress::Kind::v6;
      std::memcpy(local.bytes.data(), &info.ipi6_addr, sizeof info.ipi6_addr);
      if (IN6_IS_ADDR_LINKLOCAL(&info.ipi6_addr)) local.interface = info.ipi6_ifindex;
    }
  }
  return local;
}

/// Writes the control message that makes a datagram leave from `from`; returns its size.
std::size_t put_source(std::span<std::byte> control, const LocalAddress& from) noexcept {
  auto* c = reinterpret_cast<cmsghdr*>(control.data());
  if (from.kind == LocalAddress::Kind::v4) {
    in_pktinfo info{};
    std::memcpy(&info.ipi_spec_dst, from.bytes.data(), sizeof info.ipi_spec_dst);
    c->cmsg_level = IPPROTO_IP;
    c->cmsg_type = IP_PKTINFO;
    c->cmsg_len = CMSG_LEN(sizeof info);
    std::memcpy(CMSG_DATA(c), &info, sizeof info);
    return CMSG_SPACE(sizeof info);
  }
  if (from.kind == LocalAddress::Kind::v6) {
    in6_pktinfo info{};
    std::memcpy(&info.ipi6_addr, from.bytes.data(), sizeof info.ipi6_addr);
    info.ipi6_ifindex = from.interface;
    c->cmsg_level = IPPROTO_IPV6;
    c->cmsg_type = IPV6_PKTINFO;
    c->cmsg_len = CMSG_LEN(sizeof info);
    std::memcpy(CMSG_DATA(c), &info, sizeof info);
    return CMSG_SPACE(sizeof info);
  }
  return 0;
}

Result<int> open_socket(const SocketAddress& address, int flags) noexcept {
  const int fd = socket(address.family(), SOCK_DGRAM | SOCK_CLOEXEC | flags, 0);
  if (fd < 0) return unexpected(make_system_error(errno, "socket"));
  return fd;
}

Result<int> close_with(int fd, const char* failed) noexcept {
  const int err = errno;
  close(fd);
  return unexpected(make_system_error(err, failed));
}

/// A wildcard address made the one that a datagram came to.
SocketAddress specific(const SocketAddress& bound, const LocalAddress& to) noexcept {
  sockaddr_storage storage{};
  std::memcpy(&storage, bound.get(), bound.length());
  if (to.kind == LocalAddress::Kind::v4 && storage.ss_family == AF_INET) {
    std::memcpy(&reinterpret_cast<sockaddr_in*>(&storage)->sin_addr, to.bytes.data(), sizeof(in_addr));
  } else if (to.kind == LocalAddress::Kind::v6 && storage.ss_family == AF_INET6) {
    auto* v6 = reinterpret_cast<sockaddr_in6*>(&storage);
    std::memcpy(&v6->sin6_addr, to.bytes.data(), to.bytes.size());
    v6->sin6_scope_id = to.interface;
  }
  return {reinterpret_cast<sockaddr*>(&storage), bound.length()};
}

void accept_both_families(int fd, const SocketAddress& address) noexcept {
  const int off = 0;
  if (address.family() == AF_INET6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
}

}  // namespace

// --- DatagramBatch

DatagramBatch::DatagramBatch() : memory_(new char[kMost * kLargest]) {
  for (std::size_t i = 0; i < kMost; ++i) parts_[i] = {memory_.get() + i * kLargest, kLargest};
}

Result<std::size_t> DatagramBatch::receive(int fd) noexcept {
  for (std::size_t i = 0; i < kMost; ++i) {
    msghdr& header = headers_[i].msg_hdr;
    header = {};
    header.msg_name = &datagrams_[i].from;
    header.msg_namelen = sizeof datagrams_[i].from;
    header.msg_iov = &parts_[i];
    header.msg_iovlen = 1;
    header.msg_control = controls_[i].data();
    header.msg_controllen = controls_[i].size();
  }
  int count = 0;
  do {
    count = recvmmsg(fd, headers_.data(), kMost, MSG_DONTWAIT, nullptr);
  } while (count < 0 && errno == EINTR);
  if (count < 0) {
    if (errno == EAGAIN) return 0;
    return unexpected(make_system_error(errno, "receive"));
  }
  const auto received = static_cast<std::size_t>(count);
  for (std::size_t i = 0; i < received; ++i) {
    datagrams_[i].bytes = {memory_.get() + i * kLargest, headers_[i].msg_len};
    datagrams_[i].to = local_address(headers_[i].msg_hdr);
  }
  return received;
}

DatagramsSent send_datagrams(int fd, DatagramBatch& batch, std::size_t first, std::size_t count,
                             const DatagramRoute* route) noexcept {
  std::array<mmsghdr, DatagramBatch::kMost> headers;
  std::array<iovec, DatagramBatch::kMost> parts;
  alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(sizeof(in6_pktinfo))> control{};
  const std::size_t control_size = route != nullptr ? put_source(control, route->from) : 0;
  for (std::size_t i = 0; i < count; ++i) {
    const std::span<char> bytes = batch[first + i].bytes;
    parts[i] = {bytes.data(), bytes.size()};
    headers[i] = {};
    msghdr& header = headers[i].msg_hdr;
    header.msg_iov = &parts[i];
    header.msg_iovlen = 1;
    if (route == nullptr) continue;
    header.msg_name = const_cast<sockaddr_in6*>(&route->to);
    header.msg_namelen = route->to.sin6_family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
    if (control_size == 0) continue;
    header.msg_control = control.data();
    header.msg_controllen = control_size;
  }
  DatagramsSent result;
  while (result.sent < count) {
    const int sent = sendmmsg(fd, headers.data() + result.sent, static_cast<unsigned>(count - result.sent),
                              MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) {
      result.error = errno;
      return result;
    }
    result.sent += static_cast<std::size_t>(sent);
  }
  return result;
}

// --- DatagramSocket

DatagramSocket::~DatagramSocket() {
  loop_.forget(*this);
  close(fd_);
}

Result<void> DatagramSocket::start(Loop::Order order) noexcept {
  const int err = loop_.watch(fd_, *this, EPOLLIN, order);
  if (err != 0) return unexpected(make_system_error(err, "watch"));
  return {};
}

void DatagramSocket::on_io(std::uint32_t) {
  reader_.on_datagrams(*this);
}

// --- Opening

Result<int> open_datagram_listener(const SocketAddress& address) {
  const Result<int> fd = open_socket(address, SOCK_NONBLOCK);
  if (!fd) return fd;
  const int on = 1;
  setsockopt(*fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
  setsockopt(*fd, SOL_SOCKET, SO_RCVBUF, &kReceiveBuffer, sizeof kReceiveBuffer);
  accept_both_families(*fd, address);
  // A dual-stack socket tells of its IPv4 datagrams by the IPv6 message too, as mapped addresses.
  if (address.family() == AF_INET6) {
    setsockopt(*fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof on);
  } else {
    setsockopt(*fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof on);
  }
  if (bind(*fd, address.get(), address.length()) != 0) return close_with(*fd, "bind");
  return fd;
}

Result<void> probe_datagram_bind(const SocketAddress& address) {
  const Result<int> fd = open_socket(address, 0);
  if (!fd) return unexpected(fd.error());
  accept_both_families(*fd, address);
  const int err = bind(*fd, address.get(), address.length()) == 0 ? 0 : errno;
  close(*fd);
  if (err != 0) return unexpected(make_system_error(err, "bind"));
  return {};
}

Result<int> connect_datagrams(const SocketAddress& address) {
  const Result<int> fd = open_socket(address, SOCK_NONBLOCK);
  if (!fd) return fd;
  if (connect(*fd, address.get(), address.length()) != 0) return close_with(*fd, "connect");
  return fd;
}

Result<int> connect_datagrams_from(int listener, const DatagramRoute& route) {
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;
  if (getsockname(listener, reinterpret_cast<sockaddr*>(&storage), &length) != 0) {
    return unexpected(make_system_error(errno, "getsockname"));
  }
  const SocketAddress bound(reinterpret_cast<sockaddr*>(&storage), length);
  const Result<int> fd = open_datagram_listener(specific(bound, route.from));
  if (!fd) return fd;
  const auto* peer = reinterpret_cast<const sockaddr*>(&route.to);
  if (connect(*fd, peer, sizeof route.to) != 0) return close_with(*fd, "connect");
  return fd;
}

}  // namespace lintel::net
