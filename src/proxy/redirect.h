#pragma once

#include <string>

#include "config/model.h"
#include "http/message.h"

namespace lintel::proxy {

/// The Location of a redirect: what the route names, and `own_scheme`, the request's own host, path and query
/// for the rest. Relative ("/new?x=1") when the request names no host and the route neither.
[[nodiscard]] std::string redirect_location(const config::Redirect& redirect, std::string_view own_scheme,
                                            const http::RequestHead& request);

}  // namespace lintel::proxy
