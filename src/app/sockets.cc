#include "app/sockets.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <set>

#include "net/datagram.h"
#include "net/socket.h"

namespace lintel::app {
namespace {

constexpr mode_t kPrivateMode = 0660;

SocketAddress bound_to(int fd, const SocketAddress& asked) {
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;
  if (asked.family() == AF_UNIX) return asked;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &length) != 0) return asked;
  return {reinterpret_cast<sockaddr*>(&storage), length};
}

std::string what_to_do(const WantedBind& wanted, int err) {
  const bool is_unix = wanted.endpoint.kind == Endpoint::Kind::unix_socket;
  switch (err) {
    case EADDRINUSE:
      return "Stop the other program or change " + wanted.setting;
    case EACCES:
    case EPERM:
      if (is_unix) return "The directory must be writable for this user; or change " + wanted.setting;
      return "Ports below 1024 need root or the capability CAP_NET_BIND_SERVICE; or change " + wanted.setting;
    case EADDRNOTAVAIL:
      return "No interface of this machine has that address; change " + wanted.setting;
    case ENOENT:
    case ENOTDIR:
      return "The directory does not exist; create it or change " + wanted.setting;
    case EMFILE:
    case ENFILE:
      return "Raise the limit of open files (ulimit -n, LimitNOFILE)";
    default:
      return "Change " + wanted.setting;
  }
}

std::string lower_first(std::string text) {
  if (!text.empty() && text[0] >= 'A' && text[0] <= 'Z') text[0] = static_cast<char>(text[0] - 'A' + 'a');
  return text;
}

/// The first socket of an address. ":80" falls back to IPv4 where the kernel has no IPv6.
Result<int> open_first(const WantedBind& wanted, bool alone, SocketAddress& address) {
  const bool is_unix = wanted.endpoint.kind == Endpoint::Kind::unix_socket;
  const bool is_udp = wanted.protocol == config::Protocol::udp;
  const auto open = [&]() -> Result<int> {
    if (alone && !is_unix && address.port() != 0) {
      const Result<void> free = is_udp ? net::probe_datagram_bind(address) : net::probe_bind(address);
      if (!free) return tl::unexpected(free.error());
    }
    return is_udp ? net::open_datagram_listener(address) : net::open_listener(address, !is_unix);
  };
  Result<int> fd = open();
  const bool lacks_ipv6 = !fd && (fd.error().sys == EAFNOSUPPORT || fd.error().sys == EADDRNOTAVAIL);
  if (lacks_ipv6 && wanted.endpoint.kind == Endpoint::Kind::any) {
    address = *SocketAddress::from_ip("0.0.0.0", wanted.endpoint.port);
    fd = open();
  }
  return fd;
}

}  // namespace

std::string bind_key(const Endpoint& endpoint, config::Protocol protocol) {
  return endpoint.to_string() + (protocol == config::Protocol::udp ? "/udp" : "");
}

OwnedFd::~OwnedFd() {
  if (fd_ >= 0) close(fd_);
}

std::vector<WantedBind> listener_binds(const config::Config& config) {
  std::vector<WantedBind> wanted;
  for (const config::Listener& listener : config.listeners) {
    for (const Endpoint& bind : listener.bind) {
      wanted.push_back({bind, listener.protocol, "listener \"" + listener.name + "\"",
                        "listeners[" + listener.name + "].bind"});
    }
  }
  return wanted;
}

std::vector<WantedBind> admin_binds(const config::Config& config) {
  std::vector<WantedBind> wanted;
  wanted.reserve(config.admin.bind.size());
  for (const Endpoint& bind : config.admin.bind) {
    wanted.push_back({bind, config::Protocol::http, "admin", "admin.bind", true});
  }
  return wanted;
}

std::string listen_error_text(const WantedBind& wanted, const Error& error) {
  return "cannot listen on " + wanted.endpoint.to_string() + " (" + wanted.owner +
         "): " + lower_first(std::strerror(error.sys)) + ". " + what_to_do(wanted, error.sys);
}

tl::expected<BoundAddress, std::string> BoundAddress::open(const WantedBind& wanted, bool alone) {
  std::optional<SocketAddress> address = wanted.endpoint.resolved();
  if (!address) {
    return tl::unexpected(
        listen_error_text(wanted, make_system_error(EADDRNOTAVAIL, "names cannot be listened on")));
  }
  const Result<int> fd = open_first(wanted, alone, *address);
  if (!fd) return tl::unexpected(listen_error_text(wanted, fd.error()));
  if (wanted.private_file && address->family() == AF_UNIX && wanted.endpoint.host.front() != '@') {
    chmod(wanted.endpoint.host.c_str(), kPrivateMode);
  }
  return BoundAddress(wanted, bound_to(*fd, *address), *fd);
}

bool BoundAddress::has_queues() const noexcept {
  return address_.family() != AF_UNIX && wanted_.protocol != config::Protocol::udp;
}

tl::expected<OwnedFd, std::string> BoundAddress::checked(Result<int> fd) const {
  if (!fd) return tl::unexpected(listen_error_text(wanted_, fd.error()));
  return OwnedFd(*fd);
}

tl::expected<OwnedFd, std::string> BoundAddress::duplicate(int fd) const {
  const int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (copy < 0) return checked(tl::unexpected(make_system_error(errno, "dup")));
  return OwnedFd(copy);
}

tl::expected<OwnedFd, std::string> BoundAddress::open_queue() {
  if (first_.get() >= 0) return std::move(first_);
  return checked(net::open_listener(address_, true));
}

tl::expected<OwnedFd, std::string> BoundAddress::queue_socket(std::size_t queue) const {
  return duplicate(queues_[queue].get());
}

void BoundAddress::spread_over(std::size_t workers) noexcept {
  if (workers < queues_.size()) {
    steered_ = net::steer_connections(queues_.front().get(), static_cast<std::uint32_t>(workers));
  } else if (std::exchange(steered_, false)) {
    net::steer_connections(queues_.front().get(), 0);
  }
}

tl::expected<OwnedFd, std::string> BoundAddress::add_socket() {
  if (address_.family() == AF_UNIX) return duplicate(first_.get());
  if (first_.get() >= 0) return std::move(first_);
  return checked(net::open_datagram_listener(address_));
}

void BoundAddress::remove_file() const noexcept {
  if (address_.family() == AF_UNIX && wanted_.endpoint.host.front() != '@') {
    unlink(wanted_.endpoint.host.c_str());
  }
}

BindChange bind_change(const std::vector<std::string>& open, const std::vector<WantedBind>& wanted) {
  BindChange change;
  std::set<std::string> names;
  for (const WantedBind& bind : wanted) {
    const std::string name = bind.key();
    const bool is_new = names.insert(name).second;
    if (is_new && std::find(open.begin(), open.end(), name) == open.end()) change.opened.push_back(bind);
  }
  for (const std::string& name : open) {
    if (!names.contains(name)) change.closed.push_back(name);
  }
  return change;
}

}  // namespace lintel::app
