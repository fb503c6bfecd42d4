#include "app/admin_client.h"

#include <cstring>
#include <optional>

#include "base/random.h"
#include "http/h1_client.h"
#include "http/octets.h"
#include "http/workspace.h"
#include "net/loop.h"
#include "net/scope.h"
#include "net/socket.h"

namespace lintel::app {
namespace {

constexpr Nanos kTimeout = 10'000'000'000;
constexpr std::size_t kMostBody = 64 * 1024 * 1024;

struct Exchange {
  net::Loop loop;
  net::SocketConnector connector{loop};
  http::Workspace workspace{loop, random_seed()};
  net::CancelToken cancel;
  net::Scope scope;
  http::RequestHead request;
  std::string_view body;
  std::optional<Error> error;
  AdminAnswer answer;

  net::Task<Result<void>> run(const SocketAddress& address) {
    Result<net::StreamPtr> stream = co_await connector.connect(address, loop.now() + kTimeout, cancel);
    if (!stream) co_return tl::unexpected(stream.error());
    http::H1ClientConnection connection(std::move(*stream), workspace);
    http::H1ClientConnection::Settings settings;
    settings.body_timeout = settings.write_timeout = kTimeout;
    connection.start(settings);
    connection.set_response_deadline(loop.now() + kTimeout);
    const http::BodyChunk whole(body, true);
    const Result<void> sent = co_await connection.write_head(request, whole, nullptr);
    if (!sent) co_return sent;
    http::ResponseHead head;
    Result<http::BodyChunk> chunk = co_await connection.read_head(head);
    while (chunk && head.is_interim()) chunk = co_await connection.read_head(head);
    while (chunk) {
      answer.body.append(chunk->bytes);
      if (chunk->last || answer.body.size() > kMostBody) break;
      chunk = co_await connection.read_body();
    }
    if (!chunk) co_return tl::unexpected(chunk.error());
    answer.status = head.status;
    co_return Result<void>();
  }
  net::Task<void> run_to_end(const SocketAddress& address) {
    const Result<void> done = co_await run(address);
    if (!done) error = done.error();
    loop.stop();
  }
};

}  // namespace

std::string percent_encode(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    if (http::is_unreserved(c)) {
      out += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out.append(1, '%').append(1, kDigits[byte >> 4]).append(1, kDigits[byte & 15]);
  }
  return out;
}

tl::expected<AdminAnswer, std::string> ask_admin(const SocketAddress& address, std::string_view method,
                                                 std::string_view path, std::string_view body) {
  Exchange exchange;
  http::RequestHead& request = exchange.request;
  request.method = http::method_from(method);
  request.method_text = request.store(method);
  request.path = request.store(path);
  request.authority = request.store("localhost");
  if (!body.empty()) {
    request.has_body = true;
    request.content_length = body.size();
    request.fields.add("Content-Type", "application/json");
  }
  exchange.body = body;
  exchange.scope.spawn(exchange.run_to_end(address));
  exchange.loop.run();
  if (!exchange.error) return std::move(exchange.answer);
  const Error& error = *exchange.error;
  std::string why = "cannot reach the admin endpoint at " + address.to_string() + ": ";
  return tl::unexpected(why.append(error.sys != 0 ? std::strerror(error.sys) : error_name(error.code)));
}

}  // namespace lintel::app
