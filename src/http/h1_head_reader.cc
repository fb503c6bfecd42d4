#include "http/h1_head_reader.h"

#include <llhttp.h>

#include <algorithm>
#include <cstring>
#include <new>

#include "http/octets.h"

namespace lintel::http {

/// llhttp calls back with bytes of the chunk that is being parsed; only where names begin is of interest.
struct HeadReaderCallbacks {
  static int on_header_field(llhttp_t* parser, const char* at, std::size_t size) {
    auto* reader = static_cast<HeadReader*>(parser->data);
    // Whatever llhttp knows about this name it must forget: framing and Connection are ours to judge, and it
    // judges values wrongly ("5\t" is a Content-Length with white space behind it).
    parser->header_state = 0;
    const auto offset = static_cast<std::uint32_t>(at - reader->chunk_) + reader->chunk_offset_;
    return reader->on_name(offset, static_cast<std::uint32_t>(size));
  }
  static int on_headers_complete(llhttp_t*) { return HPE_PAUSED; }
};

namespace {

constexpr std::uint8_t kMostBlank = 8;       // Bytes of empty lines tolerated before a request.
constexpr std::uint32_t kAroundTarget = 64;  // Room for method, version and spaces in a request line.

/// llhttp right after a first line. First lines are parsed by h1_parser, because llhttp refuses methods that
/// it does not know; llhttp begins at the fields with a copy of this.
struct Primed {
  llhttp_settings_t settings;
  llhttp_t request;
  llhttp_t response;

