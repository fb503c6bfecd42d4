#include <algorithm>
#include <filesystem>
#include <ostream>

#include "app/commands_explain.h"
#include "app/offline.h"
#include "base/json.h"
#include "config/diagnostic.h"
#include "config/suite.h"

namespace lintel::app {
namespace {

constexpr int kOk = 0;
constexpr int kFailed = 1;

/// What a test came to: empty where all is as expected.
using Failures = std::vector<std::string>;

/// Whether `words` has `name`; those of a split are followed by their share.
bool names(const std::vector<std::string>& words, const std::string& name) {
  return std::any_of(words.begin(), words.end(),
                     [&](const std::string& word) { return word == name || word.starts_with(name + " ("); });
}

void expect(Failures& failures, std::string_view what, const std::string& wanted, const std::string& found) {
  if (wanted.empty() || wanted == found) return;
  failures.push_back(std::string(what) + " is " + (found.empty() ? "none" : config::quote(found)) +
                     ", expected " + config::quote(wanted));
}

Failures compare(const config::Expectation& wanted, const proxy::Explanation& told,
                 const std::string& listener) {
  Failures failures;
  expect(failures, "the listener", wanted.listener, listener);
  expect(failures, "the route", wanted.route, told.route);
  if (!names(told.pools, wanted.pool)) expect(failures, "the pool", wanted.pool, told.pool);
  if (told.server_is_certain || !names(told.servers, wanted.server))
    expect(failures, "the server", wanted.server, told.server);
  expect(failures, "the server's path", wanted.path, told.forwarded_target);
  expect(failures, "the server's host", wanted.host, told.forwarded_host);
  expect(failures, "the location", wanted.location, told.location);
  if (wanted.status && static_cast<int>(*wanted.status) != told.status) {
    failures.push_back("the status is " + (told.status == 0 ? "the server's" : std::to_string(told.status)) +
                       ", expected " + std::to_string(*wanted.status));
  }
  for (const config::HeaderValue& field : wanted.headers) {
    const std::string line = field.name + ": " + field.value;
    if (!names(told.changed_fields, line))
      failures.push_back("the server does not get " + config::quote(line));
  }
  if (!failures.empty()) {
    for (const proxy::Explanation::Passed& each : told.passed) {
      if (each.route == wanted.route)
        failures.push_back("route " + each.route + " was not taken: " + each.why);
    }
  }
  return failures;
}

Failures run(Offline& offline, const config::RouteTest& test) {
  const std::size_t space = test.request.find(' ');
  const auto url = Url::parse(space == std::string::npos ? test.request : test.request.substr(space + 1));
  if (!url) return {url.error()};
  const auto listener = offline.listener(*url, test.listener);
  if (!listener) return {listener.error()};
  proxy::Question question;
  question.method = space == std::string::npos ? "GET" : test.request.substr(0, space);
  question.target = url->target;
  question.authority = url->host_field();
  for (const config::HeaderValue& field : test.headers) question.fields.emplace_back(field.name, field.value);
  question.client_ip = test.client_ip;
  question.sni = test.sni;
  question.client_cert_subject = test.client_cert_subject;
  const proxy::Explanation told = offline.explain(**listener, question);
  return compare(test.expect, told, (*listener)->config.name);
}

void write_json(JsonWriter& json, const config::RouteTest& test, const Failures& failures) {
  json.begin_object();
  json.member("name", test.name.empty() ? test.request : test.name);
  json.member("line", std::int64_t{test.place.line});
  json.key("ok");
  json.boolean(failures.empty());
  json.key("failures");
  json.begin_array();
  for (const std::string& each : failures) json.text(each);
  json.end_array();
  json.end_object();
}

}  // namespace

int test_command(const std::string& suite, const std::string& file, bool json, std::ostream& out,
                 std::ostream& err) {
  const config::SuiteResult loaded = config::load_suite(suite);
  err << loaded.messages;
  if (!loaded.suite) return kFailed;
  std::string config = file;
  if (config.empty()) config = (std::filesystem::path(suite).parent_path() / loaded.suite->config).string();
  if (file.empty() && loaded.suite->config.empty()) {
    err << "lintel test: " << suite << " names no configuration; add config: FILE, or give one: -c FILE\n";
    return kFailed;
  }
  const auto offline = Offline::load(config);
  if (!offline) {
    err << offline.error();
    return kFailed;
  }
  std::size_t failed = 0;
  Buffer text;
  JsonWriter document(text, JsonWriter::Style::indented);
  document.begin_array();
  for (const config::RouteTest& test : loaded.suite->tests) {
    const Failures failures = run(**offline, test);
    failed += failures.empty() ? 0 : 1;
    if (json) {
      write_json(document, test, failures);
      continue;
    }
    for (const std::string& each : failures) {
      out << test.place.file << ':' << test.place.line << ": "
          << (test.name.empty() ? test.request : test.name) << ": " << each << '\n';
    }
  }
  document.end_array();
  if (json) {
    out << text.view() << '\n';
  } else {
    out << (failed == 0 ? "ok: " : "failed: ") << loaded.suite->tests.size() - failed << " of "
        << loaded.suite->tests.size() << " tests hold\n";
  }
  return failed == 0 ? kOk : kFailed;
}

}  // namespace lintel::app
