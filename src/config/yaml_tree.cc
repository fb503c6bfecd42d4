#include "config/yaml_tree.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <cctype>
#include <istream>
#include <streambuf>
#include <unordered_map>

namespace lintel::config {
namespace {

constexpr std::size_t kMaxDepth = 64;
constexpr std::size_t kMaxNodes = 500'000;
/// yaml-cpp looks ahead to the end of the line for a ":", so that its time grows with the square of a line.
constexpr std::size_t kMaxLine = 64 * 1024;

/// Thrown through yaml-cpp when a limit is passed; parse_yaml turns it into a message.
struct LimitPassed {
  YAML::Mark mark;
  std::string message;
};

/// Reads from memory without a copy.
class ViewBuffer : public std::streambuf {
 public:
  explicit ViewBuffer(std::string_view text) {
    char* begin = const_cast<char*>(text.data());  // streambuf's interface; nothing writes
    setg(begin, begin, begin + text.size());
  }
};

Place place_of(const YAML::Mark& mark, const std::string& file) {
  return mark.is_null() ? Place{file, 0, 0} : Place{file, mark.line + 1, mark.column + 1};
}

std::size_t count_nodes(const YamlNode& node) {
  std::size_t count = 1;
  for (const YamlNode& item : node.items) count += count_nodes(item);
  for (const YamlNode::Entry& entry : node.entries) count += 1 + count_nodes(entry.value);
  return count;
}

std::size_t depth_of(const YamlNode& node) {
  std::size_t deepest = 0;
  for (const YamlNode& item : node.items) deepest = std::max(deepest, depth_of(item));
  for (const YamlNode::Entry& entry : node.entries) deepest = std::max(deepest, depth_of(entry.value));
  return deepest + 1;
}

/// Builds the tree from yaml-cpp's events. Open lists and maps are on a stack; a finished one moves into its
/// parent, so that yaml-cpp's own node graph (shared, cyclic, without places for keys) is never built.
class TreeBuilder : public YAML::EventHandler {
 public:
  TreeBuilder(const std::string& file, Report& report) : file_(file), report_(report) {}

  YamlNode take() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    finish(make(YamlNode::Kind::null, mark), anchor);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end())
      throw LimitPassed{mark, "an alias cannot stand inside the value that it names"};
    count(mark, count_nodes(found->second));
    if (open_.size() + depth_of(found->second) > kMaxDepth) too_deep(mark);
    finish(YamlNode(found->second), 0);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    YamlNode node = make(YamlNode::Kind::scalar, mark);
    node.text = value;
    node.quoted = tag == "!";
    check_tag(tag, node.place);
    finish(std::move(node), anchor);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(YamlNode::Kind::list, mark, tag, anchor);
  }
  void OnSequenceEnd() override { close(); }

  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(YamlNode::Kind::map, mark, tag, anchor);
  }
  void OnMapEnd() override { close(); }

 private:
  struct Open {
    YamlNode node;
    YAML::anchor_t anchor = 0;
    bool has_key = false;
    YamlNode key;
    std::unordered_map<std::string, Place> seen;
  };

  [[noreturn]] static void too_deep(const YAML::Mark& mark) {
    throw LimitPassed{mark, "nested deeper than " + std::to_string(kMaxDepth) + " levels"};
  }

  void count(const YAML::Mark& mark, std::size_t nodes) {
    nodes_ += nodes;
    if (nodes_ > kMaxNodes) {
      throw LimitPassed{mark, "the file has more than " + std::to_string(kMaxNodes) +
                                  " values (aliases count as often as used)"};
    }
  }

  YamlNode make(YamlNode::Kind kind, const YAML::Mark& mark) {
    count(mark, 1);
    YamlNode node;
    node.kind = kind;
    node.place = place_of(mark, file_);
    return node;
  }

  void check_tag(const std::string& tag, const Place& place) {
    if (tag.empty() || tag == "!" || tag == "?") return;
    report_.add(Severity::error, {place, ""}, "YAML tags such as " + quote(tag) + " are not supported",
                "remove the tag");
  }

  void open(YamlNode::Kind kind, const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    Open opened;
    opened.node = make(kind, mark);
    opened.anchor = anchor;
    check_tag(tag, opened.node.place);
    if (open_.size() >= kMaxDepth) too_deep(mark);
    open_.push_back(std::move(opened));
  }

  void close() {
    Open closed = std::move(open_.back());
    open_.pop_back();
    finish(std::move(closed.node), closed.anchor);
  }

  void finish(YamlNode node, YAML::anchor_t anchor) {
    if (anchor != 0) {
      count(YAML::Mark::null_mark(), count_nodes(node));
      anchors_[anchor] = node;
    }
    if (open_.empty()) {
      root_ = std::move(node);
      return;
    }
    Open& parent = open_.back();
    if (parent.node.kind == YamlNode::Kind::list) {
      parent.node.items.push_back(std::move(node));
    } else if (!parent.has_key) {
      parent.key = std::move(node);
      parent.has_key = true;
    } else {
      parent.has_key = false;
      add_entry(parent, std::move(node));
    }
  }

  /// Adds `value` under the pending key unless the key is refused.
  void add_entry(Open& parent, YamlNode value) {
    YamlNode key = std::move(parent.key);
    if (key.kind != YamlNode::Kind::scalar) {
      const bool braces = key.kind != YamlNode::Kind::null;
      report_.add(Severity::error, {key.place, ""}, "a key must be text, this one is " + describe(key),
                  braces ? "quote the text if it begins with a bracket or brace" : "");
      return;
    }
    if (key.text == "<<" && !key.quoted) {
      report_.add(Severity::error, {key.place, ""}, "merge keys (<<) are not supported",
                  "write the settings out; anchors and aliases for whole values work");
      return;
    }
    const auto [seen, added] = parent.seen.emplace(key.text, key.place);
    if (!added) {
      Diagnostic& twice = report_.add(Severity::error, {key.place, ""},
                                      "the key " + quote(key.text) + " is given twice", "keep one of them");
      report_.note(twice, seen->second, "the first " + quote(key.text) + " is here");
      return;
    }
    parent.node.entries.push_back({std::move(key), std::move(value)});
  }

  const std::string& file_;
  Report& report_;
  YamlNode root_;
  std::vector<Open> open_;
  std::unordered_map<YAML::anchor_t, YamlNode> anchors_;
  std::size_t nodes_ = 0;
};

