#pragma once

#include <string_view>

#include "http/message.h"

namespace lintel::http {

/// The value of the first cookie of that name (RFC 6265, 4.2.1), without quotes; empty where there is none.
/// Points into `fields`.
[[nodiscard]] std::string_view cookie_value(const Fields& fields, std::string_view name) noexcept;

/// The value of the first parameter of that name in a query ("a=1&b=2"), as it stands there; empty where
/// there is none. Points into `query`.
[[nodiscard]] std::string_view query_value(std::string_view query, std::string_view name) noexcept;

}  // namespace lintel::http
