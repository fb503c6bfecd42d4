#include "proxy/redact.h"

#include <algorithm>
#include <array>
#include <cstddef>

#include "base/json.h"

namespace lintel::proxy {

namespace {

/// Names of query parameters whose values are never logged, in lower case and without "-", "_" and ".".
constexpr std::array<std::string_view, 20> kSecretNames = {
    "auth", "authorization", "code",       "credential",   "credentials", "jwt",     "key",
    "otp",  "pass",          "passphrase", "passwd",       "pwd",         "session", "sessionid",
    "sid",  "sig",           "assertion",  "samlresponse", "nonce",       "ticket"};
/// The same for names that end so: access_token, api_key, client_secret, X-Amz-Signature.
constexpr std::array<std::string_view, 8> kSecretEndings = {"token",  "password",  "secret",    "signature",
                                                            "apikey", "accesskey", "secretkey", "privatekey"};

constexpr std::size_t kLongestName = 40;

int hex_value(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  c = static_cast<char>(c | 0x20);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/// Writes `key` percent-decoded, in lower case and without "-", "_" and "."; at most kLongestName bytes.
std::string_view normalise(std::string_view key, char* out) noexcept {
  std::size_t size = 0;
  for (std::size_t i = 0; i < key.size() && size < kLongestName; ++i) {
    char c = key[i];
    if (c == '%' && i + 2 < key.size() && hex_value(key[i + 1]) >= 0 && hex_value(key[i + 2]) >= 0) {
      c = static_cast<char>(hex_value(key[i + 1]) * 16 + hex_value(key[i + 2]));
      i += 2;
    }
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c | 0x20);
    if (c != '-' && c != '_' && c != '.') out[size++] = c;
  }
  return {out, size};
}

bool is_secret(std::string_view key) noexcept {
  char text[kLongestName];
  const std::string_view name = normalise(key, text);
  return std::find(kSecretNames.begin(), kSecretNames.end(), name) != kSecretNames.end() ||
         std::any_of(kSecretEndings.begin(), kSecretEndings.end(),
                     [&](std::string_view ending) { return name.ends_with(ending); });
}

void append_hex_escaped(Buffer& out, std::string_view text) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  std::size_t begin = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c >= 0x20 && c < 0x7f && c != '"' && c != '\\') continue;
    out.append(text.substr(begin, i - begin));
    const char escaped[] = {'\\', 'x', kDigits[c >> 4], kDigits[c & 15]};
    out.append(std::string_view(escaped, sizeof escaped));
    begin = i + 1;
  }
  out.append(text.substr(begin));
}

}  // namespace

void append_escaped(Buffer& out, std::string_view text, Escape escape) {
  if (escape == Escape::json) return append_json_text(out, text);
  append_hex_escaped(out, text);
}

void append_redacted_query(Buffer& out, std::string_view query, Escape escape) {
  std::size_t shown = 0;  // Everything before this is written.
  for (std::size_t begin = 0; begin < query.size();) {
    const std::size_t end = std::min(query.find_first_of("&;", begin), query.size());
    const std::size_t equals = query.substr(begin, end - begin).find('=');
    if (equals != std::string_view::npos && is_secret(query.substr(begin, equals))) {
      append_escaped(out, query.substr(shown, begin + equals + 1 - shown), escape);
      out.append(std::string_view("***"));
      shown = end;
    }
    begin = end + 1;
  }
  append_escaped(out, query.substr(shown), escape);
}

void append_redacted_url(Buffer& out, std::string_view url, Escape escape) {
  const std::size_t query = std::min(url.find('?'), url.size());
  append_escaped(out, url.substr(0, query), escape);
  if (query == url.size()) return;
  out.append('?');
  append_redacted_query(out, url.substr(query + 1), escape);
}

}  // namespace lintel::proxy
