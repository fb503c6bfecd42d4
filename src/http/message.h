#pragma once

// The head of a request or response, whichever HTTP version carried it. Nothing here knows of connections or
// framing: the hop-by-hop fields of HTTP/1 (RFC 9110, 7.6.1) are taken out by http/ when a head is read, and
// put in by http/ when one is written, so that proxy/ sees end-to-end fields only.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/buffer.h"

namespace lintel::http {

enum class Version : std::uint8_t { http10, http11, http2 };

/// The registered methods that change how a message is handled; every other token is `other`.
enum class Method : std::uint8_t { get, head, post, put, delete_, connect, options, trace, patch, other };

[[nodiscard]] Method method_from(std::string_view token) noexcept;
/// "GET" …; "OTHER" for Method::other. Static storage.
[[nodiscard]] std::string_view method_name(Method method) noexcept;
/// RFC 9110, 9.2.2: repeating it has the effect of doing it once.
[[nodiscard]] bool is_idempotent(Method method) noexcept;

/// Field names that this program treats specially; every other name is `other`.
enum class FieldId : std::uint8_t {
  other,
  connection,
  content_length,
  content_type,
  date,
  expect,
  forwarded,
  host,
  http2_settings,
  keep_alive,
  proxy_connection,
  referer,
  server,
  te,
  trailer,
  transfer_encoding,
  upgrade,
  user_agent,
  via,
  x_forwarded_for,
  x_forwarded_host,
  x_forwarded_port,
  x_forwarded_proto,
  x_real_ip,
  x_request_id,
};

/// The id of a field name, compared without case. O(1); no allocation.
[[nodiscard]] FieldId field_id(std::string_view name) noexcept;

/// ASCII case-insensitive equality (names, tokens; never values that are case-sensitive).
[[nodiscard]] bool equals_ignoring_case(std::string_view a, std::string_view b) noexcept;

/// A list of field lines in the order received. All bytes live in one buffer and are addressed by offset, so
/// that filling, editing and forwarding a message allocates nothing once the buffer has grown.
class Fields {
 public:
  struct Line {
    std::uint32_t name_begin;
    std::uint32_t value_begin;
    std::uint32_t value_size;
    std::uint16_t name_size;
    FieldId id;
    bool removed;
  };

  [[nodiscard]] std::string_view name(const Line& line) const noexcept {
    return bytes_.view(line.name_begin, line.name_size);
  }
  [[nodiscard]] std::string_view value(const Line& line) const noexcept {
    return bytes_.view(line.value_begin, line.value_size);
  }
  /// All lines, the removed ones too (they are skipped by everything else here).
  [[nodiscard]] const std::vector<Line>& lines() const noexcept { return lines_; }
  /// Lines that are not removed.
  [[nodiscard]] std::size_t count() const noexcept;

  /// The first line of that id (not `other`) or name; null where there is none.
  [[nodiscard]] const Line* find(FieldId id) const noexcept;
  [[nodiscard]] const Line* find(std::string_view name) const noexcept;
  /// The first line's value; empty where there is none.
  [[nodiscard]] std::string_view get(FieldId id) const noexcept;
  [[nodiscard]] std::string_view get(std::string_view name) const noexcept;

  /// Appends one line. Name and value must be valid (RFC 9110, 5.1 and 5.5) and must not lie in this object.
  void add(std::string_view name, std::string_view value);
  /// Removes every line of that id (not `other`) or name. Returns how many there were.
  std::size_t remove(FieldId id) noexcept;
  std::size_t remove(std::string_view name) noexcept;
  void remove(Line& line) noexcept { line.removed = true; }
  /// remove(name), then add(name, value).
  void set(std::string_view name, std::string_view value);

  /// Forgets all lines; keeps memory up to a few KiB.
  void clear() noexcept;
  /// Becomes the same as `other`.
  void copy_from(const Fields& other);

  // For the code that reads heads off the wire.
  /// The bytes that lines point into. A parser appends the raw head here and then calls add_parsed.
  [[nodiscard]] Buffer& bytes() noexcept { return bytes_; }
  [[nodiscard]] const Buffer& bytes() const noexcept { return bytes_; }
  [[nodiscard]] std::vector<Line>& mutable_lines() noexcept { return lines_; }
  /// Adds a line whose name and value already stand in bytes(); the id is looked up here.
  void add_parsed(std::uint32_t name_begin, std::uint16_t name_size, std::uint32_t value_begin,
                  std::uint32_t value_size);

 private:
  Buffer bytes_;
  std::vector<Line> lines_;
};

/// A part of a head's bytes, by offset (the buffer may move).
struct Slice {
  std::uint32_t begin = 0;
  std::uint32_t size = 0;
};

/// The head of a request, after http/ has checked and canonicalised it.
struct RequestHead {
  Version version = Version::http11;
  Method method = Method::get;
  bool has_body = false;                        ///< Some body may follow, be it empty.
  std::optional<std::uint64_t> content_length;  ///< Known length of the body.
  bool expects_continue = false;                ///< Expect: 100-continue (RFC 9110, 10.1.1).
  bool accepts_trailers = false;                ///< TE: trailers.
  Fields fields;                                ///< End-to-end fields, without Host.

  Slice method_text;  ///< As received; case matters.
  Slice target;       ///< Request target as received, for logs and error reports.
  /// Host: lower case, no trailing dot, no default port ("a.test", "a.test:8080", "[::1]"). Where the client
  /// named none, the address that it connected to.
  Slice authority;
  Slice path;   ///< Canonical path, starting with "/", or "*" for OPTIONS *.
  Slice query;  ///< Without "?"; as received.
  bool has_query = false;
  Slice upgrade;  ///< Protocol asked for by Upgrade (or :protocol); empty: none.

  [[nodiscard]] std::string_view text(Slice slice) const noexcept {
    return fields.bytes().view(slice.begin, slice.size);
  }
  /// The authority without its port.
  [[nodiscard]] std::string_view host() const noexcept;
  /// Back to the state of a new object; keeps memory.
  void clear() noexcept;
  /// Becomes the same as `other`. Allocates where its memory does not suffice.
  void copy_from(const RequestHead& other);
  /// Appends `bytes` to the fields' buffer and returns the slice.
  [[nodiscard]] Slice store(std::string_view bytes);
};

/// An authority without its port.
[[nodiscard]] std::string_view host_of(std::string_view authority) noexcept;

/// The head of a response, interim (1xx) or final.
struct ResponseHead {
  Version version = Version::http11;
  int status = 200;
  bool has_body = true;  ///< False for 1xx, 204, 304 and answers to HEAD (RFC 9110, 6.4.1).
  std::optional<std::uint64_t> content_length;  ///< Known length of the body; kept for HEAD and 304.
  Fields fields;                                ///< End-to-end fields.
  Slice reason;   ///< Reason phrase as received; empty: the standard one is used.
  Slice upgrade;  ///< With 101: the protocol switched to; with 426: those that the server asks for.
  std::uint32_t keep_alive_seconds = 0;  ///< Keep-Alive: timeout=N announced by a server; 0: none.

  [[nodiscard]] std::string_view text(Slice slice) const noexcept {
    return fields.bytes().view(slice.begin, slice.size);
  }
  [[nodiscard]] bool is_interim() const noexcept { return status >= 100 && status < 200 && status != 101; }
  void clear() noexcept;
};

/// The standard reason phrase (RFC 9110, 15) or "" for codes it does not name. Static storage.
[[nodiscard]] std::string_view reason_phrase(int status) noexcept;

}  // namespace lintel::http
