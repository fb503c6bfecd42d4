#pragma once

// A small HTTP server on one loop, over the same http/ layer as the proxy: the admin pages and the demo's
// servers. Answers are made whole, in memory.

#include <cstddef>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "http/h1_server.h"
#include "http/transaction.h"
#include "http/workspace.h"
#include "net/loop.h"
#include "net/scope.h"
#include "net/socket.h"

namespace lintel::app {

/// A whole answer.
struct Reply {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body{};
  std::vector<std::pair<std::string, std::string>> fields{};  ///< Further header fields.
};

/// A whole request, and who sent it.
struct LocalRequest {
  const http::RequestHead& head;
  std::string_view body;
  bool over_unix_socket = false;
  std::optional<net::PeerProcess> sender;  ///< On a Unix socket.
};

/// Makes the answer to a request. Called on the loop's thread.
using Responder = std::function<Reply(const LocalRequest&)>;

/// Everything happens on the thread of `workspace.loop`. close() and a turn of the loop or join() must come
/// before the destructor.
class LocalServer final {
 public:
  static constexpr std::size_t kMostBody = 64 * 1024;

  LocalServer(http::Workspace& workspace, Responder responder);
  LocalServer(const LocalServer&) = delete;
  LocalServer& operator=(const LocalServer&) = delete;
  ~LocalServer();

  /// Accepts on `fd`, which it owns from now on. Returns a number for stop_listening.
  int listen(int fd);
  /// Accepts no more on that socket and closes it; connections go on.
  void stop_listening(int number) noexcept;
  /// Stops listening everywhere and ends every connection now.
  void close() noexcept;
  /// Suspends until all of it has ended, after close().
  [[nodiscard]] net::Scope::JoinAwaiter join() noexcept { return scope_.join(); }

 private:
  struct Listening;
  struct Connection;

  net::Task<void> accept_loop(Listening& listening);
  net::Task<void> serve_connection(net::StreamPtr stream);

  net::Task<void> serve(Connection& connection, http::ServerTransaction& transaction);
  net::Task<void> send(http::ServerTransaction& transaction, Reply reply);

  http::Workspace& workspace_;
  Responder responder_;
  http::ServerSettings settings_;
  int last_number_ = 0;
  std::list<std::unique_ptr<Listening>> listening_;
  std::list<Connection*> connections_;
  net::Scope scope_;
};

}  // namespace lintel::app
