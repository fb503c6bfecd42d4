#include "proxy/stats.h"

#include <doctest/doctest.h>

#include <string>
#include <thread>

#include "proxy/metrics_text.h"
#include "proxy/stats_json.h"

namespace lintel::proxy {
namespace {

constexpr std::int64_t kMs = 1'000'000;

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

/// Two workers that have served a little.
struct Workers {
  Workers() {
    for (WorkerStats* worker : {&one, &two}) {
      auto route = worker->route("web", "a\"b");
      route->count(200, http::Method::get, http::Version::http11, 3 * kMs, 10, 1000);
      route->in_flight.add();
      auto listener = worker->listener("web");
      listener->connections.add(2);
      listener->accepts_ok.add(5);
      listener->count(http::Limit::header_count);
      listener->count(http::Limit::none);
      auto pool = worker->pool("app");
      pool->connect.observe(kMs);
      pool->first_byte.observe(2 * kMs);
      auto server = worker->server("app", "10.0.0.1:80");
      server->requests.add(200);
      server->errors.add(static_cast<std::uint32_t>(EndReason::upstream_reset));
      server->idle.set(1);
      worker->count_end(EndReason::ok);
    }
    two.route("web", "a\"b")->count(404, http::Method::other, http::Version::http10, 90'000 * kMs, 0, 5);
    two.pool("app")->retries.add(static_cast<std::uint32_t>(EndReason::upstream_connect_refused));
  }
  [[nodiscard]] StatsTotal total() const {
    const WorkerStats* const both[] = {&one, &two};
    return collect(both);
  }
  WorkerStats one;
  WorkerStats two;
};

TEST_CASE("sums over workers") {
  const StatsTotal total = Workers().total();
  const StatsTotal::Route& route = total.routes.at({"web", "a\"b"});
  CHECK(route.requests.at(request_key(200, http::Method::get, http::Version::http11)) == 2);
  CHECK(route.requests.at(request_key(404, http::Method::other, http::Version::http10)) == 1);
  CHECK(route.duration.count == 3);
  CHECK(route.duration.buckets[2] == 2);
  CHECK(route.duration.buckets.back() == 1);
  CHECK(route.duration.sum_ns == 90'006 * kMs);
  CHECK(route.request_bytes == 20);
  CHECK(route.response_bytes == 2005);
  CHECK(route.in_flight == 2);
  CHECK(total.listeners.at("web").connections == 4);
  CHECK(total.servers.at({"app", "10.0.0.1:80"}).idle == 2);
  CHECK(total.end_reasons[static_cast<std::size_t>(EndReason::ok)] == 2);
}

TEST_CASE("the same name is the same object; prune forgets what nobody holds") {
  WorkerStats worker;
  const auto held = worker.route("web", "one");
  CHECK(worker.route("web", "one") == held);
  CHECK(worker.route("web", "two") != held);
  held->request_bytes.add(7);
  (void)worker.pool("gone");
  worker.prune();
  const WorkerStats* const workers[] = {&worker};
  const StatsTotal total = collect(workers);
  CHECK(total.routes.size() == 1);
  CHECK(total.pools.empty());
  CHECK(worker.route("web", "one")->request_bytes.value() == 7);
}

TEST_CASE("keyed counters hold a bounded number of keys") {
  KeyedCounters counters;
  for (std::uint32_t round = 0; round < 2; ++round) {
    for (std::uint32_t key = 0; key < 1000; ++key) counters.add(key);
  }
  std::map<std::uint32_t, std::uint64_t> seen;
  counters.for_each([&](std::uint32_t key, std::uint64_t value) { seen[key] += value; });
  CHECK(seen.size() == KeyedCounters::kMaxKeys);
  CHECK(seen.at(0) == 2);
  CHECK(seen.at(KeyedCounters::kOtherKey) == 2 * (1000 - (KeyedCounters::kMaxKeys - 1)));
}

TEST_CASE("summing while a worker counts") {
  WorkerStats worker;
  const auto route = worker.route("web", "r");
  std::atomic<bool> done{false};
  std::thread writer([&] {
    for (int i = 0; i < 50'000; ++i) {
      route->count(200 + i % 300, http::Method::get, http::Version::http11, i * 1000, 1, 1);
    }
    done = true;
  });
  const WorkerStats* const workers[] = {&worker};
  std::uint64_t last = 0;
  bool ascending = true;
  while (!done) {
    const StatsTotal total = collect(workers);
    std::uint64_t sum = 0;
    for (const auto& [key, count] : total.routes.begin()->second.requests) sum += count;
    ascending = ascending && sum >= last;
    last = sum;
  }
  writer.join();
  CHECK(ascending);
  CHECK(collect(workers).routes.begin()->second.duration.count == 50'000);
}

ProcessInfo process() {
  ProcessInfo info;
  info.version = "0.1.0";
  info.config_hash = "abc";
  info.start_time = 1'795'467'600.5;
  info.workers = 2;
  info.generation = 3;
  info.reloads_ok = 2;
  info.access_log_lost_bytes = 77;
  info.server_weights[{"app", "10.0.0.1:80"}] = 4;
  return info;
}

TEST_CASE("Prometheus text") {
  Buffer out;
  format_metrics(out, Workers().total(), process(), MetricsFormat::prometheus);
  for (const char* line :
       {"# TYPE lintel_requests_total counter\n",
        "lintel_build_info{version=\"0.1.0\"} 1\n",
        "lintel_requests_total{listener=\"web\",route=\"a\\\"b\",code=\"200\",method=\"GET\",proto=\"HTTP/"
        "1.1\"} 2\n",
        "lintel_requests_total{listener=\"web\",route=\"a\\\"b\",code=\"404\",method=\"OTHER\",proto=\"HTTP/"
        "1.0\"} 1\n",
        "lintel_request_duration_seconds_bucket{listener=\"web\",route=\"a\\\"b\",le=\"0.0025\"} 0\n",
        "lintel_request_duration_seconds_bucket{listener=\"web\",route=\"a\\\"b\",le=\"1\"} 2\n",
        "lintel_request_duration_seconds_bucket{listener=\"web\",route=\"a\\\"b\",le=\"+Inf\"} 3\n",
        "lintel_request_duration_seconds_sum{listener=\"web\",route=\"a\\\"b\"} 90.006000000\n",
        "lintel_request_duration_seconds_count{listener=\"web\",route=\"a\\\"b\"} 3\n",
        "lintel_requests_in_flight{listener=\"web\",route=\"a\\\"b\"} 2\n",
        "lintel_listener_connections{listener=\"web\"} 4\n",
        "lintel_listener_accepts_total{listener=\"web\",result=\"ok\"} 10\n",
        "lintel_limit_reached_total{listener=\"web\",limit=\"connections\"} 0\n",
        "lintel_limit_reached_total{listener=\"web\",limit=\"header_count\"} 2\n",
        "lintel_access_log_lost_bytes_total 77\n",
        "lintel_upstream_requests_total{pool=\"app\",server=\"10.0.0.1:80\",code=\"200\"} 2\n",
        "lintel_upstream_errors_total{pool=\"app\",server=\"10.0.0.1:80\",reason=\"upstream.reset\"} 2\n",
        "lintel_upstream_retries_total{pool=\"app\",reason=\"upstream.connect_refused\"} 1\n",
        "lintel_upstream_connections{pool=\"app\",server=\"10.0.0.1:80\",state=\"idle\"} 2\n",
        "lintel_server_weight{pool=\"app\",server=\"10.0.0.1:80\"} 4\n",
        "lintel_end_reason_total{reason=\"ok\"} 2\n",
        "process_start_time_seconds 1795467600.500\n",
        "process_open_fds "}) {
    CAPTURE(line);
    CHECK(contains(out.view(), line));
  }
  CHECK_FALSE(contains(out.view(), "# EOF"));
}

TEST_CASE("OpenMetrics text") {
  Buffer out;
  format_metrics(out, Workers().total(), process(), MetricsFormat::openmetrics);
  CHECK(contains(out.view(), "# TYPE lintel_requests counter\n"));
  CHECK(contains(out.view(), "\nlintel_requests_total{"));
  CHECK(contains(out.view(), "le=\"1.0\"} 2\n"));
  CHECK(out.view().ends_with("\n# EOF\n"));
  CHECK(metrics_format("application/openmetrics-text;version=1.0.0,text/plain;q=0.5") ==
        MetricsFormat::openmetrics);
  CHECK(metrics_format("*/*") == MetricsFormat::prometheus);
}

TEST_CASE("statistics as JSON") {
  Buffer out;
  format_stats_json(out, Workers().total(), process());
  CHECK(out.view().starts_with(
      "{\"schema\":1,\"version\":\"0.1.0\",\"process\":{\"start_time\":1795467600.500,"));
  CHECK(contains(out.view(),
                 "\"name\":\"a\\\"b\",\"by_status\":{\"200\":2,\"404\":1},\"requests\":3,\"in_flight\":2,"));
  CHECK(contains(out.view(),
                 "\"name\":\"10.0.0.1:80\",\"weight\":4,\"by_status\":{\"200\":2},\"requests\":2,"
                 "\"errors\":{\"upstream.reset\":2},\"sessions\":0,\"active\":0,\"idle\":2}"));
  CHECK(contains(out.view(), "\"sum_ms\":90006.000,"));
  CHECK(out.view().ends_with("}}\n"));
}

}  // namespace
}  // namespace lintel::proxy
