#include "proxy/client_connection.h"

#include <cassert>

#include "proxy/http_session.h"
#include "proxy/tcp_session.h"

namespace lintel::proxy {

using net::Task;

Task<void> serve_client(WorkerContext& worker, Sessions& sessions, std::string_view listener,
                        net::StreamPtr stream) {
  const ListenerContext* context = worker.generation->listener(listener);
  assert(context);
  Client client(std::move(stream), worker.generation, *context);
  switch (context->config.protocol) {
    case config::Protocol::http:
      co_await run_http_session(worker, sessions, std::move(client));
      break;
    case config::Protocol::tcp:
      co_await run_tcp_session(worker, sessions, std::move(client));
      break;
    case config::Protocol::udp:  // Has no connections.
      break;
  }
}

}  // namespace lintel::proxy
