#include "config/loader.h"

#include <glob.h>

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "config/parse.h"
#include "config/read_file.h"
#include "config/rules.h"
#include "config/schema.h"
#include "config/yaml_tree.h"

namespace lintel::config {
namespace {

constexpr std::size_t kMaxIncludeDepth = 8;
constexpr std::size_t kMaxFiles = 1000;

bool is_pattern(std::string_view text) {
  return text.find_first_of("*?[") != std::string_view::npos;
}

/// The files that `pattern` stands for, in name order.
std::vector<std::string> expand_glob(const std::string& pattern) {
  glob_t found{};
  std::vector<std::string> out;
  if (glob(pattern.c_str(), 0, nullptr, &found) == 0)
    out.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
  globfree(&found);
  return out;
}

/// One run of the loader: the main file, then its includes depth first, then the rules.
class Loader {
 public:
  Loader(const Environment& environment, const FurtherCheck& further)
      : environment_(environment), further_(further) {}

  void main_file(const std::string& path) {
    std::string why;
    const auto text = read_file(path, why);
    if (!text) {
      report_.add(Severity::error, {{path, 0, 0}, ""}, "cannot read the file: " + why);
      report_.fail("");
      return;
    }
    document(*text, path);
  }

  void document(std::string_view text, const std::string& name) {
    files_.push_back(name);
    open_.push_back(identity(name));
    report_.add_source(name, text);
    if (files_.size() == 1) report_.locate("", {{name, 1, 1}, ""});
    const YamlNode root = parse_yaml(text, name, report_);
    parse_document(config_type(), root, environment_, report_, &config_);
    const Field& directive = *config_type().find("include");
    for (const YamlNode& pattern : parse_directive(root, directive, environment_, report_))
      include(pattern, name);
    open_.pop_back();
  }

  LoadResult finish() {
    if (!report_.failed("")) {
      name_routes();
      check_rules(config_, report_);
    }
    if (further_ && report_.errors() == 0) further_(config_, report_);
    LoadResult result;
    if (report_.errors() == 0) result.config = std::move(config_);
    result.diagnostics = report_.take();
    result.files = std::move(files_);
    return result;
  }

 private:
  /// The same text for the same file, however it is reached.
  static std::string identity(const std::string& path) {
    std::error_code failed;
    const auto canonical = std::filesystem::weakly_canonical(path, failed);
    return failed ? path : canonical.string();
  }

  void include(const YamlNode& pattern, const std::string& from) {
    const Located here{pattern.place, "include"};
    const std::filesystem::path path = std::filesystem::path(from).parent_path() / pattern.text;
    if (open_.size() >= kMaxIncludeDepth) {
      report_.add(Severity::error, here,
                  "files are included more than " + std::to_string(kMaxIncludeDepth) + " levels deep");
      return;
    }
    std::vector<std::string> names = {path.string()};
    if (is_pattern(pattern.text)) {
      names = expand_glob(path.string());
      if (names.empty()) report_.add(Severity::warning, here, "no file matches " + quote(pattern.text));
    }
    for (const std::string& name : names) included(name, here);
  }

  void included(const std::string& name, const Located& here) {
    const std::string file = identity(name);
    if (std::find(open_.begin(), open_.end(), file) != open_.end()) {
      report_.add(Severity::error, here, quote(name) + " includes itself, directly or through another file");
      return;
    }
    if (!seen_.insert(file).second) {
      report_.add(Severity::error, here, quote(name) + " is included twice");
      return;
    }
    if (files_.size() >= kMaxFiles) {
      report_.add(Severity::error, here, "more than " + std::to_string(kMaxFiles) + " files are included");
      return;
    }
    std::string why;
    const auto text = read_file(name, why);
    if (text) {
      document(*text, name);
    } else {
      report_.add(Severity::error, here, "cannot read " + quote(name) + ": " + why);
      report_.fail("pools");
    }
  }

  /// Gives routes without a name their listener's name and position.
  void name_routes() {
    for (Listener& listener : config_.listeners) {
      const std::string prefix = listener.name.empty() ? "listener" : listener.name;
      for (std::size_t i = 0; i < listener.routes.size(); ++i) {
        Route& route = listener.routes[i];
        if (route.name.empty()) route.name = prefix + '-' + std::to_string(i + 1);
      }
    }
  }

  const Environment& environment_;
  const FurtherCheck& further_;
  Report report_;
  Config config_;
  std::vector<std::string> files_;
  std::vector<std::string> open_;  ///< Files being read, outermost first.
  std::set<std::string> seen_;     ///< Files that were included.
};

std::size_t count(const std::vector<Diagnostic>& diagnostics, Severity severity) {
  return static_cast<std::size_t>(
      std::count_if(diagnostics.begin(), diagnostics.end(),
                    [&](const Diagnostic& each) { return each.severity == severity; }));
}

}  // namespace

std::size_t LoadResult::errors() const {
  return count(diagnostics, Severity::error);
}
std::size_t LoadResult::warnings() const {
  return count(diagnostics, Severity::warning);
}

std::string LoadResult::render() const {
  std::string out;
  for (const Diagnostic& diagnostic : diagnostics) out += diagnostic.render();
  return out;
}

LoadResult load_file(const std::string& path, const Environment& environment, const FurtherCheck& further) {
  Loader loader(environment, further);
  loader.main_file(path);
  return loader.finish();
}

LoadResult load_string(std::string_view text, const std::string& name, const Environment& environment,
                       const FurtherCheck& further) {
  Loader loader(environment, further);
  loader.document(text, name);
  return loader.finish();
}

}  // namespace lintel::config
