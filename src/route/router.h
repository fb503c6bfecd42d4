#pragma once

// Which route a request takes: the first of the listener's routes, in the order of the file, whose host, path
// and method all match. The routes are compiled into hash tables when a generation is built, so that ten
// thousand routes cost a request no more than ten.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/model.h"
#include "http/message.h"

namespace lintel::route {

class Router {
 public:
  /// Copies what it needs of `routes`.
  explicit Router(const std::vector<config::Route>& routes);

  /// The index into `routes` of the route for a request, or nothing. `host` is lower case and without a port,
  /// `path` canonical; `method_text` is only read when `method` is Method::other. Allocates nothing.
  [[nodiscard]] std::optional<std::uint32_t> match(std::string_view host, std::string_view path,
                                                   http::Method method,
                                                   std::string_view method_text) const noexcept;

 private:
};

}  // namespace lintel::route
