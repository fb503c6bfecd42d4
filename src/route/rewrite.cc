#include "route/rewrite.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstddef>
#include <string_view>

#include "http/octets.h"
#include "http/target.h"

namespace lintel::route {
namespace {

Template compiled(const std::string& text, Template::For use, std::size_t groups = 0) {
  std::string why;
  std::optional<Template> made = Template::compile(text, use, why, groups);
  assert(made);
  return std::move(*made);
}

std::ptrdiff_t slashes(std::string_view path) {
  return std::count(path.begin(), path.end(), '/');
}

}  // namespace

Rewrite::Rewrite(const config::Rewrite& rewrite, const config::Match& match) : host_(rewrite.host) {
  std::string why;
  if (!rewrite.path.empty()) {
    kind_ = Kind::path;
    path_ = compiled(rewrite.path, Template::For::request);
  } else if (!rewrite.path_prefix.empty() || !rewrite.strip_prefix.empty()) {
    kind_ = Kind::prefix;
    prefix_ = rewrite.strip_prefix.empty() ? match.path_prefix : rewrite.strip_prefix;
    replacement_ = rewrite.path_prefix;
    if (replacement_.ends_with('/')) replacement_.pop_back();
  } else if (rewrite.regex) {
    kind_ = Kind::regex;
    regex_ = Regex::compile(rewrite.regex->pattern, why);
    assert(regex_);
    path_ = compiled(rewrite.regex->replace, Template::For::replacement, regex_->group_count());
  }
}

bool Rewrite::write_path(Buffer& out, const Values& values) const {
  std::string_view path = values.request.path;
  if (kind_ == Kind::path) {
    path_.append_to(out, values);
    return true;
  }
  if (kind_ == Kind::prefix) {
    if (!prefix_matches(prefix_, path)) return false;
    path.remove_prefix(prefix_.ends_with('/') ? prefix_.size() - 1 : prefix_.size());
    out.append(replacement_);
    if (path.empty() && out.empty()) out.append('/');
    out.append(path);
    return true;
  }
  std::array<std::string_view, Regex::kMostGroups> groups;
  if (kind_ != Kind::regex || !regex_->find(path, groups)) return false;
  const auto begin = static_cast<std::size_t>(groups[0].data() - path.data());
  out.append(path.substr(0, begin));
  Values with_groups = values;
  with_groups.groups = groups;
  path_.append_to(out, with_groups);
  out.append(path.substr(begin + groups[0].size()));
  return true;
}

const char* Rewrite::apply(http::RequestHead& request, const Values& values, Buffer& scratch) const {
  scratch.clear();
  const bool is_path = values.request.path.starts_with('/');  // "*" of OPTIONS is none.
  if (is_path && write_path(scratch, values)) {
    if (scratch.view().find('?') != std::string_view::npos) return "the rewritten path has a question mark";
    const std::ptrdiff_t depth = slashes(scratch.view());
    http::Slice path = request.store(scratch.view());
    if (const char* wrong = http::canonicalize_path(request.fields.bytes(), path)) return wrong;
    // What a client put into a variable must not lead out of what the configuration has put before it.
    if (slashes(request.text(path)) != depth) return "the rewritten path has dot segments";
    request.path = path;
  }
  if (!host_.empty()) request.authority = request.store(host_);
  return nullptr;
}

HeaderEdits::HeaderEdits(const config::HeaderEdits& edits, Template::For use) : removed_(edits.remove) {
  for (const config::HeaderValue& each : edits.set) set_.emplace_back(each.name, compiled(each.value, use));
  for (const config::HeaderValue& each : edits.add) added_.emplace_back(each.name, compiled(each.value, use));
}

void HeaderEdits::edit(http::Fields& fields, const std::string& name, const Template& value,
                       const Values& values, Buffer& scratch, bool replaces) {
  scratch.clear();
  value.append_to(scratch, values);
  if (replaces) fields.remove(name);
  const std::string_view text = http::trim_blanks(scratch.view());
  if (!text.empty() && !http::has_control(text)) fields.add(name, text);
}

}  // namespace lintel::route
