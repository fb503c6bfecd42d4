#pragma once

#include <memory>
#include <string>
#include <vector>

#include "config/model.h"
#include "tls/handles.h"
#include "tls/problems.h"
#include "tls/tls_stream.h"

namespace lintel::tls {

/// The latest sessions with one server, to be resumed by coming connections. One worker's. A session is
/// resumed without verifying the server again, so only by the context that it was agreed on with.
class SessionSlot {
 public:
  /// `context` is held on to, so that no other can be taken for it.
  void save(SessionPtr session, ContextPtr context);
  /// Null: none. Those of TLS 1.3 are given but once (RFC 8446, C.4).
  [[nodiscard]] SessionPtr take(const ssl_ctx_st* context);

 private:
  std::vector<SessionPtr> sessions_;  ///< The newest last.
  ContextPtr context_;
};

/// A pool's side of TLS: whom it trusts and what it shows. Immutable and shared by all workers once made.
class ClientContext {
 public:
  /// Loads every file that `config` names. Null after adding errors to `problems`. Blocks on files.
  [[nodiscard]] static std::shared_ptr<const ClientContext> load(const config::PoolTls& config,
                                                                 Problems& problems);
  ClientContext(const ClientContext&) = delete;
  ClientContext& operator=(const ClientContext&) = delete;
  ~ClientContext();

  /// TLS over `below` as its client; the handshake is the caller's to run. `host` is the server as
  /// configured, a name or an address: what its certificate must be for, unless the configuration says
  /// otherwise. `slot` (may be null) gives the session to resume and gets new ones.
  [[nodiscard]] TlsStreamPtr connect(net::StreamPtr below, const std::string& host,
                                     std::shared_ptr<SessionSlot> slot) const;

  /// Of all that decides whom a connection leads to: the same for contexts of the same settings and files.
  [[nodiscard]] const std::string& identity() const noexcept { return identity_; }

 private:
  ClientContext(ContextPtr context, const config::PoolTls& config, std::string identity) noexcept;

  ContextPtr context_;
  std::string identity_;
  std::string name_;  ///< In place of the server's own; empty: that one.
  bool verify_;
};

}  // namespace lintel::tls
