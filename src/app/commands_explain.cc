#include "app/commands_explain.h"

#include <algorithm>
#include <ostream>

#include "app/offline.h"
#include "base/json.h"
#include "config/diagnostic.h"

namespace lintel::app {
namespace {

constexpr int kOk = 0;
constexpr int kInvalid = 1;
constexpr int kBadCommandLine = 2;

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

bool has_control(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

/// "Name: value" in its two parts.
tl::expected<std::pair<std::string, std::string>, std::string> parse_field(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos || colon == 0 || has_control(text))
    return tl::unexpected(config::quote(text) + " is no header; write -H 'Name: value'");
  std::string_view value = text.substr(colon + 1);
  while (!value.empty() && value.front() == ' ') value.remove_prefix(1);
  return std::pair(std::string(text.substr(0, colon)), std::string(value));
}

tl::expected<proxy::Question, std::string> question_of(const ExplainArguments& arguments, const Url& url) {
  proxy::Question question;
  if (has_control(arguments.method) || has_control(arguments.url))
    return tl::unexpected(std::string("the request has a control character"));
  question.method = arguments.method;
  question.target = url.target;
  question.authority = url.host_field();
  for (const std::string& text : arguments.fields) {
    auto field = parse_field(text);
    if (!field) return tl::unexpected(field.error());
    question.fields.push_back(std::move(*field));
  }
  if (!SocketAddress::from_ip(arguments.client_ip, 0))
    return tl::unexpected(config::quote(arguments.client_ip) + " is no IP address");
  question.client_ip = arguments.client_ip;
  question.sni = arguments.sni;
  question.client_cert_subject = arguments.client_cert_subject;
  return question;
}

void print_line(std::ostream& out, std::string name, const std::string& value) {
  if (value.empty()) return;
  name.resize(10, ' ');
  out << name << value << '\n';
}

void print(const proxy::Explanation& told, const std::string& listener, std::ostream& out) {
  print_line(out, "listener", listener);
  const std::string place =
      told.place.line == 0 ? "" : " (" + told.place.file + ':' + std::to_string(told.place.line) + ')';
  print_line(out, "route", (told.route.empty() ? "none" : told.route) + place);
  for (const proxy::Explanation::Passed& each : told.passed)
    print_line(out, "  not", each.route + ": " + each.why);
  print_line(out, "fault", told.fault);
  if (!told.reason.empty()) {
    print_line(out, "answer", std::to_string(told.status) + " (" + told.reason + ')');
    print_line(out, "because", told.detail);
    print_line(out, "location", told.location);
    return;
  }
  print_line(out, "path", told.path);
  print_line(out, "asks for", told.forwarded_target + " of " + told.forwarded_host);
  for (const std::string& field : told.changed_fields) print_line(out, "field", field);
  print_line(out, "pool",
             told.pool + (told.pools.empty() ? "" : ", of " + joined(told.pools)) +
                 (told.pool_is_certain ? "" : ", by chance"));
  print_line(out, "fallback", told.fallback);
  print_line(out, "sticky", told.sticky);
  print_line(out, "server", told.server.empty() ? "none can take it" : told.server);
  if (!told.server_is_certain) print_line(out, "", "or another one of: " + joined(told.servers));
  print_line(out, "standby", joined(told.standby));
  print_line(out, "retry", told.retry);
  print_line(out, "hedge", told.hedge);
  print_line(out, "mirror", told.mirror);
}

void write_strings(JsonWriter& json, std::string_view name, const std::vector<std::string>& words) {
  json.key(name);
  json.begin_array();
  for (const std::string& word : words) json.text(word);
  json.end_array();
}

void write_json(JsonWriter& json, const proxy::Explanation& told, const std::string& listener) {
  json.begin_object();
  json.member("listener", listener);
  json.member("route", told.route);
  json.key("passed");
  json.begin_array();
  for (const proxy::Explanation::Passed& each : told.passed) {
    json.begin_object();
    json.member("route", each.route);
    json.member("why", each.why);
    json.end_object();
  }
  json.end_array();
  json.member("fault", told.fault);
  if (!told.reason.empty()) {
    json.member("status", std::int64_t{told.status});
    json.member("end_reason", told.reason);
    json.member("detail", told.detail);
    json.member("location", told.location);
  } else {
    json.member("path", told.path);
    json.member("forwarded_host", told.forwarded_host);
    json.member("forwarded_target", told.forwarded_target);
    write_strings(json, "changed_fields", told.changed_fields);
    json.member("pool", told.pool);
    write_strings(json, "pools", told.pools);
    json.key("pool_is_certain");
    json.boolean(told.pool_is_certain);
    json.member("fallback", told.fallback);
    json.member("server", told.server);
    json.key("server_is_certain");
    json.boolean(told.server_is_certain);
    write_strings(json, "servers", told.servers);
    write_strings(json, "standby", told.standby);
    json.member("sticky", told.sticky);
    json.member("retry", told.retry);
    json.member("hedge", told.hedge);
    json.member("mirror", told.mirror);
  }
  json.end_object();
}

}  // namespace

int explain_command(const ExplainArguments& arguments, std::ostream& out, std::ostream& err) {
  const auto url = Url::parse(arguments.url);
  const auto question = url ? question_of(arguments, *url) : tl::unexpected(url.error());
  if (!question) {
    err << "lintel explain: " << question.error() << '\n';
    return kBadCommandLine;
  }
  auto offline = Offline::load(arguments.file);
  if (!offline) {
    err << offline.error();
    return kInvalid;
  }
  const auto listener = (*offline)->listener(*url, arguments.listener);
  if (!listener) {
    err << "lintel explain: " << listener.error() << '\n';
    return kInvalid;
  }
  const proxy::Explanation told = (*offline)->explain(**listener, *question);
  if (arguments.json) {
    Buffer text;
    JsonWriter json(text, JsonWriter::Style::indented);
    write_json(json, told, (*listener)->config.name);
    out << text.view() << '\n';
  } else {
    print(told, (*listener)->config.name, out);
  }
  return kOk;
}

}  // namespace lintel::app
