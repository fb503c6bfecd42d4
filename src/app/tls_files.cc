#include "app/tls_files.h"

#include <string>

#include "tls/problems.h"

namespace lintel::app {
namespace {

void add_problems(const tls::Problems& problems, const std::string& section, config::Report& report) {
  for (const tls::Problem& problem : problems.list()) {
    const config::Severity severity =
        problem.is_warning ? config::Severity::warning : config::Severity::error;
    report.add(severity, report.nearest(section + '.' + problem.setting), problem.message, problem.advice);
  }
}

}  // namespace

proxy::TlsContexts load_tls(const config::Config& config, const std::shared_ptr<tls::TicketKeys>& tickets,
                            config::Report& report) {
  proxy::TlsContexts contexts;
  for (std::size_t i = 0; i < config.listeners.size(); ++i) {
    const config::Listener& listener = config.listeners[i];
    if (!listener.tls || listener.tls->mode == config::TlsMode::passthrough) continue;
    tls::Problems problems;
    config::ListenerTls settings = *listener.tls;
    if (settings.alpn.empty() && listener.protocol == config::Protocol::http) settings.alpn = {"http/1.1"};
    contexts.listeners[listener.name] = tls::ServerContext::load(settings, listener.name, tickets, problems);
    add_problems(problems, "listeners[" + std::to_string(i) + "].tls", report);
  }
  for (std::size_t i = 0; i < config.pools.size(); ++i) {
    const config::Pool& pool = config.pools[i];
    if (!pool.tls || !pool.tls->enabled) continue;
    tls::Problems problems;
    contexts.pools[pool.name] = tls::ClientContext::load(*pool.tls, problems);
    add_problems(problems, "pools[" + std::to_string(i) + "].tls", report);
  }
  return contexts;
}

}  // namespace lintel::app
