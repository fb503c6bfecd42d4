#include "config/units.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

#include "config/diagnostic.h"

namespace lintel::config {
namespace {

struct Unit {
  std::string_view name;
  std::int64_t factor;
};

constexpr std::array<Unit, 5> kDurations = {
    {{"d", 86'400'000}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1000}, {"ms", 1}}};
constexpr std::array<Unit, 4> kSizes = {{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1}}};
constexpr std::array<Unit, 3> kShortSizes = {{{"g", 1 << 30}, {"m", 1 << 20}, {"k", 1 << 10}}};

constexpr std::string_view kDurationHelp =
    "a duration is a number with ms, s, m, h or d, for example 250ms, 5s, 1m30s";
constexpr std::string_view kSizeHelp =
    "a size is a number with B, KiB, MiB or GiB (or k, m, g), for example 64KiB";

constexpr std::string_view kPercentHelp = "a percentage is a number with %, for example 50%";
constexpr std::string_view kByteRateHelp = "a rate is a size with /s, for example 240B/s or 8KiB/s";

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/// Takes the digits at the front of `text`. Nothing if there are none or the number is too large.
std::optional<std::int64_t> take_number(std::string_view& text) {
  std::int64_t value = 0;
  std::size_t digits = 0;
  while (digits < text.size() && is_digit(text[digits])) {
    const int digit = text[digits] - '0';
    if (value > (std::numeric_limits<std::int64_t>::max() - digit) / 10) return std::nullopt;
    value = value * 10 + digit;
    ++digits;
  }
  if (digits == 0) return std::nullopt;
  text.remove_prefix(digits);
  return value;
}

/// number * factor, or nothing when it does not fit.
std::optional<std::int64_t> scaled(std::int64_t number, std::int64_t factor) {
  if (number > std::numeric_limits<std::int64_t>::max() / factor) return std::nullopt;
  return number * factor;
}

bool all_digits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), is_digit);
}

/// Why `text` is no duration or size: a missing unit is told apart from everything else.
std::string explain(std::string_view text, std::string_view kind, std::string_view help) {
  if (all_digits(text)) return quote(text) + " has no unit; " + std::string(help);
  if (text.find('.') != std::string_view::npos && is_digit(text.front())) {
    return quote(text) + " has a fraction; write it in the next smaller unit";
  }
  return quote(text) + " is not a " + std::string(kind) + "; " + std::string(help);
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

}  // namespace

std::optional<milliseconds> parse_duration(std::string_view text, std::string& why) {
  std::string_view rest = text;
  std::int64_t total = 0;
  std::size_t next_unit = 0;
  while (!rest.empty()) {
    const auto number = take_number(rest);
    const auto is_letter = [](char c) { return !is_digit(c); };
    const auto end = std::find_if_not(rest.begin(), rest.end(), is_letter);
    const std::string_view name = rest.substr(0, static_cast<std::size_t>(end - rest.begin()));
    const auto* unit = std::find_if(kDurations.begin() + next_unit, kDurations.end(),
                                    [&](const Unit& each) { return each.name == name; });
    if (!number || unit == kDurations.end()) break;
    const auto part = scaled(*number, unit->factor);
    if (!part || total > std::numeric_limits<std::int64_t>::max() - *part) {
      why = quote(text) + " is too large";
      return std::nullopt;
    }
    total += *part;
    next_unit = static_cast<std::size_t>(unit - kDurations.begin()) + 1;
    rest.remove_prefix(name.size());
    if (rest.empty()) return milliseconds(total);
  }
  why = explain(text, "duration", kDurationHelp);
  return std::nullopt;
}

std::optional<Bytes> parse_size(std::string_view text, std::string& why) {
  std::string_view rest = text;
  const auto number = take_number(rest);
  const std::string name = lower(rest);
  std::int64_t factor = 0;
  for (const Unit& unit : kSizes) {
    if (lower(unit.name) == name) factor = unit.factor;
  }
  for (const Unit& unit : kShortSizes) {
    if (unit.name == name) factor = unit.factor;
  }
  if (!number || factor == 0) {
    const bool decimal = number && (name == "kb" || name == "mb" || name == "gb");
    why = decimal ? quote(text) + " is unclear; sizes are binary, write " +
                        std::string(text.substr(0, text.size() - 1)) + "iB"
                  : explain(text, "size", kSizeHelp);
    return std::nullopt;
  }
  const auto value = scaled(*number, factor);
  if (!value) {
    why = quote(text) + " is too large";
    return std::nullopt;
  }
  return Bytes{static_cast<std::uint64_t>(*value)};
}

