#pragma once

// The first message of a TLS connection (RFC 8446, 4.1.2), as far as a balancer needs it that does not take
// part: which server the client asks for. Nothing is decrypted; what follows is not looked at.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace lintel::net {

struct ClientHello {
  std::string server_name;    ///< SNI in lower case, without a trailing dot; empty: none was sent.
  std::string alpn;           ///< Protocols in the client's order, "h2,http/1.1"; empty: none.
  std::uint16_t version = 0;  ///< The highest that the client offers: 0x0303 is TLS 1.2, 0x0304 is TLS 1.3.
  bool encrypted = false;     ///< With Encrypted Client Hello: server_name is of the outer one.
};

struct HelloParse {
  enum class Status : std::uint8_t { need_more, done, error };
  Status status = Status::need_more;
  const char* reason = "";  ///< Error: a sentence for the log. Static storage.
};

/// The largest ClientHello that is read, with the headers of its records.
inline constexpr std::size_t kMaxClientHello = 32 * 1024;

/// Whether a connection that begins with this byte can be TLS (a handshake record) and cannot be HTTP.
[[nodiscard]] constexpr bool begins_tls(char first) noexcept {
  return first == 0x16;
}

/// Reads the ClientHello at the beginning of `in`, over as many records as it takes. Strict. `hello` is
/// meaningful when done.
[[nodiscard]] HelloParse parse_client_hello(std::string_view in, ClientHello& hello);

}  // namespace lintel::net
