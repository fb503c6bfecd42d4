#include "proxy/metrics_text.h"

#include <initializer_list>
#include <optional>
#include <utility>

#include "base/json.h"
#include "proxy/client_tls.h"
#include "proxy/process_usage.h"
#include "proxy/record.h"

namespace lintel::proxy {

namespace {

using Labels = std::initializer_list<std::pair<std::string_view, std::string_view>>;

/// Writes families in either format; knows how the two differ.
class Page {
 public:
  Page(Buffer& out, MetricsFormat format) noexcept : out_(out), format_(format) {}

  void counter(std::string_view name, std::string_view help) { family(name, "counter", help); }
  void gauge(std::string_view name, std::string_view help) { family(name, "gauge", help); }
  void histogram(std::string_view name, std::string_view help) { family(name, "histogram", help); }

  /// One sample of the family begun last, its value as a number of 10^-`digits`.
  void sample(Labels labels, std::uint64_t value, unsigned digits = 0) {
    out_.append(name_);
    append_labels(labels, {});
    append_value(value, digits);
  }
  void signed_sample(Labels labels, std::int64_t value) {
    // Workers' gauges are read one after the other; a sum may for a moment fall below nothing.
    sample(labels, value < 0 ? 0 : static_cast<std::uint64_t>(value));
  }
  void histogram_sample(Labels labels, const HistogramTotal& total);
  void end() {
    if (format_ == MetricsFormat::openmetrics) out_.append(std::string_view("# EOF\n"));
  }

 private:
  void family(std::string_view name, std::string_view type, std::string_view help);
  void append_labels(Labels labels, std::string_view le);
  void append_value(std::uint64_t value, unsigned digits) {
    out_.append(' ');
    if (digits == 0) {
      out_.append_number(value);
    } else {
      append_fixed(out_, value, digits);
    }
    out_.append('\n');
  }

