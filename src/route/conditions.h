#pragma once

// What routes ask of a request beyond what the router's index knows, compiled from config::Match.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/model.h"
#include "http/message.h"
#include "route/regex.h"

namespace lintel::route {

/// What routes may ask of a request. Views; whoever makes it sees to it that they last.
struct RequestView {
  std::string_view host;  ///< Lower case, without port.
  std::string_view path;  ///< Canonical.
  http::Method method = http::Method::get;
  std::string_view method_text = {};     ///< As received; only read where method is `other`.
  std::string_view query = {};           ///< Without "?".
  const http::Fields* fields = nullptr;  ///< Null: there are none.
  std::string_view client_ip = {};       ///< As text, without port; what is no address is in no network.
  std::string_view sni = {};             ///< As the client wrote it; empty: no name was asked for.
  std::optional<std::string_view> client_cert_subject = {};  ///< Nothing: no certificate was shown.
};

/// The view of `request` alone, without what its connection tells.
[[nodiscard]] RequestView view_of(const http::RequestHead& request) noexcept;

/// A path prefix "/v1" takes "/v1", "/v1/" and "/v1/x", not "/v1x"; "/v1/" what begins with it; "/" all.
[[nodiscard]] bool prefix_matches(std::string_view prefix, std::string_view path) noexcept;
/// A host "*.a.test" takes "x.a.test" and "x.y.a.test", not "a.test".
[[nodiscard]] bool host_matches(std::string_view pattern, std::string_view host) noexcept;

/// A TextMatch, ready to be used. The expression must be a valid one (checks.h).
class TextCondition {
 public:
  explicit TextCondition(const config::TextMatch& match);
  /// Whether one value has all that is asked for.
  [[nodiscard]] bool takes(std::string_view value) const noexcept;
  [[nodiscard]] const config::TextMatch& match() const noexcept { return match_; }

 private:
  config::TextMatch match_;
  std::optional<Regex> regex_;
};

class Conditions;

/// One condition.
struct Condition {
  enum class Kind : std::uint8_t {
    host,
    path,
    path_prefix,
    path_regex,
    method,
    header,
    query,
    cookie,
    client_ip,
    sni,
    client_cert_subject,
    all,
    any,
    none,
  };

  explicit Condition(Kind k);

  Kind kind;
  std::vector<std::string> words;     ///< Hosts, methods, names, or one path.
  std::optional<Regex> regex;         ///< Of path_regex.
  std::optional<TextCondition> text;  ///< Of header, query, cookie and client_cert_subject.
  std::vector<Cidr> networks;
  std::vector<Conditions> groups;  ///< Of all, any and none.

  [[nodiscard]] bool holds(const RequestView& request) const noexcept;
};

/// Which conditions of a match are wanted: all, or those that the router's index does not decide.
enum class Wanted : std::uint8_t { all, not_indexed };

/// All conditions of one match. Immutable after construction; any thread may ask. Owns what it needs.
class Conditions {
 public:
  explicit Conditions(const config::Match& match, Wanted wanted = Wanted::all);

  [[nodiscard]] bool empty() const noexcept { return conditions_.empty(); }
  /// The first one that does not hold; null: all hold. Allocates nothing, but to decode long parameters.
  [[nodiscard]] const Condition* first_failure(const RequestView& request) const noexcept;
  [[nodiscard]] bool hold(const RequestView& request) const noexcept {
    return first_failure(request) == nullptr;
  }
  /// Whether any asks for the subject of the client's certificate, or for header fields.
  [[nodiscard]] bool asks_for(Condition::Kind kind) const noexcept;

 private:
  void add_indexed(const config::Match& match);
  void add_text(Condition::Kind kind, const config::TextMatch& match);
  void add_groups(Condition::Kind kind, const std::vector<config::Match>& matches);

  std::vector<Condition> conditions_;
};

// Behind Conditions, of which it makes a vector.
inline Condition::Condition(Kind k) : kind(k) {}

}  // namespace lintel::route
