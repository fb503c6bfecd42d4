#include "http/message.h"

#include <array>
#include <bit>
#include <cassert>
#include <cstring>

#include "http/octets.h"

namespace lintel::http {
namespace {

constexpr std::size_t kKeptBytes = 8192;
constexpr std::size_t kKeptLines = 128;

/// A lower-case literal as a template argument.
template <std::size_t N>
struct Literal {
  consteval Literal(const char (&text)[N]) noexcept {  // NOLINT(google-explicit-constructor)
    for (std::size_t i = 0; i < N; ++i) octets[i] = text[i];
  }
  /// The word at `at`, as memory holds it.
  template <typename Word>
  [[nodiscard]] consteval Word word(std::size_t at) const noexcept {
    std::array<char, sizeof(Word)> part{};
    for (std::size_t i = 0; i < sizeof(Word); ++i) part[i] = octets[at + i];
    return std::bit_cast<Word>(part);
  }
  /// 0x20 where that word holds a letter: or-ing it in folds letters to lower case and nothing else onto
  /// them.
  template <typename Word>
  [[nodiscard]] consteval Word fold(std::size_t at) const noexcept {
    std::array<char, sizeof(Word)> part{};
    for (std::size_t i = 0; i < sizeof(Word); ++i)
      part[i] = octets[at + i] >= 'a' && octets[at + i] <= 'z' ? 0x20 : 0;
    return std::bit_cast<Word>(part);
  }
  char octets[N]{};
};

/// Whether `text` from `kAt` on, as long as the literal, equals it without regard to case; a word at a time.
template <Literal kLiteral, std::size_t kAt = 0>
bool folds_to(const char* text) noexcept {
  constexpr std::size_t kLeft = sizeof kLiteral.octets - 1 - kAt;
  const auto same = [text]<typename Word>(Word word) {
    std::memcpy(&word, text + kAt, sizeof word);
    return static_cast<Word>(word | kLiteral.template fold<Word>(kAt)) == kLiteral.template word<Word>(kAt);
  };
  if constexpr (kLeft >= 8) {
    return same(std::uint64_t{0}) && folds_to<kLiteral, kAt + 8>(text);
  } else if constexpr (kLeft >= 4) {
    return same(std::uint32_t{0}) && folds_to<kLiteral, kAt + 4>(text);
  } else if constexpr (kLeft >= 2) {
    return same(std::uint16_t{0}) && folds_to<kLiteral, kAt + 2>(text);
  } else if constexpr (kLeft == 1) {
    return same(std::uint8_t{0});
  } else {
    return true;
  }
}

}  // namespace

Method method_from(std::string_view token) noexcept {
  switch (token.size()) {
    case 3:
      if (token == "GET") return Method::get;
      if (token == "PUT") return Method::put;
      break;
    case 4:
      if (token == "HEAD") return Method::head;
      if (token == "POST") return Method::post;
      break;
    case 5:
      if (token == "PATCH") return Method::patch;
      if (token == "TRACE") return Method::trace;
      break;
    case 6:
      if (token == "DELETE") return Method::delete_;
      break;
    case 7:
      if (token == "OPTIONS") return Method::options;
      if (token == "CONNECT") return Method::connect;
      break;
    default:
      break;
  }
  return Method::other;
}

std::string_view method_name(Method method) noexcept {
  switch (method) {
    case Method::get:
      return "GET";
    case Method::head:
      return "HEAD";
    case Method::post:
      return "POST";
    case Method::put:
      return "PUT";
    case Method::delete_:
      return "DELETE";
    case Method::connect:
      return "CONNECT";
    case Method::options:
      return "OPTIONS";
    case Method::trace:
      return "TRACE";
    case Method::patch:
      return "PATCH";
    case Method::other:
      break;
  }
  return "OTHER";
}

bool is_idempotent(Method method) noexcept {
  switch (method) {
    case Method::get:
    case Method::head:
    case Method::put:
    case Method::delete_:
    case Method::options:
    case Method::trace:
      return true;
    default:
      return false;
  }
}

FieldId field_id(std::string_view name) noexcept {
  const char* p = name.data();
  switch (name.size()) {
    case 2:
      return folds_to<"te">(p) ? FieldId::te : FieldId::other;
    case 3:
      return folds_to<"via">(p) ? FieldId::via : FieldId::other;
    case 4:
      if (folds_to<"host">(p)) return FieldId::host;
      return folds_to<"date">(p) ? FieldId::date : FieldId::other;
    case 6:
      if (folds_to<"server">(p)) return FieldId::server;
      return folds_to<"expect">(p) ? FieldId::expect : FieldId::other;
    case 7:
      if (folds_to<"referer">(p)) return FieldId::referer;
      if (folds_to<"upgrade">(p)) return FieldId::upgrade;
      return folds_to<"trailer">(p) ? FieldId::trailer : FieldId::other;
    case 9:
      if (folds_to<"x-real-ip">(p)) return FieldId::x_real_ip;
      return folds_to<"forwarded">(p) ? FieldId::forwarded : FieldId::other;
    case 10:
      if (folds_to<"user-agent">(p)) return FieldId::user_agent;
      if (folds_to<"connection">(p)) return FieldId::connection;
      return folds_to<"keep-alive">(p) ? FieldId::keep_alive : FieldId::other;
    case 12:
      if (folds_to<"content-type">(p)) return FieldId::content_type;
      return folds_to<"x-request-id">(p) ? FieldId::x_request_id : FieldId::other;
    case 14:
      if (folds_to<"content-length">(p)) return FieldId::content_length;
      return folds_to<"http2-settings">(p) ? FieldId::http2_settings : FieldId::other;
    case 15:
      return folds_to<"x-forwarded-for">(p) ? FieldId::x_forwarded_for : FieldId::other;
    case 16:
      if (folds_to<"x-forwarded-host">(p)) return FieldId::x_forwarded_host;
      if (folds_to<"x-forwarded-port">(p)) return FieldId::x_forwarded_port;
      return folds_to<"proxy-connection">(p) ? FieldId::proxy_connection : FieldId::other;
    case 17:
      if (folds_to<"transfer-encoding">(p)) return FieldId::transfer_encoding;
      return folds_to<"x-forwarded-proto">(p) ? FieldId::x_forwarded_proto : FieldId::other;
    default:
      return FieldId::other;
  }
}

bool equals_ignoring_case(std::string_view a, std::string_view b) noexcept {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i)
    if (to_lower(a[i]) != to_lower(b[i])) return false;
  return true;
}

