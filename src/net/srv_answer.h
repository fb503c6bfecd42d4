#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "net/resolver.h"

namespace lintel::net {

/// The SRV records of a DNS message (RFC 1035, 4.1; RFC 2782). Records of other types only count for the TTL;
/// a target that is no host name is left out. Nothing: the message is malformed or has no SRV record.
[[nodiscard]] std::optional<ServiceAnswer> parse_srv_answer(std::span<const std::uint8_t> message);

}  // namespace lintel::net
