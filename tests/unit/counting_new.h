#pragma once

// Counts what a thread takes from the heap, by replacing the program's operator new: for one source of a
// program only, and not under sanitizers, which replace it themselves.

#include <cstddef>
#include <cstdlib>
#include <new>

namespace lintel {

inline thread_local bool counting = false;  ///< Only what this thread takes meanwhile is counted.
inline thread_local std::size_t allocations = 0;

}  // namespace lintel

// Not inlined: the compiler would find fault with the pairs.
[[gnu::noinline]] void* operator new(std::size_t size) {
  if (lintel::counting) ++lintel::allocations;
  if (void* block = std::malloc(size)) return block;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* block) noexcept {
  std::free(block);
}
[[gnu::noinline]] void operator delete(void* block, std::size_t) noexcept {
  std::free(block);
}
