#include "tls/certificate.h"

#include <fcntl.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ocsp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <filesystem>
#include <system_error>

namespace lintel::tls {
namespace {

constexpr std::size_t kMostBytes = std::size_t{8} << 20U;

std::string in_quotes(std::string_view text) {
  return '"' + std::string(text) + '"';
}

std::string user_name() {
  const passwd* user = getpwuid(geteuid());
  return user ? user->pw_name : std::to_string(geteuid());
}

BioPtr memory_bio(const std::string& text) {
  return BioPtr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

std::string utc_date(const ASN1_TIME* time) {
  std::tm parts{};
  char text[64] = "";
  if (ASN1_TIME_to_tm(time, &parts) == 1) std::strftime(text, sizeof text, "%Y-%m-%d %H:%M UTC", &parts);
  return text;
}

std::int64_t unix_time(const ASN1_TIME* time) {
  std::tm parts{};
  return ASN1_TIME_to_tm(time, &parts) == 1 ? static_cast<std::int64_t>(timegm(&parts)) : 0;
}

std::string ordinal(std::size_t index) {
  static constexpr std::string_view kWords[] = {"first", "second", "third", "fourth"};
  return index < 4 ? std::string(kWords[index]) : std::to_string(index + 1) + "th";
}

/// A password asked for means that the key is encrypted: there is nobody to type it.
int note_password(char*, int, int, void* asked) {
  *static_cast<bool*>(asked) = true;
  return -1;
}

KeyPtr parse_key(const std::string& text, const std::string& path, const std::string& setting,
                 Problems& problems) {
  const BioPtr bio = memory_bio(text);
  bool asked = false;
  KeyPtr key(PEM_read_bio_PrivateKey(bio.get(), nullptr, note_password, &asked));
  const std::string why = take_openssl_error();
  if (key) return key;
  if (asked) {
    problems.error(setting, "the private key in " + in_quotes(path) + " is protected by a password",
                   "remove it: openssl pkey -in " + path + " -out KEY, readable by " + user_name() + " only");
  } else if (text.find("-----BEGIN") == std::string::npos) {
    problems.error(setting, in_quotes(path) + " is not PEM: it has no -----BEGIN line",
                   "convert it: openssl pkey -inform der -in " + path);
  } else if (text.find("PRIVATE KEY-----") == std::string::npos) {
    problems.error(setting, in_quotes(path) + " holds no private key",
                   text.find("CERTIFICATE-----") == std::string::npos
                       ? "it begins with -----BEGIN PRIVATE KEY-----"
                       : "it holds certificates only; name the key's file as key");
  } else {
    problems.error(setting, "the private key in " + in_quotes(path) + " cannot be read: " + why);
  }
  return nullptr;
}

void add_name(std::vector<std::string>& names, const ASN1_STRING* value) {
  std::string name(reinterpret_cast<const char*>(ASN1_STRING_get0_data(value)),
                   static_cast<std::size_t>(ASN1_STRING_length(value)));
  for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  const bool is_text = std::all_of(name.begin(), name.end(), [](char c) { return c > ' ' && c < 0x7f; });
  if (!name.empty() && is_text && std::find(names.begin(), names.end(), name) == names.end()) {
    names.push_back(std::move(name));
  }
}

/// The DNS names that the certificate is for (RFC 6125): of its subjectAltName, or else its common name.
std::vector<std::string> dns_names(X509* leaf) {
  std::vector<std::string> names;
  auto* alternatives =
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(leaf, NID_subject_alt_name, nullptr, nullptr));
  for (int i = 0; i < sk_GENERAL_NAME_num(alternatives); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(alternatives, i);
    if (name->type == GEN_DNS) add_name(names, name->d.dNSName);
  }
  const bool has_alternatives = alternatives != nullptr;
  GENERAL_NAMES_free(alternatives);
  if (has_alternatives) return names;
  const X509_NAME* subject = X509_get_subject_name(leaf);
  const int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  if (at >= 0) add_name(names, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
  return names;
}

KeyKind kind_of(const EVP_PKEY* key) {
  switch (EVP_PKEY_get_base_id(key)) {
    case EVP_PKEY_RSA:
    case EVP_PKEY_RSA_PSS:
      return KeyKind::rsa;
    case EVP_PKEY_EC:
      return KeyKind::ecdsa;
    default:
      return KeyKind::other;
  }
}

/// The key must be the leaf's. Where it is another certificate's of the file, the order is wrong.
bool check_key(const Certificate& certificate, const std::string& cert_path, const std::string& key_path,
               const std::string& under, Problems& problems) {
  if (X509_check_private_key(certificate.leaf.get(), certificate.key.get()) == 1) return true;
  for (std::size_t i = 0; i < certificate.chain.size(); ++i) {
    if (X509_check_private_key(certificate.chain[i].get(), certificate.key.get()) != 1) continue;
    ERR_clear_error();
    problems.error(under + "cert",
                   "the " + ordinal(i + 1) + " certificate of " + in_quotes(cert_path) +
                       " is the one that the key belongs to",
                   "put the server's own certificate first, then the one that issued it");
    return false;
  }
  ERR_clear_error();
  problems.error(under + "key",
                 "the private key in " + in_quotes(key_path) + " does not belong to the certificate in " +
                     in_quotes(cert_path) + " (" + certificate.subject + ")",
                 "name the key that this certificate was requested with");
  return false;
}

/// Each certificate must be issued by the next.
bool check_chain(const Certificate& certificate, const std::string& path, const std::string& under,
                 Problems& problems) {
  const X509* before = certificate.leaf.get();
  for (std::size_t i = 0; i < certificate.chain.size(); ++i) {
    X509* issuer = certificate.chain[i].get();
    if (X509_NAME_cmp(X509_get_issuer_name(before), X509_get_subject_name(issuer)) != 0) {
      problems.error(under + "cert",
                     "the chain in " + in_quotes(path) + " is in the wrong order: the " + ordinal(i + 1) +
                         " certificate (" + subject_of(issuer) + ") did not issue the one before it (" +
                         subject_of(before) + ")",
                     "order it: the server's certificate, then the one that issued it, and so on");
      return false;
    }
    before = issuer;
  }
  return true;
}

void check_dates(const Certificate& certificate, const std::string& path, const std::string& under,
                 Problems& problems) {
  const ASN1_TIME* end = X509_get0_notAfter(certificate.leaf.get());
  const ASN1_TIME* begin = X509_get0_notBefore(certificate.leaf.get());
  const std::string what = "the certificate in " + in_quotes(path) + " (" + certificate.label() + ") ";
  if (X509_cmp_current_time(end) < 0) {
    problems.warn(under + "cert", what + "expired on " + utc_date(end), "renew it, then reload");
  } else if (X509_cmp_current_time(begin) > 0) {
    problems.warn(under + "cert", what + "is not valid before " + utc_date(begin));
  }
}

/// What OpenSSL itself refuses to serve with: keys too short, signatures too weak.
bool check_strength(const Certificate& certificate, SSL_CTX* probe, const std::string& path,
                    const std::string& under, Problems& problems) {
  if (SSL_CTX_use_cert_and_key(probe, certificate.leaf.get(), certificate.key.get(), nullptr, 1) == 1)
    return true;
  problems.error(under + "cert",
                 "the certificate in " + in_quotes(path) + " cannot be used: " + take_openssl_error());
  return false;
}

/// Reads a response to staple and checks that it speaks of this certificate.
void load_ocsp(Certificate& certificate, const std::string& path, const std::string& setting,
               Problems& problems) {
  const std::size_t before = problems.errors();
  std::string der = read_file(path, setting, problems);
  if (problems.errors() != before) return;
  const auto* at = reinterpret_cast<const unsigned char*>(der.data());
  OCSP_RESPONSE* response = d2i_OCSP_RESPONSE(nullptr, &at, static_cast<long>(der.size()));
  OCSP_BASICRESP* basic = response ? OCSP_response_get1_basic(response) : nullptr;
  const bool good = basic && OCSP_response_status(response) == OCSP_RESPONSE_STATUS_SUCCESSFUL;
  ASN1_GENERALIZEDTIME* next = nullptr;
  bool matches = false;
  for (int i = 0; good && i < OCSP_resp_count(basic); ++i) {
    OCSP_SINGLERESP* single = OCSP_resp_get0(basic, i);
    ASN1_INTEGER* serial = nullptr;
    auto* id = const_cast<OCSP_CERTID*>(OCSP_SINGLERESP_get0_id(single));
    OCSP_id_get0_info(nullptr, nullptr, nullptr, &serial, id);
    if (ASN1_INTEGER_cmp(serial, X509_get0_serialNumber(certificate.leaf.get())) != 0) continue;
    matches = true;
    OCSP_single_get0_status(single, nullptr, nullptr, nullptr, &next);
  }
  if (!good) {
    problems.error(setting, in_quotes(path) + " is no OCSP response (DER) of a responder that succeeded",
                   "fetch it: openssl ocsp -issuer CA -cert CERT -url URL -respout " + path);
  } else if (!matches) {
    problems.error(setting, "the OCSP response in " + in_quotes(path) + " is for another certificate");
  } else if (next && X509_cmp_current_time(next) < 0) {
    problems.warn(setting,
                  "the OCSP response in " + in_quotes(path) + " is out of date since " + utc_date(next) +
                      "; none is stapled",
                  "fetch a new one, then reload");
  } else {
    certificate.ocsp = std::move(der);
  }
  OCSP_BASICRESP_free(basic);
  OCSP_RESPONSE_free(response);
  ERR_clear_error();
}

}  // namespace

std::string resolve_file(const config::Place& place, const std::string& file) {
  return (std::filesystem::path(place.file).parent_path() / file).string();
}

std::string read_file(const std::string& path, const std::string& setting, Problems& problems) {
  std::string why;
  std::string text;
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);  // A FIFO must not block.
  struct stat info {};
  if (fd < 0) {
    why = errno == EACCES ? "user " + in_quotes(user_name()) + " may not read it"
                          : std::generic_category().message(errno);
  } else if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
    why = S_ISDIR(info.st_mode) ? "it is a directory" : "it is not a regular file";
  } else if (static_cast<std::size_t>(info.st_size) > kMostBytes) {
    why = "it is larger than 8 MiB";
  } else {
    char buffer[16384];
    ssize_t got = 0;
    while ((got = read(fd, buffer, sizeof buffer)) > 0) text.append(buffer, static_cast<std::size_t>(got));
    if (got < 0) why = std::generic_category().message(errno);
    if (why.empty() && text.empty()) why = "it is empty";
  }
  if (fd >= 0) close(fd);
  if (!why.empty()) problems.error(setting, "cannot read " + in_quotes(path) + ": " + why);
  return text;
}

