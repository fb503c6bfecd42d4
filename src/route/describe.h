#pragma once

#include <string>

#include "route/conditions.h"

namespace lintel::route {

/// Why `condition`, which does not hold for `request`, does not: a clause for people, such as "the path
/// \"/a\" does not begin with /v1".
[[nodiscard]] std::string describe_failure(const Condition& condition, const RequestView& request);

}  // namespace lintel::route
