#include "base/json_reader.h"

#include <algorithm>
#include <charconv>
#include <cstdint>

namespace lintel {
namespace {

constexpr unsigned kMostDepth = 32;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

void append_utf8(std::string& out, std::uint32_t code) {
  const auto add = [&out](std::uint32_t byte) { out += static_cast<char>(byte); };
  if (code < 0x80) return add(code);
  if (code < 0x800) {
    add(0xc0 | code >> 6);
  } else {
    if (code < 0x10000) {
      add(0xe0 | code >> 12);
    } else {
      add(0xf0 | code >> 18);
      add(0x80 | (code >> 12 & 0x3f));
    }
    add(0x80 | (code >> 6 & 0x3f));
  }
  add(0x80 | (code & 0x3f));
}

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  std::optional<JsonValue> read(std::string& why) {
    JsonValue out;
    value(out, 0);
    space();
    if (why_ == nullptr && at_ != text_.size()) fail("there is something behind the end");
    if (why_ == nullptr) return out;
    why = std::string(why_) + " at byte " + std::to_string(at_ + 1);
    return std::nullopt;
  }

 private:
  bool fail(const char* why) {
    if (why_ == nullptr) why_ = why;
    return false;
  }
  [[nodiscard]] char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  void space() {
    while (at_ < text_.size() && std::string_view(" \t\r\n").find(text_[at_]) != std::string_view::npos)
      ++at_;
  }
  bool take(std::string_view what) {
    if (!text_.substr(at_).starts_with(what)) return false;
    at_ += what.size();
    return true;
  }

  bool value(JsonValue& out, unsigned depth) {
    space();
    if (depth > kMostDepth) return fail("too many brackets");
    const char c = peek();
    if (c == '{' || c == '[') return list(out, depth);
    if (c == '"') {
      out.kind = JsonValue::Kind::text;
      return string(out.text);
    }
    if (c == '-' || is_digit(c)) return number(out);
    if (take("null")) return true;
    out.kind = JsonValue::Kind::boolean;
    out.boolean = take("true");
    return out.boolean || take("false") || fail("no value");
  }

  /// An array or an object.
  bool list(JsonValue& out, unsigned depth) {
    const bool is_object = text_[at_++] == '{';
    const char end = is_object ? '}' : ']';
    out.kind = is_object ? JsonValue::Kind::object : JsonValue::Kind::array;
    space();
    if (peek() == end) return ++at_, true;
    for (;;) {
      if (is_object && !name(out)) return false;
      if (!value(out.items.emplace_back(), depth + 1)) return false;
      space();
      if (peek() == end) return ++at_, true;
      if (peek() != ',') return fail("a comma or a bracket is missing");
      ++at_;
    }
  }

  bool name(JsonValue& out) {
    space();
    if (peek() != '"') return fail("a name is missing");
    std::string name;
    if (!string(name)) return false;
    if (std::find(out.names.begin(), out.names.end(), name) != out.names.end())
      return fail("a name comes twice");
    out.names.push_back(std::move(name));
    space();
    if (peek() != ':') return fail("a colon is missing");
    ++at_;
    return true;
  }

  bool string(std::string& out) {
    ++at_;  // The quote.
    for (;;) {
      if (at_ == text_.size()) return fail("a text has no end");
      const char c = text_[at_++];
      if (c == '"') return true;
      if (static_cast<unsigned char>(c) < 0x20) return fail("a text has a control character");
      if (c != '\\') {
        out += c;
      } else if (!escape(out)) {
        return false;
      }
    }
  }

  bool escape(std::string& out) {
    constexpr std::string_view kNames = "\"\\/bfnrt";
    constexpr std::string_view kBytes = "\"\\/\b\f\n\r\t";
    const char c = peek();
    ++at_;
    if (const std::size_t named = kNames.find(c); c != '\0' && named != kNames.npos) {
      out += kBytes[named];
      return true;
    }
    std::uint32_t code = 0;
    if (c != 'u' || !hex(code)) return fail("an escape that is none");
    if (code >= 0xdc00 && code < 0xe000) return fail("half a character");
    if (code >= 0xd800 && code < 0xdc00) {
      std::uint32_t low = 0;
      if (!take("\\u") || !hex(low) || low < 0xdc00 || low >= 0xe000) return fail("half a character");
      code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    }
    append_utf8(out, code);
    return true;
  }

  bool hex(std::uint32_t& code) {
    if (text_.size() - std::min(at_, text_.size()) < 4) return false;
    const char* begin = text_.data() + at_;
    at_ += 4;
    return *begin != '-' && std::from_chars(begin, begin + 4, code, 16).ptr == begin + 4;
  }

  bool digits() {
    const std::size_t begin = at_;
    while (is_digit(peek())) ++at_;
    return at_ != begin;
  }

  bool number(JsonValue& out) {
    const std::size_t begin = at_;
    take("-");
    if (!take("0") && !digits()) return fail("a number without digits");
    if (take(".") && !digits()) return fail("a number without digits");
    if (take("e") || take("E")) {
      if (!take("-")) take("+");
      if (!digits()) return fail("a number without digits");
    }
    out.kind = JsonValue::Kind::number;
    const auto [end, error] = std::from_chars(text_.data() + begin, text_.data() + at_, out.number);
    return (error == std::errc() && end == text_.data() + at_) || fail("a number that is too large");
  }

  std::string_view text_;
  std::size_t at_ = 0;
  const char* why_ = nullptr;
};

}  // namespace

const JsonValue* JsonValue::find(std::string_view name) const noexcept {
  const auto found = std::find(names.begin(), names.end(), name);
  return found == names.end() ? nullptr : &items[static_cast<std::size_t>(found - names.begin())];
}

std::string_view JsonValue::text_of(std::string_view name) const noexcept {
  const JsonValue* found = find(name);
  return found ? std::string_view(found->text) : std::string_view();
}

std::optional<JsonValue> parse_json(std::string_view text, std::string& why) {
  return Reader(text).read(why);
}

}  // namespace lintel
