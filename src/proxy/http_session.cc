#include "proxy/http_session.h"

#include <array>
#include <string>

#include "http/h1_server.h"
#include "proxy/forward.h"
#include "proxy/forwarded.h"
#include "proxy/local_reply.h"
#include "proxy/redirect.h"
#include "tls/peer_certificate.h"

namespace lintel::proxy {

using net::Task;

/// One client connection: hands its requests to the routes of the generation in force.
class HttpSession final : public Session, private http::Handler {
 public:
  HttpSession(WorkerContext& worker, Sessions& sessions, Client& client)
      : Session(sessions),
        worker_(worker),
        client_(client),
        connection_(*client_.stream, worker.workspace, *this) {
    if (client_.draining) connection_.drain();
  }

  Task<void> run();

  void forget_generation() noexcept override {
    if (connection_.idle()) follow_generation();
  }
  void drain() noexcept override { connection_.drain(); }
  void cut() noexcept override {
    active_.cut = true;
    if (active_.upstream) {
      active_.upstream->cancel_read();
      active_.upstream->cancel_write();
    }
    connection_.cut();
  }

 private:
  [[nodiscard]] const http::ServerSettings& settings() override;
  Task<void> serve(http::ServerTransaction& transaction) override;
  Task<void> reject(http::ServerTransaction& transaction, http::Rejection rejection) override;

  /// Takes up the generation in force. A session of a listener that is gone keeps what it has: it has nothing
  /// else to end its last request with.
  void follow_generation() noexcept {
    if (client_.generation == worker_.generation) return;
    const ListenerContext* listener = worker_.generation->listener(client_.listener->config.name);
    if (!listener || !may_serve(*listener)) return;
    client_.listener = listener;
    client_.generation = worker_.generation;
  }
  /// Whether the connection is one that the listener would have: what a reload asks of new ones is not given
  /// away to old ones.
  [[nodiscard]] bool may_serve(const ListenerContext& listener) const noexcept {
    const config::Listener& now = listener.config;
    const config::Listener& then = client_.listener->config;
    return now.protocol == config::Protocol::http && now.tls.has_value() == then.tls.has_value() &&
           (!now.tls || now.tls->client_auth == then.tls->client_auth);
  }
  /// A client's certificate was asked for as what one name demands; it must not serve to reach another.
  [[nodiscard]] bool is_misdirected(const http::RequestHead& request) const noexcept {
    if (!client_.tls || client_.listener->config.tls->client_auth.mode == config::ClientAuthMode::none)
      return false;
    std::string_view name = client_.tls->server_name();
    if (name.ends_with('.')) name.remove_suffix(1);
    return !name.empty() && !http::equals_ignoring_case(name, request.host());
  }
  [[nodiscard]] bool sends_to_https() const noexcept {
    return !client_.tls && !client_.plain_on_tls && client_.listener->sends_to_https();
  }
  [[nodiscard]] std::string https_location(const http::RequestHead& request) const {
    config::Redirect redirect;
    redirect.scheme = "https";
    const std::uint16_t port = client_.listener->config.https_only->port;
    if (port != 443) redirect.port = port;
    return redirect_location(redirect, "http", request);
  }
  /// What servers are told of the client.
  void complete_fields(http::RequestHead& request, const Peer& peer);
  [[nodiscard]] const RouteContext& find_route(const http::RequestHead& request, std::string_view client);
  Task<void> answer(http::ServerTransaction& transaction, const RouteContext& route, Record& record);
  void finish(http::ServerTransaction& transaction, const RouteContext& route, Record& record,
              const Peer& peer, std::string_view client);

