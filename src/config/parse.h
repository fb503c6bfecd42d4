#pragma once

// The visitor that reads a document into the model.

#include "config/diagnostic.h"
#include "config/environment.h"
#include "config/schema.h"
#include "config/yaml_tree.h"

namespace lintel::config {

/// Reads the settings of one file into `target`, an object of `type`, on top of what is there: a list that is
/// given takes the place of its default, and one that an earlier file has begun grows. Every mistake goes to
/// `report`, and the setting keeps its value; every setting that was given is located there. Directives are
/// skipped.
void parse_document(const ObjectType& type, const YamlNode& document, const Environment& environment,
                    Report& report, void* target);

/// The texts of a directive such as "include" at the top of `document`, with their places.
[[nodiscard]] std::vector<YamlNode> parse_directive(const YamlNode& document, const Field& field,
                                                    const Environment& environment, Report& report);

}  // namespace lintel::config
