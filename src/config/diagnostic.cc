#include "config/diagnostic.h"

#include <algorithm>
#include <cctype>
#include <tuple>
#include <utility>

namespace lintel::config {
namespace {

constexpr std::size_t kMaxShownLine = 160;
constexpr std::size_t kMaxShownWord = 80;

bool is_continuation(char c) {
  return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U;
}

std::string place_text(const Place& place) {
  if (place.line == 0) return place.file;
  return place.file + ':' + std::to_string(place.line) + ':' + std::to_string(place.column);
}

/// The source line and a caret under `column` (1-based bytes); nothing for an empty or overlong position.
std::string excerpt(const std::string& line, int column) {
  const auto offset = static_cast<std::size_t>(std::max(column, 1) - 1);
  if (line.empty() || offset > line.size() || offset > kMaxShownLine) return {};
  std::string shown = line.substr(0, kMaxShownLine);
  while (shown.size() < line.size() && !shown.empty() && is_continuation(line[shown.size()]))
    shown.pop_back();
  std::string caret;
  for (std::size_t i = 0; i < offset; ++i) {
    if (!is_continuation(line[i])) caret += line[i] == '\t' ? '\t' : ' ';
  }
  return "  " + shown + "\n  " + caret + "^\n";
}

/// Edit distance in which swapping two neighbours counts once (optimal string alignment).
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1);
  std::vector<std::size_t> last(b.size() + 1);
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, replaced});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        row[j] = std::min(row[j], before[j - 2] + 1);
    }
    std::swap(before, last);
    std::swap(last, row);
  }
  return last[b.size()];
}

/// Lower case without separators, so that "connectTimeout" and "connect-timeout" are near "connect_timeout".
std::string folded(std::string_view word) {
  std::string out;
  for (const char c : word) {
    if (c != '_' && c != '-' && c != ' ')
      out += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return out;
}

}  // namespace

std::string Diagnostic::render() const {
  std::string out = place_text(place);
  if (!out.empty()) out += ": ";
  out += severity == Severity::error ? "error: " : "warning: ";
  if (!path.empty()) out += path + ": ";
  out += message;
  if (!suggestion.empty()) out += " (" + suggestion + ')';
  out += '\n' + excerpt(source_line, place.column);
  for (const Note& note : notes) {
    out += place_text(note.place) + ": note: " + note.message + '\n' +
           excerpt(note.source_line, note.place.column);
  }
  return out;
}

void Report::add_source(const std::string& file, std::string_view text) {
  Source source{sources_.size(), {}};
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    source.lines.emplace_back(line);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  sources_.emplace(file, std::move(source));
}

void Report::locate(const std::string& key, Located located) {
  located_.try_emplace(key, std::move(located));
}

const Located* Report::find(const std::string& key) const {
  const auto found = located_.find(key);
  return found == located_.end() ? nullptr : &found->second;
}

Located Report::nearest(const std::string& key) const {
  std::string around = key;
  std::string rest;
  while (true) {
    if (const Located* located = find(around)) {
      return {located->place, located->display + rest};
    }
    const std::size_t cut = around.find_last_of(".[");
    if (cut == std::string::npos) break;
    rest = around.substr(cut) + rest;
    around.resize(cut);
  }
  const Located* root = find("");
  return {root != nullptr ? root->place : Place{}, key};
}

Diagnostic& Report::add(Severity severity, const Located& located, std::string message,
                        std::string suggestion) {
  if (severity == Severity::error) ++errors_;
  if (diagnostics_.size() >= kMaxDiagnostics) return overflow_ = Diagnostic{};
  Diagnostic& added = diagnostics_.emplace_back();
  added.severity = severity;
  added.place = located.place;
  added.path = located.display;
  added.message = std::move(message);
  added.suggestion = std::move(suggestion);
  added.source_line = source_line(located.place);
  if (diagnostics_.size() == kMaxDiagnostics) added.message += "; further messages are left out";
  return added;
}

