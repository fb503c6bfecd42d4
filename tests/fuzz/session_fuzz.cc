// Whole HTTP/1 sessions: clients, the proxy as it is, and servers, over streams in memory and by a clock that
// the script moves. Oracle: the servers saw exactly the requests that the clients were answered for
// (session/verdict.h). Nothing leaks, nothing hangs.
//
// Input: steps of eight bytes (session/world.h); the first sets the scene.

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

#include "session/verdict.h"
#include "session/world.h"

using namespace lintel::fuzz;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::vector<Step> steps(size / sizeof(Step));
  if (steps.empty()) return 0;
  std::memcpy(steps.data(), data, steps.size() * sizeof(Step));
  World world(steps.front());
  world.run(std::span<const Step>(steps).subspan(1));
  world.wind_up();
  judge(world);
  return 0;
}

#ifdef LINTEL_FUZZING
/// What a session frees is not worth keeping long: new pages cost more than the sessions themselves.
extern "C" const char* __asan_default_options() {  // NOLINT(bugprone-reserved-identifier)
  return "quarantine_size_mb=8";
}

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max_size);

/// Changes whole steps as often as bytes.
extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned seed) {
  constexpr std::size_t kStep = sizeof(Step);
  const std::size_t count = size / kStep;
  if (count < 2 || seed % 2 == 0) return LLVMFuzzerMutate(data, size, max_size);
  std::uint8_t* one = data + kStep * (seed / 16 % count);
  std::uint8_t* other = data + kStep * (seed / 4096 % count);
  std::uint8_t* end = data + count * kStep;
  switch (seed / 2 % 8) {
    case 0:  // Twice.
    case 1:
      if (count * kStep + kStep > max_size) break;
      std::memmove(one + kStep, one, static_cast<std::size_t>(end - one));
      return count * kStep + kStep;
    case 2:  // Not at all.
      std::memmove(one, one + kStep, static_cast<std::size_t>(end - one) - kStep);
      return count * kStep - kStep;
    case 3:
      std::swap_ranges(one, one + kStep, other);
      return count * kStep;
    default:
      break;
  }
  LLVMFuzzerMutate(one, kStep, kStep);
  return count * kStep;
}
#endif
