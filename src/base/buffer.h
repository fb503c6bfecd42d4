#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <utility>

namespace lintel {

/// A growable run of bytes that keeps its memory when cleared and never initialises what it grows by.
/// Offsets into it stay valid when it grows; pointers do not. Not thread-safe; movable, not copyable.
class Buffer {
 public:
  Buffer() noexcept = default;
  explicit Buffer(std::size_t capacity) { reserve(capacity); }
  Buffer(Buffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)),
        size_(std::exchange(other.size_, 0)),
        capacity_(std::exchange(other.capacity_, 0)) {}
  Buffer& operator=(Buffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(capacity_, other.capacity_);
    return *this;
  }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer() { delete[] data_; }

  [[nodiscard]] char* data() noexcept { return data_; }
  [[nodiscard]] const char* data() const noexcept { return data_; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  [[nodiscard]] std::string_view view() const noexcept { return {data_, size_}; }
  [[nodiscard]] std::string_view view(std::size_t begin, std::size_t length) const noexcept {
    return {data_ + begin, length};
  }
  [[nodiscard]] std::span<char> span() noexcept { return {data_, size_}; }

  /// Makes room for `capacity` bytes in all.
  void reserve(std::size_t capacity) {
    if (capacity > capacity_) grow(capacity);
  }
  /// Appends `n` bytes left uninitialised and returns where they begin.
  [[nodiscard]] char* extend(std::size_t n) {
    if (capacity_ - size_ < n) grow(size_ + n);
    char* at = data_ + size_;
    size_ += n;
    return at;
  }
  /// Appends a copy. `text` must not lie in this buffer.
  void append(std::string_view text) {
    if (!text.empty()) std::memcpy(extend(text.size()), text.data(), text.size());
  }
  void append(char c) { *extend(1) = c; }
  /// Appends `value` in decimal.
  void append_number(std::uint64_t value);
  /// Appends `value` in lower-case hexadecimal without leading zeros.
  void append_hex(std::uint64_t value);

  /// Forgets all bytes; keeps the memory.
  void clear() noexcept { size_ = 0; }
  /// Forgets all bytes past `size`, which must not be larger than size().
  void truncate(std::size_t size) noexcept { size_ = size; }
  /// Forgets all bytes and gives the memory back.
  void release() noexcept {
    delete[] data_;
    data_ = nullptr;
    size_ = capacity_ = 0;
  }

 private:
  void grow(std::size_t at_least);

  char* data_ = nullptr;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

}  // namespace lintel
