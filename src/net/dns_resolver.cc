#include "net/dns_resolver.h"

#include <ares.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <utility>

#include "net/srv_answer.h"

namespace lintel::net {
namespace {

constexpr const char* kSystemFile = "/etc/resolv.conf";
constexpr int kUdpPayload = 1232;  ///< What passes everywhere unfragmented (DNS flag day 2020).
constexpr int kMostReads = 64;     ///< Of one socket in a row.
constexpr Nanos kSecond = 1'000'000'000;

Error lookup_error(int status) noexcept {
  Error error;
  error.code = ErrorCode::system;
  error.context = ares_strerror(status);
  switch (status) {
    case ARES_ENOTFOUND:
      error.code = ErrorCode::resolve;
      error.context = "there is no such name";
      break;
    case ARES_ENODATA:
      error.code = ErrorCode::resolve;
      error.context = "the name has no record of that kind";
      break;
    case ARES_ETIMEOUT:
      error.code = ErrorCode::timeout;
      error.context = "no name server answers in time";
      break;
    case ARES_ECONNREFUSED:
      error.code = ErrorCode::refused;
      error.context = "no name server can be reached, or each fails (SERVFAIL, REFUSED)";
      break;
    case ARES_ESERVFAIL:
      error.context = "the name server fails (SERVFAIL)";
      break;
    case ARES_EREFUSED:
      error.context = "the name server refuses to say (REFUSED)";
      break;
    case ARES_ECANCELLED:
    case ARES_EDESTRUCTION:
      error.code = ErrorCode::canceled;
      error.context = "canceled";
      break;
    default:
      break;
  }
  return error;
}

/// The one family that this machine can use, as far as its addresses say; else AF_UNSPEC.
int usable_family() {
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return AF_UNSPEC;
  bool ipv4 = false;
  bool ipv6 = false;
  for (const ifaddrs* each = list; each != nullptr; each = each->ifa_next) {
    const sockaddr* address = each->ifa_addr;
    if (address == nullptr) continue;
    if (address->sa_family == AF_INET) {
      ipv4 = ipv4 || !SocketAddress(address, sizeof(sockaddr_in)).is_loopback();
    } else if (address->sa_family == AF_INET6) {
      const auto* v6 = reinterpret_cast<const sockaddr_in6*>(address);
      ipv6 = ipv6 || (!IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr) && !IN6_IS_ADDR_LINKLOCAL(&v6->sin6_addr));
    }
  }
  freeifaddrs(list);
  if (ipv4 == ipv6) return AF_UNSPEC;
  return ipv4 ? AF_INET : AF_INET6;
}

int family_to_ask(Family family) {
  switch (family) {
    case Family::automatic:
      return usable_family();
    case Family::any:
      return AF_UNSPEC;
    case Family::ipv4:
      return AF_INET;
    case Family::ipv6:
      return AF_INET6;
  }
  return AF_UNSPEC;
}

std::string version_of(const char* file) {
  struct stat info {};
  if (stat(file, &info) != 0) return {};
  return std::to_string(info.st_ino) + ' ' + std::to_string(info.st_size) + ' ' +
         std::to_string(info.st_mtim.tv_sec) + ' ' + std::to_string(info.st_mtim.tv_nsec);
}

bool is_readable(int fd) noexcept {
  pollfd one{fd, POLLIN, 0};
  return poll(&one, 1, 0) == 1;
}

HostAnswer host_answer(const ares_addrinfo& found) {
  HostAnswer answer;
  answer.ttl = kNever;
  for (const ares_addrinfo_cname* each = found.cnames; each != nullptr; each = each->next)
    answer.ttl = std::min(answer.ttl, std::max(each->ttl, 0) * kSecond);
  for (const ares_addrinfo_node* each = found.nodes; each != nullptr; each = each->ai_next) {
    answer.ttl = std::min(answer.ttl, std::max(each->ai_ttl, 0) * kSecond);
    answer.addresses.emplace_back(each->ai_addr, static_cast<socklen_t>(each->ai_addrlen));
  }
  return answer;
}

}  // namespace

/// A socket of c-ares's, watched.
class DnsResolver::Socket final : public IoHandler {
 public:
  Socket(DnsResolver& resolver, int fd) noexcept : resolver_(resolver), fd_(fd) {}
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  ~Socket() { resolver_.loop_.unwatch(fd_, *this); }

