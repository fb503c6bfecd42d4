#pragma once

// Bytes both ways between two streams that nobody looks into: TCP sessions and upgraded connections.

#include <cstdint>
#include <string_view>

#include "base/clock.h"
#include "base/metrics.h"
#include "net/stream.h"
#include "net/task.h"
#include "proxy/end_reason.h"

namespace lintel::proxy {

/// Tunnels and TCP sessions may be silent for long: a dead peer is found by TCP probes, sent after this many
/// silent seconds. Whoever does not live that long is spared the calls that ask for them.
inline constexpr int kProbeSeconds = 30;
inline constexpr int kProbes = 3;

/// What went in one direction.
struct RelayCount {
  std::uint64_t bytes = 0;
  Counter* live = nullptr;  ///< Counts along; null: nobody asked.

  void add(std::uint64_t n) noexcept {
    bytes += n;
    if (live) live->add(n);
  }
};

/// One of the two streams.
struct RelayEnd {
  RelayEnd(net::Stream& s, std::string_view p, RelayCount& c) noexcept : stream(s), pending(p), sent(c) {}
  net::Stream& stream;
  std::string_view pending;  ///< Read from it already, to be passed on first. Outlives the relay.
  RelayCount& sent;          ///< What came from it and was passed on.
};

/// How a relay ended.
struct RelayOutcome {
  EndReason reason = EndReason::tunnel_closed;
  const char* detail = "";  ///< Which side did it, in words. Static storage.
};

/// Passes bytes on until both directions have ended. Each direction's end is passed on by itself
/// (half-close), a reset as a reset: then, and when it is cut, closing either stream resets it. Ends with
/// tunnel_timeout when both directions were silent for `idle`, or one side took nothing for that long. `cut`:
/// set together with canceling what waits on both streams, it ends the relay. Turns keep-alive probes on.
/// Suspends. Reasons: tunnel_closed, tunnel_timeout, tunnel_reset, local_shutdown.
net::Task<RelayOutcome> relay(RelayEnd client, RelayEnd server, Nanos idle, const bool& cut);

}  // namespace lintel::proxy
