#include "net/write_pace.h"

#include <algorithm>
#include <utility>

#include "net/stream.h"

namespace lintel::net {

Nanos WritePace::next_look(Nanos now) const noexcept {
  constexpr Nanos kLooks = 4;  // In the longest wait: a peer that stops is noticed that much later at most.
  const Nanos at = allowance_.deadline();
  return at == kNever ? kNever : std::min(at, now + allowance_.most() / kLooks);
}

void WritePace::credit(const Stream& stream) noexcept {
  const std::uint64_t before = std::exchange(queued_, stream.unacknowledged());
  if (before > queued_) allowance_.earn(before - queued_);
}

Nanos WritePace::begin_wait(const Stream& stream, Nanos now) noexcept {
  if (allowance_.left() == kNever) return kNever;
  if (!std::exchange(looked_, true)) credit(stream);
  allowance_.begin_wait(now);
  return next_look(now);
}

Nanos WritePace::look(const Stream& stream, Nanos now) noexcept {
  allowance_.end_wait(now);
  credit(stream);
  allowance_.begin_wait(now);
  return next_look(now);
}

}  // namespace lintel::net
