#pragma once

// Host names to addresses. What is looked up when, and what becomes of the answers, is decided above.

#include <cstdint>
#include <string>
#include <vector>

#include "base/address.h"
#include "base/clock.h"
#include "base/result.h"
#include "net/task.h"

namespace lintel::net {

/// A set of address families.
struct Families {
  bool ipv4 = false;
  bool ipv6 = false;
  friend bool operator==(const Families&, const Families&) = default;
};

/// The addresses of a host.
struct HostAnswer {
  std::vector<SocketAddress> addresses;  ///< At least one; without ports.
  Nanos ttl = 0;                         ///< How long the answer is good; 0: /etc/hosts, or not to be kept.
  Families unknown;                      ///< Of these the name servers would not say whether there are some,
  Error failure;                         ///< for this reason.
};

/// One SRV record (RFC 2782).
struct ServiceRecord {
  std::string target;  ///< A host name in lower case.
  std::uint16_t port = 0;
  std::uint16_t priority = 0;  ///< The lowest is used first.
  std::uint16_t weight = 0;    ///< Its share among those of its priority; 0: a very small one.
};

/// The hosts that offer a service.
struct ServiceAnswer {
  std::vector<ServiceRecord> records;  ///< Empty: the service is decidedly not offered (target ".").
  Nanos ttl = 0;
};

/// Looks names up. Belongs to one loop's thread.
///
/// Errors: `resolve` there is no such name, or nothing of that kind; `timeout` no name server answered;
/// `canceled`; `refused` and `system` the name servers cannot be asked or fail. Their context says so in a
/// clause.
class Resolver {
 public:
  Resolver() = default;
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;
  virtual ~Resolver() = default;

  /// `had`: the families of the addresses that the caller has. Of one that the answer lacks it is made sure
  /// that there are none, for the question about it may only have failed. Suspends for as long as the name
  /// servers have to answer.
  [[nodiscard]] virtual Task<Result<HostAnswer>> host(std::string name, Families had) = 0;
  [[nodiscard]] virtual Task<Result<ServiceAnswer>> services(std::string name) = 0;
  /// Every look-up that waits returns `canceled` in the next turn of the loop.
  virtual void cancel() noexcept = 0;
};

}  // namespace lintel::net
