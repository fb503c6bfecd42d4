#include "route/conditions.h"

#include <algorithm>
#include <array>
#include <cassert>

#include "http/cookie.h"
#include "http/octets.h"

namespace lintel::route {
namespace {

using Kind = Condition::Kind;

/// A name or value of a query with its escapes decoded ("%41", "+").
class Decoded {
 public:
  explicit Decoded(std::string_view text) {
    if (text.find_first_of("%+") == std::string_view::npos) {
      view_ = text;
      return;
    }
    char* at = room_.data();
    if (text.size() > room_.size()) {
      large_.resize(text.size());
      at = large_.data();
    }
    std::size_t size = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
      const bool escape =
          text[i] == '%' && text.size() - i >= 3 && http::is_hex(text[i + 1]) && http::is_hex(text[i + 2]);
      at[size++] = escape
                       ? static_cast<char>(http::hex_value(text[i + 1]) * 16 + http::hex_value(text[i + 2]))
                   : text[i] == '+' ? ' '
                                    : text[i];
      if (escape) i += 2;
    }
    view_ = {at, size};
  }
  Decoded(const Decoded&) = delete;
  Decoded& operator=(const Decoded&) = delete;
  [[nodiscard]] std::string_view view() const noexcept { return view_; }

 private:
  std::array<char, 256> room_;
  std::string large_;
  std::string_view view_;
};

/// Whether what is asked for is among the values that `visit` is to be called with, or absent if so asked.
template <typename ForEach>
bool any_value(const TextCondition& wanted, ForEach&& for_each) noexcept {
  bool present = false;
  bool taken = false;
  for_each([&](std::string_view value) {
    present = true;
    taken = taken || wanted.takes(value);
  });
  return wanted.match().present ? taken : !present;
}

bool header_holds(const TextCondition& wanted, const RequestView& request) noexcept {
  return any_value(wanted, [&](auto&& visit) {
    if (!request.fields) return;
    for (const http::Fields::Line& line : request.fields->lines()) {
      if (!line.removed && http::equals_ignoring_case(request.fields->name(line), wanted.match().name))
        visit(request.fields->value(line));
    }
  });
}

bool cookie_holds(const TextCondition& wanted, const RequestView& request) noexcept {
  return any_value(wanted, [&](auto&& visit) {
    if (!request.fields) return;
    http::CookieReader cookies(*request.fields);
    std::string_view name;
    std::string_view value;
    while (cookies.next(name, value)) {
      if (name == wanted.match().name) visit(value);
    }
  });
}

bool query_holds(const TextCondition& wanted, const RequestView& request) noexcept {
  return any_value(wanted, [&](auto&& visit) {
    http::QueryReader parameters(request.query);
    std::string_view name;
    std::string_view value;
    while (parameters.next(name, value)) {
      if (Decoded(name).view() == wanted.match().name) visit(Decoded(value).view());
    }
  });
}

bool subject_holds(const TextCondition& wanted, const RequestView& request) noexcept {
  return any_value(wanted, [&](auto&& visit) {
    if (request.client_cert_subject) visit(*request.client_cert_subject);
  });
}

bool method_holds(const std::vector<std::string>& words, const RequestView& request) noexcept {
  const std::string_view method =
      request.method == http::Method::other ? request.method_text : http::method_name(request.method);
  return std::find(words.begin(), words.end(), method) != words.end();
}

bool is_in(const std::vector<Cidr>& networks, std::string_view ip) noexcept {
  const std::optional<SocketAddress> address = SocketAddress::from_ip(ip, 0);
  return address && std::any_of(networks.begin(), networks.end(),
                                [&](const Cidr& network) { return network.contains(*address); });
}

bool any_host(const std::vector<std::string>& patterns, std::string_view host) noexcept {
  return std::any_of(patterns.begin(), patterns.end(),
                     [host](const std::string& pattern) { return host_matches(pattern, host); });
}

/// Names that TLS clients ask for come in any case, and with a trailing dot from some.
bool any_server_name(const std::vector<std::string>& patterns, std::string_view name) noexcept {
  if (name.ends_with('.')) name.remove_suffix(1);
  return std::any_of(patterns.begin(), patterns.end(), [name](std::string_view pattern) {
    if (!pattern.starts_with("*.")) return http::equals_ignoring_case(pattern, name);
    pattern.remove_prefix(1);
    return name.size() > pattern.size() && name.front() != '.' &&
           http::equals_ignoring_case(pattern, name.substr(name.size() - pattern.size()));
  });
}

}  // namespace

RequestView view_of(const http::RequestHead& request) noexcept {
  return {.host = request.host(),
          .path = request.text(request.path),
          .method = request.method,
          .method_text = request.text(request.method_text),
          .query = request.text(request.query),
          .fields = &request.fields};
}