  /// Watching anew tells also of what is there already.
  void watch(std::uint32_t events) noexcept {
    resolver_.loop_.unwatch(fd_, *this);
    if (resolver_.loop_.watch(fd_, *this, events) != 0) resolver_.loop_.notify_soon(*this, EPOLLERR);
  }
  void on_io(std::uint32_t events) override { resolver_.serve(fd_, events); }

 private:
  DnsResolver& resolver_;
  int fd_;
};

/// One look-up, and who waits for it. Lives in the frame of the coroutine that does.
template <typename Answer>
struct DnsResolver::Query {
  explicit Query(DnsResolver& r) noexcept : resolver(r) { ++resolver.waiting_; }
  Query(const Query&) = delete;
  Query& operator=(const Query&) = delete;
  ~Query() { --resolver.waiting_; }

  void end(Result<Answer> with) {
    result = std::move(with);
    done = true;
    if (waiter) resolver.loop_.resume_soon(std::exchange(waiter, nullptr));
  }

  [[nodiscard]] bool await_ready() const noexcept { return done; }
  void await_suspend(std::coroutine_handle<> frame) noexcept { waiter = frame; }
  Result<Answer> await_resume() { return std::move(result); }

  DnsResolver& resolver;
  Result<Answer> result = unexpected(Error{});
  bool done = false;
  std::coroutine_handle<> waiter;
};

void DnsResolver::ChannelDeleter::operator()(ares_channeldata* channel) const noexcept {
  ares_destroy(channel);
}

DnsResolver::DnsResolver(Loop& loop, DnsSettings settings) : loop_(loop), settings_(std::move(settings)) {
  open();
}

DnsResolver::~DnsResolver() {
  assert(waiting_ == 0);
}

void DnsResolver::configure(DnsSettings settings) {
  if (settings == settings_) return;
  settings_ = std::move(settings);
  open();
}

void DnsResolver::open() {
  ++cancels_;
  channel_.reset();  // Cancels what waits, and closes its sockets.
  system_file_ = version_of(kSystemFile);
  std::array<char, 3> lookups = {'f', 'b', '\0'};  // Files first, then name servers, whatever nsswitch says.
  ares_options options{};
  options.flags = ARES_FLAG_EDNS;
  options.ednspsz = kUdpPayload;
  options.timeout = static_cast<int>(settings_.timeout / 1'000'000);
  options.tries = static_cast<int>(settings_.attempts);
  options.lookups = lookups.data();
  options.sock_state_cb = on_socket_state;
  options.sock_state_cb_data = this;
  const int mask = ARES_OPT_FLAGS | ARES_OPT_EDNSPSZ | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES |
                   ARES_OPT_LOOKUPS | ARES_OPT_SOCK_STATE_CB;
  ares_channel channel = nullptr;
  if (ares_init_options(&channel, &options, mask) != ARES_SUCCESS) return;
  channel_.reset(channel);
  std::string servers;
  for (const SocketAddress& server : settings_.servers)
    servers += (servers.empty() ? "" : ",") + server.to_string();
  if (!servers.empty() && ares_set_servers_ports_csv(channel, servers.c_str()) != ARES_SUCCESS)
    channel_.reset();
}

void DnsResolver::reopen_if_changed() {
  if (waiting_ > 1) return;  // Others than the one that asks: they will have ended some time.
  if (!channel_ || (settings_.servers.empty() && version_of(kSystemFile) != system_file_)) open();
}

/// c-ares asks for both families at once, and where one of the two questions fails it has nothing to say of
/// that. The question is asked again by itself where it matters.
Task<Result<HostAnswer>> DnsResolver::host(std::string name, Families had) {
  const int family = family_to_ask(settings_.family);
  Task<Result<HostAnswer>> first = ask(name, family);
  Result<HostAnswer> answer = co_await std::move(first);
  if (!answer || family != AF_UNSPEC) co_return answer;
  Families lacking = had;
  for (const SocketAddress& address : answer->addresses) {
    (address.family() == AF_INET6 ? lacking.ipv6 : lacking.ipv4) = false;
  }
  if (lacking == Families()) co_return answer;
  Task<Result<HostAnswer>> second = ask(name, lacking.ipv6 ? AF_INET6 : AF_INET);
  const Result<HostAnswer> other = co_await std::move(second);
  if (other) {
    answer->addresses.insert(answer->addresses.end(), other->addresses.begin(), other->addresses.end());
    answer->ttl = std::min(answer->ttl, other->ttl);
  } else if (other.error().code == ErrorCode::canceled) {
    co_return other;
  } else if (other.error().code != ErrorCode::resolve) {
    answer->unknown = lacking;
    answer->failure = other.error();
  }
  co_return answer;
}

