#pragma once

#include <cstddef>

namespace lintel::net {

/// Memory for coroutine frames and other small objects that live and die on one thread: free lists by size
/// class, refilled from slabs, so that a steady load allocates nothing. Memory is kept until the thread ends.
/// Blocks must be given back on the thread that took them. Under AddressSanitizer this is plain malloc.
[[nodiscard]] void* frame_allocate(std::size_t size);
void frame_free(void* block, std::size_t size) noexcept;

/// Base class that gives a type's objects frame_allocate's memory.
struct Pooled {
  static void* operator new(std::size_t size) { return frame_allocate(size); }
  static void operator delete(void* block, std::size_t size) noexcept { frame_free(block, size); }
};

}  // namespace lintel::net
