#include "proxy/access_log.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <utility>

#include "base/json.h"
#include "proxy/redact.h"

namespace lintel::proxy {

namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

struct CivilTime {
  std::int64_t year;
  unsigned month, day, hour, minute, second;
};

/// From seconds since 1970, proleptic Gregorian, UTC.
CivilTime civil_time(std::int64_t unix_seconds) noexcept {
  const std::int64_t day_number = unix_seconds / 86400;
  const auto in_day = static_cast<unsigned>(unix_seconds % 86400);
  // Eras of 400 years that begin on 1 March, so that the leap day is a year's last.
  const std::int64_t days = day_number + 719468;
  const std::int64_t era = days / 146097;
  const auto in_era = static_cast<unsigned>(days % 146097);
  const unsigned year = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
  const unsigned in_year = in_era - (365 * year + year / 4 - year / 100);
  const unsigned shifted = (5 * in_year + 2) / 153;
  const unsigned month = shifted < 10 ? shifted + 3 : shifted - 9;
  return {era * 400 + year + (month <= 2 ? 1 : 0),
          month,
          in_year - (153 * shifted + 2) / 5 + 1,
          in_day / 3600,
          in_day / 60 % 60,
          in_day % 60};
}

void put_digits(char* at, std::uint64_t value, int digits) noexcept {
  for (int i = digits - 1; i >= 0; --i, value /= 10) at[i] = static_cast<char>('0' + value % 10);
}

void add_text(Buffer& out, std::string_view key, std::string_view value) {
  if (value.empty()) return;
  out.append(key);
  append_json_text(out, value);
  out.append('"');
}

void add_number(Buffer& out, std::string_view key, std::uint64_t value) {
  out.append(key);
  out.append_number(value);
}

/// Milliseconds with three digits after the point; nothing for what did not happen.
void add_milliseconds(Buffer& out, std::string_view key, std::int64_t nanoseconds) {
  if (nanoseconds < 0) return;
  out.append(key);
  append_fixed(out, static_cast<std::uint64_t>(nanoseconds) / 1000, 3);
}

void add_attempts(Buffer& out, const Record& record) {
  const std::size_t count = std::min<std::size_t>(record.attempt_count, Record::kMaxAttempts);
  if (count == 0) return;
  out.append(std::string_view(",\"attempts\":["));
  for (std::size_t i = 0; i < count; ++i) {
    const Attempt& attempt = record.attempts[i];
    out.append(i == 0 ? std::string_view("{\"server\":\"") : std::string_view(",{\"server\":\""));
    append_json_text(out, attempt.server);
    out.append('"');
    if (attempt.status != 0) add_number(out, ",\"status\":", static_cast<unsigned>(attempt.status));
    add_text(out, ",\"reason\":\"", end_reason_token(attempt.reason));
    add_milliseconds(out, ",\"ms\":", attempt.duration_ns);
    out.append('}');
  }
  out.append(']');
}

/// Bytes that may be anything, as text where they are printable and else in hexadecimal.
void add_bytes(Buffer& out, std::string_view key, std::string_view bytes) {
  static constexpr char kHex[] = "0123456789abcdef";
  const bool printable = std::all_of(bytes.begin(), bytes.end(), [](char c) { return c >= ' ' && c <= '~'; });
  if (printable) return add_text(out, key, bytes);
  out.append(key);
  for (const char c : bytes) {
    out.append(kHex[static_cast<unsigned char>(c) >> 4]);
    out.append(kHex[static_cast<unsigned char>(c) & 15]);
  }
  out.append('"');
}

void add_proxy(Buffer& out, const net::ProxyHeader& header) {
  add_number(out, ",\"proxy_version\":", header.version);
  add_bytes(out, ",\"proxy_authority\":\"", header.authority);
  add_bytes(out, ",\"proxy_alpn\":\"", header.alpn);
  add_bytes(out, ",\"proxy_unique_id\":\"", header.unique_id);
  add_bytes(out, ",\"proxy_tls_version\":\"", header.tls_version);
  add_bytes(out, ",\"proxy_tls_cipher\":\"", header.tls_cipher);
  add_bytes(out, ",\"proxy_tls_cn\":\"", header.tls_common_name);
}

void add_request(Buffer& out, const Record& record) {
  add_text(out, ",\"request_id\":\"", record.request_id);
  add_text(out, ",\"client_ip\":\"", record.client_ip);
  if (record.client_port != 0) add_number(out, ",\"client_port\":", record.client_port);
  add_text(out, ",\"peer_ip\":\"", record.peer_ip);
  if (record.proxy) add_proxy(out, *record.proxy);
  add_text(out, ",\"listener\":\"", record.listener);
  if (record.protocol != config::Protocol::http) {
    add_text(out, ",\"proto\":\"", record.protocol == config::Protocol::tcp ? "TCP" : "UDP");
  } else {
    add_text(out, ",\"proto\":\"", version_name(record.version));
  }
  add_text(out, ",\"tls_version\":\"", record.tls_version);
  add_text(out, ",\"tls_cipher\":\"", record.tls_cipher);
  add_text(out, ",\"sni\":\"", record.sni);
  if (record.protocol != config::Protocol::http) return;
  add_text(out, ",\"method\":\"", record.method_text);
  add_text(out, ",\"scheme\":\"", record.scheme);
  add_text(out, ",\"host\":\"", record.host);
  add_text(out, ",\"path\":\"", record.path);
  if (!record.query.empty()) {
    out.append(std::string_view(",\"query\":\""));
    append_redacted_query(out, record.query, Escape::json);
    out.append('"');
  }
}

void add_outcome(Buffer& out, const Record& record) {
  add_text(out, ",\"route\":\"", record.route);
  add_text(out, ",\"pool\":\"", record.pool);
  add_text(out, ",\"server\":\"", record.server);
  if (record.protocol == config::Protocol::http) {
    add_number(out, ",\"status\":", static_cast<unsigned>(record.status));
  }
  if (record.upstream_status != 0) {
    add_number(out, ",\"upstream_status\":", static_cast<unsigned>(record.upstream_status));
  }
  add_number(out, ",\"bytes_in\":", record.bytes_in);
  add_number(out, ",\"bytes_out\":", record.bytes_out);
  add_milliseconds(out, ",\"duration_ms\":", record.done - record.started);
  add_milliseconds(out, ",\"t_queue_ms\":", record.queue);
  add_milliseconds(out, ",\"t_connect_ms\":", record.connect);
  add_milliseconds(out, ",\"t_tls_ms\":", record.tls);
  add_milliseconds(out, ",\"t_ttfb_ms\":", record.first_byte);
  add_attempts(out, record);
  add_text(out, ",\"end_reason\":\"", end_reason_token(record.end_reason));
  add_text(out, ",\"limit\":\"", http::limit_name(record.limit));
  add_text(out, ",\"detail\":\"", record.detail);
}

}  // namespace

