#pragma once

// HTTP/1.1 heads off the wire: bytes in, version-neutral heads out (message.h). No sockets here; the
// connection feeds what it has read.
//
//   parser.start(head, limits);
//   for (;;) {
//     const HeadProgress got = parser.feed(input);     // input.subspan(got.consumed) is what follows the
//     head if (got.status != HeadStatus::need_more) break;  // done, or an error to be answered and the
//     connection closed
//   }

#include <cstdint>
#include <span>
#include <string_view>

#include "http/h1_connection_options.h"
#include "http/h1_framing.h"
#include "http/h1_head_reader.h"
#include "http/message.h"

namespace lintel::http {

/// What requests must keep to beyond HTTP's own rules.
struct RequestRules {
  UnderscoreNames underscore_names = UnderscoreNames::drop;
  /// The path must arrive in its canonical form (target.h); an empty path, which stands for "/", may.
  bool strict_paths = false;
  bool no_encoded_slash = false;    ///< The path may not contain %2F.
  std::uint16_t default_port = 80;  ///< Of the connection's scheme; left out of the authority.
};

/// Reads request heads. One object per connection; nothing is allocated per request once buffers have grown.
class RequestHeadParser {
 public:
  /// Clears `head`, which must outlive the reading.
  void start(RequestHead& head, const HeadLimits& limits, const RequestRules& rules = {}) noexcept;
  /// Any split of the input gives the same result. After `done` or an error nothing may be fed before
  /// start().
  [[nodiscard]] HeadProgress feed(std::span<const char> in);

  /// After an error, or when no more of the head will come: completes in `head` what its beginning tells, the
  /// method above all, because no answer to HEAD has a body, not even a refusal.
  void salvage();

  // After `done`:
  [[nodiscard]] Framing framing() const noexcept { return framing_; }
  /// Whether the client lets the connection serve another request (RFC 9112, 9.3).
  [[nodiscard]] bool keep_alive() const noexcept { return keep_alive_; }
  /// Whether Connection names fields that may be among the trailers too.
  [[nodiscard]] bool nominates() const noexcept { return nominates_; }
  /// Field lines dropped because their name contains "_".
  [[nodiscard]] std::uint32_t dropped_underscore() const noexcept { return dropped_underscore_; }

 private:
  struct FieldScan;

  [[nodiscard]] HeadProgress interpret(std::size_t consumed);
  [[nodiscard]] HeadProgress parse_first_line();
  void set_method(std::string_view token) noexcept;
  void scan_fields(FieldScan& scan);
  [[nodiscard]] HeadProgress apply_fields(const FieldScan& scan);
  [[nodiscard]] const char* apply_underscores() noexcept;
  [[nodiscard]] const char* set_host(const FieldScan& scan) noexcept;
  [[nodiscard]] const char* set_target();
  [[nodiscard]] const char* set_origin_form(Slice origin);
  [[nodiscard]] const char* set_path(Slice received);
  [[nodiscard]] const char* set_absolute_form();
  [[nodiscard]] const char* agree_authority(std::string_view authority);

  HeadReader reader_;
  RequestHead* head_ = nullptr;
  RequestRules rules_;
  Framing framing_;
  std::uint32_t most_target_ = 0;
  std::uint32_t dropped_underscore_ = 0;
  bool keep_alive_ = false;
  bool nominates_ = false;
};

/// Reads response heads, interim ones too (each is one head). Errors here mean that the server broke the
/// protocol.
class ResponseHeadParser {
 public:
  /// Clears `head`, which must outlive the reading. `request_method`: of the request that is answered.
  void start(ResponseHead& head, const HeadLimits& limits, Method request_method) noexcept;
  /// Any split of the input gives the same result. After `done` or an error nothing may be fed before
  /// start().
  [[nodiscard]] HeadProgress feed(std::span<const char> in);

  // After `done`:
  [[nodiscard]] Framing framing() const noexcept { return framing_; }
  /// Whether the server lets the connection serve another request once the body has been read.
  [[nodiscard]] bool keep_alive() const noexcept { return keep_alive_; }
  /// Whether Connection names fields that may be among the trailers too.
  [[nodiscard]] bool nominates() const noexcept { return nominates_; }

 private:
  [[nodiscard]] HeadProgress interpret(std::size_t consumed);
  [[nodiscard]] HeadProgress parse_first_line();
  [[nodiscard]] const char* take_fields();
  void set_framing(const FramingFields& fields, bool persists) noexcept;

  HeadReader reader_;
  ResponseHead* head_ = nullptr;
  Framing framing_;
  Method request_method_ = Method::get;
  bool keep_alive_ = false;
  bool nominates_ = false;
};

}  // namespace lintel::http
