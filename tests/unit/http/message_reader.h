#pragma once

// HTTP/1.1 messages as a stranger to this project reads them: the grammar of RFC 9112 to the letter, one
// state at a time, sharing no code with src/http. What it calls a message is one beyond doubt.

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace lintel::http::test {

namespace grammar {

inline constexpr std::size_t kMostLine = 1 << 16;

inline bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
inline bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
inline char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}
inline std::string lower(std::string_view text) {
  std::string copy(text);
  std::transform(copy.begin(), copy.end(), copy.begin(), [](char c) { return lower(c); });
  return copy;
}

inline bool is_token(std::string_view text) {
  static constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return is_digit(c) || is_letter(c) || kMarks.find(c) != std::string_view::npos;
  });
}

/// VCHAR, obs-text, SP and HTAB.
inline bool is_text(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    const auto u = static_cast<unsigned char>(c);
    return u == '\t' || (u >= 0x20 && u != 0x7f);
  });
}

inline std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

inline std::string_view without_zeros(std::string_view digits) {
  while (digits.size() > 1 && digits.front() == '0') digits.remove_prefix(1);
  return digits;
}

inline bool read_number(std::string_view text, std::uint64_t& number) {
  text = without_zeros(text);
  if (text.empty() || text.size() > 18 || !std::all_of(text.begin(), text.end(), is_digit)) return false;
  number = 0;
  for (const char c : text) number = number * 10 + static_cast<std::uint64_t>(c - '0');
  return true;
}

inline bool read_hex(std::string_view text, std::uint64_t& number) {
  text = without_zeros(text);
  if (text.empty() || text.size() > 15) return false;
  number = 0;
  for (const char raw : text) {
    const char c = lower(raw);
    if (!is_digit(c) && !(c >= 'a' && c <= 'f')) return false;
    number = number * 16 + static_cast<std::uint64_t>(is_digit(c) ? c - '0' : c - 'a' + 10);
  }
  return true;
}

inline bool read_version(std::string_view text, int& minor) {
  if (text.size() != 8 || text.substr(0, 7) != "HTTP/1." || !is_digit(text[7])) return false;
  minor = text[7] - '0';
  return true;
}

}  // namespace grammar

struct Field {
  std::string name;  ///< In lower case.
  std::string value;
  bool operator==(const Field&) const = default;
};

struct Message {
  std::string method;  ///< Of requests.
  std::string target;
  int status = 0;  ///< Of responses.
  int minor = 1;   ///< HTTP/1.<minor>
  std::vector<Field> fields;
  std::vector<Field> trailers;
  std::string body;
  bool head_complete = false;
  bool complete = false;
  bool invalid = false;  ///< Broken from here on. What is known of it was read before.
  bool has_body = false;
  std::size_t begin = 0;  ///< Offsets in the stream that it was read from.
  std::size_t end = 0;

  /// The only field line of that name (in lower case); null where there is none or more than one.
  [[nodiscard]] const std::string* only(std::string_view name) const;
  [[nodiscard]] std::size_t count(std::string_view name) const;
  /// Whether some element of the comma separated lists of that name is `token`, compared without case.
  [[nodiscard]] bool lists(std::string_view name, std::string_view token) const;
  /// Whether another message may follow on the connection.
  [[nodiscard]] bool persists() const;
};

/// Reads one message in whatever pieces it comes.
class MessageReader {
 public:
  /// A request, or the response to a request of `method`.
  static MessageReader request() { return MessageReader(true, {}); }
  static MessageReader response(std::string_view method) { return MessageReader(false, method); }

  /// Takes what belongs to the message and returns how much that is; all of it until the message is complete
  /// or invalid.
  std::size_t feed(std::string_view in);
  /// The stream has ended well: completes a body that lasts until then.
  void end_of_stream();

  [[nodiscard]] const Message& message() const noexcept { return message_; }
  [[nodiscard]] Message& message() noexcept { return message_; }
  [[nodiscard]] bool over() const noexcept { return message_.complete || message_.invalid; }

 private:
  enum class State : std::uint8_t { first_line, fields, length, size, data, data_end, trailers, rest };

  MessageReader(bool request, std::string_view method) : request_(request), asked_(method) {}
  void take_line(std::string_view line);
  void take_request_line(std::string_view line);
  void take_status_line(std::string_view line);
  void take_field(std::string_view line, std::vector<Field>& fields);
  void take_size(std::string_view line);
  void end_head();
  void begin_body();
  void fail() { message_.invalid = true; }

  bool request_;
  std::string asked_;  ///< The method that a response answers.
  State state_ = State::first_line;
  std::string line_;
  std::uint64_t left_ = 0;
  Message message_;
};

/// All requests of a client's stream in order, up to the first that is incomplete or invalid, which is the
/// last.
[[nodiscard]] inline std::vector<Message> read_requests(std::string_view stream);

inline const std::string* Message::only(std::string_view name) const {
  const std::string* found = nullptr;
  for (const Field& field : fields) {
    if (field.name != name) continue;
    if (found != nullptr) return nullptr;
    found = &field.value;
  }
  return found;
}

inline std::size_t Message::count(std::string_view name) const {
  return static_cast<std::size_t>(
      std::count_if(fields.begin(), fields.end(), [name](const Field& field) { return field.name == name; }));
}

inline bool Message::lists(std::string_view name, std::string_view token) const {
  for (const Field& field : fields) {
    if (field.name != name) continue;
    for (std::string_view rest = field.value; !rest.empty();) {
      const std::size_t comma = rest.find(',');
      if (grammar::lower(grammar::trim(rest.substr(0, comma))) == token) return true;
      rest = comma == std::string_view::npos ? "" : rest.substr(comma + 1);
    }
  }
  return false;
}

