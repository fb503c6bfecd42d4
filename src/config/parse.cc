#include "config/parse.h"

#include <algorithm>
#include <unordered_map>

#include "config/units.h"

namespace lintel::config {
namespace {

/// A setting's path: `key` with list positions for the report, `display` for people.
struct Path {
  std::string key;
  std::string display;

  [[nodiscard]] Path child(std::string_view name) const {
    const std::string dot = key.empty() ? "" : ".";
    return {key + dot + std::string(name), display + dot + std::string(name)};
  }
  [[nodiscard]] Path item(std::size_t index) const {
    const std::string position = '[' + std::to_string(index) + ']';
    return {key + position, display + position};
  }
  /// An element of a named mapping: found by position, shown by name.
  [[nodiscard]] Path named(std::size_t index, std::string_view name) const {
    return {item(index).key, display + '.' + std::string(name)};
  }
};

class Parser {
 public:
  Parser(const Environment& environment, Report& report) : environment_(environment), report_(report) {}

  void object(const ObjectType& type, const YamlNode& node, void* target, const Path& path);
  void value(const Type& type, const YamlNode& node, void* target, const Path& path);
  /// The scalar's text with variables replaced, or nothing after reporting why there is none.
  std::optional<std::string> scalar(const YamlNode& node, const Path& path, std::string_view wanted);

 private:
  void fail(const Place& place, const Path& path, std::string message, std::string suggestion = {}) {
    report_.add(Severity::error, {place, path.display}, std::move(message), std::move(suggestion));
    report_.fail(path.key);
  }
  void wrong_kind(const YamlNode& node, const Path& path, std::string_view wanted,
                  std::string suggestion = {}) {
    const std::string found = node.kind == YamlNode::Kind::null ? "has no value" : "found " + describe(node);
    fail(node.place, path, "expected " + std::string(wanted) + ", " + found, std::move(suggestion));
  }

  std::string_view entry(const ObjectType& type, const YamlNode::Entry& entry, void* target,
                         const Path& path);
  std::string_view unknown_key(const ObjectType& type, const YamlNode& key, const Path& path);
  bool set_before(const Field& field, const YamlNode& node, const Path& path);
  void number(const Type& type, const YamlNode& node, void* target, const Path& path);
  std::optional<std::int64_t> parse_number(const Type& type, const YamlNode& node, const Path& path);
  void choice(const Type& type, const YamlNode& node, void* target, const Path& path);
  void text(const Type& type, const YamlNode& node, void* target, const Path& path);
  void address(const Type& type, const YamlNode& node, void* target, const Path& path);
  void list(const Type& type, const YamlNode& node, void* target, const Path& path);
  void named(const Type& type, const YamlNode& node, void* target, const Path& path);

