#pragma once

// Finds the end of an HTTP/1 head in whatever pieces it arrives, within limits, and cuts it into lines. What
// the lines mean is the business of h1_parser.h.

#include <cstddef>
#include <cstdint>
#include <span>

#include "http/limit.h"
#include "http/message.h"

namespace lintel::http {

/// Limits of a head, in bytes unless told otherwise.
struct HeadLimits {
  std::uint32_t head = 32768;   ///< Whole head, first line and end included.
  std::uint32_t field = 16384;  ///< One field line, CRLF included.
  std::uint32_t target = 8192;  ///< Request target.
  std::uint32_t count = 100;    ///< Number of field lines.
};

/// What becomes of a request's field whose name contains "_". Servers that hand fields to programs as
/// variables cannot tell it from "-": such a field could pass for one that a proxy sets or removes.
enum class UnderscoreNames : std::uint8_t { drop, reject, keep };

enum class HeadStatus : std::uint8_t {
  need_more,
  done,
  bad_request,          ///< 400
  target_too_long,      ///< 414
  expectation_failed,   ///< 417
  fields_too_large,     ///< 431
  version_unsupported,  ///< 505
};

struct HeadProgress {
  HeadStatus status = HeadStatus::need_more;
  std::size_t consumed = 0;   ///< Bytes taken from this feed's input.
  const char* reason = "";    ///< On errors: a sentence for the log. Static storage.
  Limit limit = Limit::none;  ///< That was passed, if that is the error.
};

/// Why a message is refused because of UnderscoreNames::reject.
inline constexpr const char* kUnderscoreRefused = "a field name has an underscore";

/// Checks the structure of one field line at [begin, end) of the fields' bytes (RFC 9112, 5: CRLF at the end,
/// token and colon without space) and fills `line`, its id too. That the line holds no control characters but
/// CRLF, and so is not folded, is for the caller to check: it can do so for many lines at once. Returns null,
/// or what is wrong (static storage). Sets `underscore` if the name has one.
[[nodiscard]] const char* parse_field_line(const Fields& fields, Fields::Line& line, std::uint32_t begin,
                                           std::uint32_t end, bool& underscore) noexcept;

/// Reads one head into `Fields`: its bytes are exactly the bytes of the head as received (without empty lines
/// before a request), its lines all field lines of the head. llhttp drives it; the structure of every line is
/// then checked once more and strictly, because llhttp also takes bare LF, folded lines and more. Allocates
/// nothing once the buffers have grown.
class HeadReader {
 public:
  enum class Kind : std::uint8_t { request, response };

  /// `fields` must be clear and outlive the reading.
  void start(Kind kind, Fields& fields, const HeadLimits& limits) noexcept;
  /// Any split of the input gives the same result. After `done` or an error nothing may be fed before
  /// start().
  [[nodiscard]] HeadProgress feed(std::span<const char> in);
  /// Whether the first line has come in full and holds nothing that no line may hold.
  [[nodiscard]] bool has_first_line() const noexcept { return in_fields_; }
  /// From then on: length of the first line without its CRLF; it begins at offset 0.
  [[nodiscard]] std::uint32_t first_line_size() const noexcept { return first_line_size_; }
  /// After `done`: whether some field name contains "_".
  [[nodiscard]] bool saw_underscore() const noexcept { return saw_underscore_; }

 private:
  friend struct HeadReaderCallbacks;

  [[nodiscard]] HeadProgress read_first_line(std::span<const char> in);
  [[nodiscard]] HeadProgress read_fields(std::span<const char> in);
  [[nodiscard]] HeadProgress check_lines(std::size_t consumed) noexcept;
  int on_name(std::uint32_t offset, std::uint32_t size);
  void begin_fields() noexcept;

  static constexpr std::size_t kLlhttpSize = 128;

  Fields* fields_ = nullptr;
  HeadLimits limits_;
  const char* chunk_ = nullptr;     // Where the bytes being parsed begin,
  std::uint32_t chunk_offset_ = 0;  // and their offset in the head.
  std::uint32_t first_line_size_ = 0;
  std::uint32_t name_end_ = 0;  // Where the last piece of a field name ended.
  Kind kind_ = Kind::request;
  std::uint8_t blank_ = 0;  // Bytes of empty lines skipped before the first line.
  bool in_fields_ = false;
  bool too_many_ = false;
  bool saw_underscore_ = false;
  alignas(8) std::byte llhttp_[kLlhttpSize];
};

}  // namespace lintel::http
