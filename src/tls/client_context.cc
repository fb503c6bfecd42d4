#include "tls/client_context.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <new>
#include <utility>

#include "base/address.h"
#include "tls/certificate.h"
#include "tls/context_common.h"

namespace lintel::tls {
namespace {

constexpr std::size_t kMostSessions = 4;

int slot_index() {
  static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

/// A server gave a session (with TLS 1.3 after the handshake, any time). 1: it is ours now.
int on_session(SSL* ssl, SSL_SESSION* session) {
  auto* slot = static_cast<SessionSlot*>(SSL_get_ex_data(ssl, slot_index()));
  if (!slot) return 0;
  SSL_CTX* context = SSL_get_SSL_CTX(ssl);
  SSL_CTX_up_ref(context);
  slot->save(SessionPtr(session), ContextPtr(context));
  return 1;
}

/// A digest of settings and files. What cannot be read has been told of before.
std::string identity_of(const config::PoolTls& config) {
  std::string text = config.verify ? "verify\n" : "\n";
  text.append(config.sni).append("\n").append(alpn_wire(config.alpn)).append("\n");
  text.append(std::to_string(static_cast<int>(config.min_version)));
  Problems told_already;
  for (const std::string& file : {config.ca, config.cert, config.key}) {
    text.append("\n");
    if (!file.empty()) text.append(read_file(resolve_file(config.place, file), "", told_already));
  }
  return digest(text);
}

}  // namespace

void SessionSlot::save(SessionPtr session, ContextPtr context) {
  if (context != context_) {
    sessions_.clear();
    context_ = std::move(context);
  }
  if (sessions_.size() == kMostSessions) sessions_.erase(sessions_.begin());
  sessions_.push_back(std::move(session));
}

SessionPtr SessionSlot::take(const SSL_CTX* context) {
  if (context != context_.get() || sessions_.empty()) return nullptr;
  SSL_SESSION* newest = sessions_.back().get();
  SSL_SESSION_up_ref(newest);
  if (SSL_SESSION_get_protocol_version(newest) == TLS1_3_VERSION) sessions_.pop_back();
  return SessionPtr(newest);
}

ClientContext::ClientContext(ContextPtr context, const config::PoolTls& config, std::string identity) noexcept
    : context_(std::move(context)),
      identity_(std::move(identity)),
      name_(config.sni == "auto" ? "" : config.sni),
      verify_(config.verify) {}
ClientContext::~ClientContext() = default;

std::shared_ptr<const ClientContext> ClientContext::load(const config::PoolTls& config, Problems& problems) {
  const std::size_t before = problems.errors();
  ContextPtr context(SSL_CTX_new(TLS_client_method()));
  if (!context) throw std::bad_alloc();
  set_common_rules(context.get(), config.min_version);
  SSL_CTX_set_verify(context.get(), config.verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
  if (config.ca.empty()) {
    SSL_CTX_set_default_verify_paths(context.get());
  } else if (!trust_file(context.get(), resolve_file(config.place, config.ca), "ca", problems)) {
    return nullptr;
  }
  if (!config.cert.empty()) {
    config::TlsCertificate files;
    files.cert = config.cert;
    files.key = config.key;
    files.place = config.place;
    const auto own = load_certificate(files, "", context.get(), problems);
    if (own) {
      for (const X509Ptr& link : own->chain) SSL_CTX_add1_chain_cert(context.get(), link.get());
    }
  }
  const std::string alpn = alpn_wire(config.alpn);
  if (!alpn.empty()) {
    SSL_CTX_set_alpn_protos(context.get(), reinterpret_cast<const unsigned char*>(alpn.data()),
                            static_cast<unsigned>(alpn.size()));
  }
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(context.get(), on_session);
  ERR_clear_error();
  if (problems.errors() != before) return nullptr;
  return std::shared_ptr<const ClientContext>(
      new ClientContext(std::move(context), config, identity_of(config)));
}

TlsStreamPtr ClientContext::connect(net::StreamPtr below, const std::string& host,
                                    std::shared_ptr<SessionSlot> slot) const {
  SslPtr ssl(SSL_new(context_.get()));
  if (!ssl) throw std::bad_alloc();
  SSL_set_connect_state(ssl.get());
  std::string name = name_.empty() ? host : name_;
  if (name.starts_with('[') && name.ends_with(']')) name = name.substr(1, name.size() - 2);
  const bool is_address = SocketAddress::from_ip(name, 0).has_value();
  if (!is_address && !name.empty()) SSL_set_tlsext_host_name(ssl.get(), name.c_str());
  if (verify_ && is_address) X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl.get()), name.c_str());
  if (verify_ && !is_address) {
    SSL_set_hostflags(ssl.get(), X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    SSL_set1_host(ssl.get(), name.c_str());
  }
  if (slot) {
    if (const SessionPtr session = slot->take(context_.get())) SSL_set_session(ssl.get(), session.get());
    SSL_set_ex_data(ssl.get(), slot_index(), slot.get());
  }
  auto stream = std::make_unique<TlsStream>(std::move(below), std::move(ssl));
  stream->session_slot_ = std::move(slot);
  ERR_clear_error();
  return stream;
}

}  // namespace lintel::tls
