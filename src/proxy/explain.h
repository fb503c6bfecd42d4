#pragma once

// What would become of a request, found with the same code that serves requests.

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "config/model.h"
#include "proxy/generation.h"

namespace lintel::proxy {

/// A request to be explained, and what its connection would tell of its client.
struct Question {
  std::string method = "GET";
  std::string target = "/";  ///< Path and query.
  std::string authority;     ///< For Host, unless `fields` has one; empty: none is sent.
  std::vector<std::pair<std::string, std::string>> fields;
  std::string client_ip = "127.0.0.1";
  std::string sni;  ///< Of TLS; empty: the authority's host.
  std::optional<std::string> client_cert_subject;
};

struct Explanation {
  /// A route that came before and was not taken.
  struct Passed {
    std::string route;
    std::string why;  ///< A clause for people.
  };
  std::string route;    ///< Empty: none, or the request was refused before one was looked for.
  config::Place place;  ///< Of the route; line 0: it is the listener's pool.
  std::vector<Passed> passed;

  std::string fault;  ///< The trouble that the route makes for it on purpose, in words; empty: none.

  // Where it is answered here:
  int status = 0;
  std::string reason;  ///< The end reason, as the access log says it; empty: it is forwarded.
  std::string detail;
  std::string location;

  // Where it is forwarded:
  std::string path;  ///< As it was matched.
  std::string forwarded_host;
  std::string forwarded_target;             ///< Path and query for the server.
  std::vector<std::string> changed_fields;  ///< "X-Env: prod" is sent, "-X-Debug" is not.
  std::string pool;
  std::vector<std::string>
      pools;  ///< Those that share the route's requests, "api (5 of 100)"; one: no split.
  bool pool_is_certain = true;
  std::string fallback;
  std::string retry;   ///< What is tried again, in words.
  std::string hedge;   ///< When another server is asked beside a slow one, in words; empty: never.
  std::string mirror;  ///< How many of the route's requests are copied, and for which pool; empty: none.
  std::string sticky;  ///< How a cookie decides about the server; empty: it does not.
  std::vector<std::string> standby;  ///< Servers of the pool that get nothing now, and why.
  std::string server;                ///< Empty: none can take it.
  bool server_is_certain = true;
  std::vector<std::string> servers;  ///< Of the pool, those that get requests now.
};

/// Explains what `listener`, which belongs to the worker's generation, would do with a request that came over
/// TLS if it speaks that. Nothing is sent.
[[nodiscard]] Explanation explain(WorkerContext& worker, const ListenerContext& listener,
                                  const Question& question);

}  // namespace lintel::proxy
