#include "app/local_server.h"

#include <utility>

#include "base/log.h"
#include "net/pause.h"

namespace lintel::app {

struct LocalServer::Listening {
  Listening(net::Loop& loop, int fd, int n) : acceptor(loop, fd), pause(loop), number(n) {}
  net::Acceptor acceptor;
  net::Pause pause;
  int number;
  bool stopped = false;
};

/// One client, linked into the server for as long as it is served.
struct LocalServer::Connection final : http::Handler {
  Connection(LocalServer& s, net::StreamPtr c)
      : server(s), stream(std::move(c)), http(*stream, s.workspace_, *this) {
    place = server.connections_.insert(server.connections_.end(), this);
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection() { server.connections_.erase(place); }

  [[nodiscard]] const http::ServerSettings& settings() override { return server.settings_; }
  net::Task<void> serve(http::ServerTransaction& transaction) override {
    return server.serve(*this, transaction);
  }
  net::Task<void> reject(http::ServerTransaction& transaction, http::Rejection rejection) override {
    Reply reply;
    reply.status = rejection.status;
    reply.body = std::string(rejection.reason) + "\n";
    return server.send(transaction, std::move(reply));
  }

  LocalServer& server;
  net::StreamPtr stream;
  http::H1ServerConnection http;
  std::list<Connection*>::iterator place;
};

LocalServer::LocalServer(http::Workspace& workspace, Responder responder)
    : workspace_(workspace), responder_(std::move(responder)) {}

LocalServer::~LocalServer() = default;

int LocalServer::listen(int fd) {
  auto& added = listening_.emplace_back(std::make_unique<Listening>(workspace_.loop, fd, ++last_number_));
  scope_.spawn(accept_loop(*added));
  return last_number_;
}

void LocalServer::stop_listening(int number) noexcept {
  for (const auto& one : listening_) {
    if (one->number != number) continue;
    one->stopped = true;
    one->acceptor.stop();
    one->pause.end();
  }
}

void LocalServer::close() noexcept {
  for (const auto& one : listening_) stop_listening(one->number);
  for (Connection* connection : connections_) connection->http.cut();
}

net::Task<void> LocalServer::accept_loop(Listening& listening) {
  constexpr Nanos kPause = 100'000'000;
  while (!listening.stopped) {
    Result<net::StreamPtr> client = co_await listening.acceptor.accept();
    if (client) {
      scope_.spawn(serve_connection(std::move(*client)));
      co_await workspace_.loop.yield();
    } else if (client.error().code != ErrorCode::canceled) {
      co_await listening.pause.wait(kPause);
    }
  }
  listening_.remove_if([&listening](const auto& one) { return one.get() == &listening; });
}

net::Task<void> LocalServer::serve_connection(net::StreamPtr stream) {
  Connection connection(*this, std::move(stream));
  co_await connection.http.run();
}

net::Task<void> LocalServer::serve(Connection& connection, http::ServerTransaction& transaction) {
  transaction.set_body_limit(kMostBody);
  http::BodyChunk chunk = transaction.buffered_body();
  std::string body(chunk.bytes);
  while (!chunk.last) {
    const Result<http::BodyChunk> next = co_await transaction.read_body();
    if (!next) {
      const bool large = next.error().code == ErrorCode::too_large;
      Reply reply;
      reply.status = large ? 413 : 400;
      reply.body = large ? "the body is larger than 64 KiB\n" : "the body is broken off\n";
      co_return co_await send(transaction, std::move(reply));
    }
    chunk = *next;
    body.append(chunk.bytes);
  }
  const net::Stream& stream = *connection.stream;
  const bool is_unix = stream.local().family() == AF_UNIX;
  const LocalRequest request{transaction.request, body, is_unix, stream.peer_process()};
  Reply reply = responder_(request);
  co_await send(transaction, std::move(reply));
}

net::Task<void> LocalServer::send(http::ServerTransaction& transaction, Reply reply) {
  if (reply.status == 0) co_return;
  http::ResponseHead head;
  head.status = reply.status;
  head.content_length = reply.body.size();
  head.fields.add("Date", workspace_.http_date());
  head.fields.add("Server", "lintel");
  head.fields.add("Content-Type", reply.content_type);
  head.fields.add("Cache-Control", "no-store");
  for (const auto& [name, value] : reply.fields) head.fields.add(name, value);
  const bool bodiless = transaction.request.method == http::Method::head;
  const http::BodyChunk body(bodiless ? std::string_view() : std::string_view(reply.body), true);
  const Result<void> written = co_await transaction.write_head(head, body, nullptr);
  if (!written) log::debug("a client of the admin or demo server went away");
}

}  // namespace lintel::app
