#pragma once

// The PROXY protocol, versions 1 (a line of text) and 2 (binary): what a load balancer says of a connection
// before its first byte. haproxy's proxy-protocol.txt is its specification.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/address.h"
#include "base/buffer.h"

namespace lintel::net {

/// What one header says. Text fields are what the sender wrote, not checked for characters.
struct ProxyHeader {
  std::uint8_t version = 2;
  /// The connection is the sender's own, a health check say: it speaks for nobody.
  bool is_local = false;
  /// The client and what it connected to. Empty with is_local and where the sender did not know.
  SocketAddress source;
  SocketAddress destination;
  // Version 2 only; empty where not told.
  std::string alpn;
  std::string authority;  ///< The name that the client asked for (SNI).
  std::string unique_id;  ///< Any bytes, at most 128.
  std::string netns;
  bool has_tls = false;  ///< The client connected over TLS.
  /// The verification of the client's certificate failed, or it sent none.
  bool unverified = true;
  std::uint8_t tls_flags =
      0;  ///< PP2_CLIENT_*: 1 TLS, 2 a certificate on this connection, 4 in this session.
  std::string tls_version;
  std::string tls_common_name;  ///< Of the client's certificate.
  std::string tls_cipher;
  std::string tls_signature;
  std::string tls_key;
};

struct ProxyParse {
  enum class Status : std::uint8_t { need_more, done, error };
  Status status = Status::need_more;
  std::size_t size = 0;     ///< Done: bytes of the header. Need more: how many there must be at least.
  const char* reason = "";  ///< Error: a sentence for the log. Static storage.
};

/// The largest header that is accepted.
inline constexpr std::size_t kMaxProxyHeader = 16 * 1024;

/// Reads the header at the beginning of `in`; strict, a checksum is verified. `header` is meaningful when
/// done.
[[nodiscard]] ProxyParse parse_proxy_header(std::string_view in, ProxyHeader& header);

/// Appends `header` in the form of `version` (1 or 2). Version 1 has addresses only; addresses of two
/// families, or of none, are sent as not known.
void append_proxy_header(Buffer& out, const ProxyHeader& header, int version);

}  // namespace lintel::net