std::optional<ByteRate> parse_byte_rate(std::string_view text, std::string& why) {
  if (text.ends_with("/s")) {
    const auto size = parse_size(text.substr(0, text.size() - 2), why);
    if (size) return ByteRate{size->value};
  }
  why = explain(text, "rate", kByteRateHelp);
  return std::nullopt;
}

std::optional<std::int64_t> parse_percent(std::string_view text, std::string& why) {
  if (text.ends_with('%')) {
    std::string ignored;
    if (const auto number = parse_integer(text.substr(0, text.size() - 1), ignored)) return number;
  }
  why = explain(text, "percentage", kPercentHelp);
  return std::nullopt;
}

std::optional<std::int64_t> parse_integer(std::string_view text, std::string& why) {
  std::string_view rest = text;
  const bool negative = !rest.empty() && rest.front() == '-';
  if (negative) rest.remove_prefix(1);
  if (!all_digits(rest)) {
    why = quote(text) + " is not a whole number";
    return std::nullopt;
  }
  if (rest.size() > 1 && rest.front() == '0') {
    why = quote(text) + " has a leading zero, which YAML may read as octal; write it without";
    return std::nullopt;
  }
  const auto number = take_number(rest);
  if (!number) {
    why = quote(text) + " is too large";
    return std::nullopt;
  }
  return negative ? -*number : *number;
}

std::optional<bool> parse_boolean(std::string_view text) {
  struct Word {
    std::string_view text;
    bool value;
  };
  constexpr std::array<Word, 6> kWords = {
      {{"true", true}, {"false", false}, {"on", true}, {"off", false}, {"yes", true}, {"no", false}}};
  const std::string folded = lower(text);
  for (const Word& word : kWords) {
    if (folded != word.text) continue;
    std::string upper(word.text);
    for (char& c : upper) c = static_cast<char>(c - 'a' + 'A');
    const std::string title = upper.front() + std::string(word.text.substr(1));
    if (text == word.text || text == title || text == upper) return word.value;
  }
  return std::nullopt;
}

std::string format_duration(milliseconds value) {
  for (const Unit& unit : kDurations) {
    if (value.count() != 0 && value.count() % unit.factor == 0) {
      return std::to_string(value.count() / unit.factor) + std::string(unit.name);
    }
  }
  return "0s";
}

std::string format_byte_rate(ByteRate value) {
  return format_size(Bytes{value.value}) + "/s";
}

std::string format_size(Bytes value) {
  for (const Unit& unit : kSizes) {
    const auto factor = static_cast<std::uint64_t>(unit.factor);
    if (value.value != 0 && value.value % factor == 0) {
      return std::to_string(value.value / factor) + std::string(unit.name);
    }
  }
  return "0B";
}

std::optional<StatusRange> parse_statuses(std::string_view text, std::string& why) {
  const auto number = [](std::string_view digits) {
    int value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    const bool whole = error == std::errc() && end == digits.data() + digits.size() && digits.size() == 3;
    return whole && value >= 100 && value <= 599 ? value : 0;
  };
  StatusRange range;
  if (text.size() == 3 && text.ends_with("xx")) {
    range.first = number(std::string(1, text.front()) + "00");
    range.last = range.first + 99;
  } else {
    const std::size_t dash = std::min(text.find('-'), text.size());
    range.first = number(text.substr(0, dash));
    range.last = dash == text.size() ? range.first : number(text.substr(dash + 1));
  }
  if (range.first != 0 && range.first <= range.last) return range;
  why = "is no HTTP status; write for example 2xx, 200-299 or 404";
  return std::nullopt;
}

std::optional<std::string> parse_bytes(std::string_view text, std::string& why) {
  constexpr std::string_view kNames = "rnt0\\";
  constexpr std::string_view kBytes("\r\n\t\0\\", 5);
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      out += text[i];
      continue;
    }
    const std::string_view rest = text.substr(i + 1);
    if (const std::size_t named = rest.empty() ? kNames.npos : kNames.find(rest.front());
        named != kNames.npos) {
      out += kBytes[named];
      ++i;
      continue;
    }
    unsigned byte = 0;
    if (rest.size() < 3 || rest.front() != 'x' ||
        std::from_chars(rest.data() + 1, rest.data() + 3, byte, 16).ptr != rest.data() + 3) {
      why = R"(has a \ that begins none of \r, \n, \t, \0, \xNN and \\)";
      return std::nullopt;
    }
    out += static_cast<char>(byte);
    i += 3;
  }
  return out;
}

}  // namespace lintel::config
