#pragma once

// Heads in and out of the parsers as text, for the tests and fuzzers of http/.

#include <span>
#include <string>
#include <string_view>

#include "http/h1_parser.h"

namespace lintel::http::test {

inline std::string describe(const Framing& framing) {
  switch (framing.kind) {
    case Framing::Kind::none:
      return "none";
    case Framing::Kind::length:
      return "length " + std::to_string(framing.length);
    case Framing::Kind::chunked:
      return "chunked";
    case Framing::Kind::until_close:
      break;
  }
  return "until_close";
}

inline std::string describe(const Fields& fields) {
  std::string text;
  for (const Fields::Line& line : fields.lines()) {
    if (line.removed) continue;
    text.append(fields.name(line)).append("=").append(fields.value(line)).append("\n");
  }
  return text;
}

inline std::string describe(HeadStatus status) {
  switch (status) {
    case HeadStatus::need_more:
      return "need_more";
    case HeadStatus::done:
      return "done";
    case HeadStatus::bad_request:
      return "400";
    case HeadStatus::target_too_long:
      return "414";
    case HeadStatus::expectation_failed:
      return "417";
    case HeadStatus::fields_too_large:
      return "431";
    case HeadStatus::version_unsupported:
      break;
  }
  return "505";
}

inline std::string describe(const RequestHead& head, const RequestHeadParser& parser) {
  std::string text;
  text.append(head.version == Version::http10 ? "1.0 " : "1.1 ").append(head.text(head.method_text));
  text.append(" ")
      .append(method_name(head.method))
      .append(" [")
      .append(head.text(head.authority))
      .append("] ");
  text.append(head.text(head.path)).append(head.has_query ? "?" : "").append(head.text(head.query));
  text.append(" ").append(describe(parser.framing())).append(parser.keep_alive() ? " keep" : " close");
  if (head.expects_continue) text.append(" continue");
  if (head.accepts_trailers) text.append(" trailers");
  if (head.upgrade.size != 0) text.append(" upgrade=").append(head.text(head.upgrade));
  return text.append("\n").append(describe(head.fields));
}

inline std::string describe(const ResponseHead& head, const ResponseHeadParser& parser) {
  std::string text = head.version == Version::http10 ? "1.0 " : "1.1 ";
  text.append(std::to_string(head.status)).append(" ").append(head.text(head.reason)).append(" ");
  text.append(describe(parser.framing())).append(parser.keep_alive() ? " keep" : " close");
  if (head.content_length) text.append(" length=").append(std::to_string(*head.content_length));
  if (!head.has_body) text.append(" bodyless");
  if (head.keep_alive_seconds != 0) text.append(" timeout=").append(std::to_string(head.keep_alive_seconds));
  if (head.upgrade.size != 0) text.append(" upgrade=").append(head.text(head.upgrade));
  return text.append("\n").append(describe(head.fields));
}

/// Feeds `wire` cut at `first` and `second`. Returns the last progress, with `consumed` counted from the
/// start.
template <typename Parser>
HeadProgress feed_in_parts(Parser& parser, std::string_view wire, std::size_t first, std::size_t second) {
  HeadProgress progress;
  std::size_t consumed = 0;
  for (const std::string_view part :
       {wire.substr(0, first), wire.substr(first, second - first), wire.substr(second)}) {
    // A copy of its own size, so that a sanitizer sees every read past its end.
    const std::string copy(part);
    progress = parser.feed(std::span<const char>(copy.data(), copy.size()));
    consumed += progress.consumed;
    if (progress.status != HeadStatus::need_more) break;
  }
  progress.consumed = consumed;
  return progress;
}

/// What comes of `wire` as a request, in text: the head and how many bytes follow it, or the status of the
/// error.
inline std::string read_request(std::string_view wire, std::size_t first, std::size_t second,
                                const HeadLimits& limits = {}, const RequestRules& rules = {}) {
  RequestHead head;
  RequestHeadParser parser;
  parser.start(head, limits, rules);
  const HeadProgress progress = feed_in_parts(parser, wire, first, second);
  if (progress.status != HeadStatus::done) return describe(progress.status);
  return describe(head, parser) + "left " + std::to_string(wire.size() - progress.consumed);
}
inline std::string read_request(std::string_view wire, const HeadLimits& limits = {},
                                const RequestRules& rules = {}) {
  return read_request(wire, wire.size(), wire.size(), limits, rules);
}

inline std::string read_response(std::string_view wire, Method method, std::size_t first, std::size_t second,
                                 const HeadLimits& limits = {}) {
  ResponseHead head;
  ResponseHeadParser parser;
  parser.start(head, limits, method);
  const HeadProgress progress = feed_in_parts(parser, wire, first, second);
  if (progress.status != HeadStatus::done) return describe(progress.status);
  return describe(head, parser) + "left " + std::to_string(wire.size() - progress.consumed);
}
inline std::string read_response(std::string_view wire, Method method = Method::get) {
  return read_response(wire, method, wire.size(), wire.size());
}

}  // namespace lintel::http::test
