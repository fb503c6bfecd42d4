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
#include "proxy/exchange.h"
#include "proxy/generation.h"
#include "proxy/record.h"
#include "proxy/replay_body.h"
#include "proxy/retry_rules.h"

namespace lintel::proxy {

/// What the attempts for one request have in common. Lives in the frame of forward().
struct Attempts {
  Attempts(WorkerContext& w, const RouteContext& r, PoolContext& p, http::ServerTransaction& t,
           ActiveExchange& a, const Client& c, Record& rec)
      : worker(w), route(r), transaction(t), active(a), client(c), record(rec), body(t, w.workspace.buffers) {
    turn_to(p);
  }

  WorkerContext& worker;
  const RouteContext& route;
  PoolContext* pool = nullptr;
  const RetryRules* rules = nullptr;
  config::PoolTimeouts timeouts;
  http::ServerTransaction& transaction;
  ActiveExchange& active;
  const Client& client;
  Record& record;
  ReplayBody body;
  std::array<std::uint32_t, config::kMostAttempts> tried{};
  std::size_t tried_count = 0;  ///< Servers of the pool that were taken.
  pool::Lease next;             ///< For the attempt that follows, where one was planned.
  /// Once an idle connection was found dead only new ones are used, by other servers' turns too: what may
  /// have reached a server goes out once more and no oftener (RFC 9110, 9.2.2).
  bool fresh = false;
  bool repeatable = false;           ///< Whether doing the request twice does no harm.
  bool sent = false;                 ///< Some server may have begun with it.
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
  /// From now on the servers of `to` are tried.
  void turn_to(PoolContext& to) noexcept;
  /// A place with a server that was not tried yet, or none.
  [[nodiscard]] pool::Lease take() noexcept;
  void note_taken(const pool::Lease& lease) noexcept {
    if (tried_count < tried.size()) tried[tried_count++] = lease.server();
  }
  /// What the response's fields say is from now on of the server at `index` of the pool.
  void speak_for(std::uint32_t index) noexcept {
    record.server = pool->pool.servers()[index].name;
    record.set_cookie = set_cookie(index);
  }
};

/// How one attempt ended, and what may follow.
struct AttemptResult {
  EndReason reason = EndReason::ok;
  bool answered = false;  ///< A final head went to the client.
  bool reached = false;   ///< There was a connection.
  /// An idle connection was dead, and a new one to the same server is worth the try.
  bool retry_same = false;
  int status = 0;            ///< Of the server's answer, whether the client got it or not; 0: none.
  std::uint32_t server = 0;  ///< Its index in the pool.
  ConnectTimes times;
};

/// Sends the request to the server at `index` of the pool, over an idle connection unless `at.fresh`, or a
/// new one, and its answer to the client if `gate` takes it. An idle connection that was dead is followed by
/// a new one, where that is safe. Counts and records each try. `active` and `gate` outlive it. Suspends.
net::Task<AttemptResult> attempt(Attempts& at, std::uint32_t index, ActiveAttempt& active, AnswerGate& gate);

/// Counts that an attempt that ended for `reason` is followed by another.
void count_retry(Attempts& at, EndReason reason);

}  // namespace lintel::proxy