  Buffer& out_;
  MetricsFormat format_;
  std::string_view name_;
};

void Page::family(std::string_view name, std::string_view type, std::string_view help) {
  name_ = name;
  // In OpenMetrics a counter's family has no suffix, only its samples have.
  if (format_ == MetricsFormat::openmetrics && type == "counter") name.remove_suffix(6);
  for (const auto& [keyword, text] : {std::pair("# HELP ", help), std::pair("# TYPE ", type)}) {
    out_.append(std::string_view(keyword));
    out_.append(name);
    out_.append(' ');
    out_.append(text);
    out_.append('\n');
  }
}

void append_label_value(Buffer& out, std::string_view value) {
  for (const char c : value) {
    if (c == '\\' || c == '"') out.append('\\');
    if (c == '\n') {
      out.append(std::string_view("\\n"));
    } else {
      out.append(c);
    }
  }
}

void Page::append_labels(Labels labels, std::string_view le) {
  char separator = '{';
  const auto add = [&](std::string_view key, std::string_view value) {
    out_.append(separator);
    separator = ',';
    out_.append(key);
    out_.append(std::string_view("=\""));
    append_label_value(out_, value);
    out_.append('"');
  };
  for (const auto& [key, value] : labels) add(key, value);
  if (!le.empty()) add("le", le);
  if (separator == ',') out_.append('}');
}

void Page::histogram_sample(Labels labels, const HistogramTotal& total) {
  static constexpr std::array<std::string_view, kDurationBounds.size() + 1> kBounds = {
      "0.001", "0.0025", "0.005", "0.01", "0.025", "0.05", "0.1", "0.25",
      "0.5",   "1.0",    "5.0",   "10.0", "30.0",  "60.0", "+Inf"};
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < kBounds.size(); ++i) {
    sum += total.buckets[i];
    std::string_view bound = kBounds[i];
    if (format_ == MetricsFormat::prometheus && bound.ends_with(".0")) bound.remove_suffix(2);
    out_.append(name_);
    out_.append(std::string_view("_bucket"));
    append_labels(labels, bound);
    append_value(sum, 0);
  }
  out_.append(name_);
  out_.append(std::string_view("_sum"));
  append_labels(labels, {});
  append_value(total.sum_ns, 9);
  out_.append(name_);
  out_.append(std::string_view("_count"));
  append_labels(labels, {});
  append_value(total.count, 0);
}

/// The labels of a key of RouteStats::requests.
struct RequestLabels {
  explicit RequestLabels(std::uint32_t key) {
    if (key == KeyedCounters::kOtherKey) return;
    code = std::to_string(key >> 8);
    method = http::method_name(static_cast<http::Method>(key >> 2 & 0x3f));
    proto = version_name(static_cast<http::Version>(key & 3));
  }
  std::string code = "other";
  std::string_view method = "OTHER";
  std::string_view proto = "other";
};

std::string code_label(std::uint32_t key) {
  return key == KeyedCounters::kOtherKey ? "other" : std::to_string(key);
}

std::string_view reason_label(std::uint32_t key) {
  return key < kEndReasonCount ? end_reason_token(static_cast<EndReason>(key)) : "other";
}

std::uint64_t milliseconds(double seconds) {
  return static_cast<std::uint64_t>(seconds * 1000);
}

void add_config(Page& page, const ProcessInfo& process) {
  page.gauge("lintel_build_info", "Always 1; the label is the program's version.");
  page.sample({{"version", process.version}}, 1);
  page.gauge("lintel_config_info", "Always 1; the label is the hash of the configuration in force.");
  page.sample({{"hash", process.config_hash}}, 1);
  page.gauge("lintel_config_generation", "Number of the configuration in force, from 1.");
  page.sample({}, process.generation);
  page.gauge("lintel_config_last_reload_success", "1 if the last reload was taken, 0 if it was refused.");
  page.sample({}, process.last_reload_success ? 1 : 0);
  page.gauge("lintel_config_last_reload_timestamp_seconds", "When the last reload was tried.");
  page.sample({}, milliseconds(process.last_reload_time), 3);
  page.counter("lintel_config_reloads_total", "Reloads tried.");
  page.sample({{"result", "ok"}}, process.reloads_ok);
  page.sample({{"result", "failed"}}, process.reloads_failed);
  page.gauge("lintel_workers", "Worker threads.");
  page.sample({}, process.workers);
  page.counter("lintel_log_dropped_lines_total",
               "Log lines dropped because the log could not be written fast enough.");
  page.sample({{"log", "access"}}, process.access_log_dropped);
  page.sample({{"log", "error"}}, process.error_log_dropped);
  page.counter("lintel_access_log_lost_bytes_total",
               "Bytes of the access log that could not be written: disk full, reader gone.");
  page.sample({}, process.access_log_lost_bytes);
}

void add_listeners(Page& page, const StatsTotal& total) {
  page.gauge("lintel_listener_connections", "Open client connections.");
  for (const auto& [name, sum] : total.listeners) page.signed_sample({{"listener", name}}, sum.connections);
  page.counter("lintel_listener_accepts_total", "Client connections by what became of them when they came.");
  for (const auto& [name, sum] : total.listeners) {
    page.sample({{"listener", name}, {"result", "ok"}}, sum.accepts_ok);
    page.sample({{"listener", name}, {"result", "limit"}}, sum.accepts_limit);
    page.sample({{"listener", name}, {"result", "error"}}, sum.accepts_error);
  }
  page.counter("lintel_udp_datagrams_dropped_total",
               "Datagrams of UDP clients and servers that went nowhere: no session, no server or no room.");
  for (const auto& [name, sum] : total.listeners) page.sample({{"listener", name}}, sum.datagrams_dropped);
  page.counter("lintel_header_fields_dropped_total",
               "Request fields that were dropped because their name has an underscore.");
  for (const auto& [name, sum] : total.listeners) page.sample({{"listener", name}}, sum.fields_dropped);
  page.counter(
      "lintel_limit_reached_total",
      "Times that a limit on clients was reached: something was refused, cut, closed or made to wait.");
  for (const auto& [name, sum] : total.listeners) {
    for (std::size_t i = 1; i < sum.limits.size(); ++i) {
      page.sample({{"listener", name}, {"limit", http::limit_name(static_cast<http::Limit>(i))}},
                  sum.limits[i]);
    }
  }
}

void add_tls(Page& page, const StatsTotal& total, const ProcessInfo& process) {
  static constexpr std::array<std::string_view, 4> kVersions = {"none", "1.1", "1.2", "1.3"};
  page.counter("lintel_tls_handshakes_total",
               "TLS handshakes with clients by version and by how they ended.");
  for (const auto& [name, sum] : total.listeners) {
    for (const auto& [key, count] : sum.handshakes) {
      page.sample({{"listener", name},
                   {"version", kVersions[key >> 8 & 3]},
                   {"result", handshake_result_label(static_cast<HandshakeResult>(key & 0xff))}},
                  count);
    }
  }
  page.gauge("lintel_tls_cert_not_after_timestamp_seconds", "When a certificate in use expires.");
  for (const CertificateExpiry& one : process.certificates) {
    page.signed_sample({{"listener", one.listener}, {"certificate", one.name}, {"key", one.kind}},
                       one.not_after);
  }
}

void add_routes(Page& page, const StatsTotal& total) {
  page.counter("lintel_requests_total", "Finished requests; code 0 where no answer was sent.");
  for (const auto& [names, sum] : total.routes) {
    for (const auto& [key, count] : sum.requests) {
      const RequestLabels labels(key);
      page.sample({{"listener", names.first},
                   {"route", names.second},
                   {"code", labels.code},
                   {"method", labels.method},
                   {"proto", labels.proto}},
                  count);
    }
  }
  page.histogram("lintel_request_duration_seconds",
                 "From a request's first byte to the end of its response.");
  for (const auto& [names, sum] : total.routes)
    page.histogram_sample({{"listener", names.first}, {"route", names.second}}, sum.duration);
  page.counter("lintel_request_bytes_total", "Bytes of request bodies.");
  for (const auto& [names, sum] : total.routes)
    page.sample({{"listener", names.first}, {"route", names.second}}, sum.request_bytes);
  page.counter("lintel_response_bytes_total", "Bytes of response bodies.");
  for (const auto& [names, sum] : total.routes)
    page.sample({{"listener", names.first}, {"route", names.second}}, sum.response_bytes);
  page.gauge("lintel_requests_in_flight", "Requests that have a route and are not finished.");
  for (const auto& [names, sum] : total.routes)
    page.signed_sample({{"listener", names.first}, {"route", names.second}}, sum.in_flight);
  page.counter("lintel_mirrored_total",
               "Requests that were to be copied to the route's mirror, by what became of that.");
  for (const auto& [names, sum] : total.routes) {
    for (std::size_t i = 0; i < sum.mirrored.size(); ++i) {
      if (sum.mirrored[i] == 0) continue;
      page.sample({{"listener", names.first}, {"route", names.second}, {"result", kMirroredNames[i]}},
                  sum.mirrored[i]);
    }
  }
}

void add_sessions(Page& page, const StatsTotal& total) {
  page.counter("lintel_sessions_total", "Finished TCP and UDP sessions.");
  for (const auto& [names, sum] : total.sessions)
    page.sample({{"listener", names.first}, {"route", names.second}}, sum.closed);
  page.gauge("lintel_sessions_open", "TCP and UDP sessions that go on.");
  for (const auto& [names, sum] : total.sessions)
    page.signed_sample({{"listener", names.first}, {"route", names.second}}, sum.open);
  page.histogram("lintel_session_duration_seconds", "From a TCP or UDP session's beginning to its end.");
  for (const auto& [names, sum] : total.sessions)
    page.histogram_sample({{"listener", names.first}, {"route", names.second}}, sum.duration);
  page.counter("lintel_session_received_bytes_total",
               "Bytes from clients of TCP and UDP sessions to servers.");
  for (const auto& [names, sum] : total.sessions)
    page.sample({{"listener", names.first}, {"route", names.second}}, sum.bytes_in);
  page.counter("lintel_session_sent_bytes_total", "Bytes from servers to clients of TCP and UDP sessions.");
  for (const auto& [names, sum] : total.sessions)
    page.sample({{"listener", names.first}, {"route", names.second}}, sum.bytes_out);
}

void add_pools(Page& page, const StatsTotal& total) {
  page.histogram("lintel_upstream_connect_seconds", "Time to open a connection to a server.");
  for (const auto& [name, sum] : total.pools) page.histogram_sample({{"pool", name}}, sum.connect);
  page.histogram("lintel_upstream_ttfb_seconds",
                 "From a request sent to the first byte of the server's answer.");
  for (const auto& [name, sum] : total.pools) page.histogram_sample({{"pool", name}}, sum.first_byte);
  page.gauge("lintel_pool_queue_depth", "Requests and sessions that wait for a place with a server.");
  for (const auto& [name, sum] : total.pools) page.signed_sample({{"pool", name}}, sum.waiting);
  page.histogram("lintel_pool_queue_seconds",
                 "Time that requests and sessions waited for a place, if they did.");
  for (const auto& [name, sum] : total.pools) page.histogram_sample({{"pool", name}}, sum.queue);
  page.counter("lintel_upstream_retries_total", "Attempts that were followed by another, by how they ended.");
  for (const auto& [name, sum] : total.pools) {
    for (const auto& [key, count] : sum.retries)
      page.sample({{"pool", name}, {"reason", reason_label(key)}}, count);
  }
  page.counter("lintel_retry_budget_exhausted_total",
               "Retries and hedges that were not made because the pool's budget was exhausted.");
  for (const auto& [name, sum] : total.pools) page.sample({{"pool", name}}, sum.budget_exhausted);
  page.counter("lintel_upstream_hedges_total", "Hedges: attempts that were made beside slow ones.");
  for (const auto& [name, sum] : total.pools) page.sample({{"pool", name}}, sum.hedges);
  page.counter("lintel_upstream_hedges_won_total", "Hedges whose answer was the client's.");
  for (const auto& [name, sum] : total.pools) page.sample({{"pool", name}}, sum.hedges_won);
}

void add_servers(Page& page, const StatsTotal& total, const ProcessInfo& process) {
  page.counter("lintel_upstream_requests_total",
               "Attempts by the status that the server answered with; 0 for none.");
  for (const auto& [names, sum] : total.servers) {
    for (const auto& [key, count] : sum.requests) {
      page.sample({{"pool", names.first}, {"server", names.second}, {"code", code_label(key)}}, count);
    }
  }
  page.counter("lintel_upstream_errors_total", "Attempts that failed, by how they ended.");
  for (const auto& [names, sum] : total.servers) {
    for (const auto& [key, count] : sum.errors) {
      page.sample({{"pool", names.first}, {"server", names.second}, {"reason", reason_label(key)}}, count);
    }
  }
  page.counter("lintel_upstream_sessions_total", "TCP and UDP sessions that reached a server.");
  for (const auto& [names, sum] : total.servers) {
    page.sample({{"pool", names.first}, {"server", names.second}}, sum.sessions);
  }
  page.gauge("lintel_upstream_connections", "Connections to servers, in use and kept.");
  for (const auto& [names, sum] : total.servers) {
    page.signed_sample({{"pool", names.first}, {"server", names.second}, {"state", "active"}}, sum.active);
    page.signed_sample({{"pool", names.first}, {"server", names.second}, {"state", "idle"}}, sum.idle);
  }
  page.gauge("lintel_server_weight", "A server's share of its pool, as configured or set at run time.");
  for (const auto& [names, weight] : process.server_weights) {
    page.sample({{"pool", names.first}, {"server", names.second}}, weight);
  }
}

void add_health(Page& page, const ProcessInfo& process) {
  page.gauge("lintel_server_up", "1 while a server's health check says that it is well, or it has none.");
  for (const auto& [names, server] : process.servers) {
    page.sample({{"pool", names.first}, {"server", names.second}}, server.up ? 1 : 0);
  }
  page.gauge("lintel_server_state", "1 for what an operator wants of a server: ready, drain or down.");
  for (const auto& [names, server] : process.servers) {
    page.sample({{"pool", names.first}, {"server", names.second}, {"state", server.state}}, 1);
  }
  page.counter("lintel_server_health_transitions_total",
               "Times that a health check found a server up or down.");
  for (const auto& [names, server] : process.servers) {
    if (!server.is_checked) continue;
    page.sample({{"pool", names.first}, {"server", names.second}, {"to", "up"}}, server.went_up);
    page.sample({{"pool", names.first}, {"server", names.second}, {"to", "down"}}, server.went_down);
  }
  page.counter("lintel_server_checks_total", "Health checks by their result.");
  for (const auto& [names, server] : process.servers) {
    if (!server.is_checked) continue;
    page.sample({{"pool", names.first}, {"server", names.second}, {"result", "passed"}},
                server.checks_passed);
    page.sample({{"pool", names.first}, {"server", names.second}, {"result", "failed"}},
                server.checks_failed);
  }
  page.gauge("lintel_server_check_duration_seconds", "How long the last health check took.");
  for (const auto& [names, server] : process.servers) {
    if (server.last_reason.empty()) continue;
    page.sample({{"pool", names.first}, {"server", names.second}},
                static_cast<std::uint64_t>(server.last_duration_ns), 9);
  }
}

/// Figures of circuit breakers: 0 closed, 1 half open, 2 open.
constexpr std::string_view kBreakerStates = "0: closed; 1: half open, probes decide; 2: open.";

void add_pool_conditions(Page& page, const ProcessInfo& process) {
  const auto& pools = process.pool_conditions;
  page.gauge("lintel_pool_panic",
             "1 if so few servers were well when one was last chosen that all of them are used.");
  for (const auto& [name, one] : pools) page.sample({{"pool", name}}, one.panics ? 1 : 0);
  page.counter("lintel_pool_panics_total", "Times that this has begun.");
  for (const auto& [name, one] : pools) page.sample({{"pool", name}}, one.panic_count);
  page.counter("lintel_pool_panic_picks_total", "Attempts and sessions whose server was chosen in panic.");
  for (const auto& [name, one] : pools) page.sample({{"pool", name}}, one.panic_picks);
  page.gauge("lintel_pool_breaker_state", kBreakerStates);
  for (const auto& [name, one] : pools) {
    if (one.breaker) page.sample({{"pool", name}}, static_cast<std::uint64_t>(one.breaker->state));
  }
  page.counter("lintel_pool_breaker_opened_total", "Times that the pool's circuit breaker has opened.");
  for (const auto& [name, one] : pools) {
    if (one.breaker) page.sample({{"pool", name}}, one.breaker->opened);
  }
  page.counter("lintel_pool_breaker_refused_total",
               "Attempts and sessions that the pool's circuit breaker did not let through.");
  for (const auto& [name, one] : pools) {
    if (!one.breaker) continue;
    page.sample({{"pool", name}, {"reason", "open"}}, one.refused_open);
    page.sample({{"pool", name}, {"reason", "full"}}, one.refused_full);
  }
}

void add_server_conditions(Page& page, const ProcessInfo& process) {
  const auto& servers = process.servers;
  page.gauge("lintel_server_ejected", "1 while a server is ejected as an outlier.");
  for (const auto& [names, one] : servers) {
    page.sample({{"pool", names.first}, {"server", names.second}}, one.traffic.ejected ? 1 : 0);
  }
  page.counter("lintel_server_ejections_total", "Ejections by what they were for.");
  for (const auto& [names, one] : servers) {
    for (std::size_t i = 0; i < pool::kCauseCount; ++i) {
      const std::string_view cause = pool::cause_name(static_cast<pool::Cause>(i));
      page.sample({{"pool", names.first}, {"server", names.second}, {"cause", cause}},
                  one.traffic.ejections[i]);
    }
  }
  page.gauge("lintel_server_breaker_state", kBreakerStates);
  for (const auto& [names, one] : servers) {
    if (!one.traffic.breaker) continue;
    page.sample({{"pool", names.first}, {"server", names.second}},
                static_cast<std::uint64_t>(one.traffic.breaker->state));
  }
  page.counter("lintel_server_breaker_opened_total", "Times that a server's circuit breaker has opened.");
  for (const auto& [names, one] : servers) {
    if (one.traffic.breaker)
      page.sample({{"pool", names.first}, {"server", names.second}}, one.traffic.breaker->opened);
  }
}

void add_resolver(Page& page, const ProcessInfo& process) {
  const ResolverInfo& resolver = process.resolver;
  page.counter("lintel_resolver_lookups_total", "Look-ups of servers' names, by how they ended.");
  page.sample({{"result", "ok"}}, resolver.lookups_ok);
  page.sample({{"result", "partial"}}, resolver.lookups_partial);
  page.sample({{"result", "not_found"}}, resolver.lookups_not_found);
  page.sample({{"result", "timeout"}}, resolver.lookups_timeout);
  page.sample({{"result", "failure"}}, resolver.lookups_failed);
  page.gauge("lintel_resolver_addresses", "Addresses in use that a name stands for.");
  for (const auto& name : resolver.names)
    page.sample({{"dns_name", name.name}, {"type", name.type}}, name.addresses);
  page.gauge("lintel_resolver_failing", "Whether the last look-up of a name failed.");
  for (const auto& name : resolver.names)
    page.sample({{"dns_name", name.name}, {"type", name.type}}, name.failures != 0 ? 1 : 0);
  page.gauge("lintel_resolver_answer_age_seconds", "Time since the last good answer for a name.");
  for (const auto& name : resolver.names) {
    if (name.resolved)
      page.sample({{"dns_name", name.name}, {"type", name.type}}, static_cast<std::uint64_t>(name.age), 9);
  }
  page.counter("lintel_servers_file_loads_total", "Times that a pool's servers_file was read, by result.");
  for (const auto& file : process.servers_files) {
    page.sample({{"pool", file.pool}, {"result", "ok"}}, file.loads_ok);
    page.sample({{"pool", file.pool}, {"result", "failed"}}, file.loads_failed);
  }
  page.gauge("lintel_servers_file_last_load_success",
             "Whether a pool's servers_file as it is now is in use.");
  for (const auto& file : process.servers_files)
    page.sample({{"pool", file.pool}}, file.last_error.empty() ? 1 : 0);
  page.counter("lintel_server_changes_total", "Times that names or files have changed the servers.");
  page.sample({}, process.server_changes);
}

void add_process(Page& page, const ProcessInfo& process) {
  const ProcessUsage usage = read_process_usage();
  page.counter("process_cpu_seconds_total", "User and system CPU time.");
  page.sample({}, usage.cpu_us, 6);
  page.gauge("process_max_fds", "Most file descriptors that may be open.");
  page.sample({}, usage.max_fds);
  page.gauge("process_start_time_seconds", "When the process started.");
  page.sample({}, milliseconds(process.start_time), 3);
  const auto add = [&](std::string_view name, std::string_view help, std::optional<std::uint64_t> value) {
    if (!value) return;
    page.gauge(name, help);
    page.sample({}, *value);
  };
  add("process_open_fds", "Open file descriptors.", usage.open_fds);
  add("process_resident_memory_bytes", "Memory in use.", usage.resident_bytes);
  add("process_virtual_memory_bytes", "Address space in use.", usage.virtual_bytes);
}

}  // namespace

MetricsFormat metrics_format(std::string_view accept) noexcept {
  return accept.find("application/openmetrics-text") != std::string_view::npos ? MetricsFormat::openmetrics
                                                                               : MetricsFormat::prometheus;
}

std::string_view metrics_content_type(MetricsFormat format) noexcept {
  return format == MetricsFormat::openmetrics ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
                                              : "text/plain; version=0.0.4; charset=utf-8";
}

void format_metrics(Buffer& out, const StatsTotal& total, const ProcessInfo& process, MetricsFormat format) {
  Page page(out, format);
  add_config(page, process);
  add_listeners(page, total);
  add_tls(page, total, process);
  add_routes(page, total);
  add_sessions(page, total);
  add_pools(page, total);
  add_servers(page, total, process);
  add_health(page, process);
  add_pool_conditions(page, process);
  add_server_conditions(page, process);
  add_resolver(page, process);
  page.counter("lintel_end_reason_total", "Requests, tunnels, TCP and UDP sessions by how they ended.");
  for (const EndReasonInfo& info : end_reasons()) {
    page.sample({{"reason", info.token}}, total.end_reasons[static_cast<std::size_t>(info.reason)]);
  }
  add_process(page, process);
  page.end();
}

}  // namespace lintel::proxy
