#include "app/loading.h"

#include <cstdio>

#include "app/tls_files.h"
#include "config/emit.h"
#include "route/checks.h"

namespace lintel::app {
namespace {

std::string first_line(const config::Diagnostic& diagnostic) {
  const std::string text = diagnostic.render();
  return text.substr(0, text.find('\n'));
}

}  // namespace

tl::expected<Loaded, LoadFailure> load(const ConfigSource& source, std::uint64_t number,
                                       const std::shared_ptr<tls::TicketKeys>& tickets) {
  auto snapshot = std::make_shared<proxy::Snapshot>();
  Loaded loaded;
  const auto further = [&](const config::Config& config, config::Report& report) {
    route::check_routes(config, report);
    snapshot->tls = load_tls(config, tickets, report);
    loaded.lists = load_server_lists(config, report);
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
  for (const config::Diagnostic& diagnostic : result.diagnostics) {
    loaded.warnings.push_back(first_line(diagnostic));
  }
  snapshot->config = std::move(*result.config);
  snapshot->number = number;
  snapshot->hash = hash_text(config::to_yaml(snapshot->config));
  loaded.written = std::move(snapshot);
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
