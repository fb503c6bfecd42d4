#pragma once

#include <algorithm>
#include <functional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "net/loop.h"
#include "net/stream.h"
#include "net/task.h"

namespace lintel::net {

inline constexpr Nanos kMs = 1'000'000;
inline constexpr Nanos kSecond = 1'000'000'000;

/// Turns `loop` until `done`; false when it has not come to that after about ten seconds of waiting for the
/// kernel.
inline bool turn_until(Loop& loop, const std::function<bool()>& done) {
  for (int i = 0; i < 100'000; ++i) {
    if (done()) return true;
    const Nanos before = system_clock().now();
    loop.turn(100 * kMs);
    if (system_clock().now() - before > 90 * kMs) i += 1'000;
  }
  return done();
}

/// Turns without waiting, often enough for what is in memory to settle.
inline void settle(Loop& loop, int turns = 8) {
  for (int i = 0; i < turns; ++i) loop.turn(0);
}

/// Moves the time on and lets the loop see it.
inline void pass(Loop& loop, ManualClock& clock, Nanos by) {
  clock.advance(std::chrono::nanoseconds(by));
  settle(loop);
}

/// The same a little at a time, as time passes.
inline void pass_slowly(Loop& loop, ManualClock& clock, Nanos by, Nanos step = 50 * kMs) {
  for (; by > 0; by -= step) pass(loop, clock, std::min(by, step));
}

/// What a test coroutine leaves behind.
template <typename T>
struct Outcome {
  int times = 0;
  Result<T> result = unexpected(Error{});
  [[nodiscard]] bool failed_with(ErrorCode code) const {
    return times == 1 && !result && result.error().code == code;
  }
};

// The coroutines below take references: the tests keep everything alive until their scope has joined.

inline Task<void> read_once(Stream& stream, std::span<char> out, Outcome<std::size_t>& outcome) {
  outcome.result = co_await stream.read(out);
  ++outcome.times;
}

inline Task<void> write_once(Stream& stream, std::string_view text, Outcome<void>& outcome) {
  outcome.result = co_await stream.write(WriteSpans(text));
  ++outcome.times;
}

/// Reads to the end of the stream.
inline Task<void> read_all(Stream& stream, std::string& text, Outcome<void>& outcome) {
  std::string buffer(16 * 1024, '\0');
  for (;;) {
    const auto n = co_await stream.read(buffer);
    if (!n || *n == 0) {
      outcome.result = n ? Result<void>() : unexpected(n.error());
      ++outcome.times;
      co_return;
    }
    text.append(buffer.data(), *n);
  }
}

/// `size` bytes that differ from place to place.
inline std::string pattern(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>('a' + (i * 7 + i / 251) % 26);
  return text;
}

}  // namespace lintel::net
