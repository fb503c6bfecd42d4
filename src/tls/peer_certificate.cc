#include "tls/peer_certificate.h"

#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <array>

#include "tls/certificate.h"

namespace lintel::tls {
namespace {

std::string hex(const unsigned char* bytes, unsigned size) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (unsigned i = 0; i < size; ++i)
    text.append(1, kDigits[bytes[i] >> 4]).append(1, kDigits[bytes[i] & 15]);
  return text;
}

std::string base64_of(const X509* certificate) {
  unsigned char* der = nullptr;
  const int size = i2d_X509(certificate, &der);
  if (size <= 0) return {};
  std::string text(static_cast<std::size_t>(size + 2) / 3 * 4 + 1, '\0');
  const int written = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), der, size);
  OPENSSL_free(der);
  text.resize(static_cast<std::size_t>(written));
  return text;
}

}  // namespace

std::optional<PeerCertificate> peer_certificate(const TlsStream& stream, bool with_base64) {
  const X509* shown = SSL_get0_peer_certificate(stream.ssl());
  if (!shown) return std::nullopt;
  PeerCertificate peer;
  peer.subject = subject_of(shown);
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  if (X509_digest(shown, EVP_sha256(), digest.data(), &size) == 1)
    peer.fingerprint = hex(digest.data(), size);
  if (with_base64) peer.base64 = base64_of(shown);
  return peer;
}

}  // namespace lintel::tls
