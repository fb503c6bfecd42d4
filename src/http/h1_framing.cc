#include "http/h1_framing.h"

#include "http/message.h"
#include "http/octets.h"

namespace lintel::http {

std::optional<std::uint64_t> parse_content_length(std::string_view value) noexcept {
  constexpr std::size_t kMostDigits = 19;  // 2^63 - 1 has 19.
  if (value.empty()) return std::nullopt;
  while (value.size() > kMostDigits && value.front() == '0') value.remove_prefix(1);
  if (value.size() > kMostDigits) return std::nullopt;
  std::uint64_t number = 0;
  for (const char c : value) {
    if (!is_digit(c)) return std::nullopt;
    number = number * 10 + static_cast<std::uint64_t>(c - '0');
  }
  if (number > INT64_MAX) return std::nullopt;
  return number;
}

void FramingFields::add_content_length(std::string_view value) noexcept {
  if (length_) {
    error_ = "Content-Length is repeated";
    return;
  }
  length_ = parse_content_length(value);
  if (!length_) {
    length_ = 0;
    error_ = "Content-Length is not a number of bytes";
  }
}

void FramingFields::add_transfer_encoding(std::string_view value) noexcept {
  if (chunked_) error_ = "Transfer-Encoding is repeated";
  chunked_ = true;
  if (!equals_ignoring_case(value, "chunked")) error_ = "Transfer-Encoding is not exactly chunked";
}

const char* FramingFields::error(bool http10) const noexcept {
  if (error_ != nullptr) return error_;
  if (chunked_ && length_) return "both Content-Length and Transfer-Encoding are present";
  if (chunked_ && http10) return "Transfer-Encoding in an HTTP/1.0 message";
  return nullptr;
}

Framing FramingFields::framing() const noexcept {
  if (chunked_) return Framing::chunked();
  if (length_) return Framing::of_length(*length_);
  return Framing::none();
}

}  // namespace lintel::http
