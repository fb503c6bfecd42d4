#pragma once

// Decoder of the chunked transfer coding (RFC 9112, 7.1), strict and in place.

#include <cstddef>
#include <cstdint>
#include <span>

#include "http/h1_head_reader.h"
#include "http/limit.h"
#include "http/message.h"

namespace lintel::http {

class ChunkDecoder {
 public:
  enum class Status : std::uint8_t { need_more, done, error };
  struct Progress {
    Status status = Status::need_more;
    std::size_t consumed = 0;  ///< Bytes taken; all of them with need_more.
    std::span<char>
        data;  ///< Decoded bytes, within the input; perhaps empty, also valid with done and error.
    const char* reason = "";    ///< On errors: a sentence for the log. Static storage.
    Limit limit = Limit::none;  ///< On errors: that was reached, if that is why.
  };

  /// Trailer fields go to `trailers`, which is cleared and must outlive the decoding; limits are those of
  /// heads. Trailers that frame, route, authenticate or describe content are dropped (RFC 9110, 6.5.1).
  void start(Fields& trailers, const HeadLimits& limits, UnderscoreNames underscore_names) noexcept;
  /// Trailers dropped since start() because their name contains "_".
  [[nodiscard]] std::uint32_t dropped_underscore() const noexcept { return dropped_underscore_; }

  /// Decodes `in`, whose bytes it may move: where `in` holds one run of data, that stays where it is; further
  /// runs are moved to follow the first. Any split of the input gives the same bytes. After `done` or `error`
  /// nothing may be fed before start(). No allocation, except for trailers.
  [[nodiscard]] Progress feed(std::span<char> in);

 private:
  enum class State : std::uint8_t {
    size_begin,
    size,
    before_semicolon,
    name_begin,
    name,
    after_name,
    value_begin,
    value,
    quoted,
    escaped,
    after_quoted,
    size_lf,
    data,
    data_cr,
    data_lf,
    trailers,
  };

  [[nodiscard]] const char* step(char c);
  [[nodiscard]] const char* step_size(char c);
  [[nodiscard]] const char* step_extension(char c);
  [[nodiscard]] Progress read_trailers(std::span<char> in, Progress progress);
  [[nodiscard]] const char* end_trailer_line();

  Fields* trailers_ = nullptr;
  HeadLimits limits_;
  std::uint64_t left_ = 0;        // Bytes left of the chunk; its size while that is read.
  std::uint64_t overhead_ = 0;    // Extension bytes not yet made up for by data.
  std::uint32_t line_begin_ = 0;  // Offset of the trailer line being read.
  std::uint8_t digits_ = 0;
  State state_ = State::size_begin;
  std::uint32_t dropped_underscore_ = 0;
  UnderscoreNames underscore_names_ = UnderscoreNames::keep;
};

}  // namespace lintel::http
