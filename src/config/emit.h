#pragma once

// The visitors that print: a configuration as YAML, and the table of settings as JSON Schema and as manual.

#include <optional>
#include <string>
#include <string_view>

#include "config/model.h"
#include "config/schema.h"

namespace lintel::config {

struct EmitOptions {
  bool defaults = false;  ///< Also settings that have their default.
};

/// `config` as one YAML file without includes and variables. Loading it gives an equal Config.
[[nodiscard]] std::string to_yaml(const Config& config, EmitOptions options = {});

/// JSON Schema (draft 7, which editors understand) of the file.
[[nodiscard]] std::string json_schema();

/// The manual page lintel.yaml(5) in roff.
[[nodiscard]] std::string man_page();

/// A scalar of the model as text, not yet quoted for YAML.
[[nodiscard]] std::string value_text(const Type& type, const void* value);

/// `text` as a YAML scalar that the loader reads back as the same text: quoted where needed, dollars doubled.
[[nodiscard]] std::string yaml_scalar(std::string_view text);

/// The default of `field` within `object` as text; nothing for objects, empty lists, empty texts and what
/// must be given.
[[nodiscard]] std::optional<std::string> default_text(const ObjectType& object, const Field& field);

}  // namespace lintel::config
