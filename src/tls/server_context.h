#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "config/model.h"
#include "tls/handles.h"
#include "tls/problems.h"
#include "tls/ticket_keys.h"
#include "tls/tls_stream.h"

namespace lintel::tls {

/// What of a certificate in use is shown to operators.
struct CertificateInfo {
  std::string name;  ///< Its first DNS name, or its subject.
  std::string kind;  ///< "rsa", "ecdsa" or "other".
  std::int64_t not_after = 0;
};

/// A listener's side of TLS: its certificates and rules. Immutable and shared by all workers once made.
class ServerContext {
 public:
  /// Loads every file that `config` names. Null after adding errors to `problems`; warnings too are there.
  /// `scope` keeps sessions apart: those of another one are not resumed. Blocks on files.
  [[nodiscard]] static std::shared_ptr<const ServerContext> load(const config::ListenerTls& config,
                                                                 std::string_view scope,
                                                                 std::shared_ptr<TicketKeys> tickets,
                                                                 Problems& problems);
  ServerContext(const ServerContext&) = delete;
  ServerContext& operator=(const ServerContext&) = delete;
  ~ServerContext();

  /// TLS over `below` as its server; the handshake is the caller's to run. This must live until it is over.
  [[nodiscard]] TlsStreamPtr accept(net::StreamPtr below) const;
  /// Of every certificate, in the order of the configuration.
  [[nodiscard]] std::vector<CertificateInfo> certificates() const;

 private:
  struct Data;
  struct Callbacks;
  explicit ServerContext(std::unique_ptr<Data> data) noexcept;

  std::unique_ptr<Data> data_;
};

}  // namespace lintel::tls
