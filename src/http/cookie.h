#pragma once

// What a request carries by name beside its header fields: cookies and the parameters of its query.

#include <string_view>

#include "http/message.h"

namespace lintel::http {

/// The cookies of a request one after the other (RFC 6265, 4.2.1), over all its Cookie lines. Reads `fields`,
/// which must not change meanwhile.
class CookieReader {
 public:
  explicit CookieReader(const Fields& fields) noexcept : fields_(fields) {}
  /// The next one, its value without quotes; false: there is none left.
  [[nodiscard]] bool next(std::string_view& name, std::string_view& value) noexcept;

 private:
  const Fields& fields_;
  std::size_t line_ = 0;
  std::string_view rest_;
};

/// The parameters of a query ("a=1&b=2") one after the other, as they stand there.
class QueryReader {
 public:
  explicit QueryReader(std::string_view query) noexcept : rest_(query) {}
  [[nodiscard]] bool next(std::string_view& name, std::string_view& value) noexcept;

 private:
  std::string_view rest_;
};

/// The value of the first cookie of that name; empty where there is none. Points into `fields`.
[[nodiscard]] std::string_view cookie_value(const Fields& fields, std::string_view name) noexcept;

/// The value of the first parameter of that name; empty where there is none. Points into `query`.
[[nodiscard]] std::string_view query_value(std::string_view query, std::string_view name) noexcept;

}  // namespace lintel::http
