#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lintel::tls {

/// Something wrong with what a configuration asks of TLS: a file that cannot be used, above all.
struct Problem {
  bool is_warning = false;  ///< Worth telling, but it can be served with.
  std::string setting;      ///< Below the `tls` section: "certificates[0].key".
  std::string message;      ///< What is wrong, with the file's name.
  std::string advice;       ///< What to do; may be empty.
};

/// What loading found wrong.
class Problems {
 public:
  void error(std::string setting, std::string message, std::string advice = {}) {
    list_.push_back({false, std::move(setting), std::move(message), std::move(advice)});
    ++errors_;
  }
  void warn(std::string setting, std::string message, std::string advice = {}) {
    list_.push_back({true, std::move(setting), std::move(message), std::move(advice)});
  }
  [[nodiscard]] std::size_t errors() const noexcept { return errors_; }
  [[nodiscard]] const std::vector<Problem>& list() const noexcept { return list_; }

 private:
  std::vector<Problem> list_;
  std::size_t errors_ = 0;
};

/// What OpenSSL says went wrong last, in its words, or "" if it says nothing. Empties its list of errors.
[[nodiscard]] std::string take_openssl_error();
/// The same as a text of static storage.
[[nodiscard]] const char* take_openssl_reason() noexcept;

}  // namespace lintel::tls
