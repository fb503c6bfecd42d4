#include "route/rewrite.h"

#include <doctest/doctest.h>

#include "config/loader.h"
#include "route/checks.h"

namespace lintel::route {
namespace {

/// A request head with a path, a query and some fields.
struct Sample {
  http::RequestHead head;
  Buffer scratch;

  explicit Sample(std::string_view path) {
    head.method = http::Method::get;
    head.fields.add("X-User", "bob");
    head.fields.add("Cookie", "id=7");
    head.authority = head.store("a.test:81");
    head.path = head.store(path);
    head.query = head.store("v=2&w=3");
    head.has_query = true;
  }
  [[nodiscard]] RequestView view() const {
    RequestView view = view_of(head);
    view.client_ip = "192.0.2.7";
    return view;
  }
  [[nodiscard]] static Values values(const RequestView& view) {
    Values values{view};
    values.scheme = "https";
    values.route = "r";
    values.pool = "p";
    values.status = 404;
    return values;
  }
  /// The path afterwards, or what is wrong.
  std::string rewritten(const Rewrite& rewrite) {
    const RequestView now = view();
    if (const char* wrong = rewrite.apply(head, values(now), scratch)) return std::string("wrong: ") + wrong;
    return std::string(head.text(head.path));
  }
};

std::string expanded(std::string_view text, Template::For use = Template::For::response) {
  std::string why;
  const auto compiled = Template::compile(text, use, why, 0);
  if (!compiled) return "wrong: " + why;
  const Sample sample("/x/y");
  const RequestView view = sample.view();
  Buffer out;
  compiled->append_to(out, Sample::values(view));
  return std::string(out.view());
}

config::Rewrite strip(std::string prefix) {
  config::Rewrite rewrite;
  rewrite.strip_prefix = std::move(prefix);
  return rewrite;
}
config::Rewrite by_regex(std::string pattern, std::string replace) {
  config::Rewrite rewrite;
  rewrite.regex = config::RewriteRegex{std::move(pattern), std::move(replace)};
  return rewrite;
}

TEST_CASE("rewrite: what a client puts into a variable does not lead out of the path around it") {
  struct Row {
    std::string_view query, path;
  };
  constexpr Row kRows[] = {
      {"p=7", "/users/7/view"},
      {"p=a/b", "/users/a/b/view"},
      {"p=..%2fadmin", "/users/..%2Fadmin/view"},
      {"p=...", "/users/.../view"},
      {"p=..", "wrong: the rewritten path has dot segments"},
      {"p=../../admin", "wrong: the path leads above the root"},
      {"p=%2e%2e/admin", "wrong: the rewritten path has dot segments"},
      {"p=.%2E", "wrong: the rewritten path has dot segments"},
      {"p=x/%2e/y", "wrong: the rewritten path has dot segments"},
  };
  config::Rewrite rewrite;
  rewrite.path = "/users/{query.p}/view";
  for (const Row& row : kRows) {
    CAPTURE(row.query);
    Sample sample("/x");
    sample.head.query = sample.head.store(row.query);
    CHECK(sample.rewritten(Rewrite(rewrite, {})) == row.path);
  }
}

TEST_CASE("templates: variables, braces and what is not there") {
  CHECK(expanded("plain") == "plain");
  CHECK(expanded("") == "");
  CHECK(expanded("{client_ip} {host} {method} {path} {query} {uri} {scheme}") ==
        "192.0.2.7 a.test GET /x/y v=2&w=3 /x/y?v=2&w=3 https");
  CHECK(expanded("{header.x-user}|{cookie.id}|{query.w}|{header.None}|{sni}|{client_cert_subject}") ==
        "bob|7|3|||");
  CHECK(expanded("{route}-{pool}-{status}-{server}") == "r-p-404-");
  CHECK(expanded("{{x}}") == "{x}");
}

TEST_CASE("templates: what is none says why") {
  CHECK(expanded("a{b") ==
        "wrong: has a single \"{\" at position 2; write it twice where you mean the character");
  CHECK(expanded("a}b") ==
        "wrong: has a single \"}\" at position 2; write it twice where you mean the character");
  CHECK(expanded("{hots}").find("unknown variable {hots}: did you mean \"host\"?") != std::string::npos);
  CHECK(expanded("{header}").find("unknown variable") != std::string::npos);
  CHECK(expanded("{header.}").find("unknown variable") != std::string::npos);
  CHECK(expanded("{status}", Template::For::request).find("unknown variable") != std::string::npos);
  CHECK(expanded("{1}") == "wrong: has {1}, which only a rewrite's regex can fill");
}

TEST_CASE("rewrite: a prefix is taken off or replaced, in whole segments") {
  struct Row {
    const char* path;
    const char* prefix;
    const char* want;
  };
  const Row rows[] = {{"/v1/x", "/v1", "/x"},     {"/v1", "/v1", "/"},
                      {"/v1/", "/v1", "/"},       {"/v1x", "/v1", "/v1x"},
                      {"/v1/x", "/v1/", "/x"},    {"/v1//x", "/v1", "//x"},
                      {"/v1/x", "/", "/v1/x"},    {"/v1/a%2Fb", "/v1", "/a%2Fb"},
                      {"/other", "/v1", "/other"}};
  for (const Row& row : rows) {
    CAPTURE(row.path);
    CAPTURE(row.prefix);
    CHECK(Sample(row.path).rewritten(Rewrite(strip(row.prefix), {})) == row.want);
  }
  config::Match match;
  match.path_prefix = "/api/v1";
  config::Rewrite rewrite;
  for (const auto& [prefix, path, want] :
       {std::tuple("/", "/api/v1/x", "/x"), std::tuple("/", "/api/v1", "/"),
        std::tuple("/new", "/api/v1/x", "/new/x"), std::tuple("/new/", "/api/v1", "/new"),
        std::tuple("/new", "/api/v1/", "/new/")}) {
    rewrite.path_prefix = prefix;
    CHECK(Sample(path).rewritten(Rewrite(rewrite, match)) == want);
  }
}

TEST_CASE("rewrite: by expression, with what its parentheses took") {
  CHECK(Sample("/u/42/edit").rewritten(Rewrite(by_regex("^/u/([0-9]+)", "/users/{1}"), {})) ==
        "/users/42/edit");
  CHECK(Sample("/a/b").rewritten(Rewrite(by_regex("/(a)/(b)", "/{2}/{1}{0}"), {})) == "/b/a/a/b");
  CHECK(Sample("/a/b").rewritten(Rewrite(by_regex("x", "y"), {})) == "/a/b");
  CHECK(Sample("/a/b").rewritten(Rewrite(by_regex("/(x)?a", "/{1}c"), {})) == "/c/b");
}

TEST_CASE("rewrite: what comes out is canonical again, or refused") {
  CHECK(Sample("/a/x").rewritten(Rewrite(by_regex("/a", "/%7ec"), {})) == "/~c/x");
  CHECK(Sample("/a/x").rewritten(Rewrite(by_regex("/a", "/../.."), {})) ==
        "wrong: the path leads above the root");
  CHECK(Sample("/a").rewritten(Rewrite(by_regex("^/a", ""), {})) ==
        "wrong: the path does not begin with a slash");
  CHECK(Sample("/a").rewritten(Rewrite(by_regex("a", "{header.X-User}"), {})) == "/bob");
  CHECK(Sample("/a").rewritten(Rewrite(by_regex("a", "{uri}"), {})) ==
        "wrong: the rewritten path has a question mark");
  Sample untouched("/a/x");
  CHECK(untouched.rewritten(Rewrite(by_regex("/a", "/../.."), {})).starts_with("wrong"));
  CHECK(untouched.head.text(untouched.head.path) == "/a/x");
}

TEST_CASE("rewrite: path and host") {
  config::Rewrite rewrite;
  rewrite.path = "/by/{header.X-User}{path}";
  rewrite.host = "inner.test";
  Sample sample("/x");
  CHECK(sample.rewritten(Rewrite(rewrite, {})) == "/by/bob/x");
  CHECK(sample.head.text(sample.head.authority) == "inner.test");
  CHECK(sample.head.text(sample.head.query) == "v=2&w=3");
  Sample star("*");
  CHECK(star.rewritten(Rewrite(rewrite, {})) == "*");
}

TEST_CASE("header edits: remove, set, add") {
  config::HeaderEdits edits;
  edits.remove = {"cookie", "X-None"};
  edits.set = {{"X-User", "{header.X-User}2"}, {"X-Path", "{path}"}, {"X-Empty", "{header.None}"}};
  edits.add = {{"X-User", "third"}, {"X-Nothing", " {header.None} "}};
  Sample sample("/x");
  RequestView view;
  HeaderEdits(edits, Template::For::request).apply(sample.head.fields, sample.scratch, [&] {
    view = sample.view();
    return Sample::values(view);
  });
  std::string lines;
  for (const http::Fields::Line& line : sample.head.fields.lines()) {
    if (!line.removed)
      lines.append(sample.head.fields.name(line))
          .append("=")
          .append(sample.head.fields.value(line))
          .append(";");
  }
  CHECK(lines == "X-User=bob2;X-Path=/x;X-User=third;");
}

TEST_CASE("checks: texts and rewrites that make no sense are named with their place") {
  const auto first = [](const std::string& settings) {
    const auto check = [](const config::Config& config, config::Report& report) {
      check_routes(config, report);
    };
    const config::LoadResult result =
        config::load_string("listeners: [{name: web, bind: \":80\", routes: [{pool: p, " + settings +
                                "}]}]\npools: {p: {servers: [a:80]}}\n",
                            "lintel.yaml", config::process_environment(), check);
    return result.diagnostics.empty() ? ""
                                      : result.diagnostics[0].path + ": " + result.diagnostics[0].message;
  };
  const std::string at = "listeners[0].routes[0].";
  CHECK(first("headers: {request: {set: {X: \"{x\"}}}")
            .starts_with(at + "headers.request.set.X: \"{x\" has a single"));
  CHECK(first("headers: {request: {add: {X: \"{status}\"}}}").find("unknown variable") != std::string::npos);
  CHECK(first("headers: {response: {add: {X: \"{status}\"}}}") == "");
  CHECK(first("headers: {request: {set: {Content-Length: 1}}}") ==
        at + "headers.request.set.Content-Length: \"Content-Length\" cannot be changed");
  CHECK(first("headers: {request: {remove: host}}").find("\"host\" cannot be changed") != std::string::npos);
  CHECK(first("rewrite: {regex: {pattern: \"(\", replace: x}}").starts_with(at + "rewrite.regex.pattern: "));
  CHECK(first("rewrite: {regex: {pattern: \"(a)\", replace: \"{2}\"}}") ==
        at + "rewrite.regex.replace: \"{2}\" names the group {2}, and the expression has 1");
  CHECK(first("rewrite: {path: x}") == at + "rewrite.path: \"x\" does not begin with \"/\"");
  CHECK(first("rewrite: {path_prefix: /x}") ==
        at + "rewrite.path_prefix: the route matches no path_prefix that could be replaced");
  CHECK(first("rewrite: {path: /x, strip_prefix: /y}") ==
        at + "rewrite: the path is rewritten in more than one way");
  CHECK(first("split_key: \"{path}\"") == at + "split_key: there is no split");
}

}  // namespace
}  // namespace lintel::route
