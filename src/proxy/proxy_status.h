#pragma once

// Proxy-Status (RFC 9209): what this proxy says about a response, on listeners that ask for it. A member
// names the proxy and tells either which status the server sent, or why the answer is the proxy's own.
// `next-hop` is left out: the field is for clients, whom addresses inside are no help to and attackers are
// (RFC 9209, 4); they are in the access log.

#include <string_view>

#include "http/message.h"
#include "proxy/end_reason.h"

namespace lintel::proxy {

/// The error type of RFC 9209, 2.3, that a response caused by `reason` carries; empty where no response of
/// ours comes of it, or none that can still be told. Static storage.
[[nodiscard]] std::string_view proxy_error(EndReason reason) noexcept;

/// Adds "NAME; received-status=NNN" behind the members that proxies nearer to the origin have set (RFC 9209,
/// 2). `name`: an HTTP token of at most config::kMostServerName characters.
void add_received_status(http::Fields& fields, std::string_view name, int status);

/// Adds "NAME; error=TYPE; details="TOKEN"" with the end reason's token, to a response that Lintel made
/// itself.
void add_own_status(http::Fields& fields, std::string_view name, EndReason reason);

}  // namespace lintel::proxy
