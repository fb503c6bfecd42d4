#include "base/clock.h"

#include <ctime>

namespace lintel {
namespace {

Nanos read_clock(clockid_t id) noexcept {
  timespec time{};
  clock_gettime(id, &time);
  return static_cast<Nanos>(time.tv_sec) * 1'000'000'000 + time.tv_nsec;
}

class SystemClock final : public Clock {
 public:
  [[nodiscard]] Nanos now() const noexcept override { return read_clock(CLOCK_MONOTONIC); }
  [[nodiscard]] Nanos wall() const noexcept override { return read_clock(CLOCK_REALTIME); }
};

}  // namespace

const Clock& system_clock() noexcept {
  static const SystemClock clock;
  return clock;
}

}  // namespace lintel
