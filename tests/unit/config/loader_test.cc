#include "config/loader.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "config/parse.h"
#include "config/schema_build.h"
#include "config/support.h"

using namespace lintel::config;

namespace {

struct WithDefaults {
  std::vector<std::string> words = {"one", "two"};
  std::vector<std::string> grown = {"default"};
};

}  // namespace

TEST_CASE("a list that is given replaces its default; a repeatable one then grows from file to file") {
  using namespace build;
  const ObjectType type = object<WithDefaults>(
      "test",
      {field(&WithDefaults::words, "words", one_or_many(text(kAnyText)), "Not repeatable."),
       field(&WithDefaults::grown, "grown", list_of(text(kAnyText)), "As listeners are.").repeatable()});
  const auto read = [&type](std::initializer_list<std::string_view> files) {
    WithDefaults value;
    Report report;
    int number = 0;
    for (const std::string_view file : files) {
      const YamlNode root = parse_yaml(file, std::to_string(++number), report);
      parse_document(type, root, environment_of({}), report, &value);
    }
    CHECK(report.errors() == 0);
    return value;
  };
  using Words = std::vector<std::string>;
  CHECK(read({"{}"}).words == Words{"one", "two"});
  CHECK(read({"words:"}).words == Words{"one", "two"});
  CHECK(read({"words: [three]"}).words == Words{"three"});
  CHECK(read({"words: three"}).words == Words{"three"});
  CHECK(read({"words: []"}).words.empty());
  CHECK(read({"grown: [a]", "grown: [b, c]"}).grown == Words{"a", "b", "c"});
  CHECK(read({"words: [x]", "grown: [b]"}).words == Words{"x"});
}

TEST_CASE("a small file gives a Config with every default") {
  const LoadResult result = load(R"(
listeners:
  - name: web
    bind: ":8080"
    routes:
      - match: {host: WWW.Example.com., method: [GET, HEAD]}
        pool: site
      - redirect: {scheme: https}
pools:
  site:
    balance: {type: round-robin}
    servers: [10.0.0.1:80, {address: "[::1]:81", weight: 5}]
    connect_timeout: 1500ms
)");
  REQUIRE_MESSAGE(result.ok(), result.render());
  CHECK(result.diagnostics.empty());
  const Config& config = *result.config;
  REQUIRE(config.listeners.size() == 1);
  const Listener& web = config.listeners[0];
  CHECK(web.bind.at(0).to_string() == ":8080");
  CHECK(web.limits == Limits{});
  REQUIRE(web.routes.size() == 2);
  CHECK(web.routes[0].name == "web-1");
  CHECK(web.routes[0].match.host == std::vector<std::string>{"www.example.com"});
  CHECK(web.routes[0].match.method == std::vector<std::string>{"GET", "HEAD"});
  CHECK(web.routes[1].redirect->status == 308);
  CHECK(web.routes[1].place.line == 8);
  REQUIRE(config.pools.size() == 1);
  CHECK(config.pools[0].name == "site");
  CHECK(config.pools[0].place.line == 10);
  CHECK(config.pools[0].servers.at(1).weight == 5);
  CHECK(config.pools[0].connect_timeout == 1500ms);
  CHECK(config.access_log.enabled);
}

TEST_CASE("short forms mean the same as long forms") {
  const std::pair<std::string, std::string> rows[] = {
      {with("", "", "access_log: off"), with("", "", "access_log: {enabled: false}")},
      {with("", "balance: round-robin"), with("", "balance: {type: round-robin}")},
      {with("trusted_proxies: 10.0.0.0/8"), with("trusted_proxies: [10.0.0.0/8]")},
      {with("", "", "log:"), with("")},
      {with("", "", "workers: auto"), with("")},
      {with("limits: {connections: unlimited}"), with("")},
      {with("", "retry: &r {attempts: 1}"), with("", "retry: {attempts: 1}")},
  };
  for (const auto& [short_form, long_form] : rows) {
    CAPTURE(short_form);
    const LoadResult a = load(short_form);
    const LoadResult b = load(long_form);
    REQUIRE_MESSAGE(a.ok(), a.render());
    REQUIRE_MESSAGE(b.ok(), b.render());
    CHECK(*a.config == *b.config);
  }
}