void Report::adopt(Diagnostic diagnostic) {
  if (diagnostic.severity == Severity::error) ++errors_;
  if (!full()) diagnostics_.push_back(std::move(diagnostic));
}

void Report::note(Diagnostic& diagnostic, const Place& place, std::string message) const {
  diagnostic.notes.push_back({place, std::move(message), source_line(place)});
}

void Report::fail(const std::string& key) {
  failed_.insert(key);
}

bool Report::failed(const std::string& key) const {
  const auto inside = failed_.lower_bound(key);
  if (inside != failed_.end() && inside->compare(0, key.size(), key) == 0) {
    if (inside->size() == key.size() || (*inside)[key.size()] == '.' || (*inside)[key.size()] == '[')
      return true;
  }
  if (failed_.contains(key) || failed_.contains("")) return true;
  for (std::size_t cut = key.find_first_of(".["); cut != std::string::npos;
       cut = key.find_first_of(".[", cut + 1)) {
    if (failed_.contains(key.substr(0, cut))) return true;
  }
  return false;
}

std::vector<Diagnostic> Report::take() {
  const auto order = [this](const Diagnostic& diagnostic) {
    const auto source = sources_.find(diagnostic.place.file);
    const std::size_t file = source == sources_.end() ? sources_.size() : source->second.order;
    return std::make_tuple(file, diagnostic.place.line, diagnostic.place.column);
  };
  std::stable_sort(diagnostics_.begin(), diagnostics_.end(),
                   [&](const Diagnostic& a, const Diagnostic& b) { return order(a) < order(b); });
  return std::exchange(diagnostics_, {});
}

std::string Report::source_line(const Place& place) const {
  const auto source = sources_.find(place.file);
  if (source == sources_.end() || place.line < 1) return {};
  const auto index = static_cast<std::size_t>(place.line - 1);
  return index < source->second.lines.size() ? source->second.lines[index] : std::string();
}

std::string_view nearest_word(std::string_view word, const std::vector<std::string_view>& candidates) {
  if (word.size() > kMaxShownWord) return {};
  const std::string meant = folded(word);
  std::string_view best;
  std::string_view abbreviated;
  std::size_t least = 1 + std::max<std::size_t>(1, meant.size() / 3);
  for (const std::string_view candidate : candidates) {
    const std::string target = folded(candidate);
    const std::size_t distance = edit_distance(meant, target);
    if (distance < least && distance < target.size()) {
      least = distance;
      best = candidate;
    }
    const bool begins = target.starts_with(meant) || meant.starts_with(target);
    if (abbreviated.empty() && begins && std::min(meant.size(), target.size()) >= 3) abbreviated = candidate;
  }
  return best.empty() ? abbreviated : best;
}

std::string join_words(const std::vector<std::string_view>& words, std::size_t most) {
  std::string out;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) out += ", ";
    if (i == most) return out + "...";
    out += words[i];
  }
  return out;
}

std::string suggest(std::string_view word, const std::vector<std::string_view>& candidates,
                    std::string_view list_title) {
  std::string out;
  const std::string_view near = nearest_word(word, candidates);
  if (!near.empty()) out = "did you mean \"" + std::string(near) + "\"?";
  if (list_title.empty() || candidates.empty()) return out;
  if (!out.empty()) out += ' ';
  return out + std::string(list_title) + ": " + join_words(candidates);
}

void append_escaped(std::string& out, std::string_view text) {
  static constexpr char kHex[] = "0123456789abcdef";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (byte < 0x20 || byte == 0x7f) {
      out += "\\x";
      out += kHex[byte >> 4U];
      out += kHex[byte & 15U];
    } else {
      out += c;
    }
  }
}

std::string quote(std::string_view text) {
  std::string out = "\"";
  std::size_t end = std::min(text.size(), kMaxShownWord);
  while (end < text.size() && end > 0 && is_continuation(text[end])) --end;
  append_escaped(out, text.substr(0, end));
  return out + (end < text.size() ? "...\"" : "\"");
}

}  // namespace lintel::config
