#pragma once

#include <string_view>

namespace lintel::app {

/// "0.1.0", as CMakeLists.txt has it. Static storage.
[[nodiscard]] std::string_view version() noexcept;
/// "GCC 12.2.0, libuv 1.44.2, …": the compiler and the libraries, as CMake found them. Static storage.
[[nodiscard]] std::string_view built_with() noexcept;

}  // namespace lintel::app
