#include "config/suite.h"

#include <fstream>
#include <sstream>

#include "config/parse.h"
#include "config/schema_build.h"

namespace lintel::config {
namespace {

using namespace build;  // the rows read as a table

const ObjectType& test_header_type() {
  static const ObjectType type = object<HeaderValue>(
      "test_header", {field(&HeaderValue::value, "value", text(kAnyText), "The value.")}, "value");
  return type;
}

const ObjectType& expectation_type() {
  static const ObjectType type = object<Expectation>(
      "expectation",
      {
          field(&Expectation::listener, "listener", text(kName), "The listener that takes the request."),
          field(&Expectation::route, "route", text(kName), "The route that it takes."),
          field(&Expectation::pool, "pool", text(kName), "A pool that it may go to."),
          field(&Expectation::server, "server", text(kAnyText), "A server that it may go to."),
          field(&Expectation::path, "path", text(kRedirectPath),
                "The path and query that the server is asked for."),
          field(&Expectation::host, "host", text(kAnyText), "The host that the server is asked for."),
          field(&Expectation::headers, "headers", named(test_header_type(), kToken),
                "Fields that the route sets or adds for the server."),
          field(&Expectation::status, "status", integer(100, 599), "The status that Lintel answers itself."),
          field(&Expectation::location, "location", text(kAnyText), "Where its redirect leads."),
      });
  return type;
}

const ObjectType& route_test_type() {
  static const ObjectType type = object<RouteTest>(
      "route_test",
      {
          field(&RouteTest::name, "name", text(kAnyText), "What is tested, in words."),
          field(&RouteTest::request, "request", text(kAnyText), "Method and URL.")
              .required()
              .example("GET http://www.example.com/"),
          field(&RouteTest::headers, "headers", named(test_header_type(), kToken),
                "Header fields of the request."),
          field(&RouteTest::listener, "listener", text(kName), "The listener; without it the URL tells."),
          field(&RouteTest::client_ip, "client_ip", text(kAnyText), "The client's address."),
          field(&RouteTest::sni, "sni", text(kHost),
                "The name that the TLS client asks for; else the URL's host."),
          field(&RouteTest::client_cert_subject, "client_cert_subject", text(kAnyText),
                "The subject of the certificate that the client shows."),
          field(&RouteTest::expect, "expect", object_of(expectation_type()), "What must be so.")
              .required()
              .example("{route: api, pool: api}"),
      });
  return type;
}

const ObjectType& suite_type() {
  static const ObjectType type = object<Suite>(
      "suite",
      {
          field(&Suite::config, "config", text(kFile), "The configuration, relative to this file."),
          field(&Suite::tests, "tests", list_of(object_of(route_test_type())), "The tests.").required(),
      });
  return type;
}

}  // namespace

SuiteResult load_suite(const std::string& path) {
  SuiteResult result;
  Report report;
  std::ifstream file(path);
  std::ostringstream content;
  content << file.rdbuf();
  if (!file) {
    report.add(Severity::error, {{path, 0, 0}, ""}, "cannot read the file");
    result.messages = report.take().front().render();
    return result;
  }
  Suite suite;
  report.add_source(path, content.str());
  const YamlNode root = parse_yaml(content.str(), path, report);
  parse_document(suite_type(), root, process_environment(), report, &suite);
  if (report.errors() == 0) result.suite = std::move(suite);
  for (const Diagnostic& each : report.take()) result.messages += each.render();
  return result;
}

}  // namespace lintel::config