std::vector<X509Ptr> parse_certificates(const std::string& text, const std::string& path,
                                        const std::string& setting, Problems& problems) {
  std::vector<X509Ptr> found;
  const BioPtr bio = memory_bio(text);
  while (X509* one = PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)) found.emplace_back(one);
  // The end of the text shows as a line that is missing.
  const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  const std::string why = take_openssl_error();
  if (at_end && !found.empty()) return found;
  if (text.find("-----BEGIN") == std::string::npos) {
    problems.error(setting, in_quotes(path) + " is not PEM: it has no -----BEGIN line",
                   "convert it: openssl x509 -inform der -in " + path);
  } else if (at_end) {
    problems.error(setting, in_quotes(path) + " holds no certificate",
                   "one begins with -----BEGIN CERTIFICATE-----");
  } else {
    problems.error(setting, "the " + ordinal(found.size()) + " certificate of " + in_quotes(path) +
                                " is damaged: " + why);
  }
  return {};
}

std::string subject_of(const X509* certificate) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  X509_NAME_print_ex(bio.get(), X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253);
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<std::size_t>(std::max(size, 0L))};
}

std::unique_ptr<Certificate> load_certificate(const config::TlsCertificate& files, const std::string& setting,
                                              SSL_CTX* probe, Problems& problems) {
  const std::size_t before = problems.errors();
  const std::string under = setting.empty() ? "" : setting + '.';
  const bool joined = files.key.empty();  // Certificate and key in one file.
  const std::string cert_path = resolve_file(files.place, files.cert);
  const std::string key_path = joined ? cert_path : resolve_file(files.place, files.key);
  const std::string key_setting = under + (joined ? "cert" : "key");
  const std::string cert_text = read_file(cert_path, under + "cert", problems);
  std::string key_text =
      joined || problems.errors() != before ? cert_text : read_file(key_path, key_setting, problems);
  if (problems.errors() != before) return nullptr;

  auto made = std::make_unique<Certificate>();
  made->chain = parse_certificates(cert_text, cert_path, under + "cert", problems);
  made->key = parse_key(key_text, key_path, key_setting, problems);
  OPENSSL_cleanse(key_text.data(), key_text.size());
  if (problems.errors() != before) return nullptr;
  made->leaf = std::move(made->chain.front());
  made->chain.erase(made->chain.begin());
  made->kind = kind_of(made->key.get());
  made->names = dns_names(made->leaf.get());
  made->subject = subject_of(made->leaf.get());
  made->not_after = unix_time(X509_get0_notAfter(made->leaf.get()));
  if (!check_key(*made, cert_path, key_path, under, problems) ||
      !check_chain(*made, cert_path, under, problems) ||
      !check_strength(*made, probe, cert_path, under, problems)) {
    return nullptr;
  }
  check_dates(*made, cert_path, under, problems);
  if (!files.ocsp.empty()) {
    load_ocsp(*made, resolve_file(files.place, files.ocsp), under + "ocsp", problems);
  }
  return problems.errors() == before ? std::move(made) : nullptr;
}

}  // namespace lintel::tls
