#include <algorithm>

#include "config/diagnostic.h"
#include "config/emit.h"
#include "config/environment.h"
#include "config/units.h"

namespace lintel::config {
namespace {

/// True for text that YAML and the loader read as itself without quotes.
bool is_plain(std::string_view text) {
  if (text.empty() || text == "null" || text == "Null" || text == "NULL" || parse_boolean(text)) return false;
  const auto first = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '/';
  };
  const auto later = [&](char c) {
    return first(c) || std::string_view("._-+@").find(c) != std::string_view::npos;
  };
  if (!first(text.front())) return false;
  for (std::size_t i = 1; i < text.size(); ++i) {
    const bool inner_colon = text[i] == ':' && i + 1 < text.size() && later(text[i + 1]);
    if (!later(text[i]) && !inner_colon) return false;
  }
  return true;
}

class YamlWriter {
 public:
  explicit YamlWriter(EmitOptions options) : options_(options) {}

  void object(const ObjectType& type, const void* value, std::size_t indent) {
    const Protocols around = protocols_;
    if (const Field* protocol = type.find("protocol")) {
      protocols_ = bit(static_cast<Protocol>(protocol->type.access.get_number(member_of(*protocol, value))));
    }
    for (const Field& row : type.fields) {
      if (!row.is_directive() && (row.protocols & protocols_) != 0) field(type, row, value, indent);
    }
    protocols_ = around;
  }
  std::string take() { return std::move(out_); }

 private:
  void line(std::size_t indent, const std::string& text) { out_ += std::string(indent, ' ') + text + '\n'; }

  void field(const ObjectType& owner, const Field& row, const void* object, std::size_t indent) {
    const void* value = member_of(row, object);
    const bool is_default = row.type.access.equal(value, member_of(row, owner.defaults));
    if (!is_default || row.is_required || options_.defaults)
      setting(row.type, row.key, value, indent, is_default);
  }

  void setting(const Type& type, std::string_view key, const void* value, std::size_t indent,
               bool is_default) {
    const std::string name = std::string(key) + ':';
    switch (type.kind) {
      case Kind::optional:
        if (const void* held = type.access.get_optional(value))
          setting(*type.element, key, held, indent, false);
        return;
      case Kind::object:
        return nested(*type.object, name, value, indent, is_default);
      case Kind::list:
        return list(type, name, value, indent);
      case Kind::named:
        return named(type, name, value, indent);
      default:
        break;
    }
    const std::string text = value_text(type, value);
    if (text.empty() && is_default) return;
    line(indent, name + ' ' + (type.kind == Kind::boolean ? text : yaml_scalar(text)));
  }

  /// An object below its key; left out when nothing is in it, unless its being there says something.
  void nested(const ObjectType& type, const std::string& name, const void* value, std::size_t indent,
              bool is_default) {
    const std::size_t before = out_.size();
    line(indent, name);
    const std::size_t begin = out_.size();
    object(type, value, indent + 2);
    if (out_.size() > begin) return;
    out_.resize(before);
    if (!is_default) line(indent, name + " {}");
  }

  void list(const Type& type, const std::string& name, const void* value, std::size_t indent) {
    const std::size_t count = type.access.count(value);
    if (count == 0) return;
    if (type.element->kind == Kind::object) {
      line(indent, name);
      for (std::size_t i = 0; i < count; ++i)
        element(*type.element->object, type.access.item(value, i), indent + 2);
      return;
    }
    std::string items;
    for (std::size_t i = 0; i < count; ++i) {
      items += (i == 0 ? "" : ", ") + yaml_scalar(value_text(*type.element, type.access.item(value, i)));
    }
    line(indent, name + " [" + items + ']');
  }

  /// An object as a list's element: its first line takes the dash.
  void element(const ObjectType& type, const void* value, std::size_t indent) {
    const std::size_t begin = out_.size();
    object(type, value, indent + 2);
    if (out_.size() == begin) return line(indent, "- {}");
    out_[begin + indent] = '-';
  }

  void named(const Type& type, const std::string& name, const void* value, std::size_t indent) {
    const std::size_t count = type.access.count(value);
    if (count == 0) return;
    line(indent, name);
    for (std::size_t i = 0; i < count; ++i) {
      const void* item = type.access.item(value, i);
      const std::string& key = type.access.name(const_cast<void*>(item));
      nested(*type.object, yaml_scalar(key) + ':', item, indent + 2, false);
    }
  }

  EmitOptions options_;
  Protocols protocols_ = kEveryProtocol;  ///< Of the listener that is being written.
  std::string out_;
};

}  // namespace

std::string value_text(const Type& type, const void* value) {
  switch (type.kind) {
    case Kind::text:
      return *static_cast<const std::string*>(value);
    case Kind::endpoint: {
      const auto& endpoint = *static_cast<const Endpoint*>(value);
      return endpoint == Endpoint() ? "" : endpoint.to_string();
    }
    case Kind::network:
      return static_cast<const Cidr*>(value)->to_string();
    default:
      return format_number(type, type.access.get_number(value));
  }
}

std::string yaml_scalar(std::string_view text) {
  const std::string escaped = escape_dollars(text);
  if (is_plain(escaped)) return escaped;
  std::string out = "\"";
  append_escaped(out, escaped);
  return out + '"';
}

std::optional<std::string> default_text(const ObjectType& object, const Field& field) {
  if (field.is_directive() || field.is_required) return std::nullopt;
  switch (field.type.kind) {
    case Kind::optional:
    case Kind::list:
    case Kind::object:
    case Kind::named:
      return std::nullopt;
    default:
      break;
  }
  std::string text = value_text(field.type, member_of(field, object.defaults));
  if (text.empty()) return std::nullopt;
  return text;
}

std::string to_yaml(const Config& config, EmitOptions options) {
  YamlWriter writer(options);
  writer.object(config_type(), &config, 0);
  std::string out = writer.take();
  return out.empty() ? "{}\n" : out;
}

}  // namespace lintel::config
