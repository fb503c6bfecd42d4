#include <map>

#include "base/json.h"
#include "config/emit.h"

namespace lintel::config {
namespace {

constexpr std::string_view kDurationPattern = "^(?=.)([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?$";
constexpr std::string_view kSizePattern = "^[0-9]+([Bb]|[Kk][Ii][Bb]|[Mm][Ii][Bb]|[Gg][Ii][Bb]|[KkMmGg])$";
constexpr std::string_view kByteRatePattern =
    "^[0-9]+([Bb]|[Kk][Ii][Bb]|[Mm][Ii][Bb]|[Gg][Ii][Bb]|[KkMmGg])/s$";
constexpr std::string_view kAddressPattern =
    "^(unix:[/@].+|(\\[[0-9A-Fa-f:.]+\\]|[A-Za-z0-9._-]*):[0-9]{1,5})$";
constexpr std::string_view kNetworkPattern = "^[0-9A-Fa-f:.]+(/[0-9]{1,3})?$";

class SchemaWriter {
 public:
  std::string write() {
    collect(config_type());
    json_.begin_object();
    json_.member("$schema", "http://json-schema.org/draft-07/schema#");
    json_.member("title", "lintel.yaml");
    json_.member("description",
                 "Configuration of Lintel. Generated from src/config/schema.cc by `lintel schema`.");
    mapping(config_type());
    json_.key("definitions");
    json_.begin_object();
    json_.key("variable");
    json_.begin_object();
    json_.member("description", "A value with environment variables: ${NAME} or ${NAME:-default}.");
    json_.member("type", "string");
    json_.member("pattern", "\\$\\{");
    json_.end_object();
    for (const auto& [name, type] : objects_) {
      json_.key(name);
      definition(*type);
    }
    json_.end_object();
    json_.end_object();
    buffer_.append('\n');
    return std::string(buffer_.view());
  }

 private:
  static const ObjectType* object_in(const Type& type) {
    return type.element ? object_in(*type.element) : type.object;
  }

  void collect(const ObjectType& type) {
    for (const Field& field : type.fields) {
      const ObjectType* inside = object_in(field.type);
      if (inside == nullptr) continue;
      if (objects_.emplace(inside->name, inside).second) collect(*inside);
    }
  }

  void definition(const ObjectType& type) {
    json_.begin_object();
    if (type.short_key.empty()) {
      mapping(type);
    } else {
      json_.key("anyOf");
      json_.begin_array();
      json_.begin_object();
      shape(type.find(type.short_key)->type);
      json_.end_object();
      json_.begin_object();
      mapping(type);
      json_.end_object();
      json_.end_array();
    }
    json_.end_object();
  }

  void mapping(const ObjectType& type) {
    json_.key("type");
    json_.begin_array();
    json_.text("object");
    json_.text("null");
    json_.end_array();
    json_.key("additionalProperties");
    json_.boolean(false);
    json_.key("properties");
    json_.begin_object();
    for (const Field& field : type.fields) property(type, field);
    json_.end_object();
    bool first = true;
    for (const Field& field : type.fields) {
      if (!field.is_required) continue;
      if (first) {
        json_.key("required");
        json_.begin_array();
      }
      first = false;
      json_.text(field.key);
    }
    if (!first) json_.end_array();
  }

  void property(const ObjectType& owner, const Field& field) {
    json_.key(field.key);
    json_.begin_object();
    json_.member("description", field.help);
    if (const auto text = default_text(owner, field)) {
      json_.key("default");
      const Type& type = field.type;
      const bool word = !type.zero_word.empty() && *text == type.zero_word;
      if (type.kind == Kind::boolean) {
        json_.boolean(*text == "true");
      } else if (type.kind == Kind::integer && !word) {
        json_.signed_number(type.access.get_number(member_of(field, owner.defaults)));
      } else {
        json_.text(*text);
      }
    }
    shape(field.type);
    json_.end_object();
  }

  /// The keywords that say what a value of `type` looks like, inside an open object.
  void shape(const Type& type) {
    switch (type.kind) {
      case Kind::optional:
        return shape(*type.element);
      case Kind::list:
        return list(type);
      case Kind::object:
        json_.key("allOf");
        json_.begin_array();
        reference(type.object->name);
        json_.end_array();
        return;
      case Kind::named:
        json_.key("type");
        json_.begin_array();
        json_.text("object");
        json_.text("null");
        json_.end_array();
        json_.key("propertyNames");
        json_.begin_object();
        if (!type.format->pattern.empty()) json_.member("pattern", type.format->pattern);
        json_.end_object();
        json_.key("additionalProperties");
        reference(type.object->name);
        return;
      default:
        return scalar(type);
    }
  }

  void list(const Type& type) {
    if (type.one_or_many) {
      json_.key("anyOf");
      json_.begin_array();
      json_.begin_object();
      shape(*type.element);
      json_.end_object();
      json_.begin_object();
    }
    json_.member("type", "array");
    json_.key("items");
    json_.begin_object();
    shape(*type.element);
    json_.end_object();
    if (type.one_or_many) {
      json_.end_object();
      json_.end_array();
    }
  }

  void reference(std::string_view name) {
    json_.begin_object();
    json_.member("$ref", "#/definitions/" + std::string(name));
    json_.end_object();
  }

  void scalar(const Type& type) {
    if (type.kind == Kind::text && type.format->pattern.empty()) {
      json_.member("type", "string");
      return;
    }
    json_.key("anyOf");
    json_.begin_array();
    json_.begin_object();
    literal(type);
    json_.end_object();
    if (!type.zero_word.empty()) words({type.zero_word});
    if (type.kind == Kind::boolean) words({"on", "off", "yes", "no"});
    reference("variable");
    json_.end_array();
  }

  void words(const std::vector<std::string_view>& all) {
    json_.begin_object();
    enumeration(all);
    json_.end_object();
  }

  void enumeration(const std::vector<std::string_view>& all) {
    json_.key("enum");
    json_.begin_array();
    for (const std::string_view word : all) json_.text(word);
    json_.end_array();
  }

  void text(std::string_view pattern) { json_.member("type", "string").member("pattern", pattern); }

  void literal(const Type& type) {
    switch (type.kind) {
      case Kind::boolean:
        json_.member("type", "boolean");
        return;
      case Kind::integer:
        json_.member("type", "integer");
        if (type.allowed.empty()) {
          json_.member("minimum", type.min);
          json_.member("maximum", type.max);
          return;
        }
        json_.key("enum");
        json_.begin_array();
        for (const std::int64_t number : type.allowed) json_.signed_number(number);
        json_.end_array();
        return;
      case Kind::duration:
        return text(kDurationPattern);
      case Kind::size:
        return text(kSizePattern);
      case Kind::byte_rate:
        return text(kByteRatePattern);
      case Kind::percent:
        return text("^[0-9]+%$");
      case Kind::choice:
        return enumeration(type.choices);
      case Kind::endpoint:
        return text(kAddressPattern);
      case Kind::network:
        return text(kNetworkPattern);
      default:
        return text(type.format->pattern);
    }
  }

  Buffer buffer_;
  JsonWriter json_{buffer_, JsonWriter::Style::indented};
  std::map<std::string_view, const ObjectType*> objects_;
};

}  // namespace

std::string json_schema() {
  return SchemaWriter().write();
}

}  // namespace lintel::config
