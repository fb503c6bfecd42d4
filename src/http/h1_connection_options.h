#pragma once

// Connection: what a sender says about one connection, and the fields that it takes out of the message with
// it (RFC 9110, 7.6.1).

#include <cstdint>
#include <string_view>

#include "http/message.h"

namespace lintel::http {

/// What the Connection fields of a head ask for.
struct ConnectionOptions {
  bool close = false;
  bool keep_alive = false;
  bool upgrade = false;
  bool nominates = false;       ///< Names of fields other than those that are always taken out.
  std::uint16_t count = 0;      ///< Names in all.
  const char* error = nullptr;  ///< Why the head must be refused; static storage.

  /// Adds the names of one Connection field. Errors: a name that is no token, more than 10 names, a name of a
  /// field that tells framing, routing or who asks: taking that out would make two readers disagree.
  void add(std::string_view value) noexcept;
  /// Whether the sender lets the connection go on (RFC 9112, 9.3).
  [[nodiscard]] bool persists(Version version) const noexcept {
    return !close && (version == Version::http11 || keep_alive);
  }
};

/// Removes from `fields` every field that a Connection field of `head` names (the Connection lines may be
/// removed already). `fields` may be `head`, or the trailers of the same message.
void remove_nominated(Fields& fields, const Fields& head) noexcept;

/// The seconds of "timeout=N" in a Keep-Alive value; 0 where there are none.
[[nodiscard]] std::uint32_t keep_alive_timeout(std::string_view value) noexcept;

/// Whether a TE value lists "trailers".
[[nodiscard]] bool lists_trailers(std::string_view value) noexcept;

/// Whether an Upgrade value is one protocol that a tunnel may be opened for: not a list, not HTTP/2 in clear
/// text or TLS, which would take the rest of the connection out of our sight.
[[nodiscard]] bool is_tunnel_protocol(std::string_view value) noexcept;

}  // namespace lintel::http
