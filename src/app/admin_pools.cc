#include "app/admin_pools.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "base/json.h"
#include "base/json_reader.h"
#include "base/log.h"
#include "config/diagnostic.h"
#include "http/message.h"

namespace lintel::app {
namespace {

constexpr std::uint32_t kMostWeight = 1000;  ///< As in the configuration.
constexpr std::array kStates = {pool::AdminState::ready, pool::AdminState::drain, pool::AdminState::down};

/// Nothing if a % does not begin %XX.
std::optional<std::string> percent_decode(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    unsigned byte = 0;
    const std::string_view digits = text.substr(i + 1, 2);
    const char* end = digits.data() + digits.size();
    if (digits.size() != 2 || std::from_chars(digits.data(), end, byte, 16).ptr != end) return std::nullopt;
    out += static_cast<char>(byte);
    i += 2;
  }
  return out;
}

/// What health checks and ejection make of it.
std::string_view health_of(const pool::SharedServer& server, Nanos now) {
  if (server.health() == pool::Health::down) return "down";
  if (server.health() == pool::Health::unchecked) return "unchecked";
  return server.ejected_until() > now ? "ejected" : "up";
}

void write_check(JsonWriter& json, const health::Findings& findings, Nanos now) {
  json.key("last_check").begin_object();
  if (!findings.last.reason.empty()) {
    json.key("passed").boolean(findings.last.passed);
    json.member("reason", findings.last.reason);
    json.key("duration_ms").decimal(static_cast<std::uint64_t>(findings.last_duration) / 1000);
    json.key("age_ms").decimal(static_cast<std::uint64_t>(now - findings.last_at) / 1000);
  }
  json.end_object();
}

void write_server(JsonWriter& json, const ServerEntry& entry, Nanos now) {
  const pool::SharedServer& server = *entry.shared;
  json.begin_object();
  json.member("pool", entry.pool);
  json.member("name", entry.server);
  json.member("state", admin_state_name(server.admin()));
  json.member("health", health_of(server, now));
  json.key("weight").number(server.weight().value_or(entry.configured_weight));
  json.key("configured_weight").number(entry.configured_weight);
  json.key("in_flight").number(server.load.in_flight.load(std::memory_order_relaxed));
  if (entry.findings) write_check(json, *entry.findings, now);
  json.end_object();
}

Reply json_reply(Buffer& out) {
  out.append('\n');
  return Reply{.content_type = "application/json", .body = std::string(out.view())};
}

const ServerEntry* find(const std::vector<ServerEntry>& servers, const ServerPath& path) {
  const auto found = std::find_if(servers.begin(), servers.end(), [&path](const ServerEntry& entry) {
    return entry.pool == path.pool && entry.server == path.server;
  });
  return found == servers.end() ? nullptr : &*found;
}

Reply not_there(const std::vector<ServerEntry>& servers, const ServerPath& path) {
  std::vector<std::string_view> pools;
  std::vector<std::string_view> names;
  for (const ServerEntry& entry : servers) {
    if (pools.empty() || pools.back() != entry.pool) pools.push_back(entry.pool);
    if (entry.pool == path.pool) names.push_back(entry.server);
  }
  if (names.empty()) {
    return problem(404, "there is no pool " + config::quote(path.pool) + " (" +
                            config::suggest(path.pool, pools, "pools are") + ")");
  }
  return problem(404, "the pool " + path.pool + " has no server " + config::quote(path.server) + " (" +
                          config::suggest(path.server, names, "its servers are") + ")");
}

struct Change {
  std::optional<pool::AdminState> state;
  bool sets_weight = false;
  std::optional<std::uint32_t> weight;  ///< Nothing: the configuration's again.
};

/// On failure says in `why` what is wrong.
std::optional<Change> read_change(std::string_view body, std::string& why) {
  const std::optional<JsonValue> document = parse_json(body, why);
  if (!document) {
    why = "the body is no JSON: " + why;
    return std::nullopt;
  }
  Change change;
  why = "the body must be an object with \"state\", \"weight\" or both";
  if (document->kind != JsonValue::Kind::object || document->names.empty()) return std::nullopt;
  for (std::size_t i = 0; i < document->names.size(); ++i) {
    const JsonValue& value = document->items[i];
    if (document->names[i] == "state") {
      const auto named = [&value](pool::AdminState state) { return value.text == admin_state_name(state); };
      const auto found = std::find_if(kStates.begin(), kStates.end(), named);
      why = "state must be one of: \"ready\", \"drain\", \"down\"";
      if (found == kStates.end()) return std::nullopt;
      change.state = *found;
    } else if (document->names[i] == "weight") {
      const bool is_number =
          value.kind == JsonValue::Kind::number && value.number == std::floor(value.number);
      why = "weight must be a whole number from 0 to " + std::to_string(kMostWeight) + ", or null";
      if (value.kind != JsonValue::Kind::null && !is_number) return std::nullopt;
      if (is_number && (value.number < 0 || value.number > kMostWeight)) return std::nullopt;
      change.sets_weight = true;
      if (is_number) change.weight = static_cast<std::uint32_t>(value.number);
    } else {
      why = "the body has " + config::quote(document->names[i]) +
            "; only \"state\" and \"weight\" can be changed";
      return std::nullopt;
    }
  }
  return change;
}

/// The line of the log for one change.
void audit(const ServerEntry& entry, const Requester& from, std::string_view what, std::string_view before,
           std::string_view after) {
  const std::string uid = from.process ? std::to_string(from.process->uid) : "";
  const std::string pid = from.process ? std::to_string(from.process->pid) : "";
  log::info({{"pool", entry.pool}, {"server", entry.server}, {"uid", uid}, {"pid", pid}},
            "admin: {} changed from {} to {}", what, before, after);
}

std::string weight_text(const ServerEntry& entry) {
  const std::optional<std::uint32_t> set = entry.shared->weight();
  return set ? std::to_string(*set) : std::to_string(entry.configured_weight) + " (as configured)";
}

}  // namespace

