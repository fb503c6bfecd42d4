#include "http/h1_parser.h"

#include <algorithm>

#include "http/octets.h"
#include "http/target.h"

namespace lintel::http {
namespace {

HeadProgress bad(const char* reason) noexcept {
  return {HeadStatus::bad_request, 0, reason};
}
HeadProgress good() noexcept {
  return {HeadStatus::done, 0, ""};
}

Slice value_slice(const Fields::Line& line) noexcept {
  return {line.value_begin, line.value_size};
}

/// Reads "HTTP/1.x". HTTP/1.2 and later are spoken to as 1.1 (RFC 9112, 2.3).
HeadProgress parse_version(std::string_view text, Version& version) noexcept {
  if (text.size() != 8 || !text.starts_with("HTTP/") || !is_digit(text[5]) || text[6] != '.' ||
      !is_digit(text[7]))
    return bad("the first line has no HTTP version");
  if (text[5] != '1') return {HeadStatus::version_unsupported, 0, "the HTTP version is not 1.0 or 1.1"};
  version = text[7] == '0' ? Version::http10 : Version::http11;
  return good();
}

}  // namespace

/// What one pass over the field lines of a request finds.
struct RequestHeadParser::FieldScan {
  FramingFields framing;
  ConnectionOptions connection;
  Slice host;
  Slice upgrade;
  std::uint32_t hosts = 0;
  std::uint32_t upgrades = 0;
  bool expects_continue = false;
  bool expects_other = false;
};

void RequestHeadParser::start(RequestHead& head, const HeadLimits& limits,
                              const RequestRules& rules) noexcept {
  head_ = &head;
  rules_ = rules;
  head.clear();
  most_target_ = limits.target;
  dropped_underscore_ = 0;
  framing_ = Framing::none();
  keep_alive_ = nominates_ = false;
  reader_.start(HeadReader::Kind::request, head.fields, limits);
}

HeadProgress RequestHeadParser::feed(std::span<const char> in) {
  const HeadProgress progress = reader_.feed(in);
  return progress.status == HeadStatus::done ? interpret(progress.consumed) : progress;
}

void RequestHeadParser::salvage() {
  RequestHead& head = *head_;
  if (head.target.size != 0) return;
  if (reader_.has_first_line()) static_cast<void>(parse_first_line());
  if (head.method_text.size != 0) return;
  const std::string_view bytes = head.fields.bytes().view();
  set_method(bytes.substr(0, bytes.find(' ')));
}

void RequestHeadParser::set_method(std::string_view token) noexcept {
  if (!is_token(token)) return;
  head_->method_text = {0, static_cast<std::uint32_t>(token.size())};
  head_->method = method_from(token);
}

HeadProgress RequestHeadParser::interpret(std::size_t consumed) {
  HeadProgress progress = parse_first_line();
  if (progress.status != HeadStatus::done) return progress;
  FieldScan scan;
  scan_fields(scan);
  const char* reason = set_host(scan);
  if (reason == nullptr) reason = set_target();
  if (reason != nullptr) return bad(reason);
  progress = apply_fields(scan);
  progress.consumed = consumed;
  return progress;
}

HeadProgress RequestHeadParser::parse_first_line() {
  RequestHead& head = *head_;
  const std::string_view line = head.fields.bytes().view(0, reader_.first_line_size());
  const std::size_t method_end = line.find(' ');
  if (method_end == std::string_view::npos || !is_token(line.substr(0, method_end)))
    return bad("the request line does not begin with a method");
  set_method(line.substr(0, method_end));
  const std::size_t target_end = line.find(' ', method_end + 1);
  if (target_end == std::string_view::npos) return bad("the request line has no HTTP version");
  const HeadProgress progress = parse_version(line.substr(target_end + 1), head.version);
  if (progress.status != HeadStatus::done) return progress;
  if (target_end == method_end + 1) return bad("the request line has no target");
  head.target = {static_cast<std::uint32_t>(method_end) + 1,
                 static_cast<std::uint32_t>(target_end - method_end - 1)};
  if (head.target.size > most_target_)
    return {HeadStatus::target_too_long, 0, "the request target is too long", Limit::target_size};
  return good();
}

/// Takes the fields that end here out of the lines and notes what they say.
void RequestHeadParser::scan_fields(FieldScan& scan) {
  Fields& fields = head_->fields;
  for (Fields::Line& line : fields.mutable_lines()) {
    switch (line.id) {
      case FieldId::connection:
        scan.connection.add(fields.value(line));
        break;
      case FieldId::content_length:
        scan.framing.add_content_length(fields.value(line));
        break;
      case FieldId::transfer_encoding:
        scan.framing.add_transfer_encoding(fields.value(line));
        break;
      case FieldId::host:
        ++scan.hosts;
        scan.host = value_slice(line);
        break;
      case FieldId::upgrade:
        ++scan.upgrades;
        scan.upgrade = value_slice(line);
        break;
      case FieldId::te:
        head_->accepts_trailers |= lists_trailers(fields.value(line));
        break;
      case FieldId::expect: {
        const bool known = equals_ignoring_case(fields.value(line), "100-continue");
        (known ? scan.expects_continue : scan.expects_other) = true;
        break;
      }
      case FieldId::http2_settings:
      case FieldId::keep_alive:
      case FieldId::proxy_connection:
        break;
      default:
        continue;
    }
    line.removed = true;
  }
}

HeadProgress RequestHeadParser::apply_fields(const FieldScan& scan) {
  RequestHead& head = *head_;
  const bool http10 = head.version == Version::http10;
  if (const char* reason = scan.framing.error(http10); reason != nullptr) return bad(reason);
  if (scan.connection.error != nullptr) return bad(scan.connection.error);
  if (scan.expects_other && !http10)
    return {HeadStatus::expectation_failed, 0, "Expect asks for something other than 100-continue"};

  framing_ = scan.framing.framing();
  keep_alive_ = scan.connection.persists(head.version);
  head.content_length = scan.framing.content_length();
  head.has_body = framing_.kind != Framing::Kind::none;
  head.expects_continue = scan.expects_continue && !http10 && head.has_body && head.content_length != 0U;
  if (scan.connection.upgrade && scan.upgrades == 1 && !http10 && head.method == Method::get &&
      !head.has_body && is_tunnel_protocol(head.text(scan.upgrade)))
    head.upgrade = scan.upgrade;
  nominates_ = scan.connection.nominates;
  if (nominates_) remove_nominated(head.fields, head.fields);
  if (reader_.saw_underscore()) {
    if (const char* reason = apply_underscores(); reason != nullptr) return bad(reason);
  }
  return good();
}

const char* RequestHeadParser::apply_underscores() noexcept {
  if (rules_.underscore_names == UnderscoreNames::keep) return nullptr;
  if (rules_.underscore_names == UnderscoreNames::reject) return kUnderscoreRefused;
  for (Fields::Line& line : head_->fields.mutable_lines()) {
    if (line.removed || head_->fields.name(line).find('_') == std::string_view::npos) continue;
    line.removed = true;
    ++dropped_underscore_;
  }
  return nullptr;
}

const char* RequestHeadParser::set_host(const FieldScan& scan) noexcept {
  if (scan.hosts > 1) return "Host is repeated";
  if (scan.hosts == 0) return head_->version == Version::http10 ? nullptr : "Host is missing";
  head_->authority = scan.host;
  return canonicalize_authority(head_->fields.bytes(), head_->authority, rules_.default_port);
}

const char* RequestHeadParser::set_target() {
  RequestHead& head = *head_;
  const std::string_view target = head.text(head.target);
  if (head.method == Method::connect) {
    if (target.find(':') == std::string_view::npos) return "the target of CONNECT is not host:port";
    return agree_authority(target);
  }
  if (target.front() == '/') return set_origin_form(head.target);
  if (target == "*") {
    head.path = head.target;
    return head.method == Method::options ? nullptr : "the target * is for OPTIONS only";
  }
  return set_absolute_form();
}

/// Path and query at `origin`.
const char* RequestHeadParser::set_origin_form(Slice origin) {
  RequestHead& head = *head_;
  const std::string_view text = head.text(origin);
  const std::size_t mark = text.find('?');
  Slice path = origin;
  if (mark != std::string_view::npos) {
    const auto path_size = static_cast<std::uint32_t>(mark);
    path.size = path_size;
    head.has_query = true;
    head.query = {origin.begin + path_size + 1, origin.size - path_size - 1};
    if (const char* reason = check_query(head.text(head.query)); reason != nullptr) return reason;
  }
  return set_path(path);
}

const char* RequestHeadParser::set_path(Slice received) {
  RequestHead& head = *head_;
  head.path = received;
  if (const char* reason = canonicalize_path(head.fields.bytes(), head.path); reason != nullptr)
    return reason;
  const std::string_view path = head.text(head.path);
  if (rules_.strict_paths && path != head.text(received))
    return "the path is not in its canonical form: it has dot segments, or escapes that are not needed or "
           "not "
           "in upper case";
  if (rules_.strict_paths && has_disguised_dots(path))
    return "the path has a segment that is a dot segment for servers that drop parameters";
  if (rules_.no_encoded_slash && path.find("%2F") != std::string_view::npos)
    return "the path has an escaped slash";
  return nullptr;
}

/// "http://host/path?query": the authority must be the one that Host gave (RFC 9112, 3.2.2).
const char* RequestHeadParser::set_absolute_form() {
  RequestHead& head = *head_;
  const std::string_view target = head.text(head.target);
  const std::size_t scheme = target.find("://");
  if (scheme == std::string_view::npos || (!equals_ignoring_case(target.substr(0, scheme), "http") &&
                                           !equals_ignoring_case(target.substr(0, scheme), "https")))
    return "the target is neither a path nor an http URI";
  const std::size_t begin = scheme + 3;
  const std::size_t end = std::min(target.find_first_of("/?", begin), target.size());
  const bool has_path = end < target.size() && target[end] == '/';
  const char* reason = agree_authority(target.substr(begin, end - begin));
  if (reason != nullptr) return reason;
  const Slice origin{head.target.begin + static_cast<std::uint32_t>(end),
                     head.target.size - static_cast<std::uint32_t>(end)};
  if (has_path) return set_origin_form(origin);
  if (origin.size != 0) {  // "http://host?query"
    head.has_query = true;
    head.query = {origin.begin + 1, origin.size - 1};
    reason = check_query(head.text(head.query));
    if (reason != nullptr) return reason;
  }
  // The path is empty: "*" for OPTIONS without a query (RFC 9112, 3.2.4), else the root.
  head.path = head.store(head.method == Method::options && !head.has_query ? "*" : "/");
  return nullptr;
}

/// Takes the authority of the target, which must agree with that of Host if there was one.
const char* RequestHeadParser::agree_authority(std::string_view authority) {
  RequestHead& head = *head_;
  Buffer& bytes = head.fields.bytes();
  const auto offset = static_cast<std::size_t>(authority.data() - bytes.data());
  Slice copy{static_cast<std::uint32_t>(bytes.size()), static_cast<std::uint32_t>(authority.size())};
  char* to = bytes.extend(copy.size);  // The buffer may move here.
  std::copy_n(bytes.data() + offset, copy.size, to);
  if (const char* reason = canonicalize_authority(bytes, copy, rules_.default_port); reason != nullptr)
    return reason;
  if (head.authority.size == 0) {
    head.authority = copy;
  } else if (head.text(head.authority) != head.text(copy)) {
    return "the target and Host name different hosts";
  }
  return nullptr;
}

void ResponseHeadParser::start(ResponseHead& head, const HeadLimits& limits, Method request_method) noexcept {
  head_ = &head;
  head.clear();
  framing_ = Framing::none();
  request_method_ = request_method;
  keep_alive_ = nominates_ = false;
  reader_.start(HeadReader::Kind::response, head.fields, limits);
}

HeadProgress ResponseHeadParser::feed(std::span<const char> in) {
  const HeadProgress progress = reader_.feed(in);
  return progress.status == HeadStatus::done ? interpret(progress.consumed) : progress;
}

HeadProgress ResponseHeadParser::interpret(std::size_t consumed) {
  HeadProgress progress = parse_first_line();
  if (progress.status != HeadStatus::done) return progress;
  if (const char* reason = take_fields(); reason != nullptr) return bad(reason);
  progress.consumed = consumed;
  return progress;
}

/// "HTTP/1.1 200 OK". The space after the code may be missing with the phrase, as many servers have it.
HeadProgress ResponseHeadParser::parse_first_line() {
  ResponseHead& head = *head_;
  const std::string_view line = head.fields.bytes().view(0, reader_.first_line_size());
  const HeadProgress progress = parse_version(line.substr(0, 8), head.version);
  if (progress.status != HeadStatus::done) return progress;
  if (line.size() < 12 || line[8] != ' ' || !is_digit(line[9]) || !is_digit(line[10]) ||
      !is_digit(line[11]) || (line.size() > 12 && line[12] != ' '))
    return bad("the status line has no status code of three digits");
  head.status = (line[9] - '0') * 100 + (line[10] - '0') * 10 + (line[11] - '0');
  if (head.status < 100 || head.status > 599) return bad("the status code is not in 100 to 599");
  if (line.size() > 13) head.reason = {13, static_cast<std::uint32_t>(line.size()) - 13};
  return good();
}

const char* ResponseHeadParser::take_fields() {
  ResponseHead& head = *head_;
  Fields& fields = head.fields;
  FramingFields framing;
  ConnectionOptions connection;
  std::uint32_t upgrades = 0;
  for (Fields::Line& line : fields.mutable_lines()) {
    switch (line.id) {
      case FieldId::connection:
        connection.add(fields.value(line));
        break;
      case FieldId::content_length:
        framing.add_content_length(fields.value(line));
        break;
      case FieldId::transfer_encoding:
        framing.add_transfer_encoding(fields.value(line));
        break;
      case FieldId::keep_alive:
        head.keep_alive_seconds = keep_alive_timeout(fields.value(line));
        break;
      case FieldId::upgrade:
        ++upgrades;
        if (head.status == 101 || head.status == 426) head.upgrade = value_slice(line);
        break;
      case FieldId::http2_settings:
      case FieldId::proxy_connection:
      case FieldId::te:
        break;
      default:
        continue;
    }
    line.removed = true;
  }
  if (const char* reason = framing.error(head.version == Version::http10); reason != nullptr) return reason;
  if (connection.error != nullptr) return connection.error;
  // RFC 9110, 7.8: both fields tell of the switch, it is to one protocol, and HTTP/1.0 has no such thing.
  const bool switches =
      connection.upgrade && upgrades == 1 && head.upgrade.size != 0 && head.version != Version::http10;
  if (head.status == 101 && !switches) return "101 without a protocol to switch to";
  nominates_ = connection.nominates;
  if (nominates_) remove_nominated(fields, fields);
  set_framing(framing, connection.persists(head.version));
  return nullptr;
}

void ResponseHeadParser::set_framing(const FramingFields& fields, bool persists) noexcept {
  ResponseHead& head = *head_;
  const bool never = head.status < 200 || head.status == 204;
  const bool here = head.status == 304 || request_method_ == Method::head;
  head.has_body = !never && !here;
  if (!never) head.content_length = fields.content_length();
  framing_ = Framing::none();
  if (head.has_body) {
    framing_ = fields.framing();
    if (framing_.kind == Framing::Kind::none) framing_ = Framing::until_close();
  }
  // A server that announces a body where none can be may send one: what follows is not to be trusted.
  const bool announces = fields.has_transfer_encoding() || fields.content_length().value_or(0) != 0;
  keep_alive_ =
      persists && framing_.kind != Framing::Kind::until_close && head.status != 101 && !(never && announces);
}

}  // namespace lintel::http
