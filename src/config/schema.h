#pragma once

// The table of settings. Every setting is declared once, in schema.cc; the visitors (parse.cc, emit_*.cc)
// walk the table and reach the model through it, without knowing the model's types.

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "config/model.h"
#include "config/text_format.h"

namespace lintel::config {

struct ObjectType;

enum class Kind : std::uint8_t {
  boolean,
  integer,
  duration,   ///< As a number: milliseconds.
  size,       ///< As a number: bytes.
  byte_rate,  ///< As a number: bytes per second.
  percent,    ///< As a number: percent.
  choice,     ///< As a number: the position in `choices`.
  text,
  endpoint,
  network,
  optional,  ///< `element`, or absent.
  list,      ///< Of `element`.
  object,
  named,  ///< A mapping from names to objects; in the model a list whose elements have a `name`.
};

/// How visitors reach a value of the model. The functions that fit the kind are set, the others are null.
struct Access {
  std::int64_t (*get_number)(const void* value) = nullptr;
  void (*set_number)(void* value, std::int64_t number) = nullptr;
  const void* (*get_optional)(const void* value) = nullptr;  ///< Null when absent.
  void* (*emplace)(void* value) = nullptr;
  std::size_t (*count)(const void* list) = nullptr;
  const void* (*item)(const void* list, std::size_t index) = nullptr;
  void* (*append)(void* list) = nullptr;  ///< Valid until the next append.
  void (*clear)(void* list) = nullptr;
  std::string& (*name)(void* element) = nullptr;
  bool (*equal)(const void* a, const void* b) = nullptr;
};

struct Type {
  Kind kind = Kind::text;
  Access access;
  std::int64_t min = std::numeric_limits<std::int64_t>::min();  ///< Numbers: the range, both ends included.
  std::int64_t max = std::numeric_limits<std::int64_t>::max();
  std::vector<std::int64_t> allowed;      ///< Integers: if not empty, only these.
  std::string_view zero_word;             ///< Numbers: the word that is written for 0, outside the range.
  std::vector<std::string_view> choices;  ///< Choices: the spellings, in the enum's order.
  const TextFormat* format = nullptr;     ///< Text; named: of the names.
  std::shared_ptr<const Type> element;    ///< Optional, list.
  bool one_or_many = false;               ///< Lists: a single value stands for a list of one.
  const ObjectType* object = nullptr;     ///< Object, named.
};

/// A set of listeners' protocols, one bit each.
using Protocols = std::uint8_t;
[[nodiscard]] constexpr Protocols bit(Protocol protocol) {
  return static_cast<Protocols>(1U << static_cast<unsigned>(protocol));
}
constexpr Protocols kEveryProtocol = 0xff;

/// One row of the table.
struct Field {
  std::string_view key;
  Type type;
  std::function<void*(void* object)> member;  ///< Empty for directives, which the loader carries out.
  std::string_view help;                      ///< One sentence.
  std::string_view example_text;              ///< A YAML value, or empty.
  std::string_view since = "0.1";
  bool reloadable = true;
  bool is_required = false;
  bool is_repeatable = false;  ///< May be given in several included files: lists grow, values are replaced.
  Protocols protocols = kEveryProtocol;  ///< Of the listeners that may have it.

  Field required() const;
  Field repeatable() const;
  Field example(std::string_view text) const;
  Field only(Protocols set) const;
  [[nodiscard]] bool is_directive() const { return member == nullptr; }
};

/// A mapping with fixed keys.
struct ObjectType {
  std::string_view name;       ///< Definition's name in the JSON Schema.
  std::string_view short_key;  ///< A plain value in place of the mapping sets this key; empty: not allowed.
  const void* defaults;        ///< A default-constructed object.
  void (*set_place)(void* object, const Place& place);  ///< Null if the model does not keep it.
  std::vector<Field> fields;

  [[nodiscard]] const Field* find(std::string_view key) const;
  [[nodiscard]] std::vector<std::string_view> keys() const;
};

/// The whole file.
[[nodiscard]] const ObjectType& config_type();

/// A number of `type` as the file would write it, with its unit or word.
[[nodiscard]] std::string format_number(const Type& type, std::int64_t number);

/// `object`'s member described by `field`. The const form only reads.
[[nodiscard]] inline void* member_of(const Field& field, void* object) {
  return field.member(object);
}
[[nodiscard]] inline const void* member_of(const Field& field, const void* object) {
  return field.member(const_cast<void*>(object));
}

}  // namespace lintel::config
