#pragma once

// Heads that are read, written and read again: the two readings must not differ. For tests and fuzzers.

#include <span>
#include <string>
#include <string_view>

#include "http/h1_serializer.h"
#include "http/head_text.h"
#include "http/octets.h"
#include "http/target.h"

namespace lintel::http::test {

/// What has room for any head that was accepted before and grew by what this program writes itself.
inline constexpr HeadLimits kAmple{.head = 1 << 20, .field = 1 << 20, .target = 1 << 20, .count = 1 << 16};

/// How a head that was read and written again differs from itself; `read` is false if it was refused.
struct Identity {
  bool read = false;
  std::string difference;  ///< Empty: in nothing.

  void expect(bool holds, const char* what) {
    if (!holds && difference.empty()) difference = what;
  }
};

inline void expect_clean_lines(const Fields& fields, Identity& identity) {
  for (const Fields::Line& line : fields.lines())
    identity.expect(is_token(fields.name(line)) && !has_control(fields.value(line)), "a line is malformed");
}

/// Canonical paths and authorities are their own canonical forms.
inline void expect_canonical(const RequestHead& head, Identity& identity) {
  Buffer bytes;
  bytes.append(head.text(head.path));
  Slice path{0, head.path.size};
  const bool asterisk = head.text(head.path) == "*";
  identity.expect(asterisk || canonicalize_path(bytes, path) == nullptr, "the path is refused");
  identity.expect(bytes.view(path.begin, path.size) == head.text(head.path), "the path has another form");
  bytes.clear();
  bytes.append(head.text(head.authority));
  Slice authority{0, head.authority.size};
  identity.expect(canonicalize_authority(bytes, authority, 80) == nullptr, "the authority is refused");
  identity.expect(bytes.view(0, authority.size) == head.text(head.authority),
                  "the authority has another form");
}

inline Identity request_identity(std::string_view wire) {
  Identity identity;
  RequestHead head;
  RequestHeadParser parser;
  parser.start(head, {});
  const HeadProgress progress = parser.feed(std::span(wire.data(), wire.size()));
  if (progress.status != HeadStatus::done) return identity;
  identity.read = true;
  expect_clean_lines(head.fields, identity);
  if (head.method == Method::connect || head.authority.size == 0) return identity;
  expect_canonical(head, identity);
  Buffer out;
  write_request_head(out, head, parser.framing(), true);
  RequestHead again;
  RequestHeadParser second;
  second.start(again, kAmple);
  const HeadProgress reread = second.feed(out.span());
  identity.expect(reread.status == HeadStatus::done && reread.consumed == out.size(), "it is refused");
  if (!identity.difference.empty()) return identity;
  identity.expect(again.text(again.method_text) == head.text(head.method_text), "method");
  identity.expect(again.text(again.authority) == head.text(head.authority), "authority");
  identity.expect(again.text(again.path) == head.text(head.path), "path");
  identity.expect(again.has_query == head.has_query && again.text(again.query) == head.text(head.query),
                  "query");
  identity.expect(again.text(again.upgrade) == head.text(head.upgrade), "upgrade");
  identity.expect(second.framing() == parser.framing(), "framing");
  identity.expect(again.accepts_trailers == head.accepts_trailers, "trailers");
  identity.expect(again.expects_continue == head.expects_continue, "expectation");
  identity.expect(describe(again.fields) == describe(head.fields), "fields");
  identity.expect(second.keep_alive() && second.dropped_underscore() == 0, "connection");
  return identity;
}

/// Of the response to a request of `method`.
inline Identity response_identity(std::string_view wire, Method method) {
  Identity identity;
  ResponseHead head;
  ResponseHeadParser parser;
  parser.start(head, {}, method);
  const HeadProgress progress = parser.feed(std::span(wire.data(), wire.size()));
  if (progress.status != HeadStatus::done) return identity;
  identity.read = true;
  expect_clean_lines(head.fields, identity);
  Buffer out;
  write_response_head(out, head, parser.framing(), {.keep_content_length_for_head = true});
  ResponseHead again;
  ResponseHeadParser second;
  second.start(again, kAmple, method);
  const HeadProgress reread = second.feed(out.span());
  identity.expect(reread.status == HeadStatus::done && reread.consumed == out.size(), "it is refused");
  if (!identity.difference.empty()) return identity;
  identity.expect(again.status == head.status && again.has_body == head.has_body, "status");
  identity.expect(again.content_length == head.content_length && second.framing() == parser.framing(),
                  "framing");
  identity.expect(head.reason.size == 0 || again.text(again.reason) == head.text(head.reason), "reason");
  identity.expect(again.text(again.upgrade) == head.text(head.upgrade), "upgrade");
  identity.expect(describe(again.fields) == describe(head.fields), "fields");
  return identity;
}

}  // namespace lintel::http::test
