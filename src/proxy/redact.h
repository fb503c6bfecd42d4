#pragma once

#include <cstdint>
#include <string_view>

#include "base/buffer.h"

namespace lintel::proxy {

/// How bytes that cannot stand in a quoted field are written: JSON's escapes, or \xHH as nginx does.
enum class Escape : std::uint8_t { json, hex };

/// Appends `text` escaped; quotes are left to the caller.
void append_escaped(Buffer& out, std::string_view text, Escape escape);
/// Appends a query with the values of keys that carry secrets (token, password, signature and their like)
/// replaced by
/// "***".
void append_redacted_query(Buffer& out, std::string_view query, Escape escape);
/// The same for a URL or request target: what stands before its "?" is left as it is.
void append_redacted_url(Buffer& out, std::string_view url, Escape escape);

}  // namespace lintel::proxy
