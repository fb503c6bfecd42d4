#pragma once

#include <optional>
#include <string>

#include "tls/tls_stream.h"

namespace lintel::tls {

/// A certificate that the other side has shown and that was accepted.
struct PeerCertificate {
  std::string subject;      ///< As RFC 2253 writes it, in ASCII: "CN=alice,O=Example".
  std::string fingerprint;  ///< SHA-256 of the certificate, lower-case hexadecimal.
  std::string base64;       ///< The certificate itself, DER.
};

/// Nothing where none was shown. `with_base64`: whether that member is wanted.
[[nodiscard]] std::optional<PeerCertificate> peer_certificate(const TlsStream& stream, bool with_base64);

}  // namespace lintel::tls