bool prefix_matches(std::string_view prefix, std::string_view path) noexcept {
  if (prefix == "/") return true;
  return path.starts_with(prefix) &&
         (prefix.ends_with('/') || path.size() == prefix.size() || path[prefix.size()] == '/');
}

bool host_matches(std::string_view pattern, std::string_view host) noexcept {
  if (!pattern.starts_with("*.")) return pattern == host;
  // ".a.test" as a whole is no host name.
  return host.size() >= pattern.size() && host.front() != '.' && host.ends_with(pattern.substr(1));
}

TextCondition::TextCondition(const config::TextMatch& match) : match_(match) {
  std::string why;
  if (!match_.regex.empty()) regex_ = Regex::compile(match_.regex, why);
  assert(match_.regex.empty() || regex_);
}

bool TextCondition::takes(std::string_view value) const noexcept {
  const std::vector<std::string>& is = match_.is;
  if (!is.empty() && std::find(is.begin(), is.end(), value) == is.end()) return false;
  if (!value.starts_with(match_.prefix) || !value.ends_with(match_.suffix)) return false;
  if (!match_.contains.empty() && value.find(match_.contains) == std::string_view::npos) return false;
  return !regex_ || regex_->found_in(value);
}

bool Condition::holds(const RequestView& request) const noexcept {
  const auto group_holds = [&](const Conditions& group) { return group.hold(request); };
  switch (kind) {
    case Kind::host:
      return any_host(words, request.host);
    case Kind::path:
      return words.front() == request.path;
    case Kind::path_prefix:
      return prefix_matches(words.front(), request.path);
    case Kind::path_regex:
      return regex->found_in(request.path);
    case Kind::method:
      return method_holds(words, request);
    case Kind::header:
      return header_holds(*text, request);
    case Kind::query:
      return query_holds(*text, request);
    case Kind::cookie:
      return cookie_holds(*text, request);
    case Kind::client_ip:
      return is_in(networks, request.client_ip);
    case Kind::sni:
      return any_server_name(words, request.sni);
    case Kind::client_cert_subject:
      return subject_holds(*text, request);
    case Kind::all:
      return std::all_of(groups.begin(), groups.end(), group_holds);
    case Kind::any:
      return std::any_of(groups.begin(), groups.end(), group_holds);
    case Kind::none:
      return std::none_of(groups.begin(), groups.end(), group_holds);
  }
  return false;
}

Conditions::Conditions(const config::Match& match, Wanted wanted) {
  if (wanted == Wanted::all) add_indexed(match);
  if (!match.sni.empty()) conditions_.emplace_back(Kind::sni).words = match.sni;
  if (!match.client_ip.empty()) conditions_.emplace_back(Kind::client_ip).networks = match.client_ip;
  for (const config::TextMatch& each : match.header) add_text(Kind::header, each);
  for (const config::TextMatch& each : match.cookie) add_text(Kind::cookie, each);
  for (const config::TextMatch& each : match.query) add_text(Kind::query, each);
  if (match.client_cert_subject) add_text(Kind::client_cert_subject, *match.client_cert_subject);
  if (!match.path_regex.empty()) {
    std::string why;
    conditions_.emplace_back(Kind::path_regex).regex = Regex::compile(match.path_regex, why);
    assert(conditions_.back().regex);
  }
  add_groups(Kind::all, match.all);
  add_groups(Kind::any, match.any);
  add_groups(Kind::none, match.none);
}

void Conditions::add_indexed(const config::Match& match) {
  if (!match.host.empty()) conditions_.emplace_back(Kind::host).words = match.host;
  if (!match.path.empty()) conditions_.emplace_back(Kind::path).words = {match.path};
  if (!match.path_prefix.empty()) conditions_.emplace_back(Kind::path_prefix).words = {match.path_prefix};
  if (!match.method.empty()) conditions_.emplace_back(Kind::method).words = match.method;
}

void Conditions::add_text(Kind kind, const config::TextMatch& match) {
  conditions_.emplace_back(kind).text.emplace(match);
}

void Conditions::add_groups(Kind kind, const std::vector<config::Match>& matches) {
  if (matches.empty()) return;
  Condition& added = conditions_.emplace_back(kind);
  for (const config::Match& match : matches) added.groups.emplace_back(match);
}

const Condition* Conditions::first_failure(const RequestView& request) const noexcept {
  for (const Condition& condition : conditions_) {
    if (!condition.holds(request)) return &condition;
  }
  return nullptr;
}

bool Conditions::asks_for(Kind kind) const noexcept {
  return std::any_of(conditions_.begin(), conditions_.end(), [kind](const Condition& condition) {
    return condition.kind == kind ||
           std::any_of(condition.groups.begin(), condition.groups.end(),
                       [kind](const Conditions& group) { return group.asks_for(kind); });
  });
}

}  // namespace lintel::route
