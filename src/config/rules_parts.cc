#include "config/rules_parts.h"

namespace lintel::config {

std::string indexed(std::string_view list, std::size_t index) {
  return std::string(list) + '[' + std::to_string(index) + ']';
}

std::string listener_key(std::size_t listener) {
  return indexed("listeners", listener);
}
std::string pool_key(std::size_t pool) {
  return indexed("pools", pool);
}
std::string route_key(std::size_t listener, std::size_t route) {
  return indexed(listener_key(listener) + ".routes", route);
}

void error(Report& report, const std::string& key, std::string message, std::string suggestion) {
  if (!report.failed(key))
    report.add(Severity::error, report.nearest(key), std::move(message), std::move(suggestion));
}

void warning(Report& report, const std::string& key, std::string message, std::string suggestion) {
  if (report.failed(key)) return;
  report.add(Severity::warning, report.nearest(key), std::move(message), std::move(suggestion));
}

void error_twice(Report& report, const std::string& key, const std::string& first_key, std::string message,
                 std::string suggestion, std::string note) {
  if (report.failed(key)) return;
  Diagnostic& added =
      report.add(Severity::error, report.nearest(key), std::move(message), std::move(suggestion));
  report.note(added, report.nearest(first_key).place, std::move(note));
}

void error_if_absent(Report& report, const std::string& key, std::initializer_list<std::string_view> absent,
                     std::string message, std::string suggestion) {
  for (const std::string_view name : absent) {
    if (report.failed(key + '.' + std::string(name))) return;
  }
  if (report.failed(key + ".?") || report.broken(key)) return;
  report.add(Severity::error, report.nearest(key), std::move(message), std::move(suggestion));
}

}  // namespace lintel::config
