#pragma once

// Certificates made as a test needs them, in a folder that goes with the test.

#include <doctest/doctest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "config/model.h"
#include "tls/handles.h"

namespace lintel::tls::test {

/// A folder of its own, removed at the end.
class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "lintel-tls-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() { std::filesystem::remove_all(path_); }
  [[nodiscard]] std::string file(const std::string& name) const { return (path_ / name).string(); }
  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(file(name), std::ios::binary) << text;
    return file(name);
  }
  [[nodiscard]] std::string read(const std::string& name) const {
    std::ifstream in(file(name), std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }

 private:
  std::filesystem::path path_;
};

inline KeyPtr make_key(bool rsa = false) {
  return KeyPtr(rsa ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256"));
}

struct Made {
  X509Ptr certificate;
  KeyPtr key;
};

/// What a certificate is to be like.
struct Wish {
  std::string name;                ///< Common name.
  std::vector<std::string> names;  ///< subjectAltName, "DNS:a.test"; empty: none.
  bool rsa = false;
  bool is_ca = false;
  long from = -3600;  ///< Seconds from now.
  long to = 86400;
};

inline void add_extension(X509* to, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, to, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  REQUIRE(extension != nullptr);
  X509_add_ext(to, extension, -1);
  X509_EXTENSION_free(extension);
}

/// Issued by `issuer`, or by itself.
inline Made make_certificate(const Wish& wish, const Made* issuer = nullptr) {
  static long serial = 1000;
  Made made{X509Ptr(X509_new()), make_key(wish.rsa)};
  X509* x = made.certificate.get();
  X509_set_version(x, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(x), ++serial);
  X509_gmtime_adj(X509_getm_notBefore(x), wish.from);
  X509_gmtime_adj(X509_getm_notAfter(x), wish.to);
  X509_set_pubkey(x, made.key.get());
  X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(wish.name.c_str()), -1, -1, 0);
  X509* by = issuer ? issuer->certificate.get() : x;
  X509_set_issuer_name(x, X509_get_subject_name(by));
  add_extension(x, by, NID_basic_constraints, wish.is_ca ? "critical,CA:TRUE" : "CA:FALSE");
  std::string names;
  for (const std::string& name : wish.names) names += (names.empty() ? "" : ",") + name;
  if (!names.empty()) add_extension(x, by, NID_subject_alt_name, names);
  REQUIRE(X509_sign(x, issuer ? issuer->key.get() : made.key.get(), EVP_sha256()) > 0);
  return made;
}

inline std::string pem(const X509Ptr& certificate) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(bio.get(), certificate.get());
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

inline std::string pem(const KeyPtr& key, const char* password = nullptr) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_PrivateKey(bio.get(), key.get(), password ? EVP_aes_128_cbc() : nullptr,
                           reinterpret_cast<const unsigned char*>(password),
                           password ? static_cast<int>(std::char_traits<char>::length(password)) : 0, nullptr,
                           nullptr);
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

/// A certification authority, and the files of what it issues.
class Authority {
 public:
  explicit Authority(const std::string& name = "Test CA")
      : own_(make_certificate(Wish{name, {}, false, true})) {
    folder.write("ca.crt", pem(own_.certificate));
  }
  /// Writes <name>.crt and <name>.key and names them for a configuration.
  config::TlsCertificate issue(const std::string& name, const Wish& wish) const {
    const Made made = make_certificate(wish, &own_);
    config::TlsCertificate files;
    files.cert = folder.write(name + ".crt", pem(made.certificate) + pem(own_.certificate));
    files.key = folder.write(name + ".key", pem(made.key));
    return files;
  }
  [[nodiscard]] config::TlsCertificate issue(const std::string& host, bool rsa = false) const {
    Wish wish;
    wish.name = host;
    wish.names = {"DNS:" + host};
    wish.rsa = rsa;
    return issue((host[0] == '*' ? "wildcard" + host.substr(1) : host) + (rsa ? "-rsa" : ""), wish);
  }
  [[nodiscard]] const Made& own() const { return own_; }
  [[nodiscard]] std::string ca_file() const { return folder.file("ca.crt"); }

  Folder folder;

 private:
  Made own_;
};

}  // namespace lintel::tls::test
