#pragma once

// What is wrong in a configuration, and where: the messages that `lintel check` prints.

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "config/model.h"

namespace lintel::config {

enum class Severity : std::uint8_t { error, warning };

/// A second place that belongs to a message, for example the first definition of a name.
struct Note {
  Place place;
  std::string message;
  std::string source_line;
};

struct Diagnostic {
  Severity severity = Severity::error;
  Place place;              ///< Line 0 where no line is to blame (a file that cannot be read).
  std::string path;         ///< The setting, for example "pools.api.balance"; may be empty.
  std::string message;      ///< What is wrong.
  std::string suggestion;   ///< What to do, or empty.
  std::string source_line;  ///< The line of the file, without its end; empty where line is 0.
  std::vector<Note> notes;

  /// "file:line:column: error: path: message (suggestion)", the source line, a caret below it, then the
  /// notes. Ends with a newline.
  [[nodiscard]] std::string render() const;
};

/// Where a setting was given and how people read its path.
struct Located {
  Place place;
  std::string display;
};

/// Collects the messages of one run, knows the files' text and where each setting was given. Settings are
/// found by key: their path with list positions ("listeners[0].routes[1].pool", "pools[2].balance").
class Report {
 public:
  static constexpr std::size_t kMaxDiagnostics = 200;

  /// Keeps `text` so that messages can show its lines.
  void add_source(const std::string& file, std::string_view text);

  /// Remembers where `key` was given; the first place stays.
  void locate(const std::string& key, Located located);
  /// Where `key` was given, or nothing.
  [[nodiscard]] const Located* find(const std::string& key) const;
  /// Where `key` or, failing that, the nearest setting around it was given; an empty place if none was.
  [[nodiscard]] Located nearest(const std::string& key) const;

  /// Adds a message at a known place. The returned reference is valid until the next message.
  Diagnostic& add(Severity severity, const Located& located, std::string message,
                  std::string suggestion = {});
  /// Adds a message of another report, as it is.
  void adopt(Diagnostic diagnostic);
  /// Adds a note to `diagnostic` with its source line.
  void note(Diagnostic& diagnostic, const Place& place, std::string message) const;

  /// Marks `key` as broken: rules then keep silent about it.
  void fail(const std::string& key);
  /// True if `key` itself is broken, as opposed to something inside it.
  [[nodiscard]] bool broken(const std::string& key) const { return failed_.contains(key); }
  /// True if `key`, something around it or something inside it is broken.
  [[nodiscard]] bool failed(const std::string& key) const;

  [[nodiscard]] std::size_t errors() const { return errors_; }
  /// True once further messages are only counted: callers may then save themselves long searches.
  [[nodiscard]] bool full() const { return diagnostics_.size() >= kMaxDiagnostics; }
  /// The messages, ordered by file (as read) and line. Leaves the report empty.
  [[nodiscard]] std::vector<Diagnostic> take();

 private:
  struct Source {
    std::size_t order;
    std::vector<std::string> lines;
  };
  [[nodiscard]] std::string source_line(const Place& place) const;

  std::map<std::string, Source> sources_;
  std::unordered_map<std::string, Located> located_;
  std::set<std::string> failed_;
  std::vector<Diagnostic> diagnostics_;
  Diagnostic overflow_;
  std::size_t errors_ = 0;
};

/// The candidate that `word` most probably meant, or an empty view when none is near.
[[nodiscard]] std::string_view nearest_word(std::string_view word,
                                            const std::vector<std::string_view>& candidates);

/// "a, b, c" of at most `most` words, then "...".
[[nodiscard]] std::string join_words(const std::vector<std::string_view>& words, std::size_t most = 24);

/// "did you mean "X"? one of: a, b" with either part left out where there is nothing to say.
[[nodiscard]] std::string suggest(std::string_view word, const std::vector<std::string_view>& candidates,
                                  std::string_view list_title = "one of");

/// Appends `text` as the inside of a double-quoted YAML scalar: quotes, backslashes and control characters
/// escaped.
void append_escaped(std::string& out, std::string_view text);
/// `text` in double quotes, shortened to a readable length and with control characters shown as escapes.
[[nodiscard]] std::string quote(std::string_view text);

}  // namespace lintel::config
