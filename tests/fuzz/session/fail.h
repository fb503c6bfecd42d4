#pragma once

#include <string_view>

namespace lintel::fuzz {

/// Says what is wrong and aborts, which the fuzzer counts as a find.
[[noreturn]] void fail(std::string_view what);

}  // namespace lintel::fuzz
