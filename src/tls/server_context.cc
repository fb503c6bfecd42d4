#include "tls/server_context.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <array>
#include <new>
#include <utility>

#include "tls/certificate_store.h"
#include "tls/context_common.h"

namespace lintel::tls {
namespace {

/// Sessions with a client certificate are to see it checked again soon.
constexpr long kSessionSeconds = 12L * 3600;
constexpr long kVerifiedSessionSeconds = 600;

int context_index() {
  static const int index = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

int certificate_index() {
  static const int index = X509_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

/// What tickets are encrypted with, looked up once: OpenSSL 3 takes long for that.
const EVP_CIPHER* ticket_cipher() {
  static const EVP_CIPHER* const cipher = EVP_CIPHER_fetch(nullptr, "AES-256-CBC", nullptr);
  return cipher;
}

/// Gives `ssl` the certificates of `choice`. Returns false if OpenSSL takes none.
bool use(SSL* ssl, const Choice& choice) {
  bool any = false;
  for (const Certificate* one : choice.by_kind) {
    if (!one) continue;
    STACK_OF(X509)* chain = sk_X509_new_null();
    for (const X509Ptr& link : one->chain) sk_X509_push(chain, link.get());
    any = SSL_use_cert_and_key(ssl, one->leaf.get(), one->key.get(), chain, 1) == 1 || any;
    sk_X509_free(chain);
  }
  return any;
}

bool use_default(SSL_CTX* context, const Choice& choice) {
  bool all = true;
  for (const Certificate* one : choice.by_kind) {
    if (!one) continue;
    STACK_OF(X509)* chain = sk_X509_new_null();
    for (const X509Ptr& link : one->chain) sk_X509_push(chain, link.get());
    all = SSL_CTX_use_cert_and_key(context, one->leaf.get(), one->key.get(), chain, 1) == 1 && all;
    sk_X509_free(chain);
  }
  return all;
}

}  // namespace

struct ServerContext::Data {
  Data(std::vector<std::unique_ptr<Certificate>> certificates, std::shared_ptr<TicketKeys> t)
      : store(std::move(certificates)), tickets(std::move(t)) {}

  CertificateStore store;
  std::shared_ptr<TicketKeys> tickets;
  std::string alpn;  ///< As on the wire: each name behind its length; in the order of preference.
  ContextPtr context;
};

/// What OpenSSL asks during a handshake. Any worker's thread.
struct ServerContext::Callbacks {
  static const Data& data_of(SSL* ssl) {
    return *static_cast<const Data*>(SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), context_index()));
  }

  /// The name is taken note of (RFC 6066, 3), whether there is a certificate for it or not.
  static int server_name(SSL*, int*, void*) { return SSL_TLSEXT_ERR_OK; }

  static int certificate(SSL* ssl, void*) {
    const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    if (!name) return 1;
    const CertificateStore& store = data_of(ssl).store;
    const Choice& choice = store.find(name);
    if (choice.by_kind == store.fallback().by_kind) return 1;
    SSL_certs_clear(ssl);
    return use(ssl, choice) ? 1 : 0;
  }

  static int status(SSL* ssl, void*) {
    const X509* leaf = SSL_get_certificate(ssl);
    const auto* found =
        leaf ? static_cast<const Certificate*>(X509_get_ex_data(leaf, certificate_index())) : nullptr;
    if (!found || found->ocsp.empty()) return SSL_TLSEXT_ERR_NOACK;
    void* copy = OPENSSL_memdup(found->ocsp.data(), found->ocsp.size());
    SSL_set_tlsext_status_ocsp_resp(ssl, copy, static_cast<long>(found->ocsp.size()));
    return SSL_TLSEXT_ERR_OK;
  }

  static int alpn(SSL* ssl, const unsigned char** out, unsigned char* size, const unsigned char* offered,
                  unsigned offered_size, void*) {
    const std::string& ours = data_of(ssl).alpn;
    unsigned char* chosen = nullptr;
    const int found =
        SSL_select_next_proto(&chosen, size, reinterpret_cast<const unsigned char*>(ours.data()),
                              static_cast<unsigned>(ours.size()), offered, offered_size);
    *out = chosen;
    // A client that speaks something else must not be answered as if it spoke ours (RFC 7301, 3.2).
    return found == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
  }

  static int ticket(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher,
                    EVP_MAC_CTX* mac, int encrypt) {
    TicketKeys& keys = *data_of(ssl).tickets;
    int result = 1;
    TicketKeys::Key key;
    if (encrypt != 0) {
      key = keys.current();
      std::copy(key.name.begin(), key.name.end(), name);
      if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(ticket_cipher())) != 1) return -1;
    } else {
      const auto found = keys.find(std::span<const unsigned char, 16>(name, 16));
      if (!found) return 0;
      key = found->key;
      // 2: the client gets a new ticket. With TLS 1.3 it uses each but once (RFC 8446, C.4).
      result = found->is_current && SSL_version(ssl) != TLS1_3_VERSION ? 1 : 2;
    }
    std::array<char, 7> digest{'S', 'H', 'A', '2', '5', '6', '\0'};
    const std::array<OSSL_PARAM, 3> parameters = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key.mac.data(), key.mac.size()),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest.data(), 0),
        OSSL_PARAM_construct_end(),
    };
    const bool ready =
        EVP_MAC_CTX_set_params(mac, parameters.data()) == 1 &&
        EVP_CipherInit_ex(cipher, ticket_cipher(), nullptr, key.cipher.data(), iv, encrypt != 0 ? 1 : 0) == 1;
    OPENSSL_cleanse(&key, sizeof key);
    return ready ? result : -1;
  }

  static void install(SSL_CTX* context, Data& data) {
    SSL_CTX_set_ex_data(context, context_index(), &data);
    SSL_CTX_set_tlsext_servername_callback(context, server_name);
    SSL_CTX_set_cert_cb(context, certificate, nullptr);
    SSL_CTX_set_tlsext_status_cb(context, status);
    SSL_CTX_set_tlsext_ticket_key_evp_cb(context, ticket);
    if (!data.alpn.empty()) SSL_CTX_set_alpn_select_cb(context, alpn, nullptr);
  }
};

