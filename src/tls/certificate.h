#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "config/model.h"
#include "tls/handles.h"
#include "tls/problems.h"

namespace lintel::tls {

/// Which clients can use a certificate. One name may have one certificate of each kind.
enum class KeyKind : std::uint8_t { rsa, ecdsa, other };
inline constexpr std::size_t kKeyKinds = 3;

/// A server's certificate with its chain, its key and what is known of both. Immutable.
struct Certificate {
  X509Ptr leaf;
  std::vector<X509Ptr> chain;  ///< Intermediates, the leaf's issuer first.
  KeyPtr key;
  KeyKind kind = KeyKind::rsa;
  std::vector<std::string> names;  ///< DNS names of the leaf, lower case, "*.suffix" for wildcards.
  std::string subject;             ///< "CN=example.com,O=Example".
  std::int64_t not_after = 0;      ///< Seconds since 1970.
  std::string ocsp;                ///< A response to staple, DER; empty: none.

  /// The first name, or the subject.
  [[nodiscard]] const std::string& label() const noexcept { return names.empty() ? subject : names.front(); }
};

/// `file` as the configuration file that `place` lies in means it: relative to that file's folder.
[[nodiscard]] std::string resolve_file(const config::Place& place, const std::string& file);
/// The bytes of a file; on failure tells why in `problems` at `setting` and returns nothing. Blocks.
[[nodiscard]] std::string read_file(const std::string& path, const std::string& setting, Problems& problems);

/// Loads what `files` names and checks that it belongs together, and that OpenSSL would serve it: `probe` is
/// any server context, whose certificate changes. `setting` is its place below the tls section. Returns null
/// after adding errors. Blocks on files.
[[nodiscard]] std::unique_ptr<Certificate> load_certificate(const config::TlsCertificate& files,
                                                            const std::string& setting, ssl_ctx_st* probe,
                                                            Problems& problems);

/// Every certificate of PEM text `text`, in its order; empty after adding an error.
[[nodiscard]] std::vector<X509Ptr> parse_certificates(const std::string& text, const std::string& path,
                                                      const std::string& setting, Problems& problems);

/// The subject as RFC 2253 writes it: "CN=example.com,O=Example".
[[nodiscard]] std::string subject_of(const x509_st* certificate);

}  // namespace lintel::tls
