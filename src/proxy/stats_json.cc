#include "proxy/stats_json.h"

#include <optional>
#include <string>

#include "base/json.h"
#include "proxy/process_usage.h"

namespace lintel::proxy {

namespace {

std::string code_key(std::uint32_t code) {
  return code == KeyedCounters::kOtherKey ? "other" : std::to_string(code);
}

std::string_view reason_key(std::uint32_t key) {
  return key < kEndReasonCount ? end_reason_token(static_cast<EndReason>(key)) : "other";
}

std::uint64_t milliseconds(double seconds) {
  return static_cast<std::uint64_t>(seconds * 1000);
}

void add_histogram(JsonWriter& json, std::string_view name, const HistogramTotal& total) {
  json.key(name).begin_object();
  json.key("count").number(total.count);
  json.key("sum_ms").decimal(total.sum_ns / 1000);
  json.key("buckets").begin_array();
  for (std::size_t i = 0; i < total.buckets.size(); ++i) {
    json.begin_object();
    if (i < kDurationBounds.size()) {
      json.key("to_ms").decimal(static_cast<std::uint64_t>(kDurationBounds[i]) / 1000);
    }
    json.key("count").number(total.buckets[i]).end_object();
  }
  json.end_array().end_object();
}

void add_reasons(JsonWriter& json, std::string_view name,
                 const std::map<std::uint32_t, std::uint64_t>& counts) {
  json.key(name).begin_object();
  for (const auto& [key, count] : counts) json.key(reason_key(key)).number(count);
  json.end_object();
}

void add_requests(JsonWriter& json, const std::map<std::uint32_t, std::uint64_t>& counts) {
  std::uint64_t sum = 0;
  json.key("by_status").begin_object();
  for (const auto& [code, count] : counts) {
    json.key(code_key(code)).number(count);
    sum += count;
  }
  json.end_object().key("requests").number(sum);
}

void add_process(JsonWriter& json, const ProcessInfo& process) {
  const ProcessUsage usage = read_process_usage();
  json.key("version").text(process.version);
  json.key("process").begin_object();
  json.key("start_time").decimal(milliseconds(process.start_time));
  json.key("workers").number(process.workers);
  json.key("cpu_ms").decimal(usage.cpu_us);
  if (usage.resident_bytes) json.key("resident_bytes").number(*usage.resident_bytes);
  if (usage.open_fds) json.key("open_fds").number(*usage.open_fds);
  json.key("max_fds").number(usage.max_fds);
  json.key("access_log_dropped").number(process.access_log_dropped);
  json.key("access_log_lost_bytes").number(process.access_log_lost_bytes);
  json.key("error_log_dropped").number(process.error_log_dropped);
  json.end_object();
  json.key("config").begin_object();
  json.key("hash").text(process.config_hash);
  json.key("generation").number(process.generation);
  json.key("last_reload_success").boolean(process.last_reload_success);
  json.key("last_reload_error").text(process.last_reload_error);
  json.key("last_reload_time").decimal(milliseconds(process.last_reload_time));
  json.key("reloads_ok").number(process.reloads_ok);
  json.key("reloads_failed").number(process.reloads_failed);
  json.end_object();
}

void add_resolver(JsonWriter& json, const ProcessInfo& process) {
  const ResolverInfo& resolver = process.resolver;
  json.key("resolver").begin_object();
  json.key("lookups").begin_object();
  json.key("ok").number(resolver.lookups_ok);
  json.key("partial").number(resolver.lookups_partial);
  json.key("not_found").number(resolver.lookups_not_found);
  json.key("timeout").number(resolver.lookups_timeout);
  json.key("failure").number(resolver.lookups_failed).end_object();
  json.key("names").begin_array();
  for (const ResolverInfo::Name& name : resolver.names) {
    json.begin_object();
    json.key("name").text(name.name);
    json.key("type").text(name.type);
    json.key("resolved").boolean(name.resolved);
    json.key("addresses").number(name.addresses);
    json.key("ttl_ms").decimal(static_cast<std::uint64_t>(name.ttl) / 1000);
    json.key("age_ms").decimal(static_cast<std::uint64_t>(name.age) / 1000);
    json.key("next_ms").decimal(static_cast<std::uint64_t>(name.next) / 1000);
    json.key("failures").number(name.failures);
    json.key("last_error").text(name.last_error).end_object();
  }
  json.end_array().end_object();
  json.key("servers_files").begin_array();
  for (const ServersFileInfo& file : process.servers_files) {
    json.begin_object();
    json.key("pool").text(file.pool);
    json.key("path").text(file.path);
    json.key("servers").number(file.servers);
    json.key("loads_ok").number(file.loads_ok);
    json.key("loads_failed").number(file.loads_failed);
    json.key("last_error").text(file.last_error).end_object();
  }
  json.end_array();
  json.key("server_changes").number(process.server_changes);
}

void add_listeners(JsonWriter& json, const StatsTotal& total) {
  json.key("listeners").begin_array();
  for (const auto& [name, sum] : total.listeners) {
    json.begin_object();
    json.key("name").text(name);
    json.key("connections").signed_number(sum.connections);
    json.key("accepts").begin_object();
    json.key("ok").number(sum.accepts_ok);
    json.key("limit").number(sum.accepts_limit);
    json.key("error").number(sum.accepts_error).end_object();
    json.key("udp_datagrams_dropped").number(sum.datagrams_dropped);
    json.key("header_fields_dropped").number(sum.fields_dropped);
    json.key("limits_reached").begin_object();
    for (std::size_t i = 1; i < sum.limits.size(); ++i)
      json.key(http::limit_name(static_cast<http::Limit>(i))).number(sum.limits[i]);
    json.end_object();
    json.end_object();
  }
  json.end_array();
}

void add_routes(JsonWriter& json, const StatsTotal& total) {
  json.key("routes").begin_array();
  for (const auto& [names, sum] : total.routes) {
    std::map<std::uint32_t, std::uint64_t> by_status;
    for (const auto& [key, count] : sum.requests) {
      by_status[key == KeyedCounters::kOtherKey ? key : key >> 8] += count;
    }
    json.begin_object();
    json.key("listener").text(names.first);
    json.key("name").text(names.second);
    add_requests(json, by_status);
    json.key("in_flight").signed_number(sum.in_flight);
    json.key("bytes_in").number(sum.request_bytes);
    json.key("bytes_out").number(sum.response_bytes);
    json.key("mirrored").begin_object();
    for (std::size_t i = 0; i < sum.mirrored.size(); ++i) {
      if (sum.mirrored[i] != 0) json.key(kMirroredNames[i]).number(sum.mirrored[i]);
    }
    json.end_object();
    add_histogram(json, "duration", sum.duration);
    json.end_object();
  }
  json.end_array();
}

void add_sessions(JsonWriter& json, const StatsTotal& total) {
  json.key("sessions").begin_array();
  for (const auto& [names, sum] : total.sessions) {
    json.begin_object();
    json.key("listener").text(names.first);
    json.key("route").text(names.second);
    json.key("open").signed_number(sum.open);
    json.key("closed").number(sum.closed);
    json.key("bytes_in").number(sum.bytes_in);
    json.key("bytes_out").number(sum.bytes_out);
    add_histogram(json, "duration", sum.duration);
    json.end_object();
  }
  json.end_array();
}

void add_breaker(JsonWriter& json, const std::optional<BreakerCondition>& breaker) {
  if (!breaker) return;
  json.key("circuit_breaker").begin_object();
  json.key("state").text(breaker_state_name(breaker->state));
  json.key("opened").number(breaker->opened).end_object();
}

void add_condition(JsonWriter& json, const TrafficCondition& condition) {
  json.key("ejected").boolean(condition.ejected);
  json.key("ejections").begin_object();
  for (std::size_t i = 0; i < pool::kCauseCount; ++i) {
    json.key(pool::cause_name(static_cast<pool::Cause>(i))).number(condition.ejections[i]);
  }
  json.end_object();
  add_breaker(json, condition.breaker);
}

void add_condition(JsonWriter& json, const PoolCondition& condition) {
  json.key("panic").begin_object();
  json.key("now").boolean(condition.panics);
  json.key("count").number(condition.panic_count);
  json.key("picks").number(condition.panic_picks).end_object();
  add_breaker(json, condition.breaker);
  if (!condition.breaker) return;
  json.key("refused").begin_object();
  json.key("open").number(condition.refused_open);
  json.key("full").number(condition.refused_full).end_object();
}

void add_condition(JsonWriter& json, const ServerCondition& condition) {
  json.key("state").text(condition.state);
  json.key("up").boolean(condition.up);
  add_condition(json, condition.traffic);
  if (!condition.is_checked) return;
  json.key("health_check").begin_object();
  json.key("passed").number(condition.checks_passed);
  json.key("failed").number(condition.checks_failed);
  json.key("went_up").number(condition.went_up);
  json.key("went_down").number(condition.went_down);
  if (!condition.last_reason.empty()) {
    json.key("last_passed").boolean(condition.last_passed);
    json.key("last_reason").text(condition.last_reason);
    json.key("last_duration_ms").decimal(static_cast<std::uint64_t>(condition.last_duration_ns) / 1000);
  }
  json.end_object();
}

void add_servers(JsonWriter& json, const std::string& pool, const StatsTotal& total,
                 const ProcessInfo& process) {
  json.key("servers").begin_array();
  for (auto it = total.servers.lower_bound({pool, ""}); it != total.servers.end() && it->first.first == pool;
       ++it) {
    const StatsTotal::Server& sum = it->second;
    json.begin_object();
    json.key("name").text(it->first.second);
    const auto weight = process.server_weights.find(it->first);
    if (weight != process.server_weights.end()) json.key("weight").number(weight->second);
    const auto condition = process.servers.find(it->first);
    if (condition != process.servers.end()) add_condition(json, condition->second);
    add_requests(json, sum.requests);
    add_reasons(json, "errors", sum.errors);
    json.key("sessions").number(sum.sessions);
    json.key("active").signed_number(sum.active);
    json.key("idle").signed_number(sum.idle);
    json.end_object();
  }
  json.end_array();
}

void add_pools(JsonWriter& json, const StatsTotal& total, const ProcessInfo& process) {
  json.key("pools").begin_array();
  for (const auto& [name, sum] : total.pools) {
    json.begin_object();
    json.key("name").text(name);
    const auto condition = process.pool_conditions.find(name);
    if (condition != process.pool_conditions.end()) add_condition(json, condition->second);
    add_servers(json, name, total, process);
    add_reasons(json, "retries", sum.retries);
    json.key("retry_budget_exhausted").number(sum.budget_exhausted);
    json.key("hedges").number(sum.hedges);
    json.key("hedges_won").number(sum.hedges_won);
    add_histogram(json, "connect", sum.connect);
    add_histogram(json, "first_byte", sum.first_byte);
    json.key("waiting").signed_number(sum.waiting);
    add_histogram(json, "queue", sum.queue);
    json.end_object();
  }
  json.end_array();
}

}  // namespace

void format_stats_json(Buffer& out, const StatsTotal& total, const ProcessInfo& process) {
  JsonWriter json(out);
  json.begin_object();
  json.key("schema").number(1);
  add_process(json, process);
  add_listeners(json, total);
  add_routes(json, total);
  add_sessions(json, total);
  add_pools(json, total, process);
  add_resolver(json, process);
  json.key("end_reasons").begin_object();
  for (const EndReasonInfo& info : end_reasons()) {
    json.key(info.token).number(total.end_reasons[static_cast<std::size_t>(info.reason)]);
  }
  json.end_object().end_object();
  out.append('\n');
}

}  // namespace lintel::proxy
