#pragma once

// How the length of an HTTP/1 message's body is told (RFC 9112, 6). The rules are our own and strict:
// whatever two implementations could read in two ways is an error.

#include <cstdint>
#include <optional>
#include <string_view>

namespace lintel::http {

struct Framing {
  enum class Kind : std::uint8_t {
    none,         ///< No body follows the head.
    length,       ///< Exactly `length` bytes follow, perhaps 0.
    chunked,      ///< Chunks follow.
    until_close,  ///< Responses only: the body ends with the connection.
  };
  Kind kind = Kind::none;
  std::uint64_t length = 0;  ///< Bytes; for Kind::length only.

  [[nodiscard]] static Framing none() noexcept { return {}; }
  [[nodiscard]] static Framing of_length(std::uint64_t bytes) noexcept { return {Kind::length, bytes}; }
  [[nodiscard]] static Framing chunked() noexcept { return {Kind::chunked, 0}; }
  [[nodiscard]] static Framing until_close() noexcept { return {Kind::until_close, 0}; }
  friend bool operator==(const Framing&, const Framing&) noexcept = default;
};

/// The number of a Content-Length value: 1*DIGIT, below 2^63; nothing for any other spelling.
[[nodiscard]] std::optional<std::uint64_t> parse_content_length(std::string_view value) noexcept;

/// Collects the framing fields of one head, line by line.
class FramingFields {
 public:
  void add_content_length(std::string_view value) noexcept;
  void add_transfer_encoding(std::string_view value) noexcept;
  [[nodiscard]] bool has_transfer_encoding() const noexcept { return chunked_; }
  [[nodiscard]] std::optional<std::uint64_t> content_length() const noexcept { return length_; }
  /// Why the fields cannot be trusted (a static sentence), or null. `http10`: the message's version is 1.0.
  [[nodiscard]] const char* error(bool http10) const noexcept;
  /// The framing that the fields tell, if error() is null: none where there are no fields.
  [[nodiscard]] Framing framing() const noexcept;

 private:
  std::optional<std::uint64_t> length_;
  bool chunked_ = false;
  const char* error_ = nullptr;
};

}  // namespace lintel::http