std::optional<ServerPath> ServerPath::parse(std::string_view path) {
  constexpr std::string_view kBegin = "/v1/pools/";
  constexpr std::string_view kMiddle = "/servers/";
  if (!path.starts_with(kBegin)) return std::nullopt;
  path.remove_prefix(kBegin.size());
  const std::size_t middle = path.find(kMiddle);
  if (middle == std::string_view::npos) return std::nullopt;
  const auto pool = percent_decode(path.substr(0, middle));
  const auto server = percent_decode(path.substr(middle + kMiddle.size()));
  if (!pool || !server || pool->empty() || server->empty()) return std::nullopt;
  return ServerPath{*pool, *server};
}

std::string_view admin_state_name(pool::AdminState state) noexcept {
  constexpr std::string_view kNames[] = {"ready", "drain", "down"};
  return kNames[static_cast<std::size_t>(state)];
}

Reply problem(int status, std::string_view detail, std::vector<std::pair<std::string, std::string>> fields) {
  Buffer out;
  JsonWriter json(out);
  json.begin_object();
  json.member("type", "about:blank");
  json.member("title", http::reason_phrase(status));
  json.member("status", std::int64_t{status});
  json.member("detail", detail);
  json.end_object();
  Reply reply = json_reply(out);
  reply.status = status;
  reply.content_type = "application/problem+json";
  reply.fields = std::move(fields);
  return reply;
}

Reply pools_reply(const std::vector<ServerEntry>& servers, Nanos now) {
  Buffer out;
  JsonWriter json(out);
  json.begin_object().key("pools").begin_array();
  for (std::size_t i = 0; i < servers.size(); ++i) {
    const bool is_first = i == 0 || servers[i - 1].pool != servers[i].pool;
    if (is_first) {
      json.begin_object();
      json.member("name", servers[i].pool);
      json.key("servers").begin_array();
    }
    write_server(json, servers[i], now);
    const bool is_last = i + 1 == servers.size() || servers[i + 1].pool != servers[i].pool;
    if (is_last) json.end_array().end_object();
  }
  json.end_array().end_object();
  return json_reply(out);
}

Reply server_reply(const std::vector<ServerEntry>& servers, const ServerPath& path, Nanos now) {
  const ServerEntry* entry = find(servers, path);
  if (entry == nullptr) return not_there(servers, path);
  Buffer out;
  JsonWriter json(out);
  write_server(json, *entry, now);
  return json_reply(out);
}

Reply change_server(const std::vector<ServerEntry>& servers, const ServerPath& path, std::string_view body,
                    const Requester& from, Nanos now) {
  if (!from.over_unix_socket) {
    return problem(403, "changes are taken on Unix sockets only: this admin address is for reading");
  }
  const ServerEntry* entry = find(servers, path);
  if (entry == nullptr) return not_there(servers, path);
  std::string why;
  const std::optional<Change> change = read_change(body, why);
  if (!change) return problem(400, why);
  if (change->state) {
    const std::string_view before = admin_state_name(entry->shared->admin());
    entry->shared->set_admin(*change->state, now);
    audit(*entry, from, "state", before, admin_state_name(*change->state));
  }
  if (change->sets_weight) {
    const std::string before = weight_text(*entry);
    entry->shared->set_weight(change->weight);
    audit(*entry, from, "weight", before, weight_text(*entry));
  }
  return server_reply(servers, path, now);
}

}  // namespace lintel::app