std::size_t Fields::count() const noexcept {
  std::size_t n = 0;
  for (const Line& line : lines_) n += line.removed ? 0 : 1;
  return n;
}

const Fields::Line* Fields::find(FieldId id) const noexcept {
  for (const Line& line : lines_)
    if (line.id == id && !line.removed) return &line;
  return nullptr;
}

const Fields::Line* Fields::find(std::string_view field_name) const noexcept {
  for (const Line& line : lines_)
    if (!line.removed && equals_ignoring_case(name(line), field_name)) return &line;
  return nullptr;
}

std::string_view Fields::get(FieldId id) const noexcept {
  const Line* line = find(id);
  return line != nullptr ? value(*line) : std::string_view{};
}

std::string_view Fields::get(std::string_view field_name) const noexcept {
  const Line* line = find(field_name);
  return line != nullptr ? value(*line) : std::string_view{};
}

void Fields::add(std::string_view field_name, std::string_view field_value) {
  assert(is_token(field_name) && field_name.size() <= UINT16_MAX);
  assert(!has_control(field_value) && trim_blanks(field_value).size() == field_value.size());
  // Written as it goes out, so that the serializer can copy runs of lines.
  const auto begin = static_cast<std::uint32_t>(bytes_.size());
  char* at = bytes_.extend(field_name.size() + field_value.size() + 4);
  std::memcpy(at, field_name.data(), field_name.size());
  at += field_name.size();
  *at++ = ':';
  *at++ = ' ';
  if (!field_value.empty()) std::memcpy(at, field_value.data(), field_value.size());
  at += field_value.size();
  *at++ = '\r';
  *at = '\n';
  const auto name_size = static_cast<std::uint16_t>(field_name.size());
  add_parsed(begin, name_size, begin + name_size + 2, static_cast<std::uint32_t>(field_value.size()));
}

std::size_t Fields::remove(FieldId id) noexcept {
  std::size_t n = 0;
  for (Line& line : lines_) {
    if (line.id != id || line.removed) continue;
    line.removed = true;
    ++n;
  }
  return n;
}

std::size_t Fields::remove(std::string_view field_name) noexcept {
  std::size_t n = 0;
  for (Line& line : lines_) {
    if (line.removed || !equals_ignoring_case(name(line), field_name)) continue;
    line.removed = true;
    ++n;
  }
  return n;
}