TEST_CASE("variables are replaced in values") {
  const std::string body = "routes: [{name: r, match: {path: /x}, respond: {body: \"";
  const std::tuple<const char*, Variables, const char*> rows[] = {
      {"${A}", {{"A", "one"}}, "one"},
      {"x${A}y${B:-two}", {{"A", "1"}}, "x1ytwo"},
      {"${A:-d}", {{"A", ""}}, "d"},
      {"${A:-}", {}, ""},
      {"$${A}", {}, "${A}"},
      {"cost $5", {}, "cost $5"},
      {"$$", {}, "$"},
      {"$", {}, "$"},
      {"${A}", {{"A", "${B}"}}, "${B}"},
  };
  for (const auto& [text, variables, expected] : rows) {
    CAPTURE(text);
    const LoadResult result = load(with(body + text + "\"}}]"), variables);
    REQUIRE_MESSAGE(result.ok(), result.render());
    CHECK(result.config->listeners[0].routes[0].respond->body == expected);
  }
  CHECK(load(with("", "", "workers: ${N}"), {{"N", "3"}}).config->workers == 3);
}

namespace {

/// A directory that is removed at the end of a test.
class Directory {
 public:
  Directory()
      : path_(std::filesystem::temp_directory_path() / ("lintel-config-" + std::to_string(getpid()))) {
    std::filesystem::remove_all(path_);
    std::filesystem::create_directories(path_);
  }
  ~Directory() { std::filesystem::remove_all(path_); }
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;

  void write(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories((path_ / name).parent_path());
    std::ofstream(path_ / name) << text;
  }
  [[nodiscard]] LoadResult load(const std::string& name = "main.yaml") const {
    return load_file((path_ / name).string(), environment_of({}));
  }

 private:
  std::filesystem::path path_;
};

const char* const kMain = "listeners: [{name: web, bind: \":80\", pool: site}]\n";
const char* const kSite = "pools: {site: {servers: [10.0.0.1:80]}}\n";

bool says(const LoadResult& result, std::string_view text) {
  return result.render().find(text) != std::string::npos;
}

}  // namespace

TEST_CASE("includes add listeners and pools in order") {
  const Directory directory;
  directory.write("main.yaml", std::string("include: [conf.d/*.yaml, extra.yaml]\n") + kMain);
  directory.write("conf.d/b.yaml", "pools: {b: {servers: [10.0.0.2:80]}}\nlog: {level: debug}\n");
  directory.write("conf.d/a.yaml", kSite);
  directory.write("extra.yaml",
                  "version: 1\nlog: {format: json}\nlisteners: [{name: two, bind: \":81\", pool: b}]\n");
  const LoadResult result = directory.load();
  REQUIRE_MESSAGE(result.ok(), result.render());
  CHECK(result.files.size() == 4);
  CHECK(result.config->pools.at(0).name == "site");
  CHECK(result.config->pools.at(1).name == "b");
  CHECK(result.config->listeners.at(1).name == "two");
  CHECK(result.config->log.level == LogLevel::debug);
  CHECK(result.config->log.format == LogFormat::json);
}

