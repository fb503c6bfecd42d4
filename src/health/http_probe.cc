// HTTP checks: one request on a connection of its own.

#include <algorithm>
#include <utility>

#include "config/diagnostic.h"
#include "config/units.h"
#include "health/probe.h"

namespace lintel::health {
namespace {

using config::quote;
using net::Task;

constexpr std::size_t kMostBody = 64 * 1024;  ///< In which expect_body is looked for.
constexpr int kMostInterim = 8;

std::string_view or_else(std::string_view text, std::string_view otherwise) {
  return text.empty() ? otherwise : text;
}

void fill(http::RequestHead& head, const Subject& subject) {
  const config::HealthCheck& check = subject.check;
  const std::string_view method = or_else(check.method, "GET");
  const std::string_view target = or_else(check.path, "/");
  const std::size_t question = target.find('?');
  head.method = http::method_from(method);
  head.method_text = head.store(method);
  head.target = head.store(target);
  head.path = head.store(target.substr(0, question));
  head.has_query = question != std::string_view::npos;
  if (head.has_query) head.query = head.store(target.substr(question + 1));
  const bool is_unix = subject.address.family() == AF_UNIX;
  head.authority = head.store(or_else(check.host, is_unix ? "localhost" : subject.server));
  bool names_agent = false;
  for (const config::HeaderValue& field : check.headers) {
    names_agent = names_agent || http::field_id(field.name) == http::FieldId::user_agent;
    head.fields.add(field.name, field.value);
  }
  if (!names_agent) head.fields.add("User-Agent", "lintel-health-check");
}

/// "GET /healthz".
std::string request_line(const config::HealthCheck& check) {
  return std::string(or_else(check.method, "GET")) + ' ' + std::string(or_else(check.path, "/"));
}

bool is_expected(const config::HealthCheck& check, int status) {
  if (check.expect.empty()) return status >= 200 && status < 300;
  return std::any_of(check.expect.begin(), check.expect.end(), [status](const std::string& text) {
    std::string why;
    const auto range = config::parse_statuses(text, why);
    return range && range->contains(status);
  });
}

std::string expected_statuses(const config::HealthCheck& check) {
  if (check.expect.empty()) return "2xx";
  std::string text;
  for (const std::string& each : check.expect) text += (text.empty() ? "" : " or ") + each;
  return text;
}

/// Why a field is not as expected; empty: it is.
std::string wrong_field(const config::HeaderValue& expected, const http::ResponseHead& head) {
  std::string found;
  for (const http::Fields::Line& line : head.fields.lines()) {
    if (line.removed || !http::equals_ignoring_case(head.fields.name(line), expected.name)) continue;
    if (expected.value.empty() || head.fields.value(line) == expected.value) return {};
    found = quote(head.fields.value(line));
  }
  if (found.empty()) return "has no header " + expected.name;
  return "has " + found + " in header " + expected.name + ", expected " + quote(expected.value);
}

}  // namespace

Task<Outcome> Probe::ask(net::StreamPtr stream) {
  http::H1ClientConnection connection(std::move(stream), tools_.workspace);
  const net::CancelToken::Wait wait(token_, connection.stream());
  http::RequestHead request;
  fill(request, subject_);
  connection.start({});
  const http::BodyChunk none({}, true);
  const Result<void> sent = co_await connection.write_head(request, none, nullptr);
  if (!sent) co_return failure(sent.error());
  http::ResponseHead head;
  for (int interim = 0; interim < kMostInterim; ++interim) {
    const Result<http::BodyChunk> first = co_await connection.read_head(head);
    if (!first) co_return failure(first.error());
    if (!head.is_interim()) co_return co_await judge(connection, head, *first);
  }
  co_return Outcome{false, request_line(subject_.check) + " answered nothing but interim responses"};
}

/// Whether the answer is as it should be; reads as much of the body as that needs.
Task<Outcome> Probe::judge(http::H1ClientConnection& connection, const http::ResponseHead& head,
                           http::BodyChunk first) {
  const config::HealthCheck& check = subject_.check;
  const std::string answered = request_line(check) + " answered " + std::to_string(head.status);
  if (!is_expected(check, head.status)) {
    co_return Outcome{false, answered + ", expected " + expected_statuses(check)};
  }
  for (const config::HeaderValue& expected : check.expect_header) {
    const std::string wrong = wrong_field(expected, head);
    if (!wrong.empty()) co_return Outcome{false, request_line(check) + ": the answer " + wrong};
  }
  if (check.expect_body.empty()) co_return Outcome{true, answered};
  std::string body(first.bytes);
  for (bool last = first.last; !last && body.size() < kMostBody;) {
    const Result<http::BodyChunk> next = co_await connection.read_body();
    if (!next) co_return failure(next.error());
    body.append(next->bytes.substr(0, kMostBody - body.size()));
    last = next->last;
  }
  if (body.find(check.expect_body) != std::string::npos) co_return Outcome{true, answered};
  co_return Outcome{false, request_line(check) + ": the body does not contain " + quote(check.expect_body)};
}

}  // namespace lintel::health
