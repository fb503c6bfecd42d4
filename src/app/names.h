#pragma once

// What the names of servers stand for, kept up to date.

#include <compare>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/random.h"
#include "config/model.h"
#include "net/dns_resolver.h"
#include "net/loop.h"
#include "net/pause.h"
#include "net/resolver.h"
#include "net/scope.h"
#include "proxy/stats.h"

namespace lintel::app {

/// A name that servers are given by.
struct Name {
  enum class Kind : std::uint8_t { host, srv };
  Kind kind = Kind::host;
  std::string text;
  friend auto operator<=>(const Name&, const Name&) = default;
};

/// One server that a name stands for.
struct Found {
  std::string host;        ///< Of a host name itself; of SRV records the target.
  std::uint16_t port = 0;  ///< 0: the configuration says.
  std::string ip;
  std::uint16_t priority = 0;
  std::uint16_t weight = 1;
  friend auto operator<=>(const Found&, const Found&) = default;
};

/// How names are looked up, in the resolver's words.
[[nodiscard]] net::DnsSettings dns_settings(const config::Resolver& settings);

/// Follows names: looks each up, again when its answer's time is over or, with growing patience, after a
/// failure. The last good answer stays until there is another; where only a family of addresses or a target
/// of SRV records cannot be looked up, what there was of that. Belongs to the main thread.
class Names {
 public:
  /// More addresses than these of one name are not used.
  static constexpr std::size_t kMostAddresses = 256;
  /// The same for the targets of SRV records.
  static constexpr std::size_t kMostTargets = 64;

  /// `changed` is called in a turn of its own whenever a name stands for something else than before.
  Names(net::Loop& loop, net::Resolver& resolver, std::uint64_t seed, std::function<void()> changed);
  Names(const Names&) = delete;
  Names& operator=(const Names&) = delete;
  /// end() must have been called and joined.
  ~Names() = default;

  /// From now on follows these names and forgets the others.
  void follow(const std::set<Name>& names, const config::Resolver& settings);
  /// Names that fail are tried again at once.
  void hurry();
  /// Calls `done` once each name has been looked up, well or not, or `most` has passed; perhaps at once.
  void when_settled(Nanos most, std::function<void()> done);
  /// What `name` stands for; null as long as that is not known.
  [[nodiscard]] const std::vector<Found>* find(const Name& name) const;
  /// For the admin pages.
  void describe(proxy::ResolverInfo& info) const;

  /// Looks nothing up any more.
  void end();
  [[nodiscard]] net::Scope::JoinAwaiter join() noexcept { return scope_.join(); }

 private:
  struct Followed;
  struct Target;

  net::Task<void> run(std::shared_ptr<Followed> followed);
  net::Task<Result<void>> look_up_host(Followed& followed);
  net::Task<Result<void>> look_up_services(Followed& followed);
  net::Task<void> look_up_target(Target& target);
  static void begin_latest(Followed& followed, Nanos ttl);
  void add(Followed& followed, const net::ServiceRecord& record, const net::HostAnswer& answer);
  void lack(Followed& followed, std::string what);
  [[nodiscard]] Nanos take(Followed& followed, const Result<void>& result);
  void accept(Followed& followed);
  void fail(Followed& followed, const Error& error);
  void check_settled();
  [[nodiscard]] Nanos jittered(Nanos length) noexcept;
  static void on_settle_deadline(net::Deadline& deadline);

  net::Loop& loop_;
  net::Resolver& resolver_;
  Random random_;
  std::function<void()> changed_;
  config::Resolver settings_;
  std::map<Name, std::shared_ptr<Followed>> followed_;
  std::function<void()> settled_;
  net::Deadline settle_deadline_{on_settle_deadline, this};
  net::Scope scope_;
  proxy::ResolverInfo counts_;  ///< Its counters.
};

}  // namespace lintel::app