TEST_CASE("include mistakes") {
  const Directory directory;
  SUBCASE("a name in two files shows both places") {
    directory.write("main.yaml", std::string("include: other.yaml\n") + kMain + kSite);
    directory.write("other.yaml", kSite);
    const LoadResult result = directory.load();
    CHECK(result.errors() == 1);
    CHECK(says(result, "other.yaml:1:9: error: pools.site: is defined twice"));
    CHECK(says(result, "main.yaml:3:9: note: it is defined here first"));
  }
  SUBCASE("a listener in two files shows both places") {
    directory.write("main.yaml", std::string("include: other.yaml\n") + kMain + kSite);
    directory.write("other.yaml", "listeners: [{name: web, bind: \":81\", pool: site}]\n");
    const LoadResult result = directory.load();
    CHECK(result.errors() == 1);
    CHECK(says(result, "other.yaml:1:20: error: listeners[1].name: the listener name \"web\" is used twice"));
    CHECK(says(result, "main.yaml:2:20: note:"));
  }
  SUBCASE("a setting in two files") {
    directory.write("main.yaml", std::string("include: other.yaml\nlog: {level: info}\n") + kMain + kSite);
    directory.write("other.yaml", "log: {level: debug}\n");
    const LoadResult result = directory.load();
    CHECK(result.errors() == 1);
    CHECK(says(result, "log.level: is already set in another file"));
  }
  SUBCASE("a missing file") {
    directory.write("main.yaml", std::string("include: [other.yaml]\n") + kMain);
    const LoadResult result = directory.load();
    CHECK(result.errors() == 1);
    CHECK(says(result, "main.yaml:1:11: error: include: cannot read"));
  }
  SUBCASE("an empty pattern is a warning") {
    directory.write("main.yaml", std::string("include: [conf.d/*.yaml]\n") + kMain + kSite);
    const LoadResult result = directory.load();
    CHECK(result.ok());
    CHECK(says(result, "warning: include: no file matches \"conf.d/*.yaml\""));
  }
  SUBCASE("a cycle") {
    directory.write("main.yaml", std::string("include: other.yaml\n") + kMain + kSite);
    directory.write("other.yaml", "include: main.yaml\n");
    CHECK(says(directory.load(), "includes itself"));
  }
  SUBCASE("a file twice") {
    directory.write("main.yaml", std::string("include: [other.yaml, ./other.yaml]\n") + kMain);
    directory.write("other.yaml", kSite);
    CHECK(says(directory.load(), "is included twice"));
  }
  SUBCASE("depth") {
    directory.write("main.yaml", std::string("include: 1.yaml\n") + kMain + kSite);
    for (int i = 1; i < 12; ++i) {
      directory.write(std::to_string(i) + ".yaml", "include: " + std::to_string(i + 1) + ".yaml\n");
    }
    CHECK(says(directory.load(), "levels deep"));
  }
  SUBCASE("a directory, a FIFO-like device, no file") {
    CHECK(says(load_file("/tmp"), "it is a directory"));
    CHECK(says(load_file("/dev/zero"), "not a regular file"));
    CHECK(says(load_file("/nonexistent/lintel.yaml"),
               "/nonexistent/lintel.yaml: error: cannot read the file: No such"));
  }
}

TEST_CASE("the files in conf/ are valid and without warnings") {
  std::vector<std::string> files = {"conf/lintel.yaml"};
  for (const auto& entry : std::filesystem::directory_iterator("conf/examples")) {
    if (entry.is_regular_file()) files.push_back(entry.path().string());
  }
  CHECK(files.size() >= 5);
  for (const std::string& file : files) {
    CAPTURE(file);
    const LoadResult result = load_file(file, environment_of({}));
    CHECK_MESSAGE(result.ok(), result.render());
    CHECK(result.diagnostics.empty());
  }
}

TEST_CASE("a second document and an overlong line are refused") {
  CHECK(says(load("---\nversion: 1\n---\nversion: 1\n"),
             "lintel.yaml:4:1: error: the file holds a second YAML document"));
  CHECK(says(load("a: 1\nx: \"" + std::string(70'000, 'a') + '"'),
             "lintel.yaml:2:1: error: the line is longer than 64 KiB"));
}

TEST_CASE("hostile documents end in an error, quickly") {
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 12; ++i) {
    const std::string last = "*a" + std::to_string(i - 1);
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
    for (int j = 0; j < 10; ++j) bomb += (j > 0 ? ", " : "") + last;
    bomb += "]\n";
  }
  const std::string rows[] = {
      bomb,
      std::string(100, '['),
      std::string(100'000, '['),
      std::string(100'000, '{'),
      std::string(100'000, '-'),
      "? ? ? ? ?",
      "&a [*a]",
      "a: &a {b: *a}",
      "a: *unknown",
      "<<: {a: b}",
      "!!binary aGk=",
      "---\na: 1\n---\nb: 2\n",
      "a: \"\\ud800\"",
      "a: \"unfinished",
      "\t- a",
      "%YAML 9.9\n---\na: b",
      std::string("a: \0b", 5),
      "a: \xff",
      "\xef\xbb\xbf"
      "a: b",
      "{[]: a, {}: b, ~: c}",
      '{' + std::string(1 << 20, ',') + '}',
      "x: \"" + std::string(70'000, 'a') + '"',
  };
  for (const std::string& row : rows) {
    CAPTURE(row.substr(0, 60));
    CHECK(load(row).errors() > 0);
  }
}
