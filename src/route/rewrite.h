#pragma once

// What a route changes of a request and its response before they are passed on.

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/buffer.h"
#include "config/model.h"
#include "http/message.h"
#include "route/regex.h"
#include "route/template.h"

namespace lintel::route {

/// A new path and host for the server. Immutable. The settings must be valid ones (checks.h).
class Rewrite {
 public:
  Rewrite() = default;
  /// `match`: of the route, whose path_prefix may be what is replaced.
  Rewrite(const config::Rewrite& rewrite, const config::Match& match);

  [[nodiscard]] bool empty() const noexcept { return kind_ == Kind::none && host_.empty(); }
  /// Changes path and authority of `request`. The new path is brought into canonical form. Returns null, or
  /// what is wrong with the path; nothing is changed then. `values` are views of `request`, and no longer
  /// valid afterwards. `scratch` is cleared. Allocates nothing once the buffers have grown.
  [[nodiscard]] const char* apply(http::RequestHead& request, const Values& values, Buffer& scratch) const;

 private:
  enum class Kind : std::uint8_t { none, path, prefix, regex };
  /// Writes the new path to `out`; false: the path stays as it is.
  [[nodiscard]] bool write_path(Buffer& out, const Values& values) const;

  Kind kind_ = Kind::none;
  Template path_;            ///< The whole path, or what takes the place of what `regex_` found.
  std::string prefix_;       ///< That is taken away,
  std::string replacement_;  ///< and what comes in its place; without a slash at its end.
  std::optional<Regex> regex_;
  std::string host_;
};

/// Header fields that are set, added and removed, in this order: remove, set, add.
class HeaderEdits {
 public:
  HeaderEdits() = default;
  HeaderEdits(const config::HeaderEdits& edits, Template::For use);

  [[nodiscard]] bool empty() const noexcept { return removed_.empty() && set_.empty() && added_.empty(); }
  /// A value that comes to nothing is not set or added; one that is set replaces what there was in any case.
  /// `values` may be views of `fields`, which move when a line is added; `renew` is called before each use
  /// and returns valid ones.
  template <typename Renew>
  void apply(http::Fields& fields, Buffer& scratch, const Renew& renew) const {
    for (const std::string& name : removed_) fields.remove(name);
    for (const auto& [name, value] : set_) edit(fields, name, value, renew(), scratch, true);
    for (const auto& [name, value] : added_) edit(fields, name, value, renew(), scratch, false);
  }

 private:
  using Edit = std::pair<std::string, Template>;
  static void edit(http::Fields& fields, const std::string& name, const Template& value, const Values& values,
                   Buffer& scratch, bool replaces);

  std::vector<std::string> removed_;
  std::vector<Edit> set_;
  std::vector<Edit> added_;
};

}  // namespace lintel::route
