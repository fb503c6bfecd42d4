#include "app/names.h"

#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/log.h"

namespace lintel::app {
namespace {

using net::Task;

/// Look-ups of one name by many are spread by up to a tenth of the time between two.
constexpr std::uint64_t kJitterShare = 10;

std::string ip_of(const SocketAddress& address) {
  std::array<char, INET6_ADDRSTRLEN> text;
  return std::string(address.ip_to(text));
}

std::string_view kind_word(Name::Kind kind) {
  return kind == Name::Kind::srv ? "srv" : "host";
}

bool is_ipv6(const Found& found) {
  return found.ip.find(':') != std::string::npos;
}

/// The families of the addresses that there are of a host.
net::Families families_of(const std::vector<Found>& found, const std::string& host) {
  net::Families families;
  for (const Found& each : found) {
    if (each.host == host) (is_ipv6(each) ? families.ipv6 : families.ipv4) = true;
  }
  return families;
}

/// Appends to `latest` what there was of these families as `record` offers it.
void keep(const std::vector<Found>& found, const net::ServiceRecord& record, net::Families families,
          std::vector<Found>& latest) {
  for (Found old : found) {
    if (old.host != record.target || old.port != record.port) continue;
    if (!(is_ipv6(old) ? families.ipv6 : families.ipv4)) continue;
    old.priority = record.priority;
    old.weight = record.weight;
    latest.push_back(std::move(old));
  }
}

}  // namespace

net::DnsSettings dns_settings(const config::Resolver& settings) {
  net::DnsSettings dns;
  for (const Endpoint& server : settings.servers) dns.servers.push_back(server.resolved().value());
  dns.timeout = to_nanos(settings.timeout);
  dns.attempts = settings.attempts;
  dns.family = static_cast<net::Family>(settings.family);
  return dns;
}

/// A name and what is known of it.
struct Names::Followed {
  Followed(Name n, net::Loop& loop) : name(std::move(n)), pause(loop) {}

