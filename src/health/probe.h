#pragma once

// One check of one server: connects, speaks, and says what came of it.

#include <memory>
#include <string>

#include "base/address.h"
#include "config/model.h"
#include "health/recipe.h"
#include "http/h1_client.h"
#include "http/workspace.h"
#include "net/cancel.h"
#include "net/child_process.h"
#include "net/socket.h"
#include "net/task.h"
#include "tls/client_context.h"

namespace lintel::health {

/// What is checked, and how.
struct Subject {
  std::string pool{};
  std::string server{};  ///< As configured: "10.0.0.1:8080".
  std::string host{};    ///< The server's name or address, for TLS.
  SocketAddress address{};
  config::HealthCheck check{};
  config::SendProxy proxy_protocol = config::SendProxy::none;
  std::shared_ptr<const tls::ClientContext> tls{};  ///< Null: plain.

  /// Whether checks of the two find the same.
  [[nodiscard]] bool is_same_check(const Subject& other) const;
};

/// What checks are made with: the main thread's.
struct ProbeTools {
  net::Loop& loop;
  net::Connector& connector;
  http::Workspace& workspace;
};

/// One check under way. It ends by itself when its time is up.
class Probe {
 public:
  /// Both outlive the probe.
  Probe(const ProbeTools& tools, const Subject& subject) noexcept : tools_(tools), subject_(subject) {}
  Probe(const Probe&) = delete;
  Probe& operator=(const Probe&) = delete;

  /// Suspends. Once.
  net::Task<Outcome> run();
  /// Ends run() soon; what it returns then means nothing.
  void cancel() noexcept;

 private:
  net::Task<Result<net::StreamPtr>> open();
  net::Task<Outcome> over_connection();
  net::Task<Outcome> converse(net::Stream& stream);
  net::Task<Outcome> ask(net::StreamPtr stream);
  net::Task<Outcome> judge(http::H1ClientConnection& connection, const http::ResponseHead& head,
                           http::BodyChunk first);
  net::Task<Outcome> execute();
  [[nodiscard]] Outcome failure(const Error& error) const;
  [[nodiscard]] Outcome late() const;
  static void on_deadline(net::Deadline& deadline);

  const ProbeTools& tools_;
  const Subject& subject_;
  const char* doing_ = "connecting";  ///< For the reason when time runs out.
  bool timed_out_ = false;
  net::CancelToken token_;
  net::ChildProcess* child_ = nullptr;  ///< While one runs.
  net::Deadline deadline_{on_deadline, this};
};

}  // namespace lintel::health
