#pragma once

// Text forms of the configuration's numbers. The parsers return nothing and set `why` to a clause for people.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "config/model.h"

namespace lintel::config {

/// "250ms", "5s", "1m30s", "2h": units from large to small, each once.
[[nodiscard]] std::optional<milliseconds> parse_duration(std::string_view text, std::string& why);
/// "64KiB", "10MiB", "1GiB", "512B"; also "64k", "10m", "1g". All binary.
[[nodiscard]] std::optional<Bytes> parse_size(std::string_view text, std::string& why);
/// A size and "/s": "240B/s", "8KiB/s", "1m/s".
[[nodiscard]] std::optional<ByteRate> parse_byte_rate(std::string_view text, std::string& why);
/// "5%": a whole number and a percent sign.
[[nodiscard]] std::optional<std::int64_t> parse_percent(std::string_view text, std::string& why);
/// A decimal number without leading zero, fraction or sign other than "-".
[[nodiscard]] std::optional<std::int64_t> parse_integer(std::string_view text, std::string& why);
/// true/false, on/off, yes/no in any of YAML's cases (on, On, ON).
[[nodiscard]] std::optional<bool> parse_boolean(std::string_view text);

/// HTTP statuses, both ends included.
struct StatusRange {
  int first = 0;
  int last = 0;
  [[nodiscard]] bool contains(int status) const { return first <= status && status <= last; }
};
/// "404", "2xx", "200-299".
[[nodiscard]] std::optional<StatusRange> parse_statuses(std::string_view text, std::string& why);
/// Any bytes as text: \r, \n, \t, \0, \xNN and \\ stand for one byte each.
[[nodiscard]] std::optional<std::string> parse_bytes(std::string_view text, std::string& why);

/// The shortest exact form with one unit: "250ms", "75s", "90m", "0s".
[[nodiscard]] std::string format_duration(milliseconds value);
/// The largest exact unit: "64KiB", "1500B".
[[nodiscard]] std::string format_size(Bytes value);
/// As format_size: "240B/s".
[[nodiscard]] std::string format_byte_rate(ByteRate value);

}  // namespace lintel::config
