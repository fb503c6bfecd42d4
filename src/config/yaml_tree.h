#pragma once

// A YAML document as a plain tree that knows where everything stood. Only yaml_tree.cc sees yaml-cpp.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "config/diagnostic.h"

namespace lintel::config {

/// A value of the document. Aliases are already replaced by what they stand for.
struct YamlNode {
  enum class Kind : std::uint8_t { null, scalar, list, map };
  struct Entry;

  Kind kind = Kind::null;
  bool quoted = false;  ///< A scalar in quotes or a block scalar: its text is meant as text.
  std::string text;     ///< Scalars only.
  Place place;
  std::vector<YamlNode> items;  ///< Lists only.
  std::vector<Entry> entries;   ///< Maps only, in the file's order; keys are unique scalars.
};

struct YamlNode::Entry {
  YamlNode key;
  YamlNode value;
};

/// Parses one document. Reports syntax errors, duplicate keys, merge keys, tags, a second document and passed
/// limits to `report`. Returns what could be read (syntax errors leave nothing: a null node, and fail("")).
/// An empty document is a null node.
[[nodiscard]] YamlNode parse_yaml(std::string_view text, const std::string& file, Report& report);

/// "a list", "a mapping", "the text "x"" or "nothing", for messages.
[[nodiscard]] std::string describe(const YamlNode& node);

}  // namespace lintel::config
