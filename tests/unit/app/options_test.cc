#include "app/options.h"

#include <doctest/doctest.h>

#include <sstream>
#include <vector>

#include "app/version.h"

namespace lintel::app {
namespace {

tl::expected<Options, std::string> parse(const std::string& line) {
  std::istringstream words(line);
  std::vector<std::string> owned;
  for (std::string word; words >> word;) owned.push_back(word);
  const std::vector<std::string_view> views(owned.begin(), owned.end());
  return parse_options(views);
}

struct Accepted {
  const char* line;
  Options options;
};

struct Refused {
  const char* line;
  const char* says;
};

TEST_CASE("command lines that are understood") {
  const Accepted cases[] = {
      {"run", {.verb = Verb::run}},
      {"run -c a.yaml", {.verb = Verb::run, .file = "a.yaml"}},
      {"run --config a.yaml", {.verb = Verb::run, .file = "a.yaml"}},
      {"run --config=a.yaml", {.verb = Verb::run, .file = "a.yaml"}},
      {"check a.yaml", {.verb = Verb::check, .file = "a.yaml"}},
      {"check a.yaml --json", {.verb = Verb::check, .file = "a.yaml", .json = true}},
      {"check a.yaml --resolve", {.verb = Verb::check, .file = "a.yaml", .resolve = true}},
      {"check --print-defaults a.yaml", {.verb = Verb::check, .file = "a.yaml", .print_defaults = true}},
      {"check -c a.yaml", {.verb = Verb::check, .file = "a.yaml"}},
      {"-t -c a.yaml", {.verb = Verb::check, .file = "a.yaml"}},
      {"-c a.yaml -t", {.verb = Verb::check, .file = "a.yaml"}},
      {"test a.test.yaml --json", {.verb = Verb::test, .json = true, .suite = "a.test.yaml"}},
      {"server list", {.verb = Verb::server, .server = {.action = "list"}}},
      {"server list api -c a.yaml --json",
       {.verb = Verb::server, .server = {.action = "list", .target = "api", .file = "a.yaml", .json = true}}},
      {"server --admin /run/a.sock drain api/10.0.0.1:80",
       {.verb = Verb::server,
        .server = {.action = "drain", .target = "api/10.0.0.1:80", .admin = "/run/a.sock"}}},
      {"server weight api/a:80 5 --admin=/run/a.sock",
       {.verb = Verb::server,
        .server = {.action = "weight", .target = "api/a:80", .weight = "5", .admin = "/run/a.sock"}}},
      {"server weight api/a:80",
       {.verb = Verb::server, .server = {.action = "weight", .target = "api/a:80"}}},
      {"test -c a.yaml s.yaml", {.verb = Verb::test, .file = "a.yaml", .suite = "s.yaml"}},
      {"explain -c a.yaml /x",
       {.verb = Verb::explain, .explain = {.file = "a.yaml", .method = "GET", .url = "/x"}}},
      {"explain POST http://a.test/ -H X:y -H Z: --client-ip 10.0.0.1 --sni=a.test --listener web --json -c "
       "a.yaml",
       {.verb = Verb::explain,
        .explain = {.file = "a.yaml",
                    .method = "POST",
                    .url = "http://a.test/",
                    .fields = {"X:y", "Z:"},
                    .listener = "web",
                    .client_ip = "10.0.0.1",
                    .sni = "a.test",
                    .json = true}}},
      {"schema", {.verb = Verb::schema}},
      {"schema --man", {.verb = Verb::schema, .man = true}},
      {"version", {.verb = Verb::version}},
      {"--version", {.verb = Verb::version}},
      {"help", {.verb = Verb::help}},
      {"--help", {.verb = Verb::help}},
      {"help run", {.verb = Verb::help, .topic = Verb::run}},
      {"check --help", {.verb = Verb::help, .topic = Verb::check}},
      {"run -c a.yaml -h", {.verb = Verb::help, .topic = Verb::run}},
  };
  for (const Accepted& one : cases) {
    CAPTURE(one.line);
    const auto options = parse(one.line);
    REQUIRE(options.has_value());
    CHECK(*options == one.options);
  }
}

TEST_CASE("command lines that are refused say what to do") {
  const Refused cases[] = {
      {"", "lintel help"},
      {"rnu", "did you mean \"run\"?"},
      {"reload", "unknown command \"reload\""},
      {"-x", "unknown option \"-x\""},
      {"run --cofig a.yaml", "did you mean \"--config\"?"},
      {"run -c", "-c needs a file"},
      {"run --config=", "is empty"},
      {"run a.yaml", "lintel run -c a.yaml"},
      {"run -c a.yaml -c b.yaml", "two configuration files"},
      {"run --json", "unknown option \"--json\""},
      {"check", "lintel check FILE"},
      {"-t", "lintel check FILE"},
      {"check a.yaml b.yaml", "two configuration files"},
      {"schema x", "schema takes no \"x\""},
      {"help rnu", "did you mean \"run\"?"},
  };
  for (const Refused& one : cases) {
    CAPTURE(one.line);
    const auto options = parse(one.line);
    REQUIRE_FALSE(options.has_value());
    CAPTURE(options.error());
    CHECK(options.error().find(one.says) != std::string::npos);
    CHECK(options.error().find('\n') == std::string::npos);
  }
}

TEST_CASE("the version, and the libraries") {
  const std::string text = version_text();
  CHECK(text.starts_with("lintel " + std::string(version()) + "\n"));
  for (const char* name : {"libuv ", "llhttp ", "OpenSSL ", "spdlog ", "yaml-cpp "}) {
    CAPTURE(name);
    const std::size_t at = text.find(name);
    REQUIRE(at != std::string::npos);
    const char digit = text[at + std::string_view(name).size()];
    CHECK((digit >= '0' && digit <= '9'));
  }
}

TEST_CASE("help names every command, and its lines fit a terminal") {
  const std::string text = help_text(Verb::help);
  for (const char* verb : {"run", "check", "schema", "version", "help"}) {
    CHECK(text.find(std::string("lintel ") + verb) != std::string::npos);
  }
  for (const Verb topic : {Verb::help, Verb::run, Verb::check, Verb::schema, Verb::version}) {
    std::istringstream lines(help_text(topic));
    for (std::string line; std::getline(lines, line);) CHECK(line.size() <= 110);
  }
}

}  // namespace
}  // namespace lintel::app
