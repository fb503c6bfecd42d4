#pragma once

#include <string>
#include <string_view>

#include "http/message.h"
#include "proxy/generation.h"
#include "proxy/local_reply.h"

namespace lintel::proxy {

/// What the connection of a request tells of it.
struct Arrival {
  const ListenerContext& listener;
  bool is_tls = false;
  bool plain_on_tls = false;  ///< Plain HTTP on a port that speaks TLS.
  std::string_view sni = {};

  [[nodiscard]] std::string_view scheme() const noexcept { return is_tls ? "https" : "http"; }
};

/// What becomes of a request: it is forwarded, or answered here.
struct Decision {
  bool forwards = false;
  // Where it is answered here:
  EndReason reason = EndReason::ok;
  const char* detail = "";  ///< What is wrong with the request, if something is. Static storage.
  LocalReply reply;
  std::string location;  ///< Of a redirect; else empty.

  /// Trouble that is made on purpose.
  void abort(std::uint32_t status) noexcept {
    forwards = false;
    reason = EndReason::route_fault;
    reply = LocalReply{};
    reply.status = static_cast<int>(status);
    location.clear();
  }
  /// A request that cannot be served as it is.
  void refuse(const char* why) noexcept {
    forwards = false;
    reason = EndReason::client_bad_request;
    detail = why;
    reply.status = 400;
  }
};

/// Decides what to do with `request`, which takes `route`. Counts the hop of OPTIONS in it (RFC 9110, 7.6.2).
[[nodiscard]] Decision decide(const RouteContext& route, http::RequestHead& request, const Arrival& arrival);

}  // namespace lintel::proxy