  const Environment& environment_;
  Report& report_;
};

std::string_view kind_title(const Type& type) {
  switch (type.kind) {
    case Kind::boolean:
      return "true or false";
    case Kind::integer:
      return "a whole number";
    case Kind::duration:
      return "a duration such as 250ms, 5s or 1m";
    case Kind::size:
      return "a size such as 64KiB or 10MiB";
    case Kind::byte_rate:
      return "a rate such as 240B/s or 8KiB/s";
    case Kind::percent:
      return "a percentage such as 50%";
    case Kind::choice:
      return "a word";
    case Kind::text:
      return type.format->title;
    case Kind::endpoint:
      return "an address such as 127.0.0.1:8080";
    case Kind::network:
      return "a network such as 10.0.0.0/8";
    default:
      return "a value";
  }
}

std::string range_text(const Type& type) {
  if (!type.allowed.empty()) {
    std::string out = "one of: ";
    for (const std::int64_t number : type.allowed) {
      if (number != type.allowed.front()) out += ", ";
      out += format_number(type, number);
    }
    return out;
  }
  std::string out = "allowed is " + format_number(type, type.min) + " to " + format_number(type, type.max);
  if (!type.zero_word.empty()) out += ", or " + std::string(type.zero_word);
  return out;
}

std::optional<std::string> Parser::scalar(const YamlNode& node, const Path& path, std::string_view wanted) {
  if (node.kind != YamlNode::Kind::scalar) {
    wrong_kind(node, path, wanted);
    return std::nullopt;
  }
  std::string why;
  auto expanded = expand(node.text, environment_, why);
  if (!expanded) fail(node.place, path, why);
  return expanded;
}

void Parser::object(const ObjectType& type, const YamlNode& node, void* target, const Path& path) {
  if (type.set_place != nullptr) type.set_place(target, node.place);
  const Field* meant_by_short = type.short_key.empty() ? nullptr : type.find(type.short_key);
  if (meant_by_short != nullptr &&
      (node.kind == YamlNode::Kind::scalar ||
       (node.kind == YamlNode::Kind::list && meant_by_short->type.kind == Kind::list))) {
    const Field& field = *meant_by_short;
    report_.locate(path.child(field.key).key, {node.place, path.display});
    value(field.type, node, member_of(field, target), {path.child(field.key).key, path.display});
    return;
  }
  if (node.kind == YamlNode::Kind::scalar || node.kind == YamlNode::Kind::list) {
    std::string keys = "with the keys " + join_words(type.keys());
    wrong_kind(node, path, "a mapping", std::move(keys));
    return;
  }
  std::vector<std::string_view> meant;
  for (const YamlNode::Entry& each : node.entries) meant.push_back(entry(type, each, target, path));
  for (const std::string_view key : meant) {
    // A misspelt key counts as given, so that its absence is not reported as well.
    const std::string inside = path.child(key).key;
    if (!key.empty() && report_.find(inside) == nullptr) report_.fail(inside);
  }
  for (const Field& field : type.fields) {
    if (!field.is_required || report_.find(path.child(field.key).key) != nullptr) continue;
    const Path missing = path.child(field.key);
    if (report_.failed(missing.key)) continue;
    const std::string example = field.example_text.empty() ? ""
                                                           : ", for example " + std::string(field.key) +
                                                                 ": " + std::string(field.example_text);
    const Located* here = report_.find(path.key);
    fail(here != nullptr ? here->place : node.place, {missing.key, path.display},
         "\"" + std::string(field.key) + "\" is missing", "add it" + example);
  }
}

/// Returns the key that was probably meant when this one is unknown.
std::string_view Parser::entry(const ObjectType& type, const YamlNode::Entry& entry, void* target,
                               const Path& path) {
  const Field* field = type.find(entry.key.text);
  if (field == nullptr) {
    return unknown_key(type, entry.key, path);
  }
  const Path inside = path.child(field->key);
  if (field->is_directive() || set_before(*field, entry.value, inside)) return {};
  const Place& place = entry.value.kind == YamlNode::Kind::null ? entry.key.place : entry.value.place;
  // A list that is given replaces its default; further files add to it (is_repeatable).
  const bool is_first = report_.find(inside.key) == nullptr;
  report_.locate(inside.key, {place, inside.display});
  if (entry.value.kind != YamlNode::Kind::null) {
    if (is_first && field->type.access.clear != nullptr) field->type.access.clear(member_of(*field, target));
    value(field->type, entry.value, member_of(*field, target), inside);
    return {};
  }
  YamlNode empty = entry.value;  // its own place is that of whatever follows
  empty.place = entry.key.place;
  value(field->type, empty, member_of(*field, target), inside);
  return {};
}

/// Returns the key that was probably meant, or an empty view.
std::string_view Parser::unknown_key(const ObjectType& type, const YamlNode& key, const Path& path) {
  const std::vector<std::string_view> keys = type.keys();
  report_.add(Severity::error, {key.place, path.display}, "unknown key " + quote(key.text),
              suggest(key.text, keys, "known keys"));
  const std::string_view meant = nearest_word(key.text, keys);
  if (meant.empty()) report_.fail(path.child("?").key);
  return meant;
}

/// Reports a setting that an earlier file gave already. Mappings merge, their keys are looked at one by one.
bool Parser::set_before(const Field& field, const YamlNode& node, const Path& path) {
  const Located* before = report_.find(path.key);
  if (before == nullptr || field.is_repeatable) return false;
  if (field.type.kind == Kind::object && node.kind != YamlNode::Kind::scalar) return false;
  const Place first = before->place;
  Diagnostic& twice = report_.add(Severity::error, {node.place, path.display},
                                  "is already set in another file", "keep one of them");
  report_.note(twice, first, "it is set here first");
  report_.fail(path.key);
  return true;
}

void Parser::value(const Type& type, const YamlNode& node, void* target, const Path& path) {
  switch (type.kind) {
    case Kind::boolean:
    case Kind::integer:
    case Kind::duration:
    case Kind::size:
    case Kind::byte_rate:
    case Kind::percent:
      return number(type, node, target, path);
    case Kind::choice:
      return choice(type, node, target, path);
    case Kind::text:
      return text(type, node, target, path);
    case Kind::endpoint:
    case Kind::network:
      return address(type, node, target, path);
    case Kind::optional:
      return value(*type.element, node, type.access.emplace(target), path);
    case Kind::list:
      return list(type, node, target, path);
    case Kind::object:
      return object(*type.object, node, target, path);
    case Kind::named:
      return named(type, node, target, path);
  }
}

std::optional<std::int64_t> Parser::parse_number(const Type& type, const YamlNode& node, const Path& path) {
  const auto content = scalar(node, path, kind_title(type));
  if (!content) return std::nullopt;
  if (!type.zero_word.empty() && *content == type.zero_word) return 0;
  std::optional<std::int64_t> number;
  std::string why;
  if (type.kind == Kind::duration) {
    if (const auto parsed = parse_duration(*content, why)) number = parsed->count();
  } else if (type.kind == Kind::size) {
    if (const auto parsed = parse_size(*content, why)) number = static_cast<std::int64_t>(parsed->value);
  } else if (type.kind == Kind::byte_rate) {
    if (const auto parsed = parse_byte_rate(*content, why)) number = static_cast<std::int64_t>(parsed->value);
  } else if (type.kind == Kind::percent) {
    number = parse_percent(*content, why);
  } else if (type.kind == Kind::integer) {
    number = parse_integer(*content, why);
  } else {
    number = parse_boolean(*content);
    why = quote(*content) + " is not true or false";
  }
  if (!number) {
    fail(node.place, path, why, type.zero_word.empty() ? "" : "or write " + std::string(type.zero_word));
    return std::nullopt;
  }
  const bool listed = type.allowed.empty() ||
                      std::find(type.allowed.begin(), type.allowed.end(), *number) != type.allowed.end();
  if (*number >= type.min && *number <= type.max && listed) return number;
  fail(node.place, path, quote(*content) + " is out of range", range_text(type));
  return std::nullopt;
}

void Parser::number(const Type& type, const YamlNode& node, void* target, const Path& path) {
  if (const auto parsed = parse_number(type, node, path)) type.access.set_number(target, *parsed);
}

void Parser::choice(const Type& type, const YamlNode& node, void* target, const Path& path) {
  const auto content = scalar(node, path, "one of: " + join_words(type.choices));
  if (!content) return;
  const auto found = std::find(type.choices.begin(), type.choices.end(), *content);
  if (found == type.choices.end()) {
    fail(node.place, path, "unknown value " + quote(*content), suggest(*content, type.choices));
    return;
  }
  type.access.set_number(target, found - type.choices.begin());
}

void Parser::text(const Type& type, const YamlNode& node, void* target, const Path& path) {
  auto content = scalar(node, path, type.format->title);
  if (!content) return;
  if (!node.quoted && *content == node.text && parse_boolean(node.text)) {
    fail(node.place, path,
         "expected " + std::string(type.format->title) + ", but YAML reads a plain " + node.text +
             " as true or false",
         "if you mean the text, quote it: \"" + node.text + '"');
    return;
  }
  std::string why;
  if (content->empty() && type.format != &kAnyText) {
    fail(node.place, path, "is empty; expected " + std::string(type.format->title));
    return;
  }
  const std::string shown = quote(*content);
  if (!type.format->accept(*content, why)) {
    fail(node.place, path, shown + ' ' + why);
    return;
  }
  *static_cast<std::string*>(target) = std::move(*content);
}

void Parser::address(const Type& type, const YamlNode& node, void* target, const Path& path) {
  const auto content = scalar(node, path, kind_title(type));
  if (!content) return;
  std::string why;
  if (type.kind == Kind::endpoint) {
    if (auto endpoint = Endpoint::parse(*content, why)) {
      *static_cast<Endpoint*>(target) = std::move(*endpoint);
      return;
    }
  } else if (const auto network = Cidr::parse(*content, why)) {
    *static_cast<Cidr*>(target) = *network;
    return;
  }
  fail(node.place, path, quote(*content) + " is not " + std::string(kind_title(type)) + ": " + why);
}

void Parser::list(const Type& type, const YamlNode& node, void* target, const Path& path) {
  if (node.kind == YamlNode::Kind::null) return;
  if (node.kind != YamlNode::Kind::list) {
    const bool is_element = node.kind != YamlNode::Kind::map || type.element->kind == Kind::object;
    if (!type.one_or_many || !is_element) {
      wrong_kind(node, path, "a list",
                 node.kind == YamlNode::Kind::scalar ? "write [" + node.text.substr(0, 40) + ']'
                                                     : "begin each entry with \"- \"");
      return;
    }
    const Path only{path.item(0).key, path.display};
    report_.locate(only.key, {node.place, only.display});
    value(*type.element, node, type.access.append(target), only);
    return;
  }
  for (const YamlNode& each : node.items) {
    const Path inside = path.item(type.access.count(target));
    report_.locate(inside.key, {each.place, inside.display});
    value(*type.element, each, type.access.append(target), inside);
  }
}

void Parser::named(const Type& type, const YamlNode& node, void* target, const Path& path) {
  if (node.kind == YamlNode::Kind::null) return;
  if (node.kind != YamlNode::Kind::map) {
    wrong_kind(node, path, "a mapping from names to settings", "write \"name:\" before each, without \"- \"");
    return;
  }
  std::unordered_map<std::string, std::size_t> defined;  // names, of earlier files too
  for (std::size_t i = 0; i < type.access.count(target); ++i) {
    defined.emplace(type.access.name(const_cast<void*>(type.access.item(target, i))), i);
  }
  for (const YamlNode::Entry& each : node.entries) {
    const std::size_t count = type.access.count(target);
    const Path inside = path.named(count, each.key.text);
    const auto [found, added] = defined.emplace(each.key.text, count);
    if (!added) {
      const Place first = report_.nearest(path.item(found->second).key).place;
      Diagnostic& twice = report_.add(Severity::error, {each.key.place, inside.display}, "is defined twice",
                                      "rename or remove one of them");
      report_.note(twice, first, "it is defined here first");
      continue;
    }
    report_.locate(inside.key, {each.key.place, inside.display});
    std::string name = each.key.text;
    std::string why;
    if (name.empty() || !type.format->accept(name, why)) {
      fail(each.key.place, {inside.key + ".name", path.display},
           quote(name) + (name.empty() ? " is not " + std::string(type.format->title) : ' ' + why));
    }
    void* element = type.access.append(target);
    type.access.name(element) = name;
    object(*type.object, each.value, element, inside);
    if (type.object->set_place != nullptr) type.object->set_place(element, each.key.place);
  }
}

}  // namespace

void parse_document(const ObjectType& type, const YamlNode& document, const Environment& environment,
                    Report& report, void* target) {
  Parser(environment, report).object(type, document, target, {});
}

std::vector<YamlNode> parse_directive(const YamlNode& document, const Field& field,
                                      const Environment& environment, Report& report) {
  std::vector<YamlNode> out;
  Parser parser(environment, report);
  for (const YamlNode::Entry& entry : document.entries) {
    if (entry.key.text != field.key) continue;
    const std::vector<YamlNode> single = {entry.value};
    const bool many = entry.value.kind == YamlNode::Kind::list;
    for (const YamlNode& item : many ? entry.value.items : single) {
      const Path path{std::string(field.key), std::string(field.key)};
      auto content = parser.scalar(item, path, field.type.element->format->title);
      if (!content || content->empty()) continue;
      out.push_back(item);
      out.back().text = std::move(*content);
    }
  }
  return out;
}

}  // namespace lintel::config
