#include "net/frame_pool.h"

#include <array>
#include <cstdlib>
#include <memory>
#include <new>
#include <vector>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define LINTEL_PLAIN_FRAMES 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define LINTEL_PLAIN_FRAMES 1
#endif
#endif

namespace lintel::net {

#ifdef LINTEL_PLAIN_FRAMES

void* frame_allocate(std::size_t size) {
  return ::operator new(size);
}
void frame_free(void* block, std::size_t) noexcept {
  ::operator delete(block);
}

#else

namespace {

constexpr std::size_t kStep = 16;
constexpr std::size_t kLargest = 4096;
constexpr std::size_t kSlab = 64 * 1024;

struct FreeBlock {
  FreeBlock* next;
};

/// One thread's free lists. A plain aggregate, so that access needs no guard; the slabs are freed by
/// SlabOwner.
struct FreeLists {
  std::array<FreeBlock*, kLargest / kStep + 1> heads;
  char* slab;
  std::size_t slab_left;
};

struct SlabOwner {
  std::vector<std::unique_ptr<char[]>> slabs;
};

// One set per thread, reached from operator new, which has no object to carry it.
// NOLINTBEGIN(cppcoreguidelines-avoid-non-const-global-variables)
thread_local FreeLists lists{};
thread_local SlabOwner owner;
// NOLINTEND(cppcoreguidelines-avoid-non-const-global-variables)

constexpr std::size_t size_class(std::size_t size) {
  return (size + kStep - 1) / kStep;
}

void* carve(std::size_t bytes) {
  if (lists.slab_left < bytes) {
    owner.slabs.emplace_back(new char[kSlab]);
    lists.slab = owner.slabs.back().get();
    lists.slab_left = kSlab;
  }
  void* block = lists.slab;
  lists.slab += bytes;
  lists.slab_left -= bytes;
  return block;
}

}  // namespace

void* frame_allocate(std::size_t size) {
  if (size > kLargest) return ::operator new(size);
  const std::size_t c = size_class(size);
  if (FreeBlock* block = lists.heads[c]) {
    lists.heads[c] = block->next;
    return block;
  }
  return carve(c * kStep);
}

void frame_free(void* block, std::size_t size) noexcept {
  if (size > kLargest) {
    ::operator delete(block);
    return;
  }
  auto* free_block = static_cast<FreeBlock*>(block);
  const std::size_t c = size_class(size);
  free_block->next = lists.heads[c];
  lists.heads[c] = free_block;
}

#endif

}  // namespace lintel::net
