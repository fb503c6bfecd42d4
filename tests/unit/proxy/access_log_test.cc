#include "proxy/access_log.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

#include "proxy/redact.h"

namespace lintel::proxy {
namespace {

// 2026-11-23T21:00:00.123Z
constexpr std::int64_t kWall = 1'795'467'600'123'456'789;

Record full_record() {
  Record record;
  record.request_id = "0123456789abcdef0123456789abcdef";
  record.client_ip = "192.0.2.7";
  record.client_port = 51234;
  record.peer_ip = "10.0.0.9";
  record.listener = "web";
  record.route = "api";
  record.pool = "app";
  record.server = "10.0.0.2:80";
  record.method = http::Method::get;
  record.method_text = "GET";
  record.host = "a.test";
  record.target = "/v1/x?a=1&token=t";
  record.path = "/v1/x";
  record.query = "a=1&token=t";
  record.user_agent = "curl/8 \"x\"";
  record.referer = "http://b.test/?code=5";
  record.status = 200;
  record.upstream_status = 200;
  record.bytes_in = 3;
  record.bytes_out = 1234;
  record.started = 1'000'000'000;
  record.done = 1'012'345'678;
  record.connect = 250'000;
  record.first_byte = 9'999'999;
  record.add_attempt({"10.0.0.1:80", 0, EndReason::upstream_connect_refused, 101'000});
  record.add_attempt({"10.0.0.2:80", 200, EndReason::ok, 11'000'000});
  return record;
}

std::string json_line(const Record& record) {
  Buffer out;
  TimestampCache times;
  format_json(out, record, kWall, times);
  return std::string(out.view());
}

std::string combined_line(const Record& record) {
  Buffer out;
  TimestampCache times;
  format_combined(out, record, kWall, times);
  return std::string(out.view());
}

TEST_CASE("a full JSON line") {
  CHECK(json_line(full_record()) ==
        R"({"ts":"2026-11-23T21:00:00.123Z","level":"info","msg":"access",)"
        R"("request_id":"0123456789abcdef0123456789abcdef","client_ip":"192.0.2.7","client_port":51234,)"
        R"("peer_ip":"10.0.0.9","listener":"web","proto":"HTTP/1.1","method":"GET","scheme":"http",)"
        R"("host":"a.test","path":"/v1/x","query":"a=1&token=***","route":"api","pool":"app",)"
        R"("server":"10.0.0.2:80","status":200,"upstream_status":200,"bytes_in":3,"bytes_out":1234,)"
        R"("duration_ms":12.345,"t_connect_ms":0.250,"t_ttfb_ms":9.999,)"
        R"("attempts":[{"server":"10.0.0.1:80","reason":"upstream.connect_refused","ms":0.101},)"
        R"({"server":"10.0.0.2:80","status":200,"reason":"ok","ms":11.000}],)"
        R"("end_reason":"ok","user_agent":"curl/8 \"x\"","referer":"http://b.test/?code=***"})"
        "\n");
}

TEST_CASE("a JSON line of a request that was never understood") {
  Record record;
  record.client_ip = "::1";
  record.listener = "web";
  record.status = 400;
  record.end_reason = EndReason::client_too_large_header;
  record.limit = http::Limit::header_count;
  record.detail = "there are too many";
  CHECK(json_line(record) ==
        R"({"ts":"2026-11-23T21:00:00.123Z","level":"info","msg":"access","client_ip":"::1",)"
        R"("listener":"web","proto":"HTTP/1.1","scheme":"http","status":400,"bytes_in":0,)"
        R"("bytes_out":0,"duration_ms":0.000,"end_reason":"client.too_large_header",)"
        R"("limit":"header_count","detail":"there are too many"})"
        "\n");
}

TEST_CASE("end reasons: which limit they tell of, and whose fault they are") {
  CHECK(limit_of(EndReason::client_too_large_body) == http::Limit::body_size);
  CHECK(limit_of(EndReason::client_slow_response) == http::Limit::min_rate_response);
  CHECK(limit_of(EndReason::ok) == http::Limit::none);
  CHECK(limit_of(EndReason::client_too_large_header) == http::Limit::none);  // There are three.
  CHECK(is_server_failure(EndReason::upstream_reset));
  CHECK(is_server_failure(EndReason::upstream_timeout_first_byte));
  for (const EndReason reason :
       {EndReason::ok, EndReason::client_abort_response, EndReason::client_slow_body, EndReason::tunnel_reset,
        EndReason::local_shutdown, EndReason::pool_no_server})
    CHECK_FALSE(is_server_failure(reason));
  for (std::size_t i = 1; i < http::kLimitCount; ++i)
    CHECK_FALSE(http::limit_name(static_cast<http::Limit>(i)).empty());
}

TEST_CASE("combined lines") {
  CHECK(combined_line(full_record()) ==
        "192.0.2.7 - - [23/Nov/2026:21:00:00 +0000] \"GET /v1/x?a=1&token=*** HTTP/1.1\" 200 1234 "
        "\"http://b.test/?code=***\" \"curl/8 \\x22x\\x22\"\n");
  CHECK(combined_line(Record()) == "- - - [23/Nov/2026:21:00:00 +0000] \"-\" 000 0 \"-\" \"-\"\n");
}

TEST_CASE("attempts beyond the room are counted, not kept") {
  Record record;
  for (int i = 0; i < 20; ++i) record.add_attempt({"s", 0, EndReason::upstream_reset, 0});
  CHECK(record.attempt_count == 20);
  std::size_t shown = 0;
  const std::string line = json_line(record);
  for (std::size_t at = 0; (at = line.find("{\"server\"", at)) != std::string::npos; ++at) ++shown;
  CHECK(shown == Record::kMaxAttempts);
}

TEST_CASE("queries are redacted") {
  struct Row {
    const char* query;
    const char* shown;
  };
  for (const Row& row :
       {Row{"", ""}, Row{"a=1&b=2", "a=1&b=2"}, Row{"token=abc", "token=***"},
        Row{"a=1&TOKEN=abc&b=2", "a=1&TOKEN=***&b=2"},
        Row{"key=1;password=2;c=3", "key=***;password=***;c=3"},
        Row{"access_token=x&refresh-token=y", "access_token=***&refresh-token=***"},
        Row{"api_key=x&apikey=y&X-Amz-Signature=z", "api_key=***&apikey=***&X-Amz-Signature=***"},
        Row{"tok%65n=x&pass%5Fword=x", "tok%65n=***&pass%5Fword=***"},
        Row{"code=1&zipcode=2&monkey=3", "code=***&zipcode=2&monkey=3"}, Row{"token", "token"},
        Row{"token=", "token=***"}, Row{"=x&&token==a=b&", "=x&&token=***&"}, Row{"a=token=b", "a=token=b"},
        Row{"a=\"\x01\xff", "a=\\\"\\u0001\xef\xbf\xbd"}}) {
    CAPTURE(row.query);
    Buffer out;
    append_redacted_query(out, row.query, Escape::json);
    CHECK(out.view() == row.shown);
  }
}

TEST_CASE("times of day, leap days and ends of years") {
  struct Row {
    std::int64_t seconds;
    const char* rfc3339;
    const char* common;
  };
  TimestampCache times;
  for (const Row& row : {Row{0, "1970-01-01T00:00:00.007Z", "01/Jan/1970:00:00:00 +0000"},
                         Row{951'782'399, "2000-02-28T23:59:59.007Z", "28/Feb/2000:23:59:59 +0000"},
                         Row{951'782'400, "2000-02-29T00:00:00.007Z", "29/Feb/2000:00:00:00 +0000"},
                         Row{1'798'761'599, "2026-12-31T23:59:59.007Z", "31/Dec/2026:23:59:59 +0000"},
                         Row{1'798'761'600, "2027-01-01T00:00:00.007Z", "01/Jan/2027:00:00:00 +0000"},
                         Row{4'107'542'399, "2100-02-28T23:59:59.007Z", "28/Feb/2100:23:59:59 +0000"},
                         Row{4'107'542'400, "2100-03-01T00:00:00.007Z", "01/Mar/2100:00:00:00 +0000"}}) {
    CHECK(times.rfc3339(row.seconds * 1'000'000'000 + 7'999'999) == row.rfc3339);
    CHECK(times.common(row.seconds * 1'000'000'000) == row.common);
  }
}

TEST_CASE("end reasons: every token is one word of phase and cause, and none occurs twice") {
  for (const EndReasonInfo& info : end_reasons()) {
    CAPTURE(info.token);
    CHECK(end_reason_token(info.reason) == info.token);
    CHECK_FALSE(info.doc.empty());
    CHECK((info.token == "ok" || info.token.find('.') != std::string_view::npos));
    CHECK(info.token.find_first_not_of("abcdefghijklmnopqrstuvwxyz._") == std::string_view::npos);
    for (const EndReasonInfo& other : end_reasons())
      CHECK((other.reason == info.reason || other.token != info.token));
  }
}

TEST_CASE("a worker's log reaches the file") {
  char path[] = "/tmp/lintel-access-log-XXXXXX";
  const int fd = mkstemp(path);
  REQUIRE(fd >= 0);
  close(fd);
  auto lines = LineLog::open({path, 4096, std::chrono::milliseconds(50)});
  REQUIRE(lines);
  AccessLog log(AccessLogFormat::json, (*lines)->add_writer());
  log.write(full_record(), kWall);
  log.write(full_record(), kWall);
  (*lines)->stop();
  std::ifstream in(path);
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  CHECK(text == json_line(full_record()) + json_line(full_record()));
  std::remove(path);
}

}  // namespace
}  // namespace lintel::proxy
