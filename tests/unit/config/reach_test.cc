// Routes that can never be taken.

#include <doctest/doctest.h>

#include "config/support.h"

using namespace lintel::config;

namespace {

/// What is said of these routes (their matches): positions from 1 of those that never match, as "2 3".
std::string unreachable(const std::vector<std::string>& matches, const std::string& listener = "") {
  std::string text = "listeners:\n  - name: web\n    bind: \":80\"\n" + listener + "    routes:\n";
  for (const std::string& match : matches) text += "      - {match: " + match + ", respond: {}}\n";
  const LoadResult result = load(text);
  INFO(result.render());
  CHECK(result.ok());
  std::string found;
  for (const Diagnostic& each : result.diagnostics) {
    if (each.message.find("never matches") == std::string::npos) continue;
    const std::size_t begin = each.path.find("routes[") + 7;
    found += (found.empty() ? "" : " ") +
             std::to_string(std::stoi(each.path.substr(begin, each.path.find(']', begin) - begin)) + 1);
  }
  return found;
}

}  // namespace

TEST_CASE("reach: by path, host and method") {
  CHECK(unreachable({"{path_prefix: /api}", "{path_prefix: /api/v1}"}) == "2");
  CHECK(unreachable({"{path_prefix: /api/v1}", "{path_prefix: /api}"}).empty());
  CHECK(unreachable({"{path_prefix: /api}", "{path_prefix: /apix}", "{path: /api/x}", "{path: /api}"}) ==
        "3 4");
  CHECK(unreachable({"{path_prefix: /api/}", "{path_prefix: /api}", "{path: /api}",
                     "{path_prefix: /api/x}"}) == "3 4");
  CHECK(unreachable({"{path: /a}", "{path: /a}", "{path_prefix: /a}"}) == "2");
  CHECK(unreachable({"{path_prefix: /}", "{path: /a}"}) == "2");
  CHECK(unreachable({"{host: a.test}", "{host: a.test, path: /x}", "{host: b.test}"}) == "2");
  CHECK(unreachable({"{host: \"*.a.test\"}", "{host: x.a.test}", "{host: a.test}", "{host: \"*.b.a.test\"}",
                     "{host: [x.a.test, b.test]}"}) == "2 4");
  CHECK(unreachable({"{host: a.test}", "{host: b.test}", "{host: [a.test, b.test]}"}) == "3");
  CHECK(unreachable({"{path: /a, method: [GET, HEAD]}", "{path: /a, method: GET}", "{path: /a}",
                     "{path: /a, method: POST}"}) == "2 4");
  CHECK(unreachable({"{method: GET}", "{method: POST}", "{path: /a, method: [GET, POST]}"}) == "3");
  CHECK(unreachable({"{host: a.test}", "{}", "{host: c.test}"}) == "3");
}

TEST_CASE("reach: by further conditions, where it is certain") {
  CHECK(unreachable({"{header: {X: a}}", "{header: {x: a}, path: /a}", "{header: {X: b}}", "{path: /a}"}) ==
        "2");
  CHECK(unreachable({"{header: {X: }}", "{header: {X: b}}", "{header: {X: {present: false}}}"}) == "2");
  CHECK(unreachable({"{header: {X: [a, b]}}", "{header: {X: b}}", "{header: {X: [b, c]}}"}) == "2");
  CHECK(unreachable({"{header: {X: {prefix: a}}}", "{header: {X: ab}}", "{header: {X: {prefix: abc}}}",
                     "{header: {X: {prefix: b}}}"}) == "2 3");
  CHECK(unreachable({"{cookie: {X: a}}", "{cookie: {x: a}}", "{query: {X: a}}"}).empty());
  CHECK(unreachable({"{client_ip: 10.0.0.0/8}", "{client_ip: [10.1.0.0/16, 10.2.3.4]}",
                     "{client_ip: 0.0.0.0/0}"}) == "2");
  CHECK(unreachable({"{path_regex: a}", "{path_regex: a, method: GET}", "{path_regex: ab}"}) == "2");
  CHECK(unreachable({"{any: [{method: GET}, {path: /a}]}", "{path: /a, method: POST}", "{path: /b}"}) == "2");
  CHECK(unreachable({"{all: [{method: GET}, {path: /a}]}", "{path: /a, method: GET}", "{path: /a}"}) == "2");
  CHECK(unreachable({"{not: {method: GET}}", "{not: {method: GET}, path: /a}", "{method: POST}"}) == "2");
  CHECK(unreachable({"{client_cert_subject: {prefix: CN=a}}", "{client_cert_subject: CN=ab}"},
                    "    tls: {certificates: [{cert: a, key: b}], client_auth: {mode: optional, ca: c}}\n") ==
        "2");
}

