#pragma once

// The canonical form of paths and authorities: made once, when a head is read, and used for matching, limits,
// logs and what is forwarded, so that no two parts can disagree about a request.

#include <cstdint>
#include <string_view>

#include "base/buffer.h"
#include "http/message.h"

namespace lintel::http {

/// Canonicalises the path at `path` of `bytes` (RFC 3986, 6.2.2): decodes %XX of unreserved characters,
/// writes other escapes in upper case, removes dot segments; "//" and %2F stay. Where nothing changes, `path`
/// is left as it is; else the result is appended to `bytes` and `path` is set to it. Returns null, or what is
/// wrong: not starting with "/", a control byte or space, NUL, "#", a raw or encoded backslash, a byte over
/// 0x7F, a bad escape, ".." above the root.
[[nodiscard]] const char* canonicalize_path(Buffer& bytes, Slice& path);

/// Whether a segment of a canonical path is "." or ".." but for parameters, as in "/a/..;b/c" or
/// "/a/..%3B/c": servers that drop parameters, as of Java, take it for a dot segment.
[[nodiscard]] bool has_disguised_dots(std::string_view path) noexcept;

/// Null, or what is wrong with a query: a control byte, space, "#" or a byte over 0x7F.
[[nodiscard]] const char* check_query(std::string_view query) noexcept;

/// Canonicalises in place the authority at `authority` of `bytes` ("host", "host:port", "[v6]:port"): lower
/// case, without one trailing dot, without leading zeros in the port, without port if it is empty or
/// `default_port`. Returns null, or what is wrong: empty host, userinfo, a character that no host name has, a
/// bad port or address.
[[nodiscard]] const char* canonicalize_authority(Buffer& bytes, Slice& authority,
                                                 std::uint16_t default_port) noexcept;

}  // namespace lintel::http