  Name name;
  net::Pause pause;  ///< Between two look-ups.
  bool dropped = false;
  bool asked = false;     ///< Looked up once, well or not.
  bool resolved = false;  ///< `found` is an answer.
  std::vector<Found> found;
  std::vector<Found> latest;  ///< Of the look-up that goes on.
  Nanos latest_ttl = 0;
  std::string lacking;  ///< What that look-up could not find out, and why; empty: nothing.
  Nanos ttl = 0;
  Nanos answered_at = 0;
  Nanos next_at = 0;
  std::uint64_t failures = 0;  ///< Since the last good answer.
  std::string last_error;
  bool too_many = false;  ///< Said that not all addresses are used.
};

/// A target of SRV records that is being looked up.
struct Names::Target {
  std::string host;
  net::Families had;
  Result<net::HostAnswer> answer = unexpected(Error{});
};

Names::Names(net::Loop& loop, net::Resolver& resolver, std::uint64_t seed, std::function<void()> changed)
    : loop_(loop), resolver_(resolver), random_(seed), changed_(std::move(changed)) {}

void Names::follow(const std::set<Name>& names, const config::Resolver& settings) {
  settings_ = settings;
  for (auto& [name, followed] : followed_) {
    if (names.contains(name)) continue;
    followed->dropped = true;
    followed->pause.end();
  }
  std::erase_if(followed_, [](const auto& entry) { return entry.second->dropped; });
  for (const Name& name : names) {
    std::shared_ptr<Followed>& followed = followed_[name];
    if (followed) continue;
    followed = std::make_shared<Followed>(name, loop_);
    scope_.spawn(run(followed));
  }
  check_settled();
}

void Names::hurry() {
  for (auto& [name, followed] : followed_) {
    if (followed->failures != 0) followed->pause.end();
  }
}

void Names::when_settled(Nanos most, std::function<void()> done) {
  settled_ = std::move(done);
  loop_.set_deadline(settle_deadline_, loop_.clock().now() + most);
  check_settled();
}

void Names::check_settled() {
  const auto asked = [](const auto& entry) { return entry.second->asked; };
  if (!settled_ || !std::all_of(followed_.begin(), followed_.end(), asked)) return;
  settle_deadline_.clear();
  std::exchange(settled_, nullptr)();
}

void Names::on_settle_deadline(net::Deadline& deadline) {
  auto& self = *static_cast<Names*>(deadline.owner());
  if (self.settled_) std::exchange(self.settled_, nullptr)();
}

const std::vector<Found>* Names::find(const Name& name) const {
  const auto at = followed_.find(name);
  return at == followed_.end() || !at->second->resolved ? nullptr : &at->second->found;
}

void Names::end() {
  for (auto& [name, followed] : followed_) {
    followed->dropped = true;
    followed->pause.end();
  }
  settle_deadline_.clear();
  settled_ = nullptr;
  resolver_.cancel();
}

Task<void> Names::run(std::shared_ptr<Followed> followed) {
  while (!followed->dropped) {
    Task<Result<void>> look_up =
        followed->name.kind == Name::Kind::srv ? look_up_services(*followed) : look_up_host(*followed);
    const Result<void> result = co_await std::move(look_up);
    if (followed->dropped) break;
    const Nanos wait = take(*followed, result);
    if (wait == 0) {
      co_await loop_.yield();
    } else {
      co_await followed->pause.wait(wait);
    }
  }
}

Task<Result<void>> Names::look_up_host(Followed& followed) {
  const std::string& host = followed.name.text;
  const Result<net::HostAnswer> answer = co_await resolver_.host(host, families_of(followed.found, host));
  if (!answer) co_return unexpected(answer.error());
  begin_latest(followed, answer->ttl);
  net::ServiceRecord only;
  only.target = host;
  only.weight = 1;
  add(followed, only, *answer);
  co_return Result<void>();
}

Task<void> Names::look_up_target(Target& target) {
  target.answer = co_await resolver_.host(target.host, target.had);
}

void Names::begin_latest(Followed& followed, Nanos ttl) {
  followed.latest.clear();
  followed.latest_ttl = ttl;
  followed.lacking.clear();
}

/// Adds the addresses of a host as `record` offers it; of a family that could not be asked for those that
/// there were.
void Names::add(Followed& followed, const net::ServiceRecord& record, const net::HostAnswer& answer) {
  followed.latest_ttl = std::min(followed.latest_ttl, answer.ttl);
  for (const SocketAddress& address : answer.addresses)
    followed.latest.push_back({record.target, record.port, ip_of(address), record.priority, record.weight});
  if (answer.unknown == net::Families()) return;
  keep(followed.found, record, answer.unknown, followed.latest);
  lack(followed, (answer.unknown.ipv6 ? "IPv6 addresses of " : "IPv4 addresses of ") + record.target + ": " +
                     answer.failure.context);
}

/// Something could not be found out: soon again.
void Names::lack(Followed& followed, std::string what) {
  followed.latest_ttl = std::min(followed.latest_ttl, to_nanos(settings_.retry));
  if (followed.lacking.empty()) followed.lacking = std::move(what);
}

/// The records, then the addresses of their targets beside each other. A target that cannot be looked up now
/// keeps the addresses that it had; one that does not exist has none.
Task<Result<void>> Names::look_up_services(Followed& followed) {
  const Result<net::ServiceAnswer> answer = co_await resolver_.services(followed.name.text);
  if (!answer) co_return unexpected(answer.error());
  std::map<std::string, Target> targets;
  for (const net::ServiceRecord& record : answer->records) {
    if (targets.size() == kMostTargets) break;
    Target& target = targets[record.target];
    target.host = record.target;
    target.had = families_of(followed.found, record.target);
  }
  net::Scope scope;
  for (auto& [host, target] : targets) scope.spawn(look_up_target(target));
  co_await scope.join();
  begin_latest(followed, answer->ttl);
  Result<void> result;
  for (const net::ServiceRecord& record : answer->records) {
    const auto target = targets.find(record.target);
    if (target == targets.end()) continue;
    const Result<net::HostAnswer>& hosts = target->second.answer;
    if (hosts) {
      add(followed, record, *hosts);
      continue;
    }
    result = unexpected(hosts.error());
    if (hosts.error().code == ErrorCode::canceled) co_return result;
    lack(followed, record.target + ": " + hosts.error().context);
    if (hosts.error().code != ErrorCode::resolve)
      keep(followed.found, record, {.ipv4 = true, .ipv6 = true}, followed.latest);
  }
  // Records without a single address are no better than no answer.
  if (!result && followed.latest.empty()) co_return result;
  co_return Result<void>();
}

/// Notes how a look-up ended. Returns how long to wait for the next; 0: it was not to be.
Nanos Names::take(Followed& followed, const Result<void>& result) {
  if (!result && result.error().code == ErrorCode::canceled) return 0;
  Nanos wait = 0;
  if (result) {
    accept(followed);
    const Nanos ttl =
        std::clamp(followed.latest_ttl, to_nanos(settings_.min_ttl), to_nanos(settings_.max_ttl));
    wait = followed.ttl = ttl;
  } else {
    fail(followed, result.error());
    const std::uint64_t doublings = std::min<std::uint64_t>(followed.failures - 1, 20);
    wait = std::min(to_nanos(settings_.retry) << doublings, to_nanos(settings_.max_retry));
  }
  wait = jittered(wait);
  followed.next_at = loop_.now() + wait;
  if (!std::exchange(followed.asked, true)) check_settled();
  return wait;
}

void Names::accept(Followed& followed) {
  ++(followed.lacking.empty() ? counts_.lookups_ok : counts_.lookups_partial);
  std::vector<Found>& latest = followed.latest;
  std::sort(latest.begin(), latest.end());
  latest.erase(std::unique(latest.begin(), latest.end()), latest.end());
  if (latest.size() > kMostAddresses) {
    if (!std::exchange(followed.too_many, true))
      log::warn({{"name", followed.name.text}}, "the name has {} addresses; the first {} are used",
                latest.size(), kMostAddresses);
    latest.resize(kMostAddresses);
  }
  if (followed.failures != 0)
    log::info({{"name", followed.name.text}}, "the name resolves again, after {} failures",
              followed.failures);
  if (!followed.lacking.empty() && (followed.last_error.empty() || followed.failures != 0))
    log::warn({{"name", followed.name.text}},
              "the name resolves in part only: {}; what there was of that goes on", followed.lacking);
  followed.failures = 0;
  followed.last_error = followed.lacking;
  followed.answered_at = loop_.now();
  const bool differs = !followed.resolved || followed.found != latest;
  followed.resolved = true;
  followed.found = latest;
  if (!differs) return;
  loop_.post(changed_);
}

void Names::fail(Followed& followed, const Error& error) {
  if (error.code == ErrorCode::resolve) {
    ++counts_.lookups_not_found;
  } else if (error.code == ErrorCode::timeout) {
    ++counts_.lookups_timeout;
  } else {
    ++counts_.lookups_failed;
  }
  followed.last_error = error.context;
  if (followed.failures++ != 0) return;
  log::warn({{"name", followed.name.text}}, "the name does not resolve: {}; {}", error.context,
            followed.resolved ? "what it stood for last goes on" : "its pools go without it until it does");
}

Nanos Names::jittered(Nanos length) noexcept {
  const auto most = static_cast<std::uint64_t>(length) / kJitterShare;
  return length + static_cast<Nanos>(random_.below(most + 1));
}

void Names::describe(proxy::ResolverInfo& info) const {
  info = counts_;
  const Nanos now = loop_.now();
  for (const auto& [name, followed] : followed_) {
    proxy::ResolverInfo::Name& one = info.names.emplace_back();
    one.name = name.text;
    one.type = kind_word(name.kind);
    one.resolved = followed->resolved;
    one.addresses = followed->found.size();
    one.ttl = followed->ttl;
    one.age = followed->resolved ? now - followed->answered_at : 0;
    one.next = std::max<Nanos>(followed->next_at - now, 0);
    one.failures = followed->failures;
    one.last_error = followed->last_error;
  }
}

}  // namespace lintel::app
