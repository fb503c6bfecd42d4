#pragma once

// What schema.cc writes its rows with: from a member's C++ type to the untyped access that visitors use.

#include <chrono>
#include <concepts>
#include <initializer_list>
#include <optional>
#include <type_traits>
#include <utility>

#include "config/schema.h"

namespace lintel::config::build {

template <typename T>
struct IsVector : std::false_type {};
template <typename T>
struct IsVector<std::vector<T>> : std::true_type {};
template <typename T>
struct IsOptional : std::false_type {};
template <typename T>
struct IsOptional<std::optional<T>> : std::true_type {};

template <typename T>
concept Number = std::integral<T> || std::is_enum_v<T> || std::same_as<T, milliseconds> ||
                 std::same_as<T, Bytes> || std::same_as<T, ByteRate>;

template <typename T>
std::int64_t to_number(const T& value) {
  if constexpr (std::same_as<T, milliseconds>) {
    return value.count();
  } else if constexpr (std::same_as<T, Bytes> || std::same_as<T, ByteRate>) {
    return static_cast<std::int64_t>(value.value);
  } else {
    return static_cast<std::int64_t>(value);
  }
}

template <typename T>
T from_number(std::int64_t number) {
  if constexpr (std::same_as<T, Bytes> || std::same_as<T, ByteRate>) {
    return T{static_cast<std::uint64_t>(number)};
  } else {
    return static_cast<T>(number);
  }
}

template <typename T>
Access number_access() {
  Access access;
  access.get_number = [](const void* value) { return to_number(*static_cast<const T*>(value)); };
  access.set_number = [](void* value, std::int64_t number) {
    *static_cast<T*>(value) = from_number<T>(number);
  };
  return access;
}

template <typename T>
Access optional_access() {
  Access access;
  access.get_optional = [](const void* value) -> const void* {
    const auto& held = *static_cast<const std::optional<T>*>(value);
    return held ? &*held : nullptr;
  };
  access.emplace = [](void* value) -> void* { return &static_cast<std::optional<T>*>(value)->emplace(); };
  return access;
}

template <typename T>
Access list_access() {
  using List = std::vector<T>;
  Access access;
  access.count = [](const void* list) { return static_cast<const List*>(list)->size(); };
  access.item = [](const void* list, std::size_t index) -> const void* {
    return &(*static_cast<const List*>(list))[index];
  };
  access.append = [](void* list) -> void* { return &static_cast<List*>(list)->emplace_back(); };
  access.clear = [](void* list) { static_cast<List*>(list)->clear(); };
  if constexpr (requires(T element) {
                  { element.name } -> std::same_as<std::string&>;
                }) {
    access.name = [](void* element) -> std::string& { return static_cast<T*>(element)->name; };
  }
  return access;
}

/// `type` with the access that the C++ type `T` needs; std::optional becomes Kind::optional around it.
template <typename T>
Type bind(Type type) {
  if constexpr (IsOptional<T>::value) {
    Type outer;
    outer.kind = Kind::optional;
    outer.element = std::make_shared<Type>(bind<typename T::value_type>(std::move(type)));
    outer.access = optional_access<typename T::value_type>();
    type = std::move(outer);
  } else if constexpr (IsVector<T>::value) {
    if (type.element) type.element = std::make_shared<Type>(bind<typename T::value_type>(*type.element));
    type.access = list_access<typename T::value_type>();
  } else if constexpr (Number<T>) {
    type.access = number_access<T>();
  }
  type.access.equal = [](const void* a, const void* b) {
    return *static_cast<const T*>(a) == *static_cast<const T*>(b);
  };
  return type;
}

inline Type of_kind(Kind kind) {
  Type type;
  type.kind = kind;
  return type;
}

inline Type integer(std::int64_t min, std::int64_t max, std::string_view zero_word = {}) {
  Type type = of_kind(Kind::integer);
  type.min = min;
  type.max = max;
  type.zero_word = zero_word;
  return type;
}

inline Type one_of(std::initializer_list<std::int64_t> allowed) {
  Type type = integer(*allowed.begin(), *(allowed.end() - 1));
  type.allowed = allowed;
  return type;
}

inline Type duration(milliseconds min, milliseconds max, std::string_view zero_word = {}) {
  Type type = integer(min.count(), max.count(), zero_word);
  type.kind = Kind::duration;
  return type;
}

inline Type size(Bytes min, Bytes max, std::string_view zero_word = {}) {
  Type type = integer(to_number(min), to_number(max), zero_word);
  type.kind = Kind::size;
  return type;
}

inline Type byte_rate(ByteRate min, ByteRate max, std::string_view zero_word = {}) {
  Type type = integer(to_number(min), to_number(max), zero_word);
  type.kind = Kind::byte_rate;
  return type;
}

inline Type percent(std::int64_t min, std::int64_t max, std::string_view zero_word = {}) {
  Type type = integer(min, max, zero_word);
  type.kind = Kind::percent;
  return type;
}

inline Type choice(std::initializer_list<std::string_view> spellings) {
  Type type = of_kind(Kind::choice);
  type.choices = spellings;
  type.min = 0;
  type.max = static_cast<std::int64_t>(spellings.size()) - 1;
  return type;
}

inline Type text(const TextFormat& format) {
  Type type = of_kind(Kind::text);
  type.format = &format;
  return type;
}

inline Type list_of(Type element) {
  Type type = of_kind(Kind::list);
  type.element = std::make_shared<Type>(std::move(element));
  return type;
}

inline Type one_or_many(Type element) {
  Type type = list_of(std::move(element));
  type.one_or_many = true;
  return type;
}

inline Type object_of(const ObjectType& object) {
  Type type = of_kind(Kind::object);
  type.object = &object;
  return type;
}

inline Type named(const ObjectType& object, const TextFormat& names = kName) {
  Type type = of_kind(Kind::named);
  type.object = &object;
  type.format = &names;
  return type;
}

template <typename Object, typename Member>
Field field(Member Object::*member, std::string_view key, Type type, std::string_view help) {
  Field row;
  row.key = key;
  row.type = bind<Member>(std::move(type));
  row.member = [member](void* object) -> void* { return &(static_cast<Object*>(object)->*member); };
  row.help = help;
  return row;
}

inline Field directive(std::string_view key, Type type, std::string_view help) {
  Field row;
  row.key = key;
  row.type = std::move(type);
  row.help = help;
  return row;
}

template <typename Object>
ObjectType object(std::string_view name, std::vector<Field> fields, std::string_view short_key = {}) {
  static const Object kDefaults{};
  void (*set_place)(void*, const Place&) = nullptr;
  if constexpr (requires(Object& value) { value.place; }) {
    set_place = [](void* value, const Place& place) { static_cast<Object*>(value)->place = place; };
  }
  return ObjectType{name, short_key, &kDefaults, set_place, std::move(fields)};
}

}  // namespace lintel::config::build
