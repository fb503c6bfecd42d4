#pragma once

// One attempt to have a request served: by one server, over one connection.

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "http/transaction.h"
#include "proxy/active_exchange.h"
#include "proxy/client_connection.h"
#include "proxy/generation.h"
#include "proxy/record.h"

namespace lintel::proxy {

/// What the attempts for one request have in common. Lives in the frame of
/// forward().
struct Attempts {
  Attempts(WorkerContext& w, const RouteContext& r, PoolContext& p, http::ServerTransaction& t,
           ActiveExchange& a, const Client& c, Record& rec, http::BodyChunk f) noexcept
      : worker(w),
        route(r),
        pool(&p),
        timeouts(r.timeouts(p)),
        transaction(t),
        active(a),
        client(c),
        record(rec),
        first(f) {}

  WorkerContext& worker;
  const RouteContext& route;
  PoolContext* pool;
  config::PoolTimeouts timeouts;
  http::ServerTransaction& transaction;
  ActiveExchange& active;
  const Client& client;
  Record& record;
  http::BodyChunk first;                                    ///< What is there of the request body.
  std::array<std::uint32_t, Record::kMaxAttempts> tried{};  ///< Servers that failed.
  std::size_t tried_count = 0;
  /// Once an idle connection was found dead only new ones are used, by other servers' turns too: what may
  /// have reached a server goes out once more and no oftener (RFC 9110, 9.2.2).
  bool fresh = false;
  std::uint64_t hash = 0;            ///< Of what the pool tells requests apart by, if it does.
  std::optional<std::uint32_t> own;  ///< The server that the request belongs to by its cookie.

  [[nodiscard]] pool::PickContext context() const noexcept {
    return {.tried = {tried.data(), tried_count}, .hash = hash, .now = worker.loop.now()};
  }
  /// What makes the client the server's, unless it is so already.
  [[nodiscard]] std::string_view set_cookie(std::uint32_t server) const noexcept {
    if (!pool->sticky || own == server) return {};
    return pool->sticky->set_cookie(server, record.scheme == "https");
  }
  /// From now on the servers of `other` are tried.
  void turn_to(PoolContext& other) noexcept {
    pool = &other;
    timeouts = route.timeouts(other);
    tried_count = 0;
  }
  void exclude(std::uint32_t server) noexcept {
    if (tried_count < tried.size()) tried[tried_count++] = server;
  }
};

/// How one attempt ended, and what may follow.
struct AttemptResult {
  EndReason reason = EndReason::ok;
  bool answered = false;     ///< A final head went to the client.
  bool retry_same = false;   ///< An idle connection was dead: a new one to the same server is worth the try.
  bool retry_other = false;  ///< The server was never reached.
};

/// Sends the request to the server at `index` of the pool, over an idle connection unless `at.fresh`, or a
/// new one, and its answer to the client. Counts and records the attempt. Suspends.
net::Task<AttemptResult> attempt(Attempts& at, std::uint32_t index);

}  // namespace lintel::proxy