/// yaml-cpp's message in this file's style: no full stop, lower case.
std::string syntax_message(std::string message) {
  if (!message.empty())
    message.front() = static_cast<char>(std::tolower(static_cast<unsigned char>(message.front())));
  return "this is not valid YAML: " + message;
}

/// Text for the position of the first byte that is not UTF-8, or null.
const char* find_bad_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const std::size_t length = lead < 0x80                   ? 1
                               : lead >= 0xC2 && lead < 0xE0 ? 2
                               : lead >= 0xE0 && lead < 0xF0 ? 3
                               : lead >= 0xF0 && lead < 0xF5 ? 4
                                                             : 0;
    if (length == 0 || lead == 0 || i + length > text.size()) return text.data() + i;
    for (std::size_t j = 1; j < length; ++j) {
      if ((static_cast<unsigned char>(text[i + j]) & 0xC0U) != 0x80U) return text.data() + i;
    }
    i += length;
  }
  return nullptr;
}

/// Reports a file that is not UTF-8 text. True if it is.
bool check_text(std::string_view text, const std::string& file, Report& report) {
  const char* bad = find_bad_utf8(text);
  if (bad == nullptr) return true;
  Place place{file, 1, 1};
  for (const char* at = text.data(); at != bad; ++at) {
    ++place.column;
    if (*at == '\n') ++place.line, place.column = 1;
  }
  Diagnostic& added = report.add(Severity::error, {place, ""},
                                 *bad == '\0' ? "the file contains a NUL byte" : "the file is not UTF-8 text",
                                 "save it as UTF-8");
  added.source_line.clear();
  return false;
}

/// Reports the first line that is too long. True if there is none.
bool check_lines(std::string_view text, const std::string& file, Report& report) {
  int line = 1;
  for (std::size_t begin = 0; begin < text.size(); ++line) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    if (end - begin > kMaxLine) {
      report.add(Severity::error, {{file, line, 1}, ""}, "the line is longer than 64 KiB", "break it up");
      return false;
    }
    begin = end + 1;
  }
  return true;
}

}  // namespace

YamlNode parse_yaml(std::string_view text, const std::string& file, Report& report) {
  if (!check_text(text, file, report) || !check_lines(text, file, report)) {
    report.fail("");
    return {};
  }
  TreeBuilder builder(file, report);
  Place broken;
  std::string message;
  try {
    ViewBuffer buffer(text);
    std::istream stream(&buffer);
    YAML::Parser parser(stream);
    parser.HandleNextDocument(builder);
    YamlNode root = builder.take();
    TreeBuilder rest(file, report);
    if (parser.HandleNextDocument(rest)) {
      report.add(Severity::error, {rest.take().place, ""}, "the file holds a second YAML document",
                 "use one document per file");
    }
    return root;
  } catch (const YAML::Exception& error) {
    broken = place_of(error.mark, file);
    message = syntax_message(error.msg);
  } catch (const LimitPassed& limit) {
    broken = place_of(limit.mark, file);
    message = limit.message;
  }
  Diagnostic& added = report.add(Severity::error, {broken, ""}, message);
  if (added.source_line.find("${") != std::string::npos) {
    added.suggestion = "inside [ ] or { } a value with ${NAME} must be quoted";
  }
  report.fail("");
  return {};
}

std::string describe(const YamlNode& node) {
  switch (node.kind) {
    case YamlNode::Kind::null:
      return "nothing";
    case YamlNode::Kind::scalar:
      return quote(node.text);
    case YamlNode::Kind::list:
      return "a list";
    case YamlNode::Kind::map:
      return "a mapping";
  }
  return {};
}

}  // namespace lintel::config
