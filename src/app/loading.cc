#include "app/loading.h"

#include <netdb.h>
#include <netinet/in.h>

#include <cstdio>
#include <map>

#include "app/tls_files.h"
#include "config/emit.h"
#include "route/checks.h"

namespace lintel::app {
namespace {

/// The addresses of every server, in the order of the configuration; each name is looked up once.
std::vector<std::vector<SocketAddress>> resolve_servers(const config::Config& config, const Resolve& resolve,
                                                        std::vector<std::string>& warnings) {
  std::vector<std::vector<SocketAddress>> addresses;
  std::map<std::string, SocketAddress> known;
  for (const config::Pool& pool : config.pools) {
    std::vector<SocketAddress>& of_pool = addresses.emplace_back();
    for (const config::Server& server : pool.servers) {
      if (const auto literal = server.address.resolved()) {
        of_pool.push_back(*literal);
        continue;
      }
      const std::string name = server.address.to_string();
      auto found = known.find(name);
      if (found == known.end()) {
        std::string why;
        found = known.emplace(name, resolve(server.address, why)).first;
        if (found->second.empty()) {
          std::string& warning = warnings.emplace_back("pool \"");
          warning.append(pool.name).append("\": server ").append(name).append(" gets no requests: ");
          warning.append(why).append("; reload (SIGHUP) once the name resolves");
        }
      }
      of_pool.push_back(found->second);
    }
  }
  return addresses;
}

std::string first_line(const config::Diagnostic& diagnostic) {
  const std::string text = diagnostic.render();
  return text.substr(0, text.find('\n'));
}

}  // namespace

SocketAddress resolve_name(const Endpoint& endpoint, std::string& why) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG;
  addrinfo* list = nullptr;
  const std::string port = std::to_string(endpoint.port);
  int err = getaddrinfo(endpoint.host.c_str(), port.c_str(), &hints, &list);
  if (err == EAI_NONAME || err == EAI_ADDRFAMILY) {
    hints.ai_flags = 0;  // A machine with nothing but loopback.
    err = getaddrinfo(endpoint.host.c_str(), port.c_str(), &hints, &list);
  }
  if (err != 0) {
    why = std::string("the name does not resolve: ") + gai_strerror(err);
    return {};
  }
  const SocketAddress address(list->ai_addr, list->ai_addrlen);
  freeaddrinfo(list);
  return address;
}

tl::expected<Loaded, LoadFailure> load(const ConfigSource& source, std::uint64_t number,
                                       const Resolve& resolve,
                                       const std::shared_ptr<tls::TicketKeys>& tickets) {
  auto snapshot = std::make_shared<proxy::Snapshot>();
  const auto further = [&](const config::Config& config, config::Report& report) {
    route::check_routes(config, report);
    snapshot->tls = load_tls(config, tickets, report);
  };
  config::LoadResult result =
      source.is_file ? config::load_file(source.name, config::process_environment(), further)
                     : config::load_string(source.text, source.name, config::process_environment(), further);
  if (!result.ok()) {
    LoadFailure failure{result.render(), {}};
    for (const config::Diagnostic& diagnostic : result.diagnostics) {
      if (diagnostic.severity == config::Severity::error) failure.lines.push_back(first_line(diagnostic));
    }
    return tl::unexpected(std::move(failure));
  }
  Loaded loaded;
  for (const config::Diagnostic& diagnostic : result.diagnostics) {
    loaded.warnings.push_back(first_line(diagnostic));
  }
  snapshot->config = std::move(*result.config);
  snapshot->number = number;
  snapshot->hash = hash_text(config::to_yaml(snapshot->config));
  snapshot->addresses = resolve_servers(snapshot->config, resolve, loaded.warnings);
  loaded.snapshot = std::move(snapshot);
  return loaded;
}

std::string hash_text(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  char out[17];
  std::snprintf(out, sizeof out, "%016llx", static_cast<unsigned long long>(hash));
  return out;
}

}  // namespace lintel::app
