#pragma once

// A client connection from accept to its end: what must come first on it, then the session of its protocol.

#include <memory>
#include <string_view>

#include "net/client_hello.h"
#include "net/frame_pool.h"
#include "net/proxy_header.h"
#include "net/stream.h"
#include "net/task.h"
#include "proxy/connection_count.h"
#include "proxy/generation.h"
#include "proxy/sessions.h"
#include "tls/tls_stream.h"

namespace lintel::proxy {

/// A client connection, and what is known of it before its session begins.
struct Client {
  Client(net::StreamPtr s, std::shared_ptr<const Generation> g, const ListenerContext& l) noexcept
      : stream(std::move(s)), generation(std::move(g)), listener(&l) {}

  net::StreamPtr stream;
  const tls::TlsStream* tls = nullptr;            ///< The same, where it is TLS.
  std::shared_ptr<const Generation> generation;   ///< The one in force when it was accepted.
  const ListenerContext* listener;                ///< Its listener, of that generation.
  bool draining = false;                          ///< Its session is to begin nothing further.
  bool plain_on_tls = false;                      ///< Its listener speaks TLS, but it speaks plain HTTP.
  std::unique_ptr<const net::ClientHello> hello;  ///< Where TLS is passed through; else null.
  std::unique_ptr<const net::ProxyHeader> proxy;  ///< What came first; null: nothing was asked for.

  [[nodiscard]] std::string_view scheme() const noexcept { return tls ? "https" : "http"; }
  /// Who the client is: what the PROXY header says, or the other end of the connection.
  [[nodiscard]] SocketAddress address() const noexcept;
};

/// What is spoken on a client connection once that has begun. Idle connections are many, so this is kept
/// small.
class ClientSession : public Session, public net::Pooled {
 public:
  ~ClientSession() override = default;
  /// Serves until the connection ends, whoever ends it. Once. Suspends.
  virtual net::Task<void> run() = 0;

 protected:
  using Session::Session;
};

/// Serves one client connection from beginning to end, unless its address has too many. `worker`, `sessions`
/// and `count` (of the listener, over all workers) must outlive the task; `listener` is the name of a
/// listener of the generation in force, and must outlive the task too. Suspends.
net::Task<void> serve_client(WorkerContext& worker, Sessions& sessions, ConnectionCount& count,
                             std::string_view listener, net::StreamPtr stream);

}  // namespace lintel::proxy