  WorkerContext& worker_;
  Client& client_;
  http::H1ServerConnection connection_;
  ActiveExchange active_;
  bool serving_ = false;
};

Task<void> HttpSession::run() {
  co_await connection_.run();
  client_.listener->stats->count(connection_.ended_by());
}

const http::ServerSettings& HttpSession::settings() {
  // A transaction ends with the generation that it began with.
  if (!serving_) follow_generation();
  return client_.tls ? client_.listener->tls_settings : client_.listener->settings;
}

Task<void> HttpSession::serve(http::ServerTransaction& transaction) {
  serving_ = true;
  const ListenerContext& listener = *client_.listener;
  const Peer peer(client_.address());
  std::array<char, kIpText> client_text{};
  const std::string_view client = client_ip(transaction.request, listener, peer, client_text);
  Record record;
  record.scheme = client_.scheme();
  record.client_ip = client;
  // Routes that ask for fields see those that the server will see.
  if (listener.asks_for_fields) complete_fields(transaction.request, peer);
  const RouteContext& route = find_route(transaction.request, client);
  route.stats->in_flight.add();
  if (route.pool && !listener.asks_for_fields) complete_fields(transaction.request, peer);
  co_await answer(transaction, route, record);
  route.stats->in_flight.sub();
  finish(transaction, route, record, peer, client);
  serving_ = false;
}

void HttpSession::complete_fields(http::RequestHead& request, const Peer& peer) {
  set_client_certificate(request, client_, peer);
  set_forwarded(request, *client_.listener, peer, client_.scheme(), worker_.workspace.random);
}

const RouteContext& HttpSession::find_route(const http::RequestHead& request, std::string_view client) {
  route::RequestView view = route::view_of(request);
  view.client_ip = client;
  if (!client_.tls) return client_.listener->route_for(view);
  view.sni = client_.tls->server_name();
  if (!client_.listener->asks_for_subject) return client_.listener->route_for(view);
  const auto shown = tls::peer_certificate(*client_.tls, false);
  if (shown) view.client_cert_subject = shown->subject;
  return client_.listener->route_for(view);
}

Task<void> HttpSession::answer(http::ServerTransaction& transaction, const RouteContext& route,
                               Record& record) {
  const http::RequestHead& request = transaction.request;
  LocalReply reply;
  std::string location;
  const Hops hops = request.method == http::Method::options ? count_hop(transaction.request) : Hops::left;
  if (request.method == http::Method::connect || request.method == http::Method::trace) {
    record.end_reason = EndReason::route_method_not_allowed;
    reply.status = 405;
    reply.allow();
  } else if (is_misdirected(request)) {
    record.end_reason = EndReason::client_misdirected;
    reply.status = 421;
  } else if (sends_to_https()) {
    record.end_reason = EndReason::route_redirect;
    location = https_location(request);
    reply.status = 308;
    reply.field_name = "Location";
    reply.field_value = location;
  } else if (hops == Hops::none_left) {
    record.end_reason = EndReason::route_respond;
    reply.status = 200;
    reply.allow();
  } else if (hops == Hops::malformed) {
    record.end_reason = EndReason::client_bad_request;
    record.detail = "Max-Forwards is not a number";
    reply.status = 400;
  } else if (client_.must_redirect()) {
    record.end_reason = EndReason::route_redirect;
    location = redirect_location(config::Redirect{}, "https", request);  // The port is the same.
    reply.status = 308;
    reply.field_name = "Location";
    reply.field_value = location;
  } else if (route.body_limit != 0 && request.content_length.value_or(0) > route.body_limit) {
    record.end_reason = EndReason::client_too_large_body;
    reply.status = 413;
  } else if (route.pool) {
    if (route.body_limit != 0) transaction.set_body_limit(route.body_limit);
    co_await forward(worker_, route, transaction, active_, client_, record);
    co_return;
  } else if (route.config && route.config->redirect) {
    record.end_reason = EndReason::route_redirect;
    location = redirect_location(*route.config->redirect, client_.scheme(), request);
    reply.status = route.config->redirect->status;
    reply.field_name = "Location";
    reply.field_value = location;
  } else if (route.config && route.config->respond) {
    record.end_reason = EndReason::route_respond;
    reply.status = route.config->respond->status;
    reply.body = route.config->respond->body;
    reply.content_type = route.config->respond->content_type;
  } else {
    record.end_reason = EndReason::route_none;
    reply.status = 404;
  }
  co_await send_local(worker_, route, transaction, reply, record);
}

Task<void> HttpSession::reject(http::ServerTransaction& transaction, http::Rejection rejection) {
  serving_ = true;
  const RouteContext& route = client_.listener->routes.back();
  const Peer peer(client_.address());
  Record record;
  record.scheme = client_.scheme();
  if (rejection.code == ErrorCode::timeout) {
    record.end_reason = EndReason::client_timeout_header;
  } else if (rejection.status == 0) {
    record.end_reason =
        rejection.code == ErrorCode::canceled ? EndReason::local_shutdown : EndReason::client_abort_header;
  } else if (rejection.status == 414) {
    record.end_reason = EndReason::client_too_large_target;
  } else if (rejection.code == ErrorCode::too_large) {
    record.end_reason = EndReason::client_too_large_header;
  } else {
    record.end_reason = EndReason::client_bad_request;
  }
  record.limit = rejection.limit;
  record.detail = rejection.reason;
  if (rejection.status != 0) {
    LocalReply reply;
    reply.status = rejection.status;
    co_await send_local(worker_, route, transaction, reply, record);
  }
  finish(transaction, route, record, peer, peer.ip());
  serving_ = false;
}

void HttpSession::finish(http::ServerTransaction& transaction, const RouteContext& route, Record& record,
                         const Peer& peer, std::string_view client) {
  const http::RequestHead& request = transaction.request;
  record.started = transaction.started;
  record.head_received = transaction.head_received;
  record.done = worker_.loop.now();
  record.bytes_in += transaction.body_bytes();
  route.stats->count(record.status, request.method, request.version, record.done - record.started,
                     record.bytes_in, record.bytes_out);
  worker_.stats.count_end(record.end_reason);
  if (const std::uint32_t dropped = transaction.dropped_fields(); dropped != 0)
    client_.listener->stats->fields_dropped.add(dropped);
  if (record.limit == http::Limit::none) record.limit = limit_of(record.end_reason);
  if (record.limit == http::Limit::none) record.limit = transaction.closing_limit();
  client_.listener->stats->count(record.limit);
  if (!worker_.access_log) return;
  record.request_id = request.fields.get(http::FieldId::x_request_id);
  record.client_ip = client;
  record.client_port = peer.address.port();
  record.proxy = client_.proxy.get();
  const Peer other_end(client_.proxy ? client_.stream->peer() : SocketAddress());
  record.peer_ip = client_.proxy ? other_end.ip() : peer.ip();
  record.listener = client_.listener->config.name;
  record.route = route.name;
  if (client_.tls) {
    record.tls_version = client_.tls->version();
    record.tls_cipher = client_.tls->cipher();
    record.sni = client_.tls->server_name();
  }
  record.version = request.version;
  record.method = request.method;
  record.method_text = request.text(request.method_text);
  record.host = request.text(request.authority);
  record.target = request.text(request.target);
  record.path = request.text(request.path);
  record.query = request.text(request.query);
  record.user_agent = request.fields.get(http::FieldId::user_agent);
  record.referer = request.fields.get(http::FieldId::referer);
  worker_.access_log->write(record, worker_.loop.wall());
}

Task<void> run_http_session(WorkerContext& worker, Sessions& sessions, Client& client) {
  HttpSession session(worker, sessions, client);
  co_await session.run();
}

}  // namespace lintel::proxy
