#include "http/h1_chunked.h"

#include <algorithm>
#include <cstring>
#include <string_view>

#include "http/octets.h"

namespace lintel::http {
namespace {

constexpr std::uint8_t kMostDigits = 16;
constexpr std::uint64_t kMostOverhead = 4096;  // Extension bytes beyond the bytes of data.

constexpr const char* kBadSize = "a chunk does not begin with its size";
constexpr const char* kBadExtension = "a chunk extension is malformed";

/// Fields that change how a message is framed, routed, authenticated or processed, or that describe its
/// content, may not come after it (RFC 9110, 6.5.1).
bool is_forbidden_trailer(std::string_view name, FieldId id) noexcept {
  switch (id) {
    case FieldId::other:
    case FieldId::referer:
    case FieldId::server:
    case FieldId::user_agent:
      break;
    default:
      return true;
  }
  // Made to be one: what becomes of a response midway can be told in no other place (RFC 9209, 2).
  if (equals_ignoring_case(name, "proxy-status")) return false;
  for (const std::string_view prefix : {"content-", "if-", "x-forwarded-", "proxy-"})
    if (equals_ignoring_case(name.substr(0, prefix.size()), prefix)) return true;
  for (const std::string_view forbidden :
       {"age", "authorization", "cache-control", "cookie", "expires", "location", "max-forwards", "pragma",
        "range", "retry-after", "set-cookie", "vary", "warning", "www-authenticate"})
    if (equals_ignoring_case(name, forbidden)) return true;
  return false;
}

}  // namespace

void ChunkDecoder::start(Fields& trailers, const HeadLimits& limits,
                         UnderscoreNames underscore_names) noexcept {
  trailers.clear();
  trailers_ = &trailers;
  limits_ = limits;
  left_ = overhead_ = 0;
  line_begin_ = 0;
  digits_ = 0;
  state_ = State::size_begin;
  dropped_underscore_ = 0;
  underscore_names_ = underscore_names;
}

ChunkDecoder::Progress ChunkDecoder::feed(std::span<char> in) {
  Progress progress;
  std::size_t at = 0;
  while (at < in.size() && state_ != State::trailers) {
    if (state_ != State::data) {
      if (const char* reason = step(in[at]); reason != nullptr) {
        progress.status = Status::error;
        progress.consumed = at;
        progress.reason = reason;
        return progress;
      }
      ++at;
      continue;
    }
    const std::size_t size = static_cast<std::size_t>(std::min<std::uint64_t>(left_, in.size() - at));
    if (progress.data.empty()) {
      progress.data = in.subspan(at, size);
    } else {
      char* end = progress.data.data() + progress.data.size();
      std::memmove(end, in.data() + at, size);
      progress.data = {progress.data.data(), progress.data.size() + size};
    }
    at += size;
    left_ -= size;
    overhead_ -= std::min<std::uint64_t>(overhead_, size);
    if (left_ == 0) state_ = State::data_cr;
  }
  progress.consumed = at;
  return state_ == State::trailers ? read_trailers(in, progress) : progress;
}

/// One byte outside of data and trailers. Null, or what is wrong.
const char* ChunkDecoder::step(char c) {
  switch (state_) {
    case State::size_begin:
    case State::size:
      return step_size(c);
    case State::size_lf:
      state_ = left_ != 0 ? State::data : State::trailers;
      return c == '\n' ? nullptr : "a chunk size line does not end in CRLF";
    case State::data_cr:
      state_ = State::data_lf;
      return c == '\r' ? nullptr : "a chunk is longer than its size";
    case State::data_lf:
      state_ = State::size_begin;
      return c == '\n' ? nullptr : "a chunk does not end in CRLF";
    default:
      if (++overhead_ > kMostOverhead) return "there are too many chunk extensions";
      return step_extension(c);
  }
}

const char* ChunkDecoder::step_size(char c) {
  if (is_hex(c)) {
    if (state_ == State::size_begin) {
      left_ = 0;
      digits_ = 0;
      state_ = State::size;
    }
    if (digits_ == kMostDigits || left_ >> 59 != 0) return "a chunk size is out of range";
    ++digits_;
    left_ = left_ * 16 + hex_value(c);
    return nullptr;
  }
  if (state_ == State::size_begin) return kBadSize;
  if (c == '\r') {
    state_ = State::size_lf;
  } else if (c == ';') {
    state_ = State::name_begin;
  } else if (is_blank(c)) {
    state_ = State::before_semicolon;
  } else {
    return kBadSize;
  }
  return nullptr;
}

/// *( BWS ";" BWS name [ BWS "=" BWS ( token / quoted-string ) ] ); all of it is dropped.
const char* ChunkDecoder::step_extension(char c) {
  const auto go = [this](State next) -> const char* {
    state_ = next;
    return nullptr;
  };
  const bool blank = is_blank(c);
  switch (state_) {
    case State::before_semicolon:
      if (blank) return nullptr;
      if (c == ';') return go(State::name_begin);
      break;
    case State::name_begin:
      if (blank) return nullptr;
      if (is_token_char(c)) return go(State::name);
      break;
    case State::name:
    case State::after_name:
      if (state_ == State::name && is_token_char(c)) return nullptr;
      if (c == '=') return go(State::value_begin);
      if (c == ';') return go(State::name_begin);
      if (blank) return go(State::after_name);
      if (state_ == State::name && c == '\r') return go(State::size_lf);
      break;
    case State::value_begin:
      if (blank) return nullptr;
      if (c == '"') return go(State::quoted);
      if (is_token_char(c)) return go(State::value);
      break;
    case State::value:
    case State::after_quoted:
      if (state_ == State::value && is_token_char(c)) return nullptr;
      if (c == ';') return go(State::name_begin);
      if (blank) return go(State::before_semicolon);
      if (c == '\r') return go(State::size_lf);
      break;
    case State::quoted:
      if (c == '"') return go(State::after_quoted);
      if (c == '\\') return go(State::escaped);
      if (is_text_char(c)) return nullptr;
      break;
    case State::escaped:
      if (is_text_char(c)) return go(State::quoted);
      break;
    default:
      break;
  }
  return kBadExtension;
}

/// Takes trailer lines up to the empty one.
ChunkDecoder::Progress ChunkDecoder::read_trailers(std::span<char> in, Progress progress) {
  Buffer& bytes = trailers_->bytes();
  const auto fail = [&progress](const char* reason, Limit limit = Limit::none) {
    progress.status = Status::error;
    progress.reason = reason;
    progress.limit = limit;
    return progress;
  };
  while (progress.consumed < in.size()) {
    const std::string_view rest(in.data() + progress.consumed, in.size() - progress.consumed);
    const std::size_t lf = rest.find('\n');
    const std::string_view piece = rest.substr(0, lf == std::string_view::npos ? lf : lf + 1);
    if (bytes.size() + piece.size() > limits_.head)
      return fail("the trailers are too large", Limit::header_size);
    if (bytes.size() - line_begin_ + piece.size() > limits_.field)
      return fail("a trailer is too long", Limit::header_field_size);
    bytes.append(piece);
    progress.consumed += piece.size();
    if (lf == std::string_view::npos) break;
    if (bytes.size() - line_begin_ <= 2) {
      if (bytes.view(line_begin_, bytes.size() - line_begin_) != "\r\n")
        return fail("a trailer line does not end in CRLF");
      progress.status = Status::done;
      return progress;
    }
    if (trailers_->lines().size() == limits_.count)
      return fail("there are too many trailers", Limit::header_count);
    if (const char* reason = end_trailer_line(); reason != nullptr) return fail(reason);
  }
  return progress;
}

const char* ChunkDecoder::end_trailer_line() {
  std::vector<Fields::Line>& lines = trailers_->mutable_lines();
  const auto end = static_cast<std::uint32_t>(trailers_->bytes().size());
  Fields::Line line{};
  bool underscore = false;
  const char* reason = parse_field_line(*trailers_, line, line_begin_, end, underscore);
  if (reason != nullptr) return reason;
  if (count_controls(trailers_->bytes().view(line_begin_, end - line_begin_)) != 2)
    return "a trailer is folded or holds a control character";
  if (underscore && underscore_names_ == UnderscoreNames::reject) return kUnderscoreRefused;
  const bool dropped = underscore && underscore_names_ == UnderscoreNames::drop;
  if (dropped) ++dropped_underscore_;
  line.removed = dropped || is_forbidden_trailer(trailers_->name(line), line.id);
  lines.push_back(line);
  line_begin_ = end;
  return nullptr;
}

}  // namespace lintel::http
