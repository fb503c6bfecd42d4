// Proxy-Status: an error type for every end reason, and the fields of whole answers.

#include "proxy/proxy_status.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "proxy/bench.h"

using namespace lintel;
using namespace lintel::proxy;
using namespace lintel::proxy::test;

namespace {

/// RFC 9209, 2.3.
const std::set<std::string_view> kRegistered = {
    "dns_timeout",
    "dns_error",
    "destination_not_found",
    "destination_unavailable",
    "destination_ip_prohibited",
    "destination_ip_unroutable",
    "connection_refused",
    "connection_terminated",
    "connection_timeout",
    "connection_read_timeout",
    "connection_write_timeout",
    "connection_limit_reached",
    "tls_protocol_error",
    "tls_certificate_error",
    "tls_alert_received",
    "http_request_error",
    "http_request_denied",
    "http_response_incomplete",
    "http_response_header_section_size",
    "http_response_header_size",
    "http_response_body_size",
    "http_response_trailer_section_size",
    "http_response_trailer_size",
    "http_response_transfer_coding",
    "http_response_content_coding",
    "http_response_timeout",
    "http_upgrade_failed",
    "http_protocol_error",
    "proxy_internal_response",
    "proxy_internal_error",
    "proxy_configuration_error",
    "proxy_loop_detected",
};

/// After these no response of Lintel's own can be given.
const std::set<EndReason> kWithout = {
    EndReason::ok,
    EndReason::upstream_timeout_body,
    EndReason::upstream_truncated,
    EndReason::upstream_idle_closed,
    EndReason::upstream_status,
    EndReason::tunnel_closed,
    EndReason::tunnel_timeout,
    EndReason::tunnel_reset,
    EndReason::client_timeout_write,
    EndReason::client_slow_response,
    EndReason::client_untrusted,
    EndReason::client_proxy_header,
    EndReason::client_timeout_proxy_header,
    EndReason::client_hello,
    EndReason::client_timeout_hello,
    EndReason::client_abort_header,
    EndReason::client_abort_body,
    EndReason::client_abort_response,
    EndReason::client_idle_close,
};

std::string added(std::string_view name, EndReason reason) {
  http::Fields fields;
  add_own_status(fields, name, reason);
  return std::string(fields.get("Proxy-Status"));
}

/// The values of all Proxy-Status lines, in order.
std::string statuses(std::string_view head) {
  std::string all;
  constexpr std::string_view kName = "\r\nProxy-Status: ";
  for (std::size_t at = head.find(kName); at != std::string_view::npos; at = head.find(kName, at + 1)) {
    const std::size_t begin = at + kName.size();
    all.append(head.substr(begin, head.find("\r\n", begin) - begin)).append("|");
  }
  return all;
}

}  // namespace

TEST_CASE("proxy status: every end reason has a registered error type or can have none") {
  for (const EndReasonInfo& info : end_reasons()) {
    CAPTURE(info.token);
    const std::string_view error = proxy_error(info.reason);
    CHECK(error.empty() == kWithout.contains(info.reason));
    CHECK((error.empty() || kRegistered.contains(error)));
    const bool ours = info.token.starts_with("route.") || info.token.starts_with("local.");
    if (ours) CHECK_FALSE(error.empty());
  }
  CHECK(proxy_error(EndReason::upstream_connect_refused) == "connection_refused");
  CHECK(proxy_error(EndReason::upstream_timeout_first_byte) == "http_response_timeout");
  CHECK(proxy_error(EndReason::pool_no_server) == "destination_unavailable");
}

TEST_CASE("proxy status: values are structured fields") {
  CHECK(added("lintel", EndReason::pool_no_server) ==
        "lintel; error=destination_unavailable; details=\"pool.no_server\"");
  CHECK(added("lintel", EndReason::ok) == "lintel; details=\"ok\"");
  // A token of HTTP need not be one of structured fields.
  CHECK(added("1st", EndReason::ok) == "\"1st\"; details=\"ok\"");
  CHECK(added("_x", EndReason::ok) == "\"_x\"; details=\"ok\"");
  CHECK(added("*x", EndReason::ok) == "*x; details=\"ok\"");
  // The longest there is fits.
  const std::string name(config::kMostServerName, '1');
  for (const EndReasonInfo& info : end_reasons())
    CHECK(begins(added(name, info.reason), "\"" + name + "\"; "));
  http::Fields fields;
  add_received_status(fields, name, 599);
  CHECK(fields.get("Proxy-Status") == "\"" + name + "\"; received-status=599");
}

TEST_CASE("proxy status: only where it is asked for") {
  Bench bench;
  Wire& client = bench.client(kGet);
  bench.server().send(
      "HTTP/1.1 200 OK\r\nProxy-Status: inner; received-status=500\r\nContent-Length: 0\r\n\r\n");
  bench.settle();
  CHECK(statuses(client.take()) == "inner; received-status=500|");
  client.send("BAD\r\n\r\n");
  bench.settle();
  CHECK(begins(client.received, "HTTP/1.1 400"));
  CHECK(statuses(client.received).empty());
}

TEST_CASE("proxy status: of answers that go through") {
  Bench bench;
  bench.listener().proxy_status = true;
  bench.listener().server_name = "edge";
  Wire& client = bench.client(kGet);
  SUBCASE("behind the members of other proxies") {
    bench.server().send(
        "HTTP/1.1 404 Not Found\r\nProxy-Status: a; error=dns_error\r\nContent-Length: 0\r\n"
        "Proxy-Status: b\r\n\r\n");
    bench.settle();
    CHECK(statuses(client.received) == "a; error=dns_error|b|edge; received-status=404|");
  }
  SUBCASE("not of interim ones") {
    bench.server().send("HTTP/1.1 103 Early Hints\r\n\r\n");
    bench.settle();
    CHECK(statuses(client.take()).empty());
    bench.server().send(kOk);
    bench.settle();
    CHECK(statuses(client.received) == "edge; received-status=200|");
  }
}

TEST_CASE("proxy status: of answers that Lintel gives itself") {
  struct Row {
    const char* request;
    const char* answer;  ///< Of the server, which then closes; null: it is not asked.
    const char* want;
  };
  static const Row rows[] = {
      {"GET /x HTTP/1.1\r\nHost: a\r\n\r\n", "",
       "lintel; error=connection_terminated; details=\"upstream.closed\"|"},
      {"GET /x HTTP/1.1\r\nHost: a\r\n\r\n", "SSH-2.0\r\n\r\n",
       "lintel; error=http_protocol_error; details=\"upstream.bad_response\"|"},
      {"GET /x HTTP/1.1\r\n\r\n", nullptr,
       "lintel; error=http_request_error; details=\"client.bad_request\"|"},
      {"TRACE /x HTTP/1.1\r\nHost: a\r\n\r\n", nullptr,
       "lintel; error=http_request_error; details=\"route.method_not_allowed\"|"},
      {"GET /pong HTTP/1.1\r\nHost: a\r\n\r\n", nullptr,
       "lintel; error=proxy_internal_response; details=\"route.respond\"|"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.want);
    Bench bench;
    bench.listener().proxy_status = true;
    config::Route& route = bench.listener().routes.emplace_back();
    route.name = "pong";
    route.match.path = "/pong";
    route.respond.emplace();
    Wire& client = bench.client(row.request);
    if (row.answer) {
      bench.server().send(row.answer);
      bench.server().close();
      bench.settle();
    } else {
      CHECK(bench.accepted.empty());
    }
    CHECK(statuses(client.received) == row.want);
    CHECK_FALSE(has(client.received, "10.0.0.1"));
  }
}
