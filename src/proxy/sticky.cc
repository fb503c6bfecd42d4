#include "proxy/sticky.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/hash.h"
#include "http/cookie.h"

namespace lintel::proxy {
namespace {

constexpr std::size_t kDigits = 16;

std::string value_text(std::uint64_t value) {
  static constexpr std::string_view kHex = "0123456789abcdef";
  std::string text(kDigits, '0');
  for (std::size_t i = 0; i < kDigits; ++i) text[kDigits - 1 - i] = kHex[value >> (4 * i) & 0xf];
  return text;
}

/// RFC 6265, 4.1.
std::string attributes(const config::Sticky& sticky, bool over_tls) {
  std::string text = "; Path=" + sticky.path;
  if (sticky.max_age.count() != 0)
    text += "; Max-Age=" + std::to_string(std::max<std::int64_t>(sticky.max_age.count() / 1000, 1));
  const bool secure = sticky.secure == config::CookieSecure::always ||
                      (sticky.secure == config::CookieSecure::automatic && over_tls);
  if (secure) text += "; Secure";
  if (sticky.http_only) text += "; HttpOnly";
  static constexpr std::array<std::string_view, 3> kSameSite = {"Lax", "Strict", "None"};
  return text.append("; SameSite=").append(kSameSite[static_cast<std::size_t>(sticky.same_site)]);
}

}  // namespace

StickyCookie::StickyCookie(const config::Pool& pool, std::span<const pool::Server> servers)
    : name_(pool.sticky->cookie) {
  const std::uint64_t key0 = hash_bytes(pool.sticky->secret);
  const std::uint64_t key1 = hash_bytes(pool.sticky->secret, key0, key0);
  for (std::uint32_t i = 0; i < servers.size(); ++i) {
    const std::uint64_t value = hash_bytes(pool.name + ' ' + servers[i].name, key0, key1);
    servers_.emplace_back(value, i);
    const std::string pair = name_ + '=' + value_text(value);
    plain_.push_back(pair + attributes(*pool.sticky, false));
    over_tls_.push_back(pair + attributes(*pool.sticky, true));
  }
  std::sort(servers_.begin(), servers_.end());
}

std::optional<std::uint32_t> StickyCookie::server_of(const http::Fields& request) const noexcept {
  const std::string_view text = http::cookie_value(request, name_);
  if (text.size() != kDigits) return std::nullopt;
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  const auto found = std::lower_bound(servers_.begin(), servers_.end(), std::pair(value, std::uint32_t{0}));
  if (found == servers_.end() || found->first != value) return std::nullopt;
  return found->second;
}

}  // namespace lintel::proxy
