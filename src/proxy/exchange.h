#pragma once

// One attempt: a request goes to a server over one connection while its response comes back.

#include <cstdint>

#include "base/result.h"
#include "http/transaction.h"
#include "proxy/active_exchange.h"
#include "proxy/generation.h"
#include "proxy/record.h"
#include "proxy/replay_body.h"

namespace lintel::proxy {

/// What of a transaction was going on when something failed.
enum class Phase : std::uint8_t { connect, request, response_head, response };

/// The end reason for an error on the client's or the server's side.
[[nodiscard]] EndReason downstream_reason(const Error& error, Phase phase) noexcept;
[[nodiscard]] EndReason upstream_reason(const Error& error, Phase phase) noexcept;

/// How an exchange ended.
struct ExchangeResult {
  EndReason reason = EndReason::ok;
  bool answered = false;  ///< A final head went to the client: no other answer can be given.
  /// The server cannot have begun to process the request: no byte of it was taken.
  bool nothing_sent = false;
  /// The connection ended before any byte of an answer.
  bool no_answer = false;
  int status = 0;  ///< Of the answer's head; 0: none came.
};

/// A server may be silent for so long before anybody looks whether its client is still there: quick answers
/// cost nothing, and a client that ends its sending direction with its request (RFC 9112, 9.6) gets them.
inline constexpr Nanos kWatchAfter = 1'000'000'000;

/// Says of an answer whether it is the one that the client gets.
class AnswerGate {
 public:
  /// Asked when a final head has come, before anything of it goes on. False: the exchange ends without it.
  [[nodiscard]] virtual bool takes(int status) = 0;
  /// Whether interim heads go on.
  [[nodiscard]] virtual bool takes_interim() noexcept = 0;

 protected:
  ~AnswerGate() = default;
};

/// The two ends of an exchange.
struct ExchangeEnds {
  http::ServerTransaction& downstream;
  ReplayBody& body;  ///< Of the request.
  http::ClientTransaction& upstream;
};

/// Sends the request of `downstream` with what has come of its body, streams the rest while the response
/// already comes, and passes the response on, if `gate` takes it: interim heads, the final one, the body;
/// after 101, both directions of the tunnel. Ends with `upstream_status` if it does not take it, or as the
/// gate has ended `active`. Fills status, times and bytes of `record`. The whole of `active` ends when the
/// client leaves while the server is silent, if its abort_on_close says so. Suspends. On failure after the
/// head went out the response is aborted.
net::Task<ExchangeResult> exchange(WorkerContext& worker, const RouteContext& route,
                                   const config::PoolTimeouts& timeouts, ExchangeEnds ends, AnswerGate& gate,
                                   ActiveAttempt& active, Record& record);

}  // namespace lintel::proxy
