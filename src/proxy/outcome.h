#pragma once

#include <cstdint>
#include <optional>

#include "base/clock.h"
#include "pool/pool.h"
#include "proxy/end_reason.h"

namespace lintel::proxy {

/// Whether an attempt that ended so speaks for its server (true) or against it (false); nothing where it
/// tells nothing: because the client or this process ended it, or because the server may have been right.
/// `status` is of the server's answer; 0: there was none, or it is no HTTP.
///
/// Against it: it could not be reached, or ended or was silent before an answer; the answer broke off or was
/// no HTTP; 502, 503 and 504, with which servers say themselves that they cannot serve. 500 is no such
/// answer: it tells of one request that met a fault (Envoy's "gateway failures" make the same choice).
[[nodiscard]] std::optional<bool> speaks_for_server(EndReason reason, int status) noexcept;

/// What an attempt was and how it ended.
struct AttemptEnd {
  EndReason reason = EndReason::ok;
  int status = 0;
  Nanos begun = 0;
  Nanos now = 0;
  Nanos first_byte = -1;  ///< From the request to the beginning of the answer; negative: there was none.
};

/// Tells the pool what became of an attempt with the `server`th of its servers, or of a TCP or UDP session's.
void note_outcome(pool::Pool& pool, std::uint32_t server, const AttemptEnd& end) noexcept;

/// The end reason where a pool gave no place.
[[nodiscard]] EndReason refusal_reason(pool::Refusal refusal) noexcept;

}  // namespace lintel::proxy
