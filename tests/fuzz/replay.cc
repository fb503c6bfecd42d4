// Every input in tests/fuzz/corpus/<name> and tests/fuzz/regressions/<name> once through the fuzzer of that
// name: what was found stays mended. A fuzzer aborts where its oracle fails; doctest then names the input.

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace {

using OneInput = int (*)(const std::uint8_t*, std::size_t);

void replay(OneInput one_input, const std::string& name) {
  std::vector<std::filesystem::path> inputs;
  for (const char* kind : {"corpus", "regressions"}) {
    const std::filesystem::path folder = std::filesystem::path("tests/fuzz") / kind / name;
    if (!std::filesystem::exists(folder)) continue;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) inputs.push_back(entry.path());
  }
  std::sort(inputs.begin(), inputs.end());
  CHECK_FALSE(inputs.empty());  // Run it in the project's root.
  for (const std::filesystem::path& input : inputs) {
    CAPTURE(input.string());
    std::ifstream file(input, std::ios::binary);
    const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    REQUIRE(!file.bad());
    one_input(reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
  }
}

}  // namespace

#define FUZZER(name)                                            \
  extern "C" int fuzz_##name(const std::uint8_t*, std::size_t); \
  TEST_CASE("fuzz inputs: " #name) {                            \
    replay(&fuzz_##name, #name);                                \
  }

LINTEL_FUZZERS