void Fields::set(std::string_view field_name, std::string_view field_value) {
  remove(field_name);
  add(field_name, field_value);
}

void Fields::clear() noexcept {
  lines_.clear();
  if (lines_.capacity() > kKeptLines) lines_.shrink_to_fit();
  if (bytes_.capacity() > kKeptBytes) {
    bytes_.release();
  } else {
    bytes_.clear();
  }
}

void Fields::add_parsed(std::uint32_t name_begin, std::uint16_t name_size, std::uint32_t value_begin,
                        std::uint32_t value_size) {
  lines_.push_back(Line{.name_begin = name_begin,
                        .value_begin = value_begin,
                        .value_size = value_size,
                        .name_size = name_size,
                        .id = field_id(bytes_.view(name_begin, name_size)),
                        .removed = false});
}

std::string_view host_of(std::string_view authority) noexcept {
  if (!authority.empty() && authority.front() == '[') return authority.substr(0, authority.find(']') + 1);
  return authority.substr(0, authority.find(':'));
}

void Fields::copy_from(const Fields& other) {
  bytes_.clear();
  bytes_.append(other.bytes_.view());
  lines_ = other.lines_;
}

std::string_view RequestHead::host() const noexcept {
  return host_of(text(authority));
}

void RequestHead::clear() noexcept {
  version = Version::http11;
  method = Method::get;
  has_body = false;
  content_length.reset();
  expects_continue = false;
  accepts_trailers = false;
  fields.clear();
  method_text = target = authority = path = query = upgrade = Slice{};
  has_query = false;
}

void RequestHead::copy_from(const RequestHead& other) {
  version = other.version;
  method = other.method;
  has_body = other.has_body;
  content_length = other.content_length;
  expects_continue = other.expects_continue;
  accepts_trailers = other.accepts_trailers;
  fields.copy_from(other.fields);
  method_text = other.method_text;
  target = other.target;
  authority = other.authority;
  path = other.path;
  query = other.query;
  has_query = other.has_query;
  upgrade = other.upgrade;
}

Slice RequestHead::store(std::string_view bytes) {
  const Slice slice{static_cast<std::uint32_t>(fields.bytes().size()),
                    static_cast<std::uint32_t>(bytes.size())};
  fields.bytes().append(bytes);
  return slice;
}

void ResponseHead::clear() noexcept {
  version = Version::http11;
  status = 200;
  has_body = true;
  content_length.reset();
  fields.clear();
  reason = upgrade = Slice{};
  keep_alive_seconds = 0;
}

// A table; as long as the list of codes.
std::string_view reason_phrase(int status) noexcept {  // NOLINT(readability-function-size)
  switch (status) {
    case 100:
      return "Continue";
    case 101:
      return "Switching Protocols";
    case 102:
      return "Processing";
    case 103:
      return "Early Hints";
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 203:
      return "Non-Authoritative Information";
    case 204:
      return "No Content";
    case 205:
      return "Reset Content";
    case 206:
      return "Partial Content";
    case 207:
      return "Multi-Status";
    case 208:
      return "Already Reported";
    case 226:
      return "IM Used";
    case 300:
      return "Multiple Choices";
    case 301:
      return "Moved Permanently";
    case 302:
      return "Found";
    case 303:
      return "See Other";
    case 304:
      return "Not Modified";
    case 305:
      return "Use Proxy";
    case 307:
      return "Temporary Redirect";
    case 308:
      return "Permanent Redirect";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 402:
      return "Payment Required";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 406:
      return "Not Acceptable";
    case 407:
      return "Proxy Authentication Required";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 410:
      return "Gone";
    case 411:
      return "Length Required";
    case 412:
      return "Precondition Failed";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 416:
      return "Range Not Satisfiable";
    case 417:
      return "Expectation Failed";
    case 421:
      return "Misdirected Request";
    case 422:
      return "Unprocessable Content";
    case 423:
      return "Locked";
    case 424:
      return "Failed Dependency";
    case 425:
      return "Too Early";
    case 426:
      return "Upgrade Required";
    case 428:
      return "Precondition Required";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 451:
      return "Unavailable For Legal Reasons";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    case 506:
      return "Variant Also Negotiates";
    case 507:
      return "Insufficient Storage";
    case 508:
      return "Loop Detected";
    case 511:
      return "Network Authentication Required";
    default:
      return "";
  }
}

}  // namespace lintel::http