inline bool Message::persists() const {
  if (lists("connection", "close")) return false;
  return minor != 0 || lists("connection", "keep-alive");
}

inline std::size_t MessageReader::feed(std::string_view in) {
  std::size_t at = 0;
  while (at < in.size() && !over()) {
    if (state_ == State::length || state_ == State::data || state_ == State::rest) {
      std::size_t n = in.size() - at;
      if (state_ != State::rest && n > left_) n = static_cast<std::size_t>(left_);
      message_.body.append(in.substr(at, n));
      at += n;
      left_ -= n;
      if (state_ == State::length && left_ == 0) message_.complete = true;
      if (state_ == State::data && left_ == 0) state_ = State::data_end;
      continue;
    }
    const char c = in[at++];
    line_.push_back(c);
    if (line_.size() > grammar::kMostLine) fail();
    if (c == '\n') {
      if (line_.size() < 2 || line_[line_.size() - 2] != '\r') return fail(), at;
      const std::string line = line_.substr(0, line_.size() - 2);
      line_.clear();
      take_line(line);
    }
  }
  return at;
}

inline void MessageReader::end_of_stream() {
  if (state_ == State::rest && message_.head_complete && !message_.invalid) message_.complete = true;
}

inline void MessageReader::take_line(std::string_view line) {
  switch (state_) {
    case State::first_line:
      if (line.empty() && request_) return;  // Empty lines before a request are let pass (RFC 9112, 2.2).
      state_ = State::fields;
      return request_ ? take_request_line(line) : take_status_line(line);
    case State::fields:
      return line.empty() ? end_head() : take_field(line, message_.fields);
    case State::size:
      return take_size(line);
    case State::data_end:
      if (!line.empty()) fail();
      state_ = State::size;
      return;
    case State::trailers:
      if (!line.empty()) return take_field(line, message_.trailers);
      message_.complete = true;
      return;
    default:
      return fail();
  }
}

inline void MessageReader::take_request_line(std::string_view line) {
  const std::size_t first = line.find(' ');
  const std::size_t last = line.rfind(' ');
  if (first == std::string_view::npos || last == first) return fail();
  message_.method = line.substr(0, first);
  message_.target = line.substr(first + 1, last - first - 1);
  const bool visible = std::all_of(message_.target.begin(), message_.target.end(), [](char c) {
    return static_cast<unsigned char>(c) > 0x20 && static_cast<unsigned char>(c) != 0x7f;
  });
  if (!grammar::is_token(message_.method) || message_.target.empty() || !visible) return fail();
  if (!grammar::read_version(line.substr(last + 1), message_.minor)) fail();
}

inline void MessageReader::take_status_line(std::string_view line) {
  // Unlike a request's, a server's missing space after the code is common and harmless.
  if (line.size() < 12 || line[8] != ' ' || (line.size() > 12 && line[12] != ' ')) return fail();
  if (!grammar::read_version(line.substr(0, 8), message_.minor) || !grammar::is_text(line)) return fail();
  std::uint64_t status = 0;
  if (!grammar::read_number(line.substr(9, 3), status) || status < 100 || status > 599) return fail();
  message_.status = static_cast<int>(status);
}

inline void MessageReader::take_field(std::string_view line, std::vector<Field>& fields) {
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos || !grammar::is_token(line.substr(0, colon)) || !grammar::is_text(line))
    return fail();
  fields.push_back(
      {grammar::lower(line.substr(0, colon)), std::string(grammar::trim(line.substr(colon + 1)))});
}

inline void MessageReader::take_size(std::string_view line) {
  const std::size_t end = std::min(line.find_first_of("; \t"), line.size());
  const std::string_view extension = grammar::trim(line.substr(end));
  if (!grammar::read_hex(line.substr(0, end), left_) || !grammar::is_text(line)) return fail();
  if (!extension.empty() && extension.front() != ';') return fail();
  state_ = left_ != 0 ? State::data : State::trailers;
}

inline void MessageReader::end_head() {
  message_.head_complete = true;
  const bool bodyless =
      message_.status / 100 == 1 || message_.status == 204 || message_.status == 304 || asked_ == "HEAD";
  const std::size_t encodings = message_.count("transfer-encoding");
  const std::size_t lengths = message_.count("content-length");
  if (encodings + lengths > 1) return fail();
  if (encodings == 1 &&
      (grammar::lower(*message_.only("transfer-encoding")) != "chunked" || message_.minor == 0))
    return fail();
  if (lengths == 1 && !grammar::read_number(*message_.only("content-length"), left_)) return fail();
  if (request_ && message_.count("host") != 1 && (message_.minor != 0 || message_.count("host") != 0))
    return fail();
  if (!request_ && bodyless) {
    message_.complete = true;
    return;
  }
  begin_body();
}

inline void MessageReader::begin_body() {
  if (message_.count("transfer-encoding") != 0) {
    state_ = State::size;
    message_.has_body = true;
  } else if (message_.count("content-length") != 0) {
    state_ = State::length;
    message_.has_body = left_ != 0;
    message_.complete = left_ == 0;
  } else if (request_) {
    message_.complete = true;
  } else {
    state_ = State::rest;
    message_.has_body = true;
  }
}

inline std::vector<Message> read_requests(std::string_view stream) {
  std::vector<Message> requests;
  for (std::size_t at = 0; at < stream.size();) {
    MessageReader reader = MessageReader::request();
    reader.message().begin = at;
    at += reader.feed(stream.substr(at));
    reader.message().end = at;
    requests.push_back(std::move(reader.message()));
    if (!requests.back().complete) break;
  }
  return requests;
}

}  // namespace lintel::http::test
