#pragma once

#include <coroutine>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "net/loop.h"
#include "net/resolver.h"

struct ares_addrinfo;
struct ares_channeldata;

namespace lintel::net {

/// Which addresses of a host are asked for.
enum class Family : std::uint8_t {
  automatic,  ///< Those of the families that this machine has an address of, beside its loopback.
  any,
  ipv4,
  ipv6,
};

struct DnsSettings {
  std::vector<SocketAddress> servers;  ///< Empty: those of /etc/resolv.conf.
  Nanos timeout = 2'000'000'000;       ///< For the first answer; doubled for each further round.
  std::uint32_t attempts = 2;          ///< Rounds over the name servers.
  Family family = Family::automatic;
  friend bool operator==(const DnsSettings&, const DnsSettings&) = default;
};

/// The Resolver that asks /etc/hosts and name servers, by c-ares, on the loop's thread: over UDP, and TCP
/// where an answer is too long for that. /etc/resolv.conf is read again when it has changed.
class DnsResolver final : public Resolver {
 public:
  DnsResolver(Loop& loop, DnsSettings settings);
  /// No look-up may wait.
  ~DnsResolver() override;

  /// From now on these settings. If they are others, what waits returns `canceled`.
  void configure(DnsSettings settings);

  [[nodiscard]] Task<Result<HostAnswer>> host(std::string name, Families had) override;
  [[nodiscard]] Task<Result<ServiceAnswer>> services(std::string name) override;
  void cancel() noexcept override;

 private:
  class Socket;
  template <typename Answer>
  struct Query;
  struct ChannelDeleter {
    void operator()(ares_channeldata* channel) const noexcept;
  };

  static void on_host(void* query, int status, int timeouts, ares_addrinfo* found);
  static void on_services(void* query, int status, int timeouts, unsigned char* message, int size);
  static void on_socket_state(void* resolver, int fd, int reads, int writes);
  static void on_timeout(Deadline& deadline);

  Task<Result<HostAnswer>> ask(std::string name, int family);
  void open();
  void reopen_if_changed();
  void serve(int fd, std::uint32_t events);
  void set_timer() noexcept;

  Loop& loop_;
  DnsSettings settings_;
  std::map<int, std::unique_ptr<Socket>> sockets_;             ///< Those that c-ares waits on.
  std::unique_ptr<ares_channeldata, ChannelDeleter> channel_;  ///< Null: it could not be made.
  std::string system_file_;    ///< What tells versions of /etc/resolv.conf apart.
  std::size_t waiting_ = 0;    ///< Look-ups.
  std::uint64_t cancels_ = 0;  ///< Times that all of them were canceled.
  Deadline timer_{on_timeout, this};
};

}  // namespace lintel::net
