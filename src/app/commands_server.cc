#include "app/commands_server.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>
#include <ostream>
#include <tl/expected.hpp>
#include <vector>

#include "app/admin_client.h"
#include "base/json_reader.h"
#include "config/diagnostic.h"
#include "config/loader.h"

namespace lintel::app {
namespace {

constexpr int kOk = 0;
constexpr int kInvalid = 1;
constexpr int kBadCommandLine = 2;
constexpr int kCannotReach = 4;
constexpr int kRefused = 5;
constexpr const char* kSystemFile = "/etc/lintel/lintel.yaml";

int fail(std::ostream& err, int code, std::string_view text) {
  err << "lintel server: " << text << '\n';
  return code;
}

/// Where the daemon of a configuration listens; a Unix socket if there is one. On failure `code` is the exit
/// code for it.
tl::expected<SocketAddress, std::string> find_admin(const ServerArguments& arguments, int& code) {
  if (!arguments.admin.empty()) {
    code = kBadCommandLine;
    const bool is_path = arguments.admin.starts_with('/') || arguments.admin.starts_with('@');
    std::string why;
    const auto endpoint = Endpoint::parse((is_path ? "unix:" : "") + arguments.admin, why);
    const auto address = endpoint ? endpoint->resolved() : std::nullopt;
    if (address) return *address;
    return tl::unexpected(config::quote(arguments.admin) +
                          " is no address; write --admin /run/lintel/admin.sock");
  }
  code = kInvalid;
  const std::string file = arguments.file.empty() ? kSystemFile : arguments.file;
  const config::LoadResult loaded = config::load_file(file, config::process_environment());
  if (!loaded.ok()) return tl::unexpected("the configuration is not valid:\n" + loaded.render());
  code = kCannotReach;
  std::optional<SocketAddress> found;
  for (const Endpoint& bind : loaded.config->admin.bind) {
    const bool is_unix = bind.kind == Endpoint::Kind::unix_socket;
    if (!found || is_unix) found = bind.resolved();
    if (is_unix) break;
  }
  if (found) return *found;
  return tl::unexpected(
      file + " has no admin endpoint; add for example admin: {bind: [\"unix:/run/lintel/admin.sock\"]}");
}

/// A value of a server's JSON as a cell of the table.
std::string cell(const JsonValue& server, std::string_view name) {
  const JsonValue* value = server.find(name);
  if (value == nullptr) return "-";
  if (value->kind == JsonValue::Kind::number) return std::to_string(static_cast<std::int64_t>(value->number));
  return value->text;
}

std::string last_check(const JsonValue& server) {
  const JsonValue* check = server.find("last_check");
  if (check == nullptr) return "not checked";
  return check->find("reason") ? cell(*check, "reason") : "none yet";
}

using Row = std::vector<std::string>;

void print_table(const std::vector<Row>& rows, std::ostream& out) {
  std::vector<std::size_t> widths(rows.front().size(), 0);
  for (const Row& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  for (const Row& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      std::string text = row[i];
      if (i + 1 < row.size()) text.resize(widths[i] + 2, ' ');
      line += text;
    }
    out << line << '\n';
  }
}

/// The servers of one pool, or of all if its name is empty.
int print_list(const JsonValue& answer, const std::string& pool, std::ostream& out, std::ostream& err) {
  std::vector<Row> rows = {{"POOL", "SERVER", "STATE", "HEALTH", "WEIGHT", "IN FLIGHT", "LAST CHECK"}};
  const JsonValue* pools = answer.find("pools");
  for (const JsonValue& each : pools ? pools->items : std::vector<JsonValue>()) {
    const JsonValue* servers = each.find("servers");
    if (servers == nullptr || (!pool.empty() && each.text_of("name") != pool)) continue;
    for (const JsonValue& server : servers->items) {
      rows.push_back({cell(server, "pool"), cell(server, "name"), cell(server, "state"),
                      cell(server, "health"), cell(server, "weight"), cell(server, "in_flight"),
                      last_check(server)});
    }
  }
  if (rows.size() == 1 && !pool.empty())
    return fail(err, kRefused, "there is no pool " + config::quote(pool));
  print_table(rows, out);
  return kOk;
}

/// What is to be asked for. Nothing after it has complained.
std::optional<std::string> wanted_change(const ServerArguments& arguments, std::ostream& err) {
  if (arguments.action != "weight") return "{\"state\":\"" + arguments.action + "\"}";
  if (arguments.weight.empty()) return "{\"weight\":null}";
  std::uint32_t weight = 0;
  const char* end = arguments.weight.data() + arguments.weight.size();
  const auto [at, error] = std::from_chars(arguments.weight.data(), end, weight);
  if (error == std::errc() && at == end) return "{\"weight\":" + std::to_string(weight) + "}";
  fail(err, kBadCommandLine, config::quote(arguments.weight) + " is no weight; write a whole number");
  return std::nullopt;
}

int change(const ServerArguments& arguments, const SocketAddress& admin, std::ostream& out,
           std::ostream& err) {
  const std::size_t slash = arguments.target.find('/');
  if (slash == std::string::npos || slash == 0 || slash + 1 == arguments.target.size()) {
    return fail(
        err, kBadCommandLine,
        config::quote(arguments.target) + " names no server; write POOL/SERVER, for example api/10.0.0.1:80");
  }
  const auto body = wanted_change(arguments, err);
  if (!body) return kBadCommandLine;
  const std::string path = "/v1/pools/" + percent_encode(arguments.target.substr(0, slash)) + "/servers/" +
                           percent_encode(arguments.target.substr(slash + 1));
  const auto answer = ask_admin(admin, "PATCH", path, *body);
  if (!answer) return fail(err, kCannotReach, answer.error());
  std::string why;
  const auto server = parse_json(answer->body, why);
  if (answer->status != 200 || !server) {
    const std::string_view detail = server ? server->text_of("detail") : std::string_view(answer->body);
    return fail(err, kRefused, "refused: " + std::string(detail));
  }
  if (arguments.json) {
    out << answer->body;
  } else {
    out << arguments.target << ": state " << cell(*server, "state") << ", weight " << cell(*server, "weight")
        << ", health " << cell(*server, "health") << '\n';
  }
  return kOk;
}

}  // namespace

int server_command(const ServerArguments& arguments, std::ostream& out, std::ostream& err) {
  int code = kOk;
  const auto admin = find_admin(arguments, code);
  if (!admin) return fail(err, code, admin.error());
  if (arguments.action != "list") return change(arguments, *admin, out, err);
  const auto answer = ask_admin(*admin, "GET", "/v1/pools");
  if (!answer) return fail(err, kCannotReach, answer.error());
  if (answer->status != 200) return fail(err, kRefused, "refused: " + answer->body);
  if (arguments.json) {
    out << answer->body;
    return kOk;
  }
  std::string why;
  const auto document = parse_json(answer->body, why);
  if (!document) return fail(err, kRefused, "the answer is no JSON: " + why);
  return print_list(*document, arguments.target, out, err);
}

}  // namespace lintel::app
