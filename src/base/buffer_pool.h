#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "base/buffer.h"

namespace lintel {

/// Buffers that wait to be used again. One per thread.
class BufferPool {
 public:
  /// An empty buffer, with memory if one is at hand.
  [[nodiscard]] Buffer take() {
    if (free_.empty()) return {};
    Buffer buffer = std::move(free_.back());
    free_.pop_back();
    return buffer;
  }
  /// Keeps the buffer's memory for take(), unless enough wait already or it has grown large.
  void give(Buffer buffer) {
    if (buffer.capacity() == 0 || buffer.capacity() > kLargest || free_.size() == kMost) return;
    buffer.clear();
    free_.push_back(std::move(buffer));
  }

 private:
  static constexpr std::size_t kMost = 64;
  static constexpr std::size_t kLargest = 128 * 1024;
  std::vector<Buffer> free_;
};

}  // namespace lintel
