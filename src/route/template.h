#pragma once

// Texts with variables, compiled when a configuration is loaded: "{client_ip}", "{header.X-User}". "{{" and
// "}}" stand for braces.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/buffer.h"
#include "route/conditions.h"

namespace lintel::route {

/// What variables stand for. Views; they must not lie in the buffer that is written to.
struct Values {
  const RequestView& request;  ///< As it was matched.
  std::string_view scheme = {};
  std::string_view request_id = {};
  std::string_view listener = {};
  std::string_view route = {};
  std::string_view pool = {};
  std::string_view server = {};
  int status = 0;
  std::span<const std::string_view> groups = {};  ///< What a regular expression took: {0}, {1}, …
};

/// Immutable; any thread may use it.
class Template {
 public:
  /// Which variables there are: those of every request, also what a response adds, or what a regular
  /// expression took.
  enum class For : std::uint8_t { request, response, replacement };

  Template() = default;
  /// Nothing if `text` is none; `why` then says what is wrong. `groups`: how many a replacement may name.
  [[nodiscard]] static std::optional<Template> compile(std::string_view text, For use, std::string& why,
                                                       std::size_t groups = 0);

  [[nodiscard]] bool empty() const noexcept { return parts_.empty(); }
  /// Appends what it comes to. What is not there is empty. Allocates nothing once `out` has grown.
  void append_to(Buffer& out, const Values& values) const;

 private:
  enum class Kind : std::uint8_t {
    literal,
    client_ip,
    host,
    method,
    path,
    query,
    uri,
    scheme,
    sni,
    client_cert_subject,
    request_id,
    listener,
    route,
    header,
    cookie,
    parameter,
    pool,
    server,
    status,
    group,
  };
  struct Part {
    Kind kind = Kind::literal;
    std::string text;  ///< The literal, or the name behind the dot.
    std::size_t group = 0;
  };
  struct Variable;
  static const Variable kVariables[];
  [[nodiscard]] static std::optional<Part> variable(std::string_view name, For use, std::string& why,
                                                    std::size_t groups);
  static void append_part(Buffer& out, const Part& part, const Values& values);

  std::vector<Part> parts_;
};

}  // namespace lintel::route
