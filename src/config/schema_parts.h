#pragma once

// What the files of the table share: its parts, and the bounds that occur in several of them.

#include "config/schema_build.h"

namespace lintel::config {

inline constexpr std::int64_t kMaxCount = 1'000'000'000;
inline constexpr milliseconds kLongest = 24h;
inline constexpr Bytes kMaxBody{std::uint64_t{1} << 50U};
inline constexpr Protocols kHttp = bit(Protocol::http);
inline constexpr Protocols kTcp = bit(Protocol::tcp);

/// The oldest version of TLS that is spoken.
inline Type tls_version() {
  using namespace build;
  return choice({"1.2", "1.3"});
}

[[nodiscard]] const ObjectType& route_type();

/// Retries and mirrors (schema_retry.cc).
[[nodiscard]] const ObjectType& retry_type();
[[nodiscard]] const ObjectType& mirror_type();

/// A listener with its routes.
[[nodiscard]] const ObjectType& listener_type();

/// One of a pool's servers.
[[nodiscard]] const ObjectType& server_type();

/// A pool with its servers.
[[nodiscard]] const ObjectType& pool_type();

/// What keeps failing servers out of a pool by the traffic's own fate (schema_passive.cc).
[[nodiscard]] const ObjectType& outlier_type();
[[nodiscard]] const ObjectType& circuit_breaker_type();

}  // namespace lintel::config
