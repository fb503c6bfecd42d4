#include "base/json.h"

#include <array>
#include <cstddef>

namespace lintel {

namespace {

enum Octet : std::uint8_t { kPlain, kEscaped, kMultibyte };

constexpr std::array<std::uint8_t, 256> make_octets() {
  std::array<std::uint8_t, 256> table{};
  for (std::size_t i = 0; i < 256; ++i) table[i] = i < 0x20 ? kEscaped : i < 0x80 ? kPlain : kMultibyte;
  table['"'] = kEscaped;
  table['\\'] = kEscaped;
  return table;
}
constexpr std::array<std::uint8_t, 256> kOctets = make_octets();

void append_escape(Buffer& out, char c) {
  switch (c) {
    case '"':
      return out.append(std::string_view("\\\""));
    case '\\':
      return out.append(std::string_view("\\\\"));
    case '\n':
      return out.append(std::string_view("\\n"));
    case '\r':
      return out.append(std::string_view("\\r"));
    case '\t':
      return out.append(std::string_view("\\t"));
    default:
      break;
  }
  constexpr char kDigits[] = "0123456789abcdef";
  const char text[] = {'\\', 'u', '0', '0', kDigits[c >> 4 & 15], kDigits[c & 15]};
  out.append(std::string_view(text, sizeof text));
}

/// The length of the UTF-8 sequence that `text` begins with, or 0 if it begins with none (RFC 3629).
std::size_t utf8_length(std::string_view text) noexcept {
  const auto at = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
  const auto in = [](unsigned c, unsigned low, unsigned high) { return c >= low && c <= high; };
  const unsigned first = at(0);
  if (in(first, 0xc2, 0xdf)) return in(at(1), 0x80, 0xbf) ? 2 : 0;
  if (in(first, 0xe0, 0xef)) {
    const bool second = in(at(1), first == 0xe0 ? 0xa0 : 0x80, first == 0xed ? 0x9f : 0xbf);
    return second && in(at(2), 0x80, 0xbf) ? 3 : 0;
  }
  if (in(first, 0xf0, 0xf4)) {
    const bool second = in(at(1), first == 0xf0 ? 0x90 : 0x80, first == 0xf4 ? 0x8f : 0xbf);
    return second && in(at(2), 0x80, 0xbf) && in(at(3), 0x80, 0xbf) ? 4 : 0;
  }
  return 0;
}

}  // namespace

void append_json_text(Buffer& out, std::string_view text) {
  std::size_t begin = 0;
  std::size_t at = 0;
  while (at < text.size()) {
    const std::uint8_t octet = kOctets[static_cast<unsigned char>(text[at])];
    const std::size_t valid = octet == kPlain ? 1 : octet == kMultibyte ? utf8_length(text.substr(at)) : 0;
    if (valid != 0) {
      at += valid;
      continue;
    }
    out.append(text.substr(begin, at - begin));
    if (octet == kEscaped) {
      append_escape(out, text[at]);
    } else {
      out.append(std::string_view("\xef\xbf\xbd"));
    }
    begin = ++at;
  }
  out.append(text.substr(begin));
}

void append_fixed(Buffer& out, std::uint64_t value, unsigned digits) {
  char text[20];
  for (unsigned i = digits; i > 0; --i, value /= 10) text[i - 1] = static_cast<char>('0' + value % 10);
  out.append_number(value);
  out.append('.');
  out.append(std::string_view(text, digits));
}

void JsonWriter::separate() {
  if (before_ == Before::value) out_.append(',');
  if (before_ != Before::key && depth_ != 0) break_line();
  before_ = Before::value;
}

void JsonWriter::break_line() {
  if (!indented_) return;
  out_.append('\n');
  for (unsigned i = 0; i < depth_; ++i) out_.append(std::string_view("  "));
}

JsonWriter& JsonWriter::begin(char bracket) {
  separate();
  out_.append(bracket);
  before_ = Before::nothing;
  ++depth_;
  return *this;
}

JsonWriter& JsonWriter::end(char bracket) {
  --depth_;
  if (before_ == Before::value) break_line();
  out_.append(bracket);
  before_ = Before::value;
  return *this;
}

JsonWriter& JsonWriter::begin_object() {
  return begin('{');
}

JsonWriter& JsonWriter::end_object() {
  return end('}');
}

JsonWriter& JsonWriter::begin_array() {
  return begin('[');
}

JsonWriter& JsonWriter::end_array() {
  return end(']');
}

JsonWriter& JsonWriter::key(std::string_view name) {
  text(name);
  out_.append(indented_ ? std::string_view(": ") : std::string_view(":"));
  before_ = Before::key;
  return *this;
}

JsonWriter& JsonWriter::text(std::string_view value) {
  separate();
  out_.append('"');
  append_json_text(out_, value);
  out_.append('"');
  return *this;
}

JsonWriter& JsonWriter::number(std::uint64_t value) {
  separate();
  out_.append_number(value);
  return *this;
}

JsonWriter& JsonWriter::signed_number(std::int64_t value) {
  separate();
  if (value < 0) out_.append('-');
  out_.append_number(value < 0 ? ~static_cast<std::uint64_t>(value) + 1 : static_cast<std::uint64_t>(value));
  return *this;
}

JsonWriter& JsonWriter::decimal(std::uint64_t thousandths) {
  separate();
  append_fixed(out_, thousandths, 3);
  return *this;
}

JsonWriter& JsonWriter::boolean(bool value) {
  separate();
  out_.append(value ? std::string_view("true") : std::string_view("false"));
  return *this;
}

}  // namespace lintel