Task<Result<HostAnswer>> DnsResolver::ask(std::string name, int family) {
  Query<HostAnswer> query(*this);
  reopen_if_changed();
  if (!channel_) co_return unexpected(lookup_error(ARES_ENOTINITIALIZED));
  ares_addrinfo_hints hints{};
  hints.ai_flags = ARES_AI_NOSORT;
  hints.ai_family = family;
  hints.ai_socktype = SOCK_STREAM;
  const std::uint64_t cancels = cancels_;
  ares_getaddrinfo(channel_.get(), name.c_str(), nullptr, &hints, on_host, &query);
  set_timer();
  Result<HostAnswer> answer = co_await query;
  // Where one question was answered before c-ares calls that half a success.
  if (cancels_ != cancels) co_return unexpected(lookup_error(ARES_ECANCELLED));
  co_return answer;
}

Task<Result<ServiceAnswer>> DnsResolver::services(std::string name) {
  Query<ServiceAnswer> query(*this);
  reopen_if_changed();
  if (!channel_) co_return unexpected(lookup_error(ARES_ENOTINITIALIZED));
  constexpr int kClassIn = 1;
  constexpr int kTypeSrv = 33;
  ares_search(channel_.get(), name.c_str(), kClassIn, kTypeSrv, on_services, &query);
  set_timer();
  co_return co_await query;
}

void DnsResolver::cancel() noexcept {
  ++cancels_;
  if (channel_) ares_cancel(channel_.get());
  set_timer();
}

void DnsResolver::on_host(void* query, int status, int, ares_addrinfo* found) {
  auto& one = *static_cast<Query<HostAnswer>*>(query);
  if (status == ARES_SUCCESS && (found == nullptr || found->nodes == nullptr)) status = ARES_ENODATA;
  if (status == ARES_SUCCESS) {
    one.end(host_answer(*found));
  } else {
    one.end(unexpected(lookup_error(status)));
  }
  ares_freeaddrinfo(found);
}

void DnsResolver::on_services(void* query, int status, int, unsigned char* message, int size) {
  auto& one = *static_cast<Query<ServiceAnswer>*>(query);
  if (status != ARES_SUCCESS) return one.end(unexpected(lookup_error(status)));
  auto answer = parse_srv_answer({message, static_cast<std::size_t>(size)});
  if (!answer) return one.end(unexpected(lookup_error(ARES_ENODATA)));
  one.end(std::move(*answer));
}

void DnsResolver::on_socket_state(void* resolver, int fd, int reads, int writes) {
  auto& self = *static_cast<DnsResolver*>(resolver);
  if (reads == 0 && writes == 0) {
    self.sockets_.erase(fd);
    return;
  }
  std::unique_ptr<Socket>& socket = self.sockets_[fd];
  if (!socket) socket = std::make_unique<Socket>(self, fd);
  socket->watch((reads != 0 ? EPOLLIN : 0U) | (writes != 0 ? EPOLLOUT : 0U));
}

/// Sockets are edge-triggered, and c-ares may leave something in them. It may also close them.
void DnsResolver::serve(int fd, std::uint32_t events) {
  const bool failed = (events & (EPOLLERR | EPOLLHUP)) != 0;
  bool reads = failed || (events & EPOLLIN) != 0;
  const bool writes = failed || (events & EPOLLOUT) != 0;
  ares_process_fd(channel_.get(), reads ? fd : ARES_SOCKET_BAD, writes ? fd : ARES_SOCKET_BAD);
  for (int i = 0; i < kMostReads && reads; ++i) {
    reads = sockets_.contains(fd) && is_readable(fd);
    if (reads) ares_process_fd(channel_.get(), fd, ARES_SOCKET_BAD);
  }
  if (reads && sockets_.contains(fd)) loop_.notify_soon(*sockets_.at(fd), EPOLLIN);
  set_timer();
}

void DnsResolver::on_timeout(Deadline& deadline) {
  auto& self = *static_cast<DnsResolver*>(deadline.owner());
  ares_process_fd(self.channel_.get(), ARES_SOCKET_BAD, ARES_SOCKET_BAD);
  self.set_timer();
}

void DnsResolver::set_timer() noexcept {
  timeval most{};
  if (!channel_ || ares_timeout(channel_.get(), nullptr, &most) == nullptr) return timer_.clear();
  loop_.set_deadline(timer_, loop_.clock().now() + most.tv_sec * kSecond + most.tv_usec * Nanos{1'000});
}

}  // namespace lintel::net