namespace {

void set_rules(SSL_CTX* context, const config::ListenerTls& config) {
  set_common_rules(context, config.min_version);
  SSL_CTX_set_options(context, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
  // Tickets alone: nothing is kept here for a client that may never come back.
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  // A connection uses up one ticket (RFC 8446, C.4) and gives one, whether it resumed or not: clients have as
  // many as they had connections. OpenSSL's second one would be a fourteenth of a full handshake.
  SSL_CTX_set_num_tickets(context, 1);
}

/// Sessions are resumed only where the same would have been asked of the client.
void set_scope(SSL_CTX* context, const config::ListenerTls& config, std::string_view scope) {
  std::string text(scope);
  text.append("\n").append(std::to_string(static_cast<int>(config.client_auth.mode)));
  Problems told_already;
  for (const std::string& file : {config.client_auth.ca, config.client_auth.crl}) {
    if (file.empty()) continue;
    text.append("\n").append(read_file(resolve_file(config.client_auth.place, file), "", told_already));
  }
  const std::string id = digest(text);
  SSL_CTX_set_session_id_context(context, reinterpret_cast<const unsigned char*>(id.data()),
                                 static_cast<unsigned>(id.size()));
}

void set_client_auth(SSL_CTX* context, const config::ClientAuth& auth, Problems& problems) {
  if (auth.mode == config::ClientAuthMode::none) {
    SSL_CTX_set_timeout(context, kSessionSeconds);
    return;
  }
  SSL_CTX_set_timeout(context, kVerifiedSessionSeconds);
  const int required = auth.mode == config::ClientAuthMode::required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0;
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | required, nullptr);
  const std::string path = resolve_file(auth.place, auth.ca);
  if (!trust_file(context, path, "client_auth.ca", problems)) return;
  // Clients see whose certificates are asked for.
  STACK_OF(X509_NAME)* names = sk_X509_NAME_new_null();
  SSL_add_file_cert_subjects_to_stack(names, path.c_str());
  SSL_CTX_set_client_CA_list(context, names);
  X509_VERIFY_PARAM_set_purpose(SSL_CTX_get0_param(context), X509_PURPOSE_SSL_CLIENT);
  if (!auth.crl.empty())
    revoke_file(context, resolve_file(auth.place, auth.crl), "client_auth.crl", problems);
  ERR_clear_error();
}

}  // namespace

ServerContext::ServerContext(std::unique_ptr<Data> data) noexcept : data_(std::move(data)) {}
ServerContext::~ServerContext() = default;

std::shared_ptr<const ServerContext> ServerContext::load(const config::ListenerTls& config,
                                                         std::string_view scope,
                                                         std::shared_ptr<TicketKeys> tickets,
                                                         Problems& problems) {
  const std::size_t before = problems.errors();
  ContextPtr context(SSL_CTX_new(TLS_server_method()));
  if (!context) throw std::bad_alloc();
  std::vector<std::unique_ptr<Certificate>> certificates;
  for (std::size_t i = 0; i < config.certificates.size(); ++i) {
    const std::string setting = "certificates[" + std::to_string(i) + ']';
    if (auto loaded = load_certificate(config.certificates[i], setting, context.get(), problems)) {
      certificates.push_back(std::move(loaded));
    }
  }
  context.reset(SSL_CTX_new(TLS_server_method()));
  if (!context) throw std::bad_alloc();
  set_rules(context.get(), config);
  set_scope(context.get(), config, scope);
  set_client_auth(context.get(), config.client_auth, problems);
  if (problems.errors() != before) return nullptr;

  auto data = std::make_unique<Data>(std::move(certificates), std::move(tickets));
  data->alpn = alpn_wire(config.alpn);
  for (const auto& one : data->store.all()) X509_set_ex_data(one->leaf.get(), certificate_index(), one.get());
  if (!use_default(context.get(), data->store.fallback())) {
    problems.error("certificates", "the first certificate cannot be used: " + take_openssl_error());
    return nullptr;
  }
  Callbacks::install(context.get(), *data);
  data->context = std::move(context);
  return std::shared_ptr<const ServerContext>(new ServerContext(std::move(data)));
}

TlsStreamPtr ServerContext::accept(net::StreamPtr below) const {
  SslPtr ssl(SSL_new(data_->context.get()));
  if (!ssl) throw std::bad_alloc();
  SSL_set_accept_state(ssl.get());
  return std::make_unique<TlsStream>(std::move(below), std::move(ssl));
}

std::vector<CertificateInfo> ServerContext::certificates() const {
  static constexpr std::array<const char*, kKeyKinds> kKinds = {"rsa", "ecdsa", "other"};
  std::vector<CertificateInfo> all;
  for (const auto& one : data_->store.all()) {
    all.push_back({one->label(), kKinds[static_cast<std::size_t>(one->kind)], one->not_after});
  }
  return all;
}

}  // namespace lintel::tls
