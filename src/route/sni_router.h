#pragma once

// Which route a TLS connection takes that is not decrypted: the first of the listener's routes, in the order
// of the file, whose match.sni has the name that the client asks for.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "config/model.h"

namespace lintel::route {

/// "*.a.test" matches "x.a.test" and "x.y.a.test", not "a.test". A route without match.sni takes every
/// connection, also those that ask for no name. Immutable after construction; any thread may match.
class SniRouter {
 public:
  explicit SniRouter(const std::vector<config::Route>& routes);

  /// The index of the route, or nothing. `name` is in lower case; empty: the client asked for none.
  [[nodiscard]] std::optional<std::uint32_t> match(std::string_view name) const;

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept {
      return std::hash<std::string_view>()(text);
    }
  };
  using Names = std::unordered_map<std::string, std::uint32_t, Hash, std::equal_to<>>;

  Names exact_;
  Names suffixes_;  ///< ".a.test" for "*.a.test".
  std::optional<std::uint32_t> any_;
};

}  // namespace lintel::route
