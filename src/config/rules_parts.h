#pragma once

// What the files of rules share: how a setting is named, and how one is complained about.

#include <cstddef>
#include <initializer_list>
#include <string>
#include <string_view>

#include "config/diagnostic.h"
#include "config/model.h"

namespace lintel::config {

/// "list[index]".
[[nodiscard]] std::string indexed(std::string_view list, std::size_t index);
[[nodiscard]] std::string listener_key(std::size_t listener);
[[nodiscard]] std::string pool_key(std::size_t pool);
[[nodiscard]] std::string route_key(std::size_t listener, std::size_t route);

/// Adds an error at `key` unless that setting is broken already.
void error(Report& report, const std::string& key, std::string message, std::string suggestion = {});
void warning(Report& report, const std::string& key, std::string message, std::string suggestion = {});
/// As `error`, with a note that shows where the other of the two stands.
void error_twice(Report& report, const std::string& key, const std::string& first_key, std::string message,
                 std::string suggestion, std::string note);
/// Adds an error at `key` that rests on some of its keys being absent: silent if one of `absent`, or a key
/// that nobody knows, was given and refused.
void error_if_absent(Report& report, const std::string& key, std::initializer_list<std::string_view> absent,
                     std::string message, std::string suggestion);

/// The rules of pools (rules_pool.cc).
namespace rule {
void pool_has_servers(const Config& config, Report& report);
void server_addresses(const Config& config, Report& report);
void balance_is_complete(const Config& config, Report& report);
}  // namespace rule

}  // namespace lintel::config
