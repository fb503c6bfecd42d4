#pragma once

// OpenSSL's objects as owned pointers, without its headers: only src/tls includes those.

#include <memory>

struct bio_st;
struct evp_pkey_st;
struct ssl_ctx_st;
struct ssl_session_st;
struct ssl_st;
struct x509_st;

namespace lintel::tls {

struct Free {
  void operator()(bio_st* bio) const noexcept;
  void operator()(evp_pkey_st* key) const noexcept;
  void operator()(ssl_ctx_st* context) const noexcept;
  void operator()(ssl_session_st* session) const noexcept;
  void operator()(ssl_st* ssl) const noexcept;
  void operator()(x509_st* certificate) const noexcept;
};

using BioPtr = std::unique_ptr<bio_st, Free>;
using KeyPtr = std::unique_ptr<evp_pkey_st, Free>;
using ContextPtr = std::unique_ptr<ssl_ctx_st, Free>;
using SessionPtr = std::unique_ptr<ssl_session_st, Free>;
using SslPtr = std::unique_ptr<ssl_st, Free>;
using X509Ptr = std::unique_ptr<x509_st, Free>;

}  // namespace lintel::tls
