#pragma once

// What a route does to a request that goes to a pool, and to its response. Used by sessions and by
// `lintel explain` alike.

#include "base/buffer.h"
#include "base/random.h"
#include "http/message.h"
#include "proxy/facts.h"
#include "proxy/generation.h"
#include "proxy/record.h"

namespace lintel::proxy {

/// Changes header fields, path and host of `request` as its route says. Returns null, or why it cannot be
/// forwarded. `facts`: of `request`. `scratch` is used up. No allocation once buffers have grown.
[[nodiscard]] const char* edit_request(http::RequestHead& request, const RouteContext& route,
                                       const RequestFacts& facts, Buffer& scratch);

/// Changes the fields of a response as its route says. `record`: what is known of the transaction by now.
void edit_response(http::Fields& fields, const RouteContext& route, const Record& record, Buffer& scratch);

/// The trouble that a route makes for one request; null: none.
[[nodiscard]] const config::Fault* fault_for(const RouteContext& route, const RequestFacts& facts) noexcept;
/// Whether a share of so many percent has it.
[[nodiscard]] inline bool falls_in(std::uint32_t percent, Random& random) noexcept {
  return percent >= 100 || random.below(100) < percent;
}

/// The pool that a request goes to: by the weights of the route's split, if there is one; requests with the
/// same key to the same. `route` must have a pool.
[[nodiscard]] PoolContext& choose_pool(const RouteContext& route, const RequestFacts& facts, Random& random,
                                       Buffer& scratch);

}  // namespace lintel::proxy
