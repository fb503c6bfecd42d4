#include "tls/context_common.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include <array>

#include "tls/certificate.h"

namespace lintel::tls {
namespace {

/// TLS 1.2: ECDHE with AEAD only. Cheap ones first; who has no AES in hardware asks for ChaCha20 itself.
constexpr const char* kCiphers12 =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";

}  // namespace

void set_common_rules(SSL_CTX* context, config::TlsVersion least) {
  SSL_CTX_set_min_proto_version(context,
                                least == config::TlsVersion::tls13 ? TLS1_3_VERSION : TLS1_2_VERSION);
  SSL_CTX_set_max_proto_version(context, 0);
  SSL_CTX_set_cipher_list(context, kCiphers12);
  // The first where OpenSSL has it (3.5): safe against quantum computers too.
  if (SSL_CTX_set1_groups_list(context, "X25519MLKEM768:X25519:P-256") != 1) {
    SSL_CTX_set1_groups_list(context, "X25519:P-256");
  }
  ERR_clear_error();
  // The end of a connection without close_notify is told apart by TlsStream.
  SSL_CTX_set_options(context,
                      SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
}

std::string digest(const std::string& text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
  unsigned size = 0;
  EVP_Digest(text.data(), text.size(), bytes.data(), &size, EVP_sha256(), nullptr);
  return {reinterpret_cast<const char*>(bytes.data()), size};
}

std::string alpn_wire(const std::vector<std::string>& names) {
  std::string wire;
  for (const std::string& name : names) wire.append(1, static_cast<char>(name.size())).append(name);
  return wire;
}

bool trust_file(SSL_CTX* context, const std::string& path, const std::string& setting, Problems& problems) {
  const std::size_t before = problems.errors();
  const std::string text = read_file(path, setting, problems);
  if (problems.errors() != before) return false;
  X509_STORE* store = SSL_CTX_get_cert_store(context);
  for (const X509Ptr& one : parse_certificates(text, path, setting, problems)) {
    X509_STORE_add_cert(store, one.get());
  }
  ERR_clear_error();
  return problems.errors() == before;
}

void revoke_file(SSL_CTX* context, const std::string& path, const std::string& setting, Problems& problems) {
  const std::size_t before = problems.errors();
  static_cast<void>(read_file(path, setting, problems));
  if (problems.errors() != before) return;
  X509_STORE* store = SSL_CTX_get_cert_store(context);
  X509_LOOKUP* lookup = X509_STORE_add_lookup(store, X509_LOOKUP_file());
  if (!lookup || X509_load_crl_file(lookup, path.c_str(), X509_FILETYPE_PEM) < 1) {
    problems.error(setting, "\"" + path + "\" holds no revocation list: " + take_openssl_error(),
                   "one begins with -----BEGIN X509 CRL-----");
    return;
  }
  X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK);
}

}  // namespace lintel::tls
