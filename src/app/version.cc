#include "app/version.h"

namespace lintel::app {

std::string_view version() noexcept {
  return LINTEL_VERSION;
}

std::string_view built_with() noexcept {
  return LINTEL_BUILT_WITH;
}

}  // namespace lintel::app