TEST_CASE("reach: names of TLS that is passed through") {
  const std::string text =
      "listeners:\n  - name: db\n    bind: \":80\"\n    protocol: tcp\n    tls: passthrough\n    routes:\n"
      "      - {match: {sni: \"*.a.test\"}, pool: p}\n      - {match: {sni: x.a.test}, pool: p}\n"
      "      - {match: {sni: b.test}, pool: p}\npools: {p: {servers: [127.0.0.1:1]}}\n";
  const LoadResult result = load(text);
  REQUIRE(result.diagnostics.size() == 1);
  CHECK(result.diagnostics[0].path == "listeners[0].routes[1]");
}

TEST_CASE("reach: the message shows both places") {
  const LoadResult result = load(R"(listeners:
  - name: web
    bind: ":80"
    routes:
      - {name: api, match: {path_prefix: /api}, respond: {}}
      - {name: v1, match: {path_prefix: /api/v1}, respond: {}}
)");
  CHECK(
      result.render() ==
      R"(lintel.yaml:6:9: warning: listeners[0].routes[1]: never matches: the route "api" before it takes all of its requests (move it up, or remove it)
        - {name: v1, match: {path_prefix: /api/v1}, respond: {}}
          ^
lintel.yaml:5:9: note: the route that comes first
        - {name: api, match: {path_prefix: /api}, respond: {}}
          ^
)");
}

TEST_CASE("reach: 10,000 routes are looked at in a moment") {
  std::string text = "listeners:\n  - name: web\n    bind: \":80\"\n    routes:\n";
  for (int i = 0; i < 10000; ++i)
    text += "      - {match: {host: h" + std::to_string(i) + ".test, path_prefix: /a/b/c}, respond: {}}\n";
  text += "      - {match: {host: h77.test, path: /a/b/c/d}, respond: {}}\n";
  const LoadResult result = load(text);
  REQUIRE(result.diagnostics.size() == 1);
  CHECK(result.diagnostics[0].path == "listeners[0].routes[10000]");
}

TEST_CASE("matches that make no sense") {
  const auto first = [](const std::string& match) {
    const LoadResult result = load(with("routes: [{match: " + match + ", pool: site}]"));
    REQUIRE_FALSE(result.diagnostics.empty());
    return result.diagnostics[0].path + ": " + result.diagnostics[0].message;
  };
  CHECK(first("{header: {Host: a.test}}") ==
        "listeners[0].routes[0].match.header.Host: the Host header is compared by \"host\"");
  CHECK(first("{header: {X: {present: false, is: a}}}") ==
        "listeners[0].routes[0].match.header.X: what must not be there can have no value");
  CHECK(first("{header: {\"X Y\": a}}") ==
        "listeners[0].routes[0].match.header: \"X Y\" is not an HTTP token (letters, digits and "
        "!#$%&'*+-.^_`|~)");
  CHECK(first("{sni: a.test}") ==
        "listeners[0].routes[0].match.sni: no client asks for a name by TLS here: the listener has no tls");
  CHECK(first("{not: {sni: a.test}}").starts_with("listeners[0].routes[0].match.not.sni: no client"));
  CHECK(first("{client_cert_subject: {present: false}}") ==
        "listeners[0].routes[0].match.client_cert_subject: no client shows a certificate here: the listener "
        "has no tls.client_auth");
  CHECK(first("{client_ip: 10.0.0.0/40}").starts_with("listeners[0].routes[0].match.client_ip: "));
  CHECK(first("{not: {path: /a, path_prefix: /b}}") ==
        "listeners[0].routes[0].match.not: path and path_prefix are both given");
  CHECK(first("{any: [{hots: a.test}]}").find("did you mean") == std::string::npos);
}