  Primed() noexcept {
    llhttp_settings_init(&settings);
    prime(request, HTTP_REQUEST, "GET / HTTP/1.1\r\n");
    prime(response, HTTP_RESPONSE, "HTTP/1.1 200 OK\r\n");
    settings.on_header_field = HeadReaderCallbacks::on_header_field;
    settings.on_headers_complete = HeadReaderCallbacks::on_headers_complete;
  }
  void prime(llhttp_t& parser, llhttp_type_t type, std::string_view line) noexcept {
    llhttp_init(&parser, type, &settings);
    llhttp_execute(&parser, line.data(), line.size());
  }
};

const Primed& primed() noexcept {
  static const Primed instance;
  return instance;
}

HeadProgress failed(HeadStatus status, const char* reason) noexcept {
  return {status, 0, reason};
}
HeadProgress too_large(Limit limit, const char* reason) noexcept {
  return {HeadStatus::fields_too_large, 0, reason, limit};
}

}  // namespace

const char* parse_field_line(const Fields& fields, Fields::Line& line, std::uint32_t begin, std::uint32_t end,
                             bool& underscore) noexcept {
  const std::string_view text = fields.bytes().view(begin, end - begin);
  if (text.size() < 3 || text[text.size() - 2] != '\r' || text.back() != '\n')
    return "a field line does not end in CRLF";
  std::uint8_t seen = 0;
  std::size_t name_size = 0;
  // The LF at the end is no token character: the loop ends.
  for (std::uint8_t c; ((c = octet_class(text[name_size])) & kTokenOctet) != 0; ++name_size) seen |= c;
  if (name_size == 0 || name_size > UINT16_MAX) return "a field line does not begin with a name";
  if (text[name_size] != ':') return "a field name is not a token followed by a colon";
  const std::string_view rest = text.substr(name_size + 1, text.size() - name_size - 3);
  const std::string_view value = trim_blanks(rest);
  underscore = (seen & kUnderscoreOctet) != 0;
  line.name_begin = begin;
  line.name_size = static_cast<std::uint16_t>(name_size);
  line.value_begin = begin + static_cast<std::uint32_t>(value.data() - text.data());
  line.value_size = static_cast<std::uint32_t>(value.size());
  line.id = field_id(text.substr(0, name_size));
  line.removed = false;
  return nullptr;
}

void HeadReader::start(Kind kind, Fields& fields, const HeadLimits& limits) noexcept {
  fields_ = &fields;
  limits_ = limits;
  kind_ = kind;
  blank_ = 0;
  in_fields_ = too_many_ = saw_underscore_ = false;
}

HeadProgress HeadReader::feed(std::span<const char> in) {
  std::size_t used = 0;
  if (!in_fields_) {
    const HeadProgress progress = read_first_line(in);
    if (progress.status != HeadStatus::done) return progress;
    used = progress.consumed;
    begin_fields();
  }
  HeadProgress progress = read_fields(in.subspan(used));
  progress.consumed += used;
  return progress;
}

/// Takes the first line, CRLF included; `done` once it is complete.
HeadProgress HeadReader::read_first_line(std::span<const char> in) {
  Buffer& bytes = fields_->bytes();
  std::size_t used = 0;
  if (bytes.empty() && kind_ == Kind::request) {
    for (; used < in.size() && (in[used] == '\r' || blank_ % 2 == 1); ++used) {
      if (in[used] != (blank_ % 2 == 0 ? '\r' : '\n')) return failed(HeadStatus::bad_request, "a bare CR");
      if (++blank_ > kMostBlank) return failed(HeadStatus::bad_request, "empty lines in place of a request");
    }
  }
  if (used == in.size()) return {HeadStatus::need_more, used, ""};
  const std::string_view rest(in.data() + used, in.size() - used);
  const std::size_t lf = rest.find('\n');
  const std::string_view piece = rest.substr(0, lf == std::string_view::npos ? lf : lf + 1);
  const bool request = kind_ == Kind::request;
  const std::size_t most = std::min(limits_.head, request ? limits_.target + kAroundTarget : limits_.field);
  if (bytes.size() + piece.size() > most) {
    if (!request) return too_large(Limit::header_field_size, "the status line is too long");
    return {HeadStatus::target_too_long, 0, "the request line is too long", Limit::target_size};
  }
  bytes.append(piece);
  const std::string_view line = bytes.view();
  if (lf == std::string_view::npos) {
    // Whatever is not HTTP at all (say, TLS) is told at once, not when a timeout ends the wait for a line
    // end.
    if (has_control(line.substr(0, line.size() - (line.back() == '\r' ? 1 : 0))))
      return failed(HeadStatus::bad_request, "the first line holds a control character");
    return {HeadStatus::need_more, used + piece.size(), ""};
  }
  if (line.size() < 2 || line[line.size() - 2] != '\r')
    return failed(HeadStatus::bad_request, "the first line ends in a bare LF");
  first_line_size_ = static_cast<std::uint32_t>(line.size()) - 2;
  // A reason phrase may hold tabs (RFC 9112, 4), a request line nothing of the kind.
  const bool tab = request && line.find('\t') != std::string_view::npos;
  if (has_control(line.substr(0, first_line_size_)) || tab)
    return failed(HeadStatus::bad_request, "the first line holds a control character");
  return {HeadStatus::done, used + piece.size(), ""};
}

void HeadReader::begin_fields() noexcept {
  static_assert(sizeof(llhttp_t) <= kLlhttpSize && alignof(llhttp_t) <= 8);
  const Primed& models = primed();
  new (llhttp_) llhttp_t(kind_ == Kind::request ? models.request : models.response);
  name_end_ = 0;
  in_fields_ = true;
}

int HeadReader::on_name(std::uint32_t offset, std::uint32_t size) {
  if (offset != name_end_) {  // Else it is the rest of a name that was split.
    std::vector<Fields::Line>& lines = fields_->mutable_lines();
    if (lines.size() == limits_.count) {
      too_many_ = true;
      return HPE_USER;
    }
    lines.emplace_back().name_begin = offset;
  }
  name_end_ = offset + size;
  return 0;
}

HeadProgress HeadReader::read_fields(std::span<const char> in) {
  if (in.empty()) return {HeadStatus::need_more, 0, ""};
  Buffer& bytes = fields_->bytes();
  const std::size_t offset = bytes.size();
  const std::size_t size = std::min<std::size_t>(in.size(), limits_.head - offset);
  chunk_ = in.data();
  chunk_offset_ = static_cast<std::uint32_t>(offset);
  auto* parser = reinterpret_cast<llhttp_t*>(llhttp_);
  parser->data = this;
  const llhttp_errno_t err = llhttp_execute(parser, in.data(), size);
  if (err == HPE_PAUSED) {
    const auto consumed = static_cast<std::size_t>(llhttp_get_error_pos(parser) - in.data());
    bytes.append(std::string_view(in.data(), consumed));
    return check_lines(consumed);
  }
  if (too_many_) return too_large(Limit::header_count, "there are too many field lines");
  if (err != HPE_OK) return failed(HeadStatus::bad_request, llhttp_get_error_reason(parser));
  bytes.append(std::string_view(in.data(), size));
  if (bytes.size() >= limits_.head) return too_large(Limit::header_size, "the head is too large");
  const std::vector<Fields::Line>& lines = fields_->lines();
  if (!lines.empty() && bytes.size() - lines.back().name_begin > limits_.field)
    return too_large(Limit::header_field_size, "a field line is too long");
  return {HeadStatus::need_more, size, ""};
}

/// Checks the structure of the whole head, which is now contiguous, and completes the lines.
HeadProgress HeadReader::check_lines(std::size_t consumed) noexcept {
  const std::string_view head = fields_->bytes().view();
  std::vector<Fields::Line>& lines = fields_->mutable_lines();
  if (!head.ends_with("\r\n")) return failed(HeadStatus::bad_request, "the head does not end in CRLF");
  const auto stop = static_cast<std::uint32_t>(head.size()) - 2;
  if ((lines.empty() ? stop : lines.front().name_begin) != first_line_size_ + 2)
    return failed(HeadStatus::bad_request, "the first field line does not begin with a name");
  // Two for the end of every line and two for the end of the head, which are checked below and above.
  if (count_controls(head.substr(first_line_size_ + 2)) != 2 * lines.size() + 2)
    return failed(HeadStatus::bad_request, "a field line is folded or holds a control character");
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const std::uint32_t begin = lines[i].name_begin;
    const std::uint32_t end = i + 1 < lines.size() ? lines[i + 1].name_begin : stop;
    if (end - begin > limits_.field) return too_large(Limit::header_field_size, "a field line is too long");
    bool underscore = false;
    const char* reason = parse_field_line(*fields_, lines[i], begin, end, underscore);
    if (reason != nullptr) return failed(HeadStatus::bad_request, reason);
    saw_underscore_ |= underscore;
  }
  return {HeadStatus::done, consumed, ""};
}

}  // namespace lintel::http
