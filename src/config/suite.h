#pragma once

// Tests of a configuration's routes, kept in a file beside it: `lintel test`.
//
//   config: lintel.yaml
//   tests:
//     - request: GET http://www.example.com/users/42
//       headers: {Cookie: canary=1}
//       client_ip: 203.0.113.9
//       expect: {route: canary, pool: canary, path: /users/42}

#include <optional>
#include <string>
#include <vector>

#include "config/diagnostic.h"
#include "config/model.h"

namespace lintel::config {

/// What must be so; what is empty is not asked.
struct Expectation {
  std::string listener;
  std::string route;
  std::string pool;
  std::string server;
  std::string path;                     ///< That the server is asked for, with its query.
  std::string host;                     ///< That the server is asked for.
  std::vector<HeaderValue> headers;     ///< That are set or added for the server.
  std::optional<std::uint32_t> status;  ///< Of an answer of Lintel's own.
  std::string location;
  friend bool operator==(const Expectation&, const Expectation&) = default;
};

struct RouteTest {
  std::string name;     ///< Empty: the request says what it is.
  std::string request;  ///< "GET http://a.test/x"; without a method, GET.
  std::vector<HeaderValue> headers;
  std::string listener;  ///< Empty: found by the URL.
  std::string client_ip = "127.0.0.1";
  std::string sni;
  std::optional<std::string> client_cert_subject;
  Expectation expect;
  Place place;
  friend bool operator==(const RouteTest&, const RouteTest&) = default;
};

struct Suite {
  std::string config;  ///< As in the file: relative to it. Empty: told by the command line.
  std::vector<RouteTest> tests;
  friend bool operator==(const Suite&, const Suite&) = default;
};

struct SuiteResult {
  std::optional<Suite> suite;  ///< Set if there is no error.
  std::string messages;        ///< Rendered, as those of a configuration.
};

/// Loads a file of tests. Blocks on reading it.
[[nodiscard]] SuiteResult load_suite(const std::string& path);

}  // namespace lintel::config
