// TLS for the load generator: OpenSSL over a connection's socket, the same for every proxy and as cheap as it
// can be.
//
// Offers TLS 1.3 with TLS_AES_128_GCM_SHA256 and X25519 alone, so that no proxy's taste decides what is
// measured. Certificates are not verified: that would only cost the client. Sessions are taken from tickets,
// each used once, as RFC 8446, C.4 asks; whether a connection was resumed is for the caller to check.

#pragma once

#include <openssl/ssl.h>
#include <sys/types.h>

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <vector>

class TlsClient {
 public:
  /// With `resume` it keeps sessions, and connections resume them.
  explicit TlsClient(bool resume) : context_(SSL_CTX_new(TLS_client_method())) {
    const bool ready = context_ != nullptr && SSL_CTX_set_min_proto_version(context_, TLS1_3_VERSION) == 1 &&
                       SSL_CTX_set_ciphersuites(context_, "TLS_AES_128_GCM_SHA256") == 1 &&
                       SSL_CTX_set1_groups_list(context_, "X25519") == 1;
    if (!ready) {
      std::fprintf(stderr, "load: OpenSSL cannot be set up\n");
      std::exit(1);
    }
    SSL_CTX_set_mode(context_, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_options(context_, SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_read_ahead(context_, 1);
    SSL_CTX_set_default_read_buffer_len(context_, 1 << 17);  // several records a system call
    if (!resume) return;
    SSL_CTX_set_session_cache_mode(context_, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_set_ex_data(context_, 0, this);
    SSL_CTX_sess_set_new_cb(context_, [](SSL* ssl, SSL_SESSION* session) {
      auto* self = static_cast<TlsClient*>(SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), 0));
      self->sessions_.push_back(session);
      return 1;
    });
  }

  /// A client's side over the connected socket `fd`.
  SSL* open(int fd) {
    SSL* ssl = SSL_new(context_);
    SSL_set_fd(ssl, fd);
    SSL_set_tlsext_host_name(ssl, "bench.example");
    if (!sessions_.empty()) {
      SSL_set_session(ssl, sessions_.back());
      SSL_SESSION_free(sessions_.back());
      sessions_.pop_back();
    }
    SSL_set_connect_state(ssl);
    return ssl;
  }

  static void close(SSL* ssl) {
    SSL_set_quiet_shutdown(ssl, 1);  // the proxy has ended already; its session stays good
    SSL_shutdown(ssl);
    SSL_free(ssl);
  }

  /// As send and recv: bytes, 0 at the end, -1 with errno; EAGAIN while the proxy must be waited for.
  static ssize_t send(SSL* ssl, const char* data, std::size_t size) {
    return outcome(ssl, SSL_write(ssl, data, static_cast<int>(size)));
  }
  static ssize_t recv(SSL* ssl, char* out, std::size_t size) {
    return outcome(ssl, SSL_read(ssl, out, static_cast<int>(size)));
  }

 private:
  static ssize_t outcome(SSL* ssl, int result) {
    if (result > 0) return result;
    switch (SSL_get_error(ssl, result)) {
      case SSL_ERROR_ZERO_RETURN:
        return 0;
      case SSL_ERROR_WANT_READ:
      case SSL_ERROR_WANT_WRITE:
        errno = EAGAIN;
        return -1;
      default:
        errno = EPROTO;
        return -1;
    }
  }

  SSL_CTX* context_;
  std::vector<SSL_SESSION*> sessions_;
};