void TimestampCache::update(std::int64_t second) noexcept {
  static constexpr char kMonths[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
  second_ = second;
  const CivilTime time = civil_time(second);
  std::memcpy(rfc3339_, "0000-00-00T00:00:00.000Z", sizeof rfc3339_);
  put_digits(rfc3339_, static_cast<std::uint64_t>(time.year), 4);
  put_digits(rfc3339_ + 5, time.month, 2);
  put_digits(rfc3339_ + 8, time.day, 2);
  put_digits(rfc3339_ + 11, time.hour, 2);
  put_digits(rfc3339_ + 14, time.minute, 2);
  put_digits(rfc3339_ + 17, time.second, 2);
  std::memcpy(common_, "00/Mon/0000:00:00:00 +0000", sizeof common_);
  put_digits(common_, time.day, 2);
  std::memcpy(common_ + 3, kMonths + 3 * (time.month - 1), 3);
  put_digits(common_ + 7, static_cast<std::uint64_t>(time.year), 4);
  std::memcpy(common_ + 12, rfc3339_ + 11, 8);
}

std::string_view TimestampCache::rfc3339(std::int64_t unix_ns) noexcept {
  if (unix_ns / kSecond != second_) update(unix_ns / kSecond);
  put_digits(rfc3339_ + 20, static_cast<std::uint64_t>(unix_ns % kSecond / 1'000'000), 3);
  return {rfc3339_, sizeof rfc3339_};
}

std::string_view TimestampCache::common(std::int64_t unix_ns) noexcept {
  if (unix_ns / kSecond != second_) update(unix_ns / kSecond);
  return {common_, sizeof common_};
}

void format_json(Buffer& out, const Record& record, std::int64_t unix_ns, TimestampCache& times) {
  out.append(std::string_view("{\"ts\":\""));
  out.append(times.rfc3339(unix_ns));
  out.append(std::string_view("\",\"level\":\"info\",\"msg\":\"access\""));
  add_request(out, record);
  add_outcome(out, record);
  add_text(out, ",\"user_agent\":\"", record.user_agent);
  if (!record.referer.empty()) {
    out.append(std::string_view(",\"referer\":\""));
    append_redacted_url(out, record.referer, Escape::json);
    out.append('"');
  }
  out.append(std::string_view("}\n"));
}

void format_combined(Buffer& out, const Record& record, std::int64_t unix_ns, TimestampCache& times) {
  const auto or_dash = [](std::string_view text) { return text.empty() ? std::string_view("-") : text; };
  out.append(or_dash(record.client_ip));
  out.append(std::string_view(" - - ["));
  out.append(times.common(unix_ns));
  out.append(std::string_view("] \""));
  if (record.method_text.empty()) {
    out.append('-');
  } else {
    append_escaped(out, record.method_text, Escape::hex);
    out.append(' ');
    append_redacted_url(out, record.target, Escape::hex);
    out.append(' ');
    out.append(version_name(record.version));
  }
  char status[3];
  put_digits(status, static_cast<unsigned>(record.status), sizeof status);
  out.append(std::string_view("\" "));
  out.append(std::string_view(status, sizeof status));
  out.append(' ');
  out.append_number(record.bytes_out);
  out.append(std::string_view(" \""));
  append_redacted_url(out, or_dash(record.referer), Escape::hex);
  out.append(std::string_view("\" \""));
  append_escaped(out, or_dash(record.user_agent), Escape::hex);
  out.append(std::string_view("\"\n"));
}

AccessLog::AccessLog(AccessLogFormat format, LineLog::Writer writer) noexcept
    : format_(format), writer_(std::move(writer)) {}

void AccessLog::write(const Record& record, std::int64_t unix_ns) {
  line_.clear();
  if (format_ == AccessLogFormat::json) {
    format_json(line_, record, unix_ns, times_);
  } else {
    format_combined(line_, record, unix_ns, times_);
  }
  writer_.push(line_.view());
}

}  // namespace lintel::proxy
