#include "app/name_check.h"

#include <map>
#include <optional>
#include <string>

#include "app/expansion.h"
#include "app/names.h"
#include "config/server_list.h"
#include "net/dns_resolver.h"
#include "net/loop.h"
#include "net/scope.h"

namespace lintel::app {
namespace {

using net::Task;

/// By name why it stands for nothing; empty: it does not.
using Findings = std::map<Name, std::string>;

std::string reason(const std::string& what, const Error& error) {
  return config::quote(what) + " does not resolve now: " + error.context;
}

Task<void> look_up_host(net::Resolver& resolver, std::string host, std::string& finding) {
  const Result<net::HostAnswer> answer = co_await resolver.host(host, {});
  if (!answer) finding = reason(host, answer.error());
}

/// The first of its targets that does not resolve is told of.
Task<void> look_up_services(net::Resolver& resolver, std::string name, std::string& finding) {
  const Result<net::ServiceAnswer> answer = co_await resolver.services(name);
  if (!answer) {
    finding = reason(name, answer.error());
    co_return;
  }
  if (answer->records.empty()) finding = config::quote(name) + " says that the service is not offered";
  for (const net::ServiceRecord& record : answer->records) {
    const Result<net::HostAnswer> hosts = co_await resolver.host(record.target, {});
    if (hosts) continue;
    finding = "its target " + reason(record.target, hosts.error());
    co_return;
  }
}

void warn(const config::Server& server, const std::string& key, const Findings& findings,
          config::Report& report) {
  const std::optional<Name> name = name_of(server);
  if (!name || findings.at(*name).empty()) return;
  config::Located located = report.nearest(key);
  located.place = server.place;
  report.add(config::Severity::warning, located, findings.at(*name),
             "the pool goes without it until it does; resolver says who is asked");
}

}  // namespace

void check_names(const config::Config& config, const ServerLists& lists, config::Report& report) {
  Findings findings;
  for (const Name& name : names_of(config, lists)) findings[name];
  if (findings.empty()) return;
  net::Loop loop;
  net::DnsResolver resolver(loop, dns_settings(config.resolver));
  net::Scope scope;
  for (auto& [name, finding] : findings) {
    scope.spawn(name.kind == Name::Kind::srv ? look_up_services(resolver, name.text, finding)
                                             : look_up_host(resolver, name.text, finding));
  }
  while (scope.count() != 0) loop.turn(kNever);
  for (std::size_t i = 0; i < config.pools.size(); ++i) {
    const config::Pool& pool = config.pools[i];
    const std::string key = "pools[" + std::to_string(i) + ']';
    for (std::size_t j = 0; j < pool.servers.size(); ++j)
      warn(pool.servers[j], key + ".servers[" + std::to_string(j) + ']', findings, report);
    if (pool.servers_file.empty()) continue;
    const auto list = lists.find(config::server_list_path(pool));
    if (list == lists.end()) continue;
    for (const config::Server& server : list->second) warn(server, key + ".servers_file", findings, report);
  }
}

}  // namespace lintel::app
