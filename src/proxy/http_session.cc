#include "proxy/http_session.h"

#include <array>
#include <memory>
#include <string>
#include <utility>

#include "http/h1_server.h"
#include "net/pause.h"
#include "proxy/decision.h"
#include "proxy/facts.h"
#include "proxy/forward.h"
#include "proxy/forwarded.h"
#include "proxy/local_reply.h"
#include "proxy/route_actions.h"
#include "tls/peer_certificate.h"

namespace lintel::proxy {

using net::Task;

/// One client connection: hands its requests to the routes of the generation in force.
class HttpSession final : public ClientSession, private http::Handler {
 public:
  HttpSession(WorkerContext& worker, Sessions& sessions, Client& client)
      : ClientSession(sessions),
        worker_(worker),
        client_(client),
        connection_(*client_.stream, worker.workspace, *this) {
    const std::optional<config::ListenerTls>& tls = client_.listener->config.tls;
    if (client_.tls && tls && tls->client_auth.mode != config::ClientAuthMode::none) {
      if (auto shown = tls::peer_certificate(*client_.tls, false))
        subject_ = std::make_unique<const std::string>(std::move(shown->subject));
    }
    if (client_.draining) connection_.drain();
  }

  ~HttpSession() override { client_.listener->stats->count(connection_.ended_by()); }

  Task<void> run() override { return connection_.run(); }

  void forget_generation() noexcept override {
    if (connection_.idle()) follow_generation();
  }
  void drain() noexcept override { connection_.drain(); }
  void retire() noexcept override { connection_.retire(); }
  void cut() noexcept override {
    if (active_) active_->end(EndReason::local_shutdown);
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
  /// What servers are told of the client.
  void complete_fields(http::RequestHead& request, const Peer& peer);
  [[nodiscard]] Arrival arrival() const noexcept;
  Task<void> hold_back(Nanos length);
  Task<void> answer(http::ServerTransaction& transaction, const RouteContext& route,
                    const RequestFacts& facts, Record& record);
  void finish(http::ServerTransaction& transaction, const RouteContext& route, Record& record,
              const Peer& peer, std::string_view client);

  WorkerContext& worker_;
  Client& client_;
  http::H1ServerConnection connection_;
  ActiveExchange* active_ = nullptr;            ///< While a request is served: idle connections are many.
  std::unique_ptr<const std::string> subject_;  ///< Of the certificate that the client has shown, if it has.
  bool serving_ = false;
};

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
  RequestFacts facts(transaction.request);
  facts.client_ip = client;
  facts.scheme = client_.scheme();
  facts.listener = listener.config.name;
  if (client_.tls) facts.sni = client_.tls->server_name();
  if (subject_) facts.client_cert_subject = *subject_;
  Record record;
  record.scheme = facts.scheme;
  record.client_ip = client;
  record.facts = &facts;
  // Routes that ask for fields see those that the server will see.
  if (listener.asks_for_fields) complete_fields(transaction.request, peer);
  const RouteContext& route = listener.route_for(facts.view());
  facts.route = route.name;
  route.stats->in_flight.add();
  if (route.pool && !listener.asks_for_fields) complete_fields(transaction.request, peer);
  ActiveExchange active;
  active_ = &active;
  co_await answer(transaction, route, facts, record);
  active_ = nullptr;
  route.stats->in_flight.sub();
  finish(transaction, route, record, peer, client);
  serving_ = false;
}

void HttpSession::complete_fields(http::RequestHead& request, const Peer& peer) {
  set_client_certificate(request, client_, peer);
  set_forwarded(request, *client_.listener, peer, client_.scheme(), worker_.workspace.random);
}

Arrival HttpSession::arrival() const noexcept {
  Arrival arrival{*client_.listener, client_.tls != nullptr, client_.plain_on_tls};
  if (client_.tls) arrival.sni = client_.tls->server_name();
  return arrival;
}

Task<void> HttpSession::hold_back(Nanos length) {
  net::Pause pause(worker_.loop);
  active_->pause = &pause;
  co_await pause.wait(length);
  active_->pause = nullptr;
}

Task<void> HttpSession::answer(http::ServerTransaction& transaction, const RouteContext& route,
                               const RequestFacts& facts, Record& record) {
  Decision decision = decide(route, transaction.request, arrival());
  if (const config::Fault* fault = fault_for(route, facts)) {
    Random& random = worker_.workspace.random;
    if (fault->delay.count() != 0 && falls_in(fault->delay_share, random)) {
      co_await hold_back(to_nanos(fault->delay));
      if (active_->cut) {
        record.end_reason = EndReason::local_shutdown;
        transaction.abort();
        co_return;
      }
    }
    if (fault->abort != 0 && falls_in(fault->abort_share, random)) decision.abort(fault->abort);
  }
  if (decision.forwards) {
    // What decides about the pool is what was received.
    PoolContext& pool = choose_pool(route, facts, worker_.workspace.random, worker_.scratch);
    const char* wrong = edit_request(transaction.request, route, facts, worker_.scratch);
    if (!wrong) {
      if (route.body_limit != 0) transaction.set_body_limit(route.body_limit);
      co_await forward(worker_, route, pool, transaction, *active_, client_, record);
      co_return;
    }
    decision.refuse(wrong);
  }
  record.end_reason = decision.reason;
  record.detail = decision.detail;
  if (!decision.location.empty()) {
    decision.reply.field_name = "Location";
    decision.reply.field_value = decision.location;
  }
  co_await send_local(worker_, route, transaction, decision.reply, record);
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
  record.host = request.text(record.facts ? record.facts->authority : request.authority);
  record.target = request.text(request.target);
  record.path = request.text(record.facts ? record.facts->path : request.path);
  record.query = request.text(record.facts ? record.facts->query : request.query);
  record.user_agent = request.fields.get(http::FieldId::user_agent);
  record.referer = request.fields.get(http::FieldId::referer);
  worker_.access_log->write(record, worker_.loop.wall());
}

std::unique_ptr<ClientSession> make_http_session(WorkerContext& worker, Sessions& sessions, Client& client) {
  return std::make_unique<HttpSession>(worker, sessions, client);
}

}  // namespace lintel::proxy
