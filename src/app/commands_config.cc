#include "app/commands_config.h"

#include <ostream>

#include "app/name_check.h"
#include "app/server_files.h"
#include "app/tls_files.h"
#include "base/json.h"
#include "config/emit.h"
#include "config/loader.h"
#include "route/checks.h"

namespace lintel::app {
namespace {

constexpr int kOk = 0;
constexpr int kInvalid = 1;
constexpr int kBadCommandLine = 2;
constexpr int kInternal = 70;

std::string counted(std::size_t count, const std::string& noun) {
  return std::to_string(count) + ' ' + noun + (count == 1 ? "" : "s");
}

std::string summary(const config::LoadResult& result) {
  std::size_t routes = 0;
  std::size_t servers = 0;
  for (const config::Listener& listener : result.config->listeners) {
    routes += listener.routes.size() + (listener.pool.empty() ? 0 : 1);
  }
  for (const config::Pool& pool : result.config->pools) servers += pool.servers.size();
  std::string out = "ok: " + counted(result.config->listeners.size(), "listener") + ", " +
                    counted(routes, "route") + ", " + counted(result.config->pools.size(), "pool") + ", " +
                    counted(servers, "server");
  if (result.files.size() > 1) out += " in " + counted(result.files.size(), "file");
  if (result.warnings() > 0) out += "; " + counted(result.warnings(), "warning");
  return out;
}

void write_place(JsonWriter& json, const config::Place& place) {
  json.member("file", place.file);
  json.member("line", place.line);
  json.member("column", place.column);
}

void write_diagnostic(JsonWriter& json, const config::Diagnostic& diagnostic) {
  json.begin_object();
  json.member("severity", diagnostic.severity == config::Severity::error ? "error" : "warning");
  write_place(json, diagnostic.place);
  json.member("path", diagnostic.path);
  json.member("message", diagnostic.message);
  json.member("suggestion", diagnostic.suggestion);
  json.key("notes");
  json.begin_array();
  for (const config::Note& note : diagnostic.notes) {
    json.begin_object();
    write_place(json, note.place);
    json.member("message", note.message);
    json.end_object();
  }
  json.end_array();
  json.end_object();
}

std::string to_json(const config::LoadResult& result) {
  Buffer buffer;
  JsonWriter json(buffer, JsonWriter::Style::indented);
  json.begin_object();
  json.key("valid");
  json.boolean(result.ok());
  json.key("files");
  json.begin_array();
  for (const std::string& file : result.files) json.text(file);
  json.end_array();
  json.member("errors", static_cast<std::int64_t>(result.errors()));
  json.member("warnings", static_cast<std::int64_t>(result.warnings()));
  json.key("diagnostics");
  json.begin_array();
  for (const config::Diagnostic& diagnostic : result.diagnostics) write_diagnostic(json, diagnostic);
  json.end_array();
  json.end_object();
  buffer.append('\n');
  return std::string(buffer.view());
}

}  // namespace

int check_command(const CheckArguments& arguments, std::ostream& out, std::ostream& err) {
  if (arguments.file.empty()) {
    err << "lintel check: name the file to check, for example: lintel check /etc/lintel/lintel.yaml\n";
    return kBadCommandLine;
  }
  if (arguments.json && arguments.print_defaults) {
    err << "lintel check: --json and --print-defaults cannot be used together\n";
    return kBadCommandLine;
  }
  const auto further = [&](const config::Config& config, config::Report& report) {
    route::check_routes(config, report);
    static_cast<void>(load_tls(config, std::make_shared<tls::TicketKeys>(), report));
    const ServerLists lists = load_server_lists(config, report);
    if (arguments.resolve) check_names(config, lists, report);
  };
  const config::LoadResult result = config::load_file(arguments.file, config::process_environment(), further);
  if (arguments.json) {
    out << to_json(result);
    return result.ok() ? kOk : kInvalid;
  }
  err << result.render();
  if (!result.ok()) {
    err << arguments.file << ": " << counted(result.errors(), "error");
    if (result.warnings() > 0) err << ", " << counted(result.warnings(), "warning");
    err << '\n';
    return kInvalid;
  }
  if (arguments.print_defaults) {
    out << config::to_yaml(*result.config, {.defaults = true});
  } else {
    out << summary(result) << '\n';
  }
  return kOk;
}

int schema_command(bool man, std::ostream& out, std::ostream& err) {
  out << (man ? config::man_page() : config::json_schema()) << std::flush;
  if (out) return kOk;
  err << "lintel schema: cannot write the output\n";
  return kInternal;
}

}  // namespace lintel::app
