#include "base/buffer.h"

#include <algorithm>
#include <charconv>

namespace lintel {

void Buffer::grow(std::size_t at_least) {
  const std::size_t capacity = std::max({at_least, capacity_ * 2, std::size_t{256}});
  char* data = new char[capacity];
  if (size_ != 0) std::memcpy(data, data_, size_);
  delete[] data_;
  data_ = data;
  capacity_ = capacity;
}

void Buffer::append_number(std::uint64_t value) {
  char digits[20];
  const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  append(std::string_view(digits, end));
}

void Buffer::append_hex(std::uint64_t value) {
  char digits[16];
  const auto end = std::to_chars(digits, digits + sizeof digits, value, 16).ptr;
  append(std::string_view(digits, end));
}

}  // namespace lintel
